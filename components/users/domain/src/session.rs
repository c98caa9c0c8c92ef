//! Sessions, as the users service keeps them for auth: a sign-in and all that was refreshed from it.

use crate::fields::optional_uuid;
use problem::{FieldError, Kind, Problem, integer};
use serde::Deserialize;
use uuid::Uuid;

/// The length of a refresh token's digest: SHA-256 in hexadecimal digits.
const DIGEST_LENGTH: usize = 64;
/// The longest lifetime that a session may be given: a year, in seconds.
const MAX_SECONDS: i32 = 366 * 24 * 60 * 60;
/// The longest leeway of a rotation, in seconds.
const MAX_LEEWAY: i32 = 5 * 60;

/// The body of a request to rotate a refresh token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RotationForm {
    #[serde(deserialize_with = "optional_uuid")]
    session_id: Option<Uuid>,
    #[serde(deserialize_with = "integer")]
    generation: i64,
    refresh_digest: String,
    next_digest: String,
    #[serde(deserialize_with = "integer")]
    idle_seconds: i64,
    #[serde(deserialize_with = "integer")]
    leeway_seconds: i64,
}

/// A refresh token to rotate, and the one that takes its place.
#[derive(Debug)]
pub struct Rotation {
    /// The token that is shown.
    pub token: ShownToken,
    /// How many tokens of the session came before it.
    pub generation: i64,
    /// The digest of the next one.
    pub next: String,
    /// How long the session lives unused from now, in seconds.
    pub idle_seconds: i32,
    /// For how long the token before the current one is answered as the current one was, in seconds.
    pub leeway_seconds: i32,
}

/// A refresh token that auth was shown.
#[derive(Debug)]
pub struct ShownToken {
    /// The session that it says; a token of an earlier version says none, and is looked up by its digest.
    pub session: Option<Uuid>,
    /// Its digest.
    pub digest: String,
}

/// The body of a request to end the session that a refresh token belongs to.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndForm {
    #[serde(deserialize_with = "optional_uuid")]
    session_id: Option<Uuid>,
    refresh_digest: String,
}

impl EndForm {
    /// The token.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn validate(self) -> Result<ShownToken, Problem> {
        Ok(ShownToken { session: self.session_id, digest: digest("refresh_digest", self.refresh_digest)? })
    }
}

impl RotationForm {
    /// Judges the fields.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn validate(self) -> Result<Rotation, Problem> {
        let generation = Some(self.generation).filter(|generation| (0..i64::MAX).contains(generation));
        let leeway = i32::try_from(self.leeway_seconds).ok().filter(|seconds| (0..=MAX_LEEWAY).contains(seconds));
        Ok(Rotation {
            token: ShownToken { session: self.session_id, digest: digest("refresh_digest", self.refresh_digest)? },
            generation: generation.ok_or_else(|| fault("generation", "A generation is 0 or more."))?,
            next: digest("next_digest", self.next_digest)?,
            idle_seconds: lifetime("idle_seconds", self.idle_seconds)?,
            leeway_seconds: leeway
                .ok_or_else(|| fault("leeway_seconds", "A leeway is from no second to five minutes."))?,
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
        let mut body = json!({"session_id": Uuid::from_u128(1), "generation": 0, "refresh_digest": "a".repeat(64),
            "next_digest": "b".repeat(64), "idle_seconds": 60, "leeway_seconds": 30});
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

    #[test]
    fn a_rotation_is_of_a_session_or_of_a_token_that_says_none() {
        assert_eq!(rotation(json!({})).unwrap().token.session, Some(Uuid::from_u128(1)));
        assert_eq!(rotation(json!({"session_id": null})).unwrap().token.session, None);
        for changes in [
            json!({"generation": -1}),
            json!({"generation": i64::MAX}),
            json!({"leeway_seconds": -1}),
            json!({"leeway_seconds": 301}),
            json!({"next_digest": "b"}),
        ] {
            assert_eq!(rotation(changes).unwrap_err().kind(), Kind::InvalidValue);
        }
    }
}
