//! Names and surnames of people.

/// The longest name, in characters.
const MAX_CHARACTERS: usize = 100;

/// A name or a surname: 1 to 100 characters of any script, no control characters, no white space around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PersonName(String);

impl PersonName {
    /// Reads a name.
    ///
    /// # Errors
    /// If it is empty, too long, or has control characters (NUL among them, which PostgreSQL cannot store).
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let name = text.trim();
        if name.is_empty() {
            return Err(NameError::Empty);
        }
        if name.chars().count() > MAX_CHARACTERS {
            return Err(NameError::TooLong);
        }
        if name.chars().any(char::is_control) {
            return Err(NameError::ControlCharacter);
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no [`PersonName`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing, or white space alone.
    #[error("This may not be empty.")]
    Empty,
    /// Over 100 characters.
    #[error("This may have at most {MAX_CHARACTERS} characters.")]
    TooLong,
    /// A control character, such as NUL or a line break.
    #[error("This may not have control characters.")]
    ControlCharacter,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_are_valid() {
        for name in ["Ada", "Łukasz", "María José", "O'Neill", "李", "X Æ A-12"] {
            assert_eq!(PersonName::parse(name).unwrap().as_str(), name);
        }
        assert_eq!(PersonName::parse(" Ada ").unwrap().as_str(), "Ada");
        assert!(PersonName::parse(&"é".repeat(100)).is_ok());
    }

    #[test]
    fn empty_long_and_control_characters_are_refused() {
        assert_eq!(PersonName::parse(" ").unwrap_err(), NameError::Empty);
        assert_eq!(PersonName::parse(&"é".repeat(101)).unwrap_err(), NameError::TooLong);
        for name in ["A\0da", "A\nda", "A\u{7f}da", "A\u{85}da"] {
            assert_eq!(PersonName::parse(name).unwrap_err(), NameError::ControlCharacter);
        }
    }
}
