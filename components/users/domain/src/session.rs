//! Sessions, as the users service keeps them for auth: a sign-in and all that was refreshed from it.

use crate::fields::uuid;
use identity::UserId;
use problem::{FieldError, Kind, Problem, integer};
use serde::Deserialize;
use uuid::Uuid;

/// The length of a refresh token's digest: SHA-256 in hexadecimal digits.
const DIGEST_LENGTH: usize = 64;
/// The longest lifetime that a session may be given: a year, in seconds.
const MAX_SECONDS: i32 = 366 * 24 * 60 * 60;

/// The body of a request to begin a session.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewSessionForm {
    #[serde(deserialize_with = "uuid")]
    session_id: Uuid,
    user_id: UserId,
    refresh_digest: String,
    #[serde(deserialize_with = "integer")]
    idle_seconds: i64,
    #[serde(deserialize_with = "integer")]
    absolute_seconds: i64,
}

/// A session to begin.
#[derive(Debug)]
pub struct NewSession {
    /// Its id.
    pub id: Uuid,
    /// Whose it is.
    pub user_id: UserId,
    /// The digest of its first refresh token.
    pub digest: String,
    /// How long it lives unused, in seconds.
    pub idle_seconds: i32,
    /// How long it lives at most, in seconds.
    pub absolute_seconds: i32,
}

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

impl NewSessionForm {
    /// Judges the fields.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn validate(self) -> Result<NewSession, Problem> {
        Ok(NewSession {
            id: self.session_id,
            user_id: self.user_id,
            digest: digest("refresh_digest", self.refresh_digest)?,
            idle_seconds: lifetime("idle_seconds", self.idle_seconds)?,
            absolute_seconds: lifetime("absolute_seconds", self.absolute_seconds)?,
        })
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

fn digest(field: &str, text: String) -> Result<String, Problem> {
    if text.len() == DIGEST_LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(text);
    }
    Err(fault(field, "A digest is 64 hexadecimal digits in lower case."))
}

fn lifetime(field: &str, seconds: i64) -> Result<i32, Problem> {
    let seconds = i32::try_from(seconds).ok().filter(|seconds| (1..=MAX_SECONDS).contains(seconds));
    seconds.ok_or_else(|| fault(field, "A lifetime is from one second to a year."))
}

fn fault(field: &str, detail: &str) -> Problem {
    Problem::new(Kind::InvalidValue, detail).with_error(FieldError::new(field, detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn session(changes: serde_json::Value) -> Result<NewSession, Problem> {
        let mut body = json!({"session_id": Uuid::from_u128(1), "user_id": 7, "refresh_digest": "a".repeat(64),
            "idle_seconds": 60, "absolute_seconds": 600});
        body.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        serde_json::from_value::<NewSessionForm>(body).unwrap().validate()
    }

    #[test]
    fn a_session_has_a_digest_and_two_lifetimes() {
        assert_eq!(session(json!({})).unwrap().idle_seconds, 60);
        assert_eq!(session(json!({"idle_seconds": 61.0, "user_id": 7.0})).unwrap().idle_seconds, 61);
    }

    #[test]
    fn other_values_are_refused() {
        for changes in [
            json!({"refresh_digest": "a"}),
            json!({"refresh_digest": "A".repeat(64)}),
            json!({"idle_seconds": 0}),
            json!({"idle_seconds": i64::MAX}),
            json!({"absolute_seconds": MAX_SECONDS + 1}),
        ] {
            assert_eq!(session(changes).unwrap_err().kind(), Kind::InvalidValue);
        }
    }
}
