//! Recovery codes: what takes the place of an authenticator app that is lost. Each is good for one sign-in.

use identity::{Peppers, UserId};

/// How many codes a user has at first.
pub const RECOVERY_CODES: usize = 10;
/// The random bytes of one code.
pub const RECOVERY_CODE_BYTES: usize = 24;
/// The characters of a code: five bits each. Crockford's Base32, in which no two characters look alike.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
/// How many characters a code has: so random that a plain digest hides it (OWASP ASVS 5.0, 6.5.2).
const LENGTH: usize = 24;
/// How many characters stand together.
const GROUP: usize = 6;
/// The longest text that is looked at, in bytes.
const MAX_BYTES: usize = 64;

/// A code for random bytes: 120 bits of them.
#[must_use]
pub fn recovery_code(random: [u8; RECOVERY_CODE_BYTES]) -> String {
    let group =
        |bytes: &[u8]| bytes.iter().map(|byte| char::from(ALPHABET[usize::from(byte % 32)])).collect::<String>();
    random.chunks(GROUP).map(group).collect::<Vec<_>>().join("-")
}

/// The digest of a code, as it is stored; `None` if the text cannot be one. Case, spaces and hyphens do not matter, nor do letters
/// that were taken for digits.
#[must_use]
pub fn recovery_digest(text: &str, of: UserId, peppers: &Peppers) -> Option<String> {
    let text = Some(text).filter(|text| text.len() <= MAX_BYTES)?;
    let is_gap = |c: &char| matches!(c, ' ' | '-');
    let code: String = text
        .chars()
        .filter(|c| !is_gap(c))
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    let is_code = code.len() == LENGTH && code.bytes().all(|byte| ALPHABET.contains(&byte));
    is_code.then(|| peppers.digest("recovery code", format!("{of}\0{code}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(text: &str, user: i64) -> Option<String> {
        let peppers = Peppers::new("a pepper that is long enough for tests").unwrap();
        recovery_digest(text, UserId::try_from(user).unwrap(), &peppers)
    }

    #[test]
    fn a_code_is_read_as_people_type_it() {
        let code =
            recovery_code([0, 1, 10, 31, 32, 255, 18, 20, 7, 9, 0, 1, 10, 31, 32, 255, 18, 20, 7, 9, 0, 1, 10, 31]);
        assert_eq!(code, "01AZ0Z-JM7901-AZ0ZJM-7901AZ");
        let stored = digest(&code, 7).unwrap();
        for typed in ["01az0zjm7901az0zjm7901az", " O1AZOZ JM79OI AZ0ZJM 79OLAZ", "olaz0z-jm7901-az0zjm-7901az"] {
            assert_eq!(digest(typed, 7).as_ref(), Some(&stored), "{typed}");
        }
        assert_ne!(digest(&code, 8).unwrap(), stored);
    }

    #[test]
    fn other_text_is_no_code() {
        for text in [
            "",
            "123456",
            &"0".repeat(23),
            &"0".repeat(25),
            "01AZ0Z-JM7901-AZ0ZJM-7901AU",
            "01AZ0Z_JM7901_AZ0ZJM_7901AZ",
            &" ".repeat(100),
        ] {
            assert_eq!(digest(text, 7), None, "{text}");
        }
    }
}
