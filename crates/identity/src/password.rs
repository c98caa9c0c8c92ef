//! Passwords: which ones are accepted.
//!
//! bcrypt reads 72 bytes and stops at a NUL, so a long password would be truncated and one with a NUL nearly empty.
//! Hence the pre-hash of the OWASP Password Storage Cheat Sheet ("Pre-Hashing Passwords with bcrypt"):
//! `bcrypt(base64(HMAC-SHA-384(password, pepper)))`. The base64 text is 64 bytes without NUL, so every byte of the
//! password counts, and a stolen table is useless without the pepper, which is not in the database.
//!
//! Before that, a password is normalised to Unicode's composed form (NFC; NIST SP 800-63B): what one keyboard sends as
//! one character another sends as two.

use crate::common_password::is_common;
use crate::text::{composed, is_visible};
use sha1::{Digest as _, Sha1};
use std::str::FromStr;

/// The most bytes of a password: enough for any passphrase, too few for a denial of service by hashing.
const MAX_BYTES: usize = 1024;
/// Words that a password must not consist of, beside the user's own name and address (OWASP ASVS 5.0, 6.1.2).
const CONTEXT_WORDS: [&str; 4] = ["concierge", "password", "administrator", "welcome"];
/// The fewest letters of a word, and the fewest that a password needs beside one.
const MIN_WORD: usize = 4;

/// The fewest characters of a new password, 8 to 64. NIST SP 800-63B asks for 8 beside a second factor, and since its
/// revision 4 for 15 where the password is the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinLength(usize);

impl MinLength {
    /// The lowest and the highest setting.
    const RANGE: std::ops::RangeInclusive<usize> = 8..=64;
}

impl Default for MinLength {
    fn default() -> Self {
        Self(*Self::RANGE.start())
    }
}

impl FromStr for MinLength {
    type Err = MinLengthError;

    fn from_str(text: &str) -> Result<Self, MinLengthError> {
        text.trim().parse().ok().filter(|length| Self::RANGE.contains(length)).map(Self).ok_or(MinLengthError)
    }
}

/// Why a text is not a [`MinLength`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("password_min_length must be an integer from 8 to 64")]
pub struct MinLengthError;

/// A password in its composed form: at least 8 characters, at most 1,024 bytes, every byte significant, NUL included.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Parses a new password.
    ///
    /// # Errors
    /// If it has fewer characters than `min` or over 1,024 bytes, no visible character, is a single character repeated,
    /// or is one of the most common passwords.
    pub fn parse(text: &str, min: MinLength) -> Result<Self, PasswordError> {
        // Composing hardly lengthens a text, but the hashed text is bounded as well.
        let composed = if text.len() > MAX_BYTES { return Err(PasswordError::TooLong) } else { composed(text) };
        if composed.len() > MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        if composed.chars().count() < min.0 {
            return Err(PasswordError::TooShort(min.0));
        }
        if !composed.chars().any(is_visible) {
            return Err(PasswordError::Invisible);
        }
        let mut characters = composed.chars();
        let first = characters.next();
        if characters.all(|c| Some(c) == first) {
            return Err(PasswordError::Repeated);
        }
        if is_common(&composed) {
            return Err(PasswordError::Common);
        }
        Ok(Self(composed.into_owned()))
    }

    /// A password that was just verified, to be hashed anew: the rules for new passwords may have become stricter
    /// since.
    #[must_use]
    pub fn verified(text: &str) -> Self {
        Self(composed(text).into_owned())
    }

    /// Refuses a password that is little more than one of `words`: the user's name or address, or this service's name.
    /// What is left without the word, digits and punctuation would be guessed next.
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

    /// Its SHA-1 in capital hexadecimal digits, by which collections of breached passwords are asked. Nothing else uses it.
    #[must_use]
    pub fn breach_digest(&self) -> String {
        hex::encode_upper(Sha1::digest(&self.0))
    }

    /// The text that is hashed.
    pub(crate) fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why a text is not an acceptable [`Password`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error("A password needs at least {0} characters.")]
    TooShort(usize),
    /// Over 1,024 bytes.
    #[error("A password may have at most {MAX_BYTES} bytes.")]
    TooLong,
    /// Only whitespace and invisible characters.
    #[error("A password needs at least one visible character.")]
    Invisible,
    /// A single character repeated.
    #[error("This is one character repeated; choose a password that nobody would try.")]
    Repeated,
    /// Little more than the user's name or address, or this service's name (OWASP ASVS 5.0, 6.2.11).
    #[error("This is little more than a name or an address; choose a password that nobody would try.")]
    Guessable,
    /// In a collection of stolen passwords (OWASP ASVS 5.0, 6.2.12).
    #[error("This password is in a collection of stolen ones; choose one that you use nowhere else.")]
    Breached,
    /// One of the most common passwords (OWASP ASVS 5.0, 6.2.4).
    #[error("Too many people have this password; choose one that nobody would try.")]
    Common,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Password, PasswordError> {
        Password::parse(text, MinLength::default())
    }

    #[test]
    fn length_is_bounded_in_characters_below_and_bytes_above() {
        assert_eq!(parse("1234567").unwrap_err(), PasswordError::TooShort(8));
        assert!(parse("ééééééé8").is_ok());
        assert_eq!(parse(&"e\u{301}".repeat(7)).unwrap_err(), PasswordError::TooShort(8), "seven letters are seven");
        assert!(parse(&"xy".repeat(512)).is_ok());
        assert_eq!(parse(&"x".repeat(1025)).unwrap_err(), PasswordError::TooLong);
    }

    #[test]
    fn how_many_characters_there_have_to_be_is_a_setting() {
        let fifteen = "15".parse().unwrap();
        assert_eq!(Password::parse("fourteen chars", fifteen).unwrap_err(), PasswordError::TooShort(15));
        assert!(Password::parse("fifteen letters", fifteen).is_ok());
        assert_eq!(PasswordError::TooShort(15).to_string(), "A password needs at least 15 characters.");
        for text in ["7", "65", "", "-8", "eight"] {
            assert!(text.parse::<MinLength>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_invisible_password_is_refused() {
        for text in ["            ", &"\u{200b}".repeat(8), &"\u{3164}\u{2800}".repeat(4), " \t\n \t\n \t\n"] {
            assert_eq!(parse(text).unwrap_err(), PasswordError::Invisible, "{text:?}");
        }
        assert!(parse("   a   b   ").is_ok());
    }

    #[test]
    fn a_repeated_character_is_refused() {
        for text in ["aaaaaaaaaaaa", "........", &"😀".repeat(64), &"e\u{301}".repeat(9)] {
            assert_eq!(parse(text).unwrap_err(), PasswordError::Repeated, "{text:?}");
        }
    }

    #[test]
    fn a_password_is_not_just_a_name() {
        let refused = |text: &str| {
            let words = ["Ada", "Lovelace", "ada.lovelace@example.org", "ada.lovelace"];
            parse(text).unwrap().refuse_words(words).is_err()
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
            assert_eq!(parse(text).unwrap_err(), PasswordError::Common, "{text}");
        }
    }

    #[test]
    fn a_verified_password_need_not_meet_the_current_rules() {
        assert_eq!(Password::verified("short").text(), "short");
        assert_eq!(Password::verified("cafe\u{301}").text(), "caf\u{e9}");
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", parse("correct horse")), "Ok(Password(..))");
    }
}
