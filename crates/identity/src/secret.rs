//! Secrets that are compared: credentials of services.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A secret that a caller has to know.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret; an empty one is none, so that a missing setting never opens a door.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Option<Self> {
        let secret = secret.into();
        (!secret.is_empty()).then_some(Self(secret))
    }

    /// Whether `candidate` is this secret, in a time that depends on neither. Both are hashed first, so that not even
    /// the length shows.
    #[must_use]
    pub fn matches(&self, candidate: &str) -> bool {
        let ours = Sha256::digest(self.0.as_bytes());
        let theirs = Sha256::digest(candidate.as_bytes());
        ours.as_slice().ct_eq(theirs.as_slice()).into()
    }

    /// The secret itself, to be sent to a service that asks for it.
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

    #[test]
    fn only_the_secret_matches() {
        let secret = Secret::new("s3cret").unwrap();
        assert!(secret.matches("s3cret"));
        for other in ["", "s3cre", "s3cret ", "S3CRET"] {
            assert!(!secret.matches(other));
        }
    }

    #[test]
    fn an_empty_secret_is_none() {
        assert!(Secret::new("").is_none());
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", Secret::new("s3cret")), "Some(Secret(..))");
    }
}
