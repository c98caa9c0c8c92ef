//! Sessions, as the users service keeps them for auth: a sign-in and all that was refreshed from it.

use problem::{FieldError, Kind, Problem, integer};
use serde::Deserialize;

/// The length of a refresh token's digest: SHA-256 in hexadecimal digits.
const DIGEST_LENGTH: usize = 64;
/// The longest lifetime that a session may be given: a year, in seconds.
const MAX_SECONDS: i32 = 366 * 24 * 60 * 60;

/// The body of a request to rotate a refresh token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationForm {
    refresh_digest: String,
    next_digest: String,
    #[serde(deserialize_with = "integer")]
    idle_seconds: i64,
}

/// A refresh token to spend, and the one that takes its place.
#[derive(Debug)]
pub struct Rotation {
    /// The digest of the token that is spent.
    pub digest: String,
    /// The digest of the next one.
    pub next: String,
    /// How long the session lives unused from now, in seconds.
    pub idle_seconds: i32,
}

/// The body of a request to end the session that a refresh token belongs to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndForm {
    refresh_digest: String,
}

impl EndForm {
    /// The digest of the token.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn validate(self) -> Result<String, Problem> {
        digest("refresh_digest", self.refresh_digest)
    }
}

impl RotationForm {
    /// Judges the fields.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn validate(self) -> Result<Rotation, Problem> {
        Ok(Rotation {
            digest: digest("refresh_digest", self.refresh_digest)?,
            next: digest("next_digest", self.next_digest)?,
            idle_seconds: lifetime("idle_seconds", self.idle_seconds)?,
        })
    }
}

pub(crate) fn digest(field: &str, text: String) -> Result<String, Problem> {
    if text.len() == DIGEST_LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(text);
    }
    Err(fault(field, "A digest is 64 hexadecimal digits in lower case."))
}

pub(crate) fn lifetime(field: &str, seconds: i64) -> Result<i32, Problem> {
    let seconds = i32::try_from(seconds).ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    seconds.ok_or_else(|| fault(field, "A lifetime is from one second to a year."))
}

/// The fault of the field at this path from the root of the body, such as `session/email`.
pub(crate) fn fault(path: &str, detail: &str) -> Problem {
    let error = FieldError { pointer: format!("/{path}"), detail: detail.to_owned() };
    Problem::new(Kind::InvalidValue, detail).with_error(error)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rotation(changes: serde_json::Value) -> Result<Rotation, Problem> {
        let mut body = json!({"refresh_digest": "a".repeat(64), "next_digest": "b".repeat(64), "idle_seconds": 60});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value::<RotationForm>(body).unwrap().validate()
    }

    #[test]
    fn a_rotation_has_two_digests_and_a_lifetime() {
        assert_eq!(rotation(json!({})).unwrap().idle_seconds, 60);
        assert_eq!(rotation(json!({"idle_seconds": 61.0})).unwrap().idle_seconds, 61);
    }

    #[test]
    fn other_values_are_refused() {
        for changes in [
            json!({"refresh_digest": "a"}),
            json!({"next_digest": "A".repeat(64)}),
            json!({"idle_seconds": 0}),
            json!({"idle_seconds": i64::MAX}),
            json!({"idle_seconds": MAX_SECONDS + 1}),
        ] {
            assert_eq!(rotation(changes).unwrap_err().kind(), Kind::InvalidValue);
        }
    }
}
