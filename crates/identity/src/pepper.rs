//! Peppers: secret keys of the passwords' pre-hash, kept outside the database.
//!
//! Each has an id, which a stored hash names, so that peppers can be rotated without a flag day: a new one is used for
//! new hashes, and the old ones stay known until the last of their hashes is renewed. The pepper with the id [`FIRST`]
//! is the variable `password_pepper`. The digest key is derived from it too: digests are compared with stored ones, so
//! their key must not change when a pepper does.

use crate::secret::MIN_SECRET_BYTES;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384};

/// The id of the pepper in `password_pepper`, and of hashes that name none.
pub(crate) const FIRST: &str = "v1";

/// The longest id, in characters. The table has the same bound.
const MAX_ID: usize = 32;
/// The purpose of the digest key.
const DIGESTS: &str = "concierge: digests of what is counted and repeated";

/// The known peppers. The first one is used for new hashes.
#[derive(Clone)]
pub struct Peppers {
    peppers: Vec<(String, Pepper)>,
    digest_key: Vec<u8>,
}

/// One pepper.
#[derive(Clone)]
pub(crate) struct Pepper(Vec<u8>);

impl Peppers {
    /// A single pepper: `password_pepper`, without `password_peppers`.
    ///
    /// # Errors
    /// If it is too short.
    pub fn new(secret: &str) -> Result<Self, PepperError> {
        Self::parse("", secret)
    }

    /// Parses the variables `password_peppers`, which is `id=secret[,id=secret...]` or empty, and `password_pepper`.
    ///
    /// # Errors
    /// If `password_pepper` or an entry has under 32 bytes, or an id is invalid or duplicated.
    pub fn parse(listed: &str, first: &str) -> Result<Self, PepperError> {
        let digest_key = mac(Pepper::new(first).ok_or(PepperError::TooShort)?.0.as_slice(), &[DIGESTS.as_bytes()]);
        let mut peppers: Vec<(String, Pepper)> = Vec::new();
        for (index, entry) in listed.split(',').map(str::trim).enumerate() {
            if entry.is_empty() && listed.trim().is_empty() {
                break;
            }
            // An entry is not repeated in the error: it may be a secret without an id.
            let fault = |what| PepperError::Entry(index + 1, what);
            let (id, secret) = entry.split_once('=').ok_or(fault("has no id"))?;
            if !is_id(id) {
                return Err(fault("has an id that is not 1 to 32 of a-z, 0-9, - and _"));
            }
            if peppers.iter().any(|(other, _)| other == id) {
                return Err(fault("has an id that is there already"));
            }
            peppers.push((id.to_owned(), Pepper::new(secret).ok_or(fault("has a secret of under 32 bytes"))?));
        }
        if !peppers.iter().any(|(id, _)| id == FIRST) {
            peppers.extend(Pepper::new(first).map(|pepper| (FIRST.to_owned(), pepper)));
        }
        Ok(Self { peppers, digest_key })
    }

    /// A keyed digest of `text`, which reveals nothing without the key: HMAC-SHA-256 in hexadecimal digits. Digests for
    /// different purposes are unrelated.
    #[must_use]
    pub fn digest(&self, purpose: &str, text: impl AsRef<[u8]>) -> String {
        hex::encode(mac(&self.digest_key, &[purpose.as_bytes(), b"\0", text.as_ref()]))
    }

    /// The pepper for new hashes, with its id.
    pub(crate) fn current(&self) -> (&str, &Pepper) {
        let (id, pepper) = &self.peppers[0];
        (id, pepper)
    }

    /// The pepper with this id.
    pub(crate) fn find(&self, id: &str) -> Option<&Pepper> {
        self.peppers.iter().find(|(other, _)| other == id).map(|(_, pepper)| pepper)
    }
}

impl std::fmt::Debug for Peppers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Peppers(..)")
    }
}

impl Pepper {
    fn new(secret: &str) -> Option<Self> {
        (secret.len() >= MIN_SECRET_BYTES).then(|| Self(secret.as_bytes().to_vec()))
    }

    /// The text that bcrypt hashes in place of the password.
    pub(crate) fn prehash(&self, password: &str) -> String {
        let mut mac = Hmac::<Sha384>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(password.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

/// Whether this is a valid id of a pepper.
pub(crate) fn is_id(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    (1..=MAX_ID).contains(&text.len()) && text.bytes().all(is_part)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

/// Why peppers cannot be used. It repeats nothing of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PepperError {
    /// `password_pepper` is too short.
    #[error("has under {MIN_SECRET_BYTES} bytes")]
    TooShort,
    /// An invalid entry of `password_peppers`, counted from 1.
    #[error("has an entry, number {0}, that {1}")]
    Entry(usize, &'static str),
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "the first pepper of these tests in full";
    const OTHER: &str = "another pepper of these tests in full";

    #[test]
    fn without_a_list_the_first_pepper_is_current() {
        let peppers = Peppers::new(ONE).unwrap();
        assert_eq!(peppers.current().0, "v1");
        assert!(peppers.find("v1").is_some() && peppers.find("2026").is_none());
    }

    #[test]
    fn the_first_of_a_list_is_current_and_the_others_stay_known() {
        let peppers = Peppers::parse(&format!(" 2026-11={OTHER} , old={ONE}="), ONE).unwrap();
        assert_eq!(peppers.current().0, "2026-11");
        let prehash = |id: &str| peppers.find(id).unwrap().prehash("x");
        assert!(prehash("v1") != prehash("old") && prehash("old") != prehash("2026-11"));
    }

    #[test]
    fn an_entry_may_keep_the_first_pepper_known_after_the_variable_has_another() {
        let before = Peppers::new(ONE).unwrap();
        let after = Peppers::parse(&format!("v1={ONE}"), OTHER).unwrap();
        assert_eq!(before.find("v1").unwrap().prehash("x"), after.find("v1").unwrap().prehash("x"));
    }

    #[test]
    fn a_digest_stays_the_same_when_a_pepper_is_rotated() {
        let digest = |listed: &str, first: &str| Peppers::parse(listed, first).unwrap().digest("account", "ada");
        assert_eq!(digest("", ONE), digest(&format!("new={OTHER}"), ONE));
        assert_ne!(digest("", ONE), digest("", OTHER));
        // Nor can it be made with what a pepper makes.
        assert_ne!(Peppers::new(ONE).unwrap().digest_key, ONE.as_bytes());
    }

    #[test]
    fn digests_differ_by_key_purpose_and_text() {
        let peppers = Peppers::new(ONE).unwrap();
        let digest = peppers.digest("account", "ada@example.org");
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, peppers.digest("account", "ada@example.org"));
        assert_ne!(digest, peppers.digest("client", "ada@example.org"));
        assert_ne!(digest, peppers.digest("account", "bob@example.org"));
    }

    #[test]
    fn invalid_peppers_are_refused_without_being_repeated() {
        assert_eq!(Peppers::new("").unwrap_err(), PepperError::TooShort);
        assert_eq!(Peppers::new(&"x".repeat(31)).unwrap_err(), PepperError::TooShort);
        assert!(Peppers::new(&"x".repeat(32)).is_ok());
        let long = "s".repeat(33);
        for listed in [
            OTHER.to_owned(),
            "a=short".to_owned(),
            format!("a={OTHER},"),
            format!("a={OTHER},a={ONE}"),
            format!("A={OTHER}"),
            format!("={OTHER}"),
            format!("{long}={OTHER}"),
            format!("a:b={OTHER}"),
        ] {
            let error = Peppers::parse(&listed, ONE).unwrap_err();
            assert!(matches!(error, PepperError::Entry(1 | 2, _)), "{listed}");
            assert!(!error.to_string().contains("tests") && !error.to_string().contains("ssss"), "{error}");
        }
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", Peppers::new(ONE).unwrap()), "Peppers(..)");
    }
}
