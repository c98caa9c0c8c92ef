//! Idempotency keys (draft-ietf-httpapi-idempotency-key-header): a request is carried out once, however often it is sent
//! with the same key.

use identity::{Email, Peppers};
use problem::{Kind, Problem};

/// The longest key, in characters.
const MAX_LENGTH: usize = 255;

/// For how long the response to a key is stored, in seconds: a day.
pub const RETENTION_SECONDS: i32 = 24 * 60 * 60;

/// An idempotency key. It is compared as it was sent, quotation marks included, among the sign-ups of one address:
/// clients that count 1, 2, 3 do not collide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// Digests of a key and of the body that came with it. Neither can be recovered or guessed without the digest key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDigests {
    /// The digest of the key.
    pub key: String,
    /// The digest of the body.
    pub body: String,
}

impl IdempotencyKey {
    /// Reads the header `idempotency-key`.
    ///
    /// # Errors
    /// `invalid-header` for an empty one, for over 255 characters and for any that is not visible ASCII.
    pub fn parse(header: Option<&str>) -> Result<Option<Self>, Problem> {
        let Some(key) = header else { return Ok(None) };
        if (1..=MAX_LENGTH).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(Some(Self(key.to_owned())));
        }
        let detail = "idempotency-key has 1 to 255 characters of visible ASCII, such as a UUID.";
        Err(Problem::field(Kind::InvalidHeader, "idempotency-key", detail))
    }

    /// The digest of this key and a body that uses a link or a code for `purpose`.
    #[must_use]
    pub fn digest_of_use(&self, peppers: &Peppers, purpose: &str, body: &[u8]) -> String {
        peppers.digest("use of a ticket", [purpose.as_bytes(), self.0.as_bytes(), body].join(&0))
    }

    /// The digests of this key and a body that signs up `email`.
    #[must_use]
    pub fn digests(&self, peppers: &Peppers, email: &Email, body: &[u8]) -> RequestDigests {
        RequestDigests {
            key: peppers.digest("key of a sign-up", format!("{}\0{}", email.key(), self.0)),
            body: peppers.digest("body of a sign-up", body),
        }
    }
}

/// The problem for a key that came with another body before.
#[must_use]
pub fn key_reused() -> Problem {
    Problem::field(Kind::IdempotencyKeyReused, "idempotency-key", Kind::IdempotencyKeyReused.detail())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests_of(email: &str, key: &str, body: &str) -> RequestDigests {
        let key = IdempotencyKey::parse(Some(key)).unwrap().unwrap();
        let peppers = Peppers::new("a pepper that is long enough for tests").unwrap();
        key.digests(&peppers, &Email::parse(email).unwrap(), body.as_bytes())
    }

    fn digests(key: &str, body: &str) -> RequestDigests {
        digests_of("ada@example.org", key, body)
    }

    #[test]
    fn keys_are_scoped_to_an_address() {
        let ada = digests_of("ada@example.org", "1", "body").key;
        assert_eq!(ada, digests_of("Ada@Example.org", "1", "body").key);
        assert_ne!(ada, digests_of("bob@example.org", "1", "body").key);
    }

    #[test]
    fn a_use_of_a_ticket_is_told_from_others_by_purpose_key_and_body() {
        let peppers = Peppers::new("a pepper that is long enough for tests").unwrap();
        let digest = |purpose, key, body: &str| {
            let key = IdempotencyKey::parse(Some(key)).unwrap().unwrap();
            key.digest_of_use(&peppers, purpose, body.as_bytes())
        };
        let kept = digest("recovery", "a", "a password");
        assert_eq!(kept, digest("recovery", "a", "a password"));
        for other in [digest("verification", "a", "a password"), digest("recovery", "b", "a password")] {
            assert_ne!(kept, other);
        }
        assert_ne!(kept, digest("recovery", "a", "another password"));
    }

    #[test]
    fn keys_are_visible_ascii_of_a_bounded_length() {
        assert_eq!(IdempotencyKey::parse(None).unwrap(), None);
        for key in ["a", "\"8e03978e-40d5-43dd-bc93-6894a57f9324\"", &"~".repeat(255)] {
            assert!(IdempotencyKey::parse(Some(key)).unwrap().is_some(), "{key}");
        }
        for key in ["", "a b", "a\tb", "é", "a\u{7f}", "a, b", &"x".repeat(256)] {
            assert_eq!(IdempotencyKey::parse(Some(key)).unwrap_err().kind(), Kind::InvalidHeader, "{key:?}");
        }
    }

    #[test]
    fn digests_differ_by_key_and_body_and_reveal_neither() {
        let kept = digests("a-key", "a body with a password");
        assert_eq!(kept, digests("a-key", "a body with a password"));
        assert_ne!(kept.key, digests("A-key", "a body with a password").key);
        assert_ne!(kept.body, digests("a-key", "another body").body);
        assert_ne!(digests("same", "same").key, digests("same", "same").body);
        assert!(!format!("{kept:?}").contains("a-key") && kept.body.len() == 64);
    }
}
