//! Passwords: what people may choose.
//!
//! bcrypt reads 72 bytes and stops at a NUL, so a long password would be cut and one with a NUL nearly empty. Hence
//! the pre-hash of the OWASP Password Storage Cheat Sheet ("Pre-Hashing Passwords with bcrypt"):
//! `bcrypt(base64(HMAC-SHA-384(password, pepper)))`. The base64 text is 64 bytes without NUL, so every byte of the
//! password counts, and a stolen table is of no use without the pepper, which is not in the database.
//!
//! Before it, a password gets Unicode's composed form (NFC; NIST SP 800-63B asks for it): what one keyboard sends as one
//! character another sends as two.

use crate::common_password::is_common;
use crate::text::{composed, is_visible};
use std::str::FromStr;

/// The most bytes of a password: enough for any passphrase, little enough that hashing it is not an attack.
const MAX_BYTES: usize = 1024;
/// The words that no password may be little more than, beside the user's own name and address (OWASP ASVS 5.0, 6.1.2).
const CONTEXT_WORDS: [&str; 4] = ["concierge", "password", "administrator", "welcome"];
/// The fewest letters that make a word, or that make a password more than a word.
const MIN_WORD: usize = 4;

/// The fewest characters of a new password, 8 to 64. NIST SP 800-63B asks for 8 beside a second factor, and since its
/// revision 4 for 15 where the password is the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinLength(usize);

impl MinLength {
    /// The least that may be asked for, and the most.
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

/// Why a text is no [`MinLength`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("password_min_length must be an integer from 8 to 64")]
pub struct MinLengthError;

/// A password in its composed form: 8 characters or more, to 1,024 bytes, every byte significant, NUL included.
#[derive(Clone)]
pub struct Password(String);

impl Password {
    /// Takes a new password.
    ///
    /// # Errors
    /// If it has fewer characters than `min` or over 1,024 bytes, shows nothing, is one character over and over, or is one
    /// of the most common ones.
    pub fn parse(text: &str, min: MinLength) -> Result<Self, PasswordError> {
        // Composing makes a text hardly longer, but what is hashed is bounded as well.
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

    /// Takes a password that was just found to be somebody's, to be hashed anew: the rules for new ones may have become
    /// stricter since.
    #[must_use]
    pub fn verified(text: &str) -> Self {
        Self(composed(text).into_owned())
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

    /// What is hashed.
    pub(crate) fn text(&self) -> &str {
        &self.0
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
    /// Fewer characters than there have to be.
    #[error("A password needs at least {0} characters.")]
    TooShort(usize),
    /// Over 1,024 bytes.
    #[error("A password may have at most {MAX_BYTES} bytes.")]
    TooLong,
    /// White space and invisible characters alone.
    #[error("A password needs at least one visible character.")]
    Invisible,
    /// One character over and over.
    #[error("This is one character repeated; choose a password that nobody would try.")]
    Repeated,
    /// Little more than the user's name or address, or this service's name (OWASP ASVS 5.0, 6.2.11).
    #[error("This is little more than a name or an address; choose a password that nobody would try.")]
    Guessable,
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
    fn what_nobody_sees_is_no_password() {
        for text in ["            ", &"\u{200b}".repeat(8), &"\u{3164}\u{2800}".repeat(4), " \t\n \t\n \t\n"] {
            assert_eq!(parse(text).unwrap_err(), PasswordError::Invisible, "{text:?}");
        }
        assert!(parse("   a   b   ").is_ok());
    }

    #[test]
    fn one_character_over_and_over_is_no_password() {
        for text in ["aaaaaaaaaaaa", "........", &"😀".repeat(64), &"e\u{301}".repeat(9)] {
            assert_eq!(parse(text).unwrap_err(), PasswordError::Repeated, "{text:?}");
        }
    }

    #[test]
    fn a_password_is_more_than_a_name() {
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
    fn a_password_that_was_verified_need_not_be_one_that_is_accepted_today() {
        assert_eq!(Password::verified("short").text(), "short");
        assert_eq!(Password::verified("cafe\u{301}").text(), "caf\u{e9}");
    }

    #[test]
    fn debug_output_hides_it() {
        assert_eq!(format!("{:?}", parse("correct horse")), "Ok(Password(..))");
    }
}
