//! Passwords, and how they are kept.
//!
//! bcrypt reads 72 bytes and stops at a NUL, so a long password would be cut and one with a NUL nearly empty. Hence
//! the pre-hash of the OWASP Password Storage Cheat Sheet ("Pre-Hashing Passwords with bcrypt"):
//! `bcrypt(base64(HMAC-SHA-384(password, pepper)))`. The base64 text is 64 bytes without NUL, so every byte of the
//! password counts, and a stolen table is of no use without the pepper, which is not in the database.
//!
//! A kept hash begins with its scheme's version, `v1:`, so that another scheme can come without a flag day.

use crate::bcrypt_rounds::{BcryptRounds, OUTPUT_BYTES, Pacer, Unpaced};
use crate::common_password::is_common;
use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384};
use std::str::FromStr;
use subtle::ConstantTimeEq;

/// The length of a salt, in bytes.
pub const SALT_BYTES: usize = 16;

/// The fewest characters of a password (NIST SP 800-63B, 5.1.1.2).
const MIN_CHARACTERS: usize = 8;
/// The most bytes of a password: enough for any passphrase, little enough that hashing it is not an attack.
const MAX_BYTES: usize = 1024;
/// The words that no password may be little more than, beside the user's own name and address (OWASP ASVS 5.0, 6.1.2).
const CONTEXT_WORDS: [&str; 4] = ["concierge", "password", "administrator", "welcome"];
/// The fewest letters that make a word, or that make a password more than a word.
const MIN_WORD: usize = 4;
/// What a bcrypt hash begins with before its salt: `$2b$12$`.
const BCRYPT_HEAD: usize = 7;
/// The scheme that new hashes are made by.
const VERSION_1: &str = "v1:";

/// A password as its owner typed it: 8 characters to 1,024 bytes, every byte significant, NUL included.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes a new password.
    ///
    /// # Errors
    /// If it has under 8 characters or over 1,024 bytes, or is one of the most common ones.
    pub fn parse(text: String) -> Result<Self, PasswordError> {
        if text.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        if text.chars().count() < MIN_CHARACTERS {
            return Err(PasswordError::TooShort);
        }
        if is_common(&text) {
            return Err(PasswordError::Common);
        }
        Ok(Self(text))
    }

    /// Whether it is little more than one of `words`: than the user's own name or address, or than this service's
    /// name. What is left without the word, and without digits and punctuation, would be guessed next.
    ///
    /// # Errors
    /// [`PasswordError::Guessable`].
    pub fn refuse_words<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> Result<(), PasswordError> {
        let password = self.0.to_lowercase();
        let is_guessable = words.into_iter().chain(CONTEXT_WORDS.iter().copied()).any(|word| {
            let word = word.to_lowercase();
            let is_word = word.chars().count() >= MIN_WORD && password.contains(&word);
            is_word && password.replace(&word, "").chars().filter(|c| c.is_alphabetic()).count() < MIN_WORD
        });
        if is_guessable { Err(PasswordError::Guessable) } else { Ok(()) }
    }

    /// Hashes it with a fresh `salt`, which must come from a cryptographic source.
    ///
    /// # Errors
    /// Only if what came out is no hash, which no valid [`Cost`] makes it.
    pub fn hash(&self, pepper: &Pepper, cost: Cost, salt: [u8; SALT_BYTES]) -> Result<PasswordHash, HashError> {
        self.hash_paced(pepper, cost, salt, &mut Unpaced)
    }

    /// The same, in slices with pauses between them.
    ///
    /// # Errors
    /// As [`Self::hash`].
    pub fn hash_paced(
        &self,
        pepper: &Pepper,
        cost: Cost,
        salt: [u8; SALT_BYTES],
        pacer: &mut impl Pacer,
    ) -> Result<PasswordHash, HashError> {
        let output = BcryptRounds::new(cost.0, salt, pepper.prehash(&self.0).as_bytes()).run(pacer);
        PasswordHash::parse(&format!("{VERSION_1}$2b${:02}${}", cost.0, encode(salt, output)))
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why a text is no acceptable [`Password`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Under 8 characters.
    #[error("A password needs at least {MIN_CHARACTERS} characters.")]
    TooShort,
    /// Over 1,024 bytes.
    #[error("A password may have at most {MAX_BYTES} bytes.")]
    TooLong,
    /// Little more than the user's name or address, or this service's name (OWASP ASVS 5.0, 6.2.11).
    #[error("This is little more than a name or an address; choose a password that nobody would try.")]
    Guessable,
    /// One of the most common passwords (OWASP ASVS 5.0, 6.2.4).
    #[error("Too many people have this password; choose one that nobody would try.")]
    Common,
}

/// The key of the pre-hash: one secret for all passwords, kept apart from the database.
#[derive(Clone)]
pub struct Pepper(Vec<u8>);

impl Pepper {
    /// Takes a pepper; an empty one is none, so that a missing setting is noticed.
    #[must_use]
    pub fn new(secret: &str) -> Option<Self> {
        (!secret.is_empty()).then(|| Self(secret.as_bytes().to_vec()))
    }

    /// A digest of `text` that tells nobody without the pepper what the text is: HMAC-SHA-256 in hexadecimal digits.
    /// Digests for two purposes have nothing in common.
    #[must_use]
    pub fn digest(&self, purpose: &str, text: impl AsRef<[u8]>) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(text.as_ref());
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn prehash(&self, password: &str) -> String {
        let mut mac = Hmac::<Sha384>::new_from_slice(&self.0).expect("HMAC takes a key of any length");
        mac.update(password.as_bytes());
        STANDARD.encode(mac.finalize().into_bytes())
    }
}

impl std::fmt::Debug for Pepper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pepper(..)")
    }
}

/// bcrypt's cost, 4 to 31: each step doubles the work. 12 takes about a quarter of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cost(u32);

impl Cost {
    /// The costs that bcrypt has.
    const RANGE: std::ops::RangeInclusive<u32> = 4..=31;

    /// The binary logarithm of the number of rounds.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0
    }
}

impl FromStr for Cost {
    type Err = CostError;

    /// Reads a cost from a variable: 4 to 31. Under 10, the least that OWASP lets pass, it is for tests alone.
    fn from_str(text: &str) -> Result<Self, CostError> {
        let cost = text.trim().parse().ok().filter(|cost| Self::RANGE.contains(cost));
        cost.map(Self).ok_or(CostError)
    }
}

/// Why a text is no [`Cost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("bcrypt_cost must be an integer from 4 to 31 (12 is the default, under 10 is for tests alone)")]
pub struct CostError;

/// A kept hash: `v1:$2b$12$<22 characters of salt><31 of hash>`.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Reads a hash as it is kept.
    ///
    /// # Errors
    /// If its scheme is unknown or the bcrypt part is none.
    pub fn parse(text: &str) -> Result<Self, HashError> {
        let bcrypt = text.strip_prefix(VERSION_1).ok_or(HashError::UnknownScheme)?;
        let parts = bcrypt::HashParts::from_str(bcrypt).map_err(|_| HashError::Malformed)?;
        if !Cost::RANGE.contains(&parts.get_cost()) {
            return Err(HashError::Malformed);
        }
        Ok(Self(text.to_owned()))
    }

    /// A hash that no password has, of this cost: checked when the user is unknown, so that both failures take the
    /// same time (OWASP Authentication Cheat Sheet, "Authentication and Error Messages").
    #[must_use]
    pub fn dummy(cost: Cost) -> Self {
        Self(format!("{VERSION_1}$2b${:02}${}{}", cost.0, "abcdefghijklmnopqrstuu", "a".repeat(31)))
    }

    /// Whether `candidate` is the password, in constant time for a given cost. The candidate need not be an
    /// acceptable password, only of a bounded length, which the body limit sees to.
    ///
    /// # Errors
    /// Only if the kept hash cannot be read.
    pub fn verify(&self, candidate: &str, pepper: &Pepper) -> Result<bool, HashError> {
        self.verify_paced(candidate, pepper, &mut Unpaced)
    }

    /// The same, in slices with pauses between them.
    ///
    /// # Errors
    /// Only if the kept hash cannot be read.
    pub fn verify_paced(&self, candidate: &str, pepper: &Pepper, pacer: &mut impl Pacer) -> Result<bool, HashError> {
        let kept = bcrypt::HashParts::from_str(self.bcrypt()).map_err(|_| HashError::Malformed)?;
        let (cost, salt) = (kept.get_cost(), kept.get_salt_raw());
        let output = BcryptRounds::new(cost, salt, pepper.prehash(candidate).as_bytes()).run(pacer);
        Ok(self.bcrypt().as_bytes()[BCRYPT_HEAD..].ct_eq(encode(salt, output).as_bytes()).into())
    }

    /// Whether it was made more cheaply than `cost`, and should be made anew at the next login.
    ///
    /// # Errors
    /// Only if the kept hash cannot be read.
    pub fn is_cheaper_than(&self, cost: Cost) -> Result<bool, HashError> {
        let parts = bcrypt::HashParts::from_str(self.bcrypt()).map_err(|_| HashError::Malformed)?;
        Ok(parts.get_cost() < cost.0)
    }

    /// The text to keep. It never leaves the users service but for auth.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn bcrypt(&self) -> &str {
        &self.0[VERSION_1.len()..]
    }
}

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

/// Salt and hash in bcrypt's base64.
fn encode(salt: [u8; SALT_BYTES], output: [u8; OUTPUT_BYTES]) -> String {
    format!("{}{}", bcrypt::BASE_64.encode(salt), bcrypt::BASE_64.encode(output))
}

/// Why a hash cannot be used, be it kept or sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HashError {
    /// It does not begin with a known version.
    #[error("the hash has an unknown scheme")]
    UnknownScheme,
    /// Its bcrypt part cannot be read.
    #[error("the hash is malformed")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SALT: [u8; SALT_BYTES] = *b"0123456789abcdef";

    fn cheap() -> Cost {
        "4".parse().unwrap()
    }

    fn pepper() -> Pepper {
        Pepper::new("pepper").unwrap()
    }

    fn hash(password: &str) -> PasswordHash {
        Password::parse(password.to_owned()).unwrap().hash(&pepper(), cheap(), SALT).unwrap()
    }

    #[test]
    fn the_password_and_no_other_verifies() {
        let kept = hash("correct horse");
        assert!(kept.verify("correct horse", &pepper()).unwrap());
        for other in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!kept.verify(other, &pepper()).unwrap());
        }
    }

    #[test]
    fn another_pepper_does_not_verify() {
        assert!(!hash("correct horse").verify("correct horse", &Pepper::new("salt").unwrap()).unwrap());
    }

    #[test]
    fn the_last_byte_of_a_long_password_counts() {
        let long = "😀".repeat(64);
        let kept = hash(&long);
        assert!(kept.verify(&long, &pepper()).unwrap());
        assert!(!kept.verify(&format!("{}😁", "😀".repeat(63)), &pepper()).unwrap());
        let longest = "x".repeat(1024);
        assert!(!hash(&longest).verify(&format!("{}y", "x".repeat(1023)), &pepper()).unwrap());
    }

    #[test]
    fn what_follows_a_nul_counts() {
        let kept = hash("before\0after");
        assert!(kept.verify("before\0after", &pepper()).unwrap());
        assert!(!kept.verify("before\0other", &pepper()).unwrap());
        assert!(!kept.verify("before", &pepper()).unwrap());
    }

    #[test]
    fn length_is_bounded_in_characters_below_and_bytes_above() {
        assert_eq!(Password::parse("1234567".into()).unwrap_err(), PasswordError::TooShort);
        assert!(Password::parse("ééééééé8".into()).is_ok());
        assert!(Password::parse("x".repeat(1024)).is_ok());
        assert_eq!(Password::parse("x".repeat(1025)).unwrap_err(), PasswordError::TooLong);
    }

    #[test]
    fn the_kept_text_names_its_scheme_and_reads_back() {
        let kept = hash("correct horse");
        assert!(kept.expose().starts_with("v1:$2b$04$"));
        assert_eq!(PasswordHash::parse(kept.expose()).unwrap(), kept);
        assert_eq!(PasswordHash::parse("$2b$04$x").unwrap_err(), HashError::UnknownScheme);
        assert_eq!(PasswordHash::parse("v1:$2b$04$x").unwrap_err(), HashError::Malformed);
        let impossible = kept.expose().replace("$04$", "$99$");
        assert_eq!(PasswordHash::parse(&impossible).unwrap_err(), HashError::Malformed);
    }

    #[test]
    fn a_hash_is_the_one_that_another_implementation_makes() {
        // Python 3: bcrypt.hashpw(base64.b64encode(hmac.digest(b"pepper", b"correct horse", "sha384")),
        // b"$2b$04$KBCwKxOzLha2MUDgW0PjXe"), where the salt is b"0123456789abcdef".
        let theirs = "v1:$2b$04$KBCwKxOzLha2MUDgW0PjXeH8y0io3Fsfm2PAqAUteUU7i5fALgdWW";
        assert_eq!(hash("correct horse").expose(), theirs);
    }

    #[test]
    fn the_dummy_hash_costs_as_much_and_matches_nothing() {
        let dummy = PasswordHash::dummy(cheap());
        assert_eq!(PasswordHash::parse(dummy.expose()).unwrap(), dummy);
        assert!(!dummy.verify("correct horse", &pepper()).unwrap());
        assert!(!dummy.is_cheaper_than(cheap()).unwrap());
    }

    #[test]
    fn a_cheaper_hash_is_noticed() {
        assert!(hash("correct horse").is_cheaper_than("5".parse().unwrap()).unwrap());
        assert!(!hash("correct horse").is_cheaper_than(cheap()).unwrap());
    }

    #[test]
    fn hashing_does_work_in_proportion_to_its_cost() {
        let time = |cost: &str| {
            let password = Password::parse("correct horse".into()).unwrap();
            let start = std::time::Instant::now();
            password.hash(&pepper(), cost.parse().unwrap(), SALT).unwrap();
            start.elapsed()
        };
        assert!(time("10") > time("5") * 4);
    }

    #[test]
    fn a_password_is_more_than_a_name() {
        let refused = |text: &str| {
            let words = ["Ada", "Lovelace", "ada.lovelace@example.org", "ada.lovelace"];
            Password::parse(text.into()).unwrap().refuse_words(words).is_err()
        };
        for text in [
            "lovelace1815",
            "LOVELACE!!!",
            "Concierge-2026",
            "ada.lovelace@example.org",
            "1ada.lovelace1",
            "xxWelcome7",
        ] {
            assert!(refused(text), "{text}");
        }
        for text in ["lovelace weaves numbers", "concierge opens doors", "ada12345678", "a machine that weaves"] {
            assert!(!refused(text), "{text}");
        }
    }

    #[test]
    fn a_common_password_is_refused() {
        for text in ["password1", "Password1", "qwertyuiop"] {
            assert_eq!(Password::parse(text.into()).unwrap_err(), PasswordError::Common, "{text}");
        }
    }

    #[test]
    fn digests_differ_by_pepper_purpose_and_text() {
        let digest = pepper().digest("account", "ada@example.org");
        assert_eq!(digest.len(), 64);
        assert_eq!(digest, pepper().digest("account", "ada@example.org"));
        assert_ne!(digest, pepper().digest("client", "ada@example.org"));
        assert_ne!(digest, pepper().digest("account", "bob@example.org"));
        assert_ne!(digest, Pepper::new("another").unwrap().digest("account", "ada@example.org"));
    }

    #[test]
    fn a_cost_out_of_range_is_refused() {
        for text in ["", "3", "32", "twelve", "-1"] {
            assert!(text.parse::<Cost>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn debug_output_hides_secrets() {
        let shown = format!("{:?}{:?}{:?}", Password::parse("correct horse".into()), pepper(), hash("correct horse"));
        assert!(!shown.contains("horse") && !shown.contains("$2b$") && !shown.contains("112"));
    }
}
