//! Phone numbers.

use crate::text::{is_control, is_dash_or_space, is_ignorable, plain};

/// The most digits that a number may have (ITU-T E.164).
const MAX_DIGITS: usize = 15;
/// The fewest digits: those of the shortest numbers that can be called from abroad, country code included.
const MIN_DIGITS: usize = 7;

/// A phone number that can be called from everywhere, as E.164 has it: `+` and 7 to 15 digits, the first of them not 0.
#[derive(Clone, PartialEq, Eq)]
pub struct Phone(String);

impl Phone {
    /// Parses a number as people write and paste it: spaces, dashes, dots, slashes, parentheses and invisible
    /// characters of any script are removed. `00` before the country code stands for `+`.
    ///
    /// # Errors
    /// If it has no country code, other characters, or not 7 to 15 digits; or if it has the `(0)` that is dialled only
    /// within a country, since it depends on the country whether that belongs to the number.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        let dropped = |c: char| is_dash_or_space(c) || is_unseen(c);
        let marks = plain(&text.replace(dropped, ""));
        let marks = marks.trim_start_matches(['.', '/', '(', ')']);
        let (is_international, rest) = match marks.strip_prefix('+') {
            Some(rest) => (true, rest),
            None => marks.strip_prefix("00").map_or((false, marks), |rest| (true, rest)),
        };
        if rest.contains(|c: char| !c.is_ascii_digit() && !matches!(c, '.' | '/' | '(' | ')')) {
            return Err(PhoneError::Invalid);
        }
        let digits: String = rest.chars().filter(char::is_ascii_digit).collect();
        match digits.len() {
            _ if !is_international && digits.len() >= 3 => Err(PhoneError::NoCountryCode),
            _ if rest.contains("(0)") => Err(PhoneError::TrunkPrefix),
            _ if digits.starts_with('0') => Err(PhoneError::NoCountry),
            MIN_DIGITS..=MAX_DIGITS => Ok(Self(format!("+{digits}"))),
            _ => Err(PhoneError::Invalid),
        }
    }

    /// The number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Invisible characters that are copied along with a number. NUL and other controls are refused instead.
fn is_unseen(c: char) -> bool {
    !c.is_control() && (is_control(c) || is_ignorable(c))
}

/// A number is personal data: debug output, which may end up in a log, does not contain it.
impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Phone(..)")
    }
}

/// Why a text is not a [`Phone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PhoneError {
    /// Other characters, too few digits or too many.
    #[error("This is not a phone number such as +39 02 1234567 (+ and {MIN_DIGITS} to {MAX_DIGITS} digits).")]
    Invalid,
    /// A number as it is dialled within a country.
    #[error("A phone number begins with + and the code of its country, such as +39 02 1234567.")]
    NoCountryCode,
    /// `+0`.
    #[error("No country's code begins with 0; a phone number is such as +39 02 1234567.")]
    NoCountry,
    /// `(0)`.
    #[error("Leave (0) out: write the number as it is dialled from abroad, such as +44 20 7946 0958.")]
    TrunkPrefix,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, PhoneError> {
        Phone::parse(text).map(|phone| phone.as_str().to_owned())
    }

    #[test]
    fn numbers_are_read_as_people_write_and_paste_them() {
        for (text, number) in [
            (" +39 (02) 123-45.67 ", "+39021234567"),
            ("+1/202/555 0123", "+12025550123"),
            ("\u{202a}+12025550123\u{202c}", "+12025550123"),
            ("+1\u{a0}202\u{2011}555\u{2013}0123", "+12025550123"),
            ("\u{feff}+1 202\u{ad}555\u{2212}0123\u{200b}", "+12025550123"),
            ("＋３９０２１２３４５６７", "+39021234567"),
            ("0039 02 1234567", "+39021234567"),
            ("(+39) 02 1234567", "+39021234567"),
            ("/ +39 02 1234567", "+39021234567"),
            ("...(0039) 02 1234567", "+39021234567"),
            ("+123456789012345", "+123456789012345"),
            ("+2904567", "+2904567"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(number), "{text:?}");
        }
    }

    #[test]
    fn an_invalid_number_is_refused() {
        for text in
            ["", "+", "12", "+1234567890123456", "+12a45678", "+39+0212345", "+١٢٣٤٥٦٧", "+123\u{0}4567", "+123456"]
        {
            assert_eq!(read(text), Err(PhoneError::Invalid), "{text:?}");
        }
    }

    #[test]
    fn the_error_for_a_missing_country_code_says_so() {
        for text in ["112", "0212345", "(02) 1234567"] {
            assert_eq!(read(text), Err(PhoneError::NoCountryCode), "{text:?}");
        }
        for text in ["+0123456", "000123456", "+ 0 39 1234567"] {
            assert_eq!(read(text), Err(PhoneError::NoCountry), "{text:?}");
        }
    }

    #[test]
    fn a_trunk_zero_in_parentheses_is_refused_as_ambiguous() {
        for text in ["+44 (0)20 7946 0958", "+39 (0)2 1234567", "0044 (0) 20 7946 0958", "+44 ( 0 ) 20 7946 0958"] {
            assert_eq!(read(text), Err(PhoneError::TrunkPrefix), "{text:?}");
        }
        assert!(PhoneError::TrunkPrefix.to_string().contains("+44 20 7946 0958"));
    }
}
