//! Sessions, as users stores them for auth: a sign-in and all that was refreshed from it.

use api::users::{EndSessionRequest, RotateTokenRequest};
use problem::{FieldError, Kind, Problem};
use uuid::Uuid;

/// The length of a refresh token's digest: SHA-256 in hexadecimal digits.
const DIGEST_LENGTH: usize = 64;
/// The longest lifetime that a session may be given: a year, in seconds.
const MAX_SECONDS: i32 = 366 * 24 * 60 * 60;
/// The longest leeway of a rotation, in seconds.
const MAX_LEEWAY: i32 = 5 * 60;

/// A refresh token to rotate, and its successor.
#[derive(Debug)]
pub struct Rotation {
    /// The token that was presented.
    pub token: ShownToken,
    /// The token's generation: how many tokens of the session came before it.
    pub generation: i64,
    /// The digest of the successor.
    pub next: String,
    /// How long the session lives unused from now, in seconds.
    pub idle_seconds: i32,
    /// For how long the previous token gets the same successor again, in seconds.
    pub leeway_seconds: i32,
}

/// A refresh token that was presented to auth.
#[derive(Debug)]
pub struct ShownToken {
    /// The session that it names; a token of an earlier version names none, and is looked up by its digest.
    pub session: Option<Uuid>,
    /// Its digest.
    pub digest: String,
}

impl TryFrom<EndSessionRequest> for ShownToken {
    type Error = Problem;

    /// Fails with `invalid-value`.
    fn try_from(request: EndSessionRequest) -> Result<Self, Problem> {
        Ok(Self { session: request.session_id, digest: digest("refresh_digest", request.refresh_digest)? })
    }
}

impl TryFrom<RotateTokenRequest> for Rotation {
    type Error = Problem;

    /// Fails with `invalid-value`.
    fn try_from(request: RotateTokenRequest) -> Result<Self, Problem> {
        let generation = Some(request.generation).filter(|generation| (0..i64::MAX).contains(generation));
        let leeway = Some(request.leeway_seconds).filter(|seconds| (0..=MAX_LEEWAY).contains(seconds));
        Ok(Self {
            token: ShownToken {
                session: request.session_id,
                digest: digest("refresh_digest", request.refresh_digest)?,
            },
            generation: generation.ok_or_else(|| fault("generation", "A generation is 0 or more."))?,
            next: digest("next_digest", request.next_digest)?,
            idle_seconds: lifetime("idle_seconds", request.idle_seconds)?,
            leeway_seconds: leeway.ok_or_else(|| fault("leeway_seconds", "A leeway is 0 to 300 seconds."))?,
        })
    }
}

pub(crate) fn digest(field: &str, text: String) -> Result<String, Problem> {
    if text.len() == DIGEST_LENGTH && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Ok(text);
    }
    Err(fault(field, "A digest is 64 hexadecimal digits in lower case."))
}

pub(crate) fn lifetime(field: &str, seconds: i32) -> Result<i32, Problem> {
    Some(seconds)
        .filter(|seconds| (1..=MAX_SECONDS).contains(seconds))
        .ok_or_else(|| fault(field, "A lifetime is from one second to a year."))
}

/// The problem for the field at this path from the root of the body, such as `session/email`.
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
        serde_json::from_value::<RotateTokenRequest>(body).unwrap().try_into()
    }

    #[test]
    fn a_rotation_has_two_digests_and_a_lifetime() {
        assert_eq!(rotation(json!({})).unwrap().idle_seconds, 60);
    }

    #[test]
    fn other_values_are_refused() {
        for changes in [
            json!({"refresh_digest": "a"}),
            json!({"next_digest": "A".repeat(64)}),
            json!({"idle_seconds": 0}),
            json!({"idle_seconds": i32::MAX}),
            json!({"idle_seconds": MAX_SECONDS + 1}),
        ] {
            assert_eq!(rotation(changes).unwrap_err().kind(), Kind::InvalidValue);
        }
    }

    #[test]
    fn a_rotation_names_a_session_or_none() {
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
