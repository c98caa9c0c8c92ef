//! Phone numbers.

/// The most digits that a number may have (ITU-T E.164).
const MAX_DIGITS: usize = 15;
/// The fewest digits that make sense.
const MIN_DIGITS: usize = 3;

/// A phone number in the form `+391234567` or `0212345`: digits, with `+` before an international one.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Reads a number; spaces, dots, dashes, slashes and parentheses between the digits are dropped.
    ///
    /// # Errors
    /// If it has other characters, or not 3 to 15 digits.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let text = text.trim();
        let digits = text.strip_prefix('+').unwrap_or(text);
        let mut number = String::from(if digits.len() < text.len() { "+" } else { "" });
        let mut count = 0;
        for c in digits.chars() {
            match c {
                '0'..='9' => {
                    number.push(c);
                    count += 1;
                }
                ' ' | '.' | '-' | '/' | '(' | ')' => {}
                _ => return Err(PhoneError),
            }
        }
        if (MIN_DIGITS..=MAX_DIGITS).contains(&count) { Ok(Self(number)) } else { Err(PhoneError) }
    }

    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number is personal: debug output, which may end in a log, does not show it.
impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phone(..)")
    }
}

/// Why a text is no [`Phone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("This is not a phone number such as +39 02 1234567 ({MIN_DIGITS} to {MAX_DIGITS} digits).")]
pub struct PhoneError;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_are_dropped() {
        assert_eq!(Phone::parse(" +39 (02) 123-45.67 ").unwrap().as_str(), "+39021234567");
        assert_eq!(Phone::parse("112").unwrap().as_str(), "112");
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "+", "12", "1234567890123456", "12a45", "+39+02123", "١٢٣٤", "123\u{0}456"] {
            assert!(Phone::parse(text).is_err(), "{text:?}");
        }
    }
}
