//! Names and surnames of people.

use crate::text::{is_control, is_visible, plain};

/// The longest name, in characters.
const MAX_CHARACTERS: usize = 100;

/// A name or a surname: 1 to 100 characters of any script, at least one of them visible, without control characters,
/// links or surrounding whitespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Parses a name.
    ///
    /// # Errors
    /// If it is empty, too long or invisible, has control or bidirectional characters (NUL among them, which PostgreSQL
    /// cannot store), or a link.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > MAX_CHARACTERS {
            return Err(NameError::TooLong);
        }
        if name.chars().any(is_control) {
            return Err(NameError::ControlCharacter);
        }
        if !name.chars().any(is_visible) {
            return Err(NameError::Invisible);
        }
        if has_link(name) {
            return Err(NameError::Link);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether a mail client would turn the text into a link, however its letters are spelt.
fn has_link(text: &str) -> bool {
    let plain = plain(text);
    plain.contains("://") || plain.contains("www.")
}

/// Why a text is not a [`PersonName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Empty, or only whitespace.
    #[error("This may not be empty.")]
    Empty,
    /// Over 100 characters.
    #[error("This may have at most {MAX_CHARACTERS} characters.")]
    TooLong,
    /// A control character, such as NUL or a line break, a separator of lines, or one that changes the direction of text.
    #[error("This may not have control characters, line breaks or characters that change the direction of text.")]
    ControlCharacter,
    /// No visible character.
    #[error("This needs at least one visible character.")]
    Invisible,
    /// A link.
    #[error("This may not have links.")]
    Link,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_valid() {
        for name in [
            "Ada",
            "Łukasz",
            "María José",
            "O'Neill",
            "李",
            "X Æ A-12",
            "नितिन",
            "สมชาย",
            "عبد الله",
            "می\u{200c}نا",
            "e\u{301}",
            "J. R. R.",
            "Wwwinston",
        ] {
            assert_eq!(PersonName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(PersonName::parse(" Ada ").unwrap().as_str(), "Ada");
        assert!(PersonName::parse(&"é".repeat(100)).is_ok());
    }

    #[test]
    fn empty_long_and_control_characters_are_refused() {
        assert_eq!(PersonName::parse(" ").unwrap_err(), NameError::Empty);
        assert_eq!(PersonName::parse(&"é".repeat(101)).unwrap_err(), NameError::TooLong);
        for name in ["A\0da", "A\nda", "A\u{7f}da", "A\u{85}da", "Ada \u{202e}cod.exe", "A\u{2028}da", "A\u{2029}da"] {
            assert_eq!(PersonName::parse(name).unwrap_err(), NameError::ControlCharacter, "{name:?}");
        }
        for name in ["\u{2066}Ada", "\u{200f}Ada", "\u{200b}", "\u{feff}"] {
            assert_eq!(PersonName::parse(name).unwrap_err(), NameError::ControlCharacter, "{name:?}");
        }
    }

    #[test]
    fn an_invisible_name_is_refused() {
        for name in ["\u{3164}", "\u{2800}", "\u{301}", "\u{200d}", "\u{115f}\u{1160}", "\u{fe0f}"] {
            assert_eq!(PersonName::parse(name).unwrap_err(), NameError::Invisible, "{name:?}");
        }
    }

    #[test]
    fn links_are_refused_however_they_are_spelt() {
        for name in ["Claim at https://evil.example/p?u=1", "WWW.evil.example", "ｈttp：／／evil", "ftp://x"] {
            assert_eq!(PersonName::parse(name).unwrap_err(), NameError::Link, "{name}");
        }
    }
}
