//! Secrets that are compared: credentials of services.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The fewest bytes of a secret that services share: 256 bits, if they are random (`openssl rand -hex 32` gives twice as
/// many characters).
pub const MIN_SECRET_BYTES: usize = 32;

/// A secret that a caller must present.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// A secret of at least 32 bytes; `None` for a shorter text, so that neither a missing setting nor a guessable one
    /// grants access.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Option<Self> {
        let secret = secret.into();
        (secret.len() >= MIN_SECRET_BYTES).then_some(Self(secret))
    }

    /// Whether `candidate` is this secret, in constant time. Both are hashed first, so that not even the length leaks.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        let ours = Sha256::digest(self.0.as_bytes());
        let theirs = Sha256::digest(candidate.as_bytes());
        ours.as_slice().ct_eq(theirs.as_slice()).into()
    }

    /// The secret itself, to be sent to the service that requires it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "a s3cret of thirty-two characters";

    #[test]
    fn only_the_secret_matches() {
        let secret = Secret::new(SECRET).unwrap();
        assert!(secret.matches(SECRET));
        for other in ["", "s3cret", &SECRET[1..], &format!("{SECRET} "), &SECRET.to_uppercase()] {
            assert!(!secret.matches(other));
        }
    }

    #[test]
    fn a_secret_of_under_thirty_two_bytes_is_refused() {
        assert!(Secret::new("").is_none() && Secret::new("x".repeat(31)).is_none());
        assert!(Secret::new("x".repeat(32)).is_some());
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", Secret::new(SECRET)), "Some(Secret(..))");
    }
}
