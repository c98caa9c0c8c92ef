//! Email addresses: stored as typed, compared without regard to case and Unicode form.

use crate::text::{composed, folded, is_control, is_ignorable, is_unassigned};
use email_address::{EmailAddress, Options};
use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use std::str::FromStr;

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3, less the angle brackets), in bytes.
const MAX_BYTES: usize = 254;
/// The longest local part (RFC 5321, 4.5.3.1.1), in bytes.
const MAX_LOCAL_BYTES: usize = 64;

/// A valid email address, of any script (RFC 6531).
///
/// Whitespace around it is trimmed, and characters are composed (NFC), as mail requires (RFC 6532, 3.1). RFC 5321
/// allows a mailbox's local part to depend on case; no provider does that, and two accounts that differ by case alone
/// would invite impersonation, so [`Email::key`] folds it.
///
/// A key may be coarser than a mailbox. Then the second owner cannot sign up, but nobody gets into another's account:
/// mail goes to the address that was typed at sign-up, never to one that merely has the same key.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
    key: String,
    /// The key among them, in the order in which they are looked up.
    keys: Vec<String>,
}

impl Email {
    /// Parses an address.
    ///
    /// # Errors
    /// If it is not `local@domain.tld` of at most 254 bytes. Display names, quoted local parts, invisible characters
    /// and `user@[10.0.0.1]` are refused.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let typed = composed(text.trim());
        if typed.is_empty() {
            return Err(EmailError::Empty);
        }
        if typed.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let (local, domain) = typed.rsplit_once('@').ok_or(EmailError::Invalid)?;
        let has_odd_character = typed.chars().any(|c| c.is_control() || c.is_whitespace() || c == '"')
            || local.chars().any(|c| is_control(c) || is_ignorable(c) || is_unassigned(c))
            // Joiners are allowed in a domain; IDNA decides where.
            || domain.chars().any(|c| is_control(c) || (is_ignorable(c) && !matches!(c, '\u{200c}' | '\u{200d}')));
        if has_odd_character || local.len() > MAX_LOCAL_BYTES {
            return Err(EmailError::Invalid);
        }
        let domain = Domain::parse(domain)?;
        let folded = folded(local).ok_or(EmailError::Invalid)?;
        for local in [local, &folded] {
            let plain = format!("{}@{}", without_script(local), domain.ascii);
            let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
            if EmailAddress::from_str(&plain).is_err() || EmailAddress::parse_with_options(&plain, options).is_err() {
                return Err(EmailError::Invalid);
            }
        }
        let address = format!("{local}@{}", domain.shown);
        let key = format!("{folded}@{}", domain.ascii);
        if address.len() > MAX_BYTES || key.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        // The typed form comes first: of two accounts that only a former kind of key told apart, each owner finds their
        // own.
        let mut keys = vec![typed.to_lowercase()];
        let forms = [&domain.unicode, &domain.ascii].map(|domain| format!("{local}@{domain}").to_lowercase());
        for other in std::iter::once(key.clone()).chain(forms) {
            if !keys.contains(&other) {
                keys.push(other);
            }
        }
        Ok(Self { address, key, keys })
    }

    /// The address as typed, composed; a domain of another script in lower case.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Its words, which a password must not consist of: itself, and the local part.
    #[must_use]
    pub fn words(&self) -> [&str; 3] {
        [&self.address, &self.key, self.key.rsplit_once('@').map_or("", |(local, _)| local)]
    }

    /// The key that makes it unique: the local part without regard to case and compatibility forms, the domain in
    /// A-labels (IDNA, UTS 46). Two addresses with the same key are the same account.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The keys that it may be stored under, the most likely first: [`Email::key`] alone for an ASCII address; for
    /// others also those of former versions, in lower case with the domain in either form.
    #[must_use]
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Whether mail to `address`, which has the same key, goes to the same mailbox for all that anybody knows: only letters of another
    /// case tell them apart. A compatible form of a letter has the same key, and is another letter to whoever delivers mail.
    #[must_use]
    pub fn is_spelling_of(&self, address: &str) -> bool {
        let local =
            |address: &str| composed(address.rsplit_once('@').map_or(address, |(local, _)| local)).to_lowercase();
        local(&self.address) == local(address)
    }

    /// [`Email::keys`] as a JSON array.
    #[must_use]
    pub fn keys_as_json(&self) -> String {
        serde_json::to_string(&self.keys).unwrap_or_else(|_| "[]".to_owned())
    }
}

/// A domain in its forms.
struct Domain {
    /// As DNS has it, in A-labels.
    ascii: String,
    /// In U-labels.
    unicode: String,
    /// As it is stored.
    shown: String,
}

impl Domain {
    fn parse(typed: &str) -> Result<Self, EmailError> {
        let idna = Uts46::new();
        let ascii = idna.to_ascii(typed.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow, DnsLength::Ignore);
        let (unicode, _) = idna.to_unicode(typed.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow);
        match ascii {
            // A label that only looks like an A-label is a plain ASCII name.
            _ if typed.is_ascii() => {
                let ascii = ascii.map_or_else(|_| typed.to_ascii_lowercase(), std::borrow::Cow::into_owned);
                Ok(Self { ascii, unicode: unicode.into_owned(), shown: typed.to_owned() })
            }
            Ok(ascii) => Ok(Self {
                ascii: ascii.into_owned(),
                shown: unicode.clone().into_owned(),
                unicode: unicode.into_owned(),
            }),
            Err(_) => Err(EmailError::Invalid),
        }
    }
}

/// The text with a letter in place of each non-ASCII byte: RFC 6531 allows those wherever RFC 5321 has a letter,
/// combining marks included.
fn without_script(text: &str) -> String {
    text.bytes().map(|byte| if byte.is_ascii() { char::from(byte) } else { 'x' }).collect()
}

/// An address is personal data: debug output, which may end up in a log, does not contain it.
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(..)")
    }
}

/// Why a text is not an [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Empty, or only whitespace.
    #[error("An email address is required.")]
    Empty,
    /// Over 254 bytes.
    #[error("An email address may have at most {MAX_BYTES} bytes.")]
    TooLong,
    /// Not `local@domain.tld`.
    #[error("This is not an email address such as ada@example.org.")]
    Invalid,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(address: &str) -> String {
        Email::parse(address).unwrap_or_else(|error| panic!("{address}: {error}")).key().to_owned()
    }

    #[test]
    fn usual_addresses_are_valid() {
        for address in [
            "ada@example.org",
            "ada.lovelace+news@mail.example.co.uk",
            "a@b.co",
            "o'neill@example.org",
            "jörg@bücher.example",
            "ada@under_score.example.org",
        ] {
            assert_eq!(Email::parse(address).unwrap().address(), address);
        }
    }

    #[test]
    fn only_case_makes_another_spelling_of_the_same_address() {
        let email = Email::parse("J\u{f6}rg@example.org").unwrap();
        for same in ["j\u{f6}rg@example.org", "JO\u{308}RG@EXAMPLE.org", "J\u{f6}rg@xn--bcher-kva.example"] {
            assert!(email.is_spelling_of(same), "{same}");
        }
        for other in ["jorg@example.org", "\u{ff4a}\u{f6}rg@example.org", "\u{f6}rg@example.org"] {
            assert!(!email.is_spelling_of(other), "{other}");
        }
    }

    #[test]
    fn addresses_of_every_script_are_valid() {
        for address in [
            "नितिन@निक्सी.भारत",
            "தமிழ்@எடுத்துக்காட்டு.இந்தியா",
            "น้ำใส@ตัวอย่าง.ไทย",
            "аня@пример.рф",
            "محمد@مثال.مصر",
            "用户@例子.中国",
            "θσυ@εχαμπλε.ψομ",
        ] {
            assert_eq!(Email::parse(address).unwrap().address(), address);
        }
    }

    #[test]
    fn whitespace_around_is_trimmed() {
        assert_eq!(Email::parse("  ada@example.org\n").unwrap().address(), "ada@example.org");
    }

    #[test]
    fn case_is_kept_but_not_compared() {
        let email = Email::parse("Ada@Example.ORG").unwrap();
        assert_eq!(email.address(), "Ada@Example.ORG");
        assert_eq!(email.key(), "ada@example.org");
        assert_eq!(email.key(), key("aDA@eXAMPLE.org"));
    }

    #[test]
    fn u_labels_and_a_labels_are_the_same_domain() {
        for address in ["t@bücher.example", "T@BÜCHER.example", "t@xn--bcher-kva.example", "t@XN--BCHER-KVA.EXAMPLE"]
        {
            assert_eq!(key(address), "t@xn--bcher-kva.example", "{address}");
        }
        assert_eq!(Email::parse("t@BÜCHER.example").unwrap().address(), "t@bücher.example");
        assert_eq!(key("t@ｅｘａｍｐｌｅ。org"), "t@example.org");
        assert_eq!(Email::parse("t@ｅｘａｍｐｌｅ。org").unwrap().address(), "t@example.org");
        assert_ne!(key("t@straße.example"), key("t@strasse.example"), "two hosts are two");
    }

    #[test]
    fn composed_and_decomposed_characters_are_equal() {
        assert_eq!(key("jo\u{308}rg@bu\u{308}cher.example"), key("jörg@bücher.example"));
        assert_eq!(Email::parse("jo\u{308}rg@example.org").unwrap().address(), "jörg@example.org");
        let kelvin = Email::parse("\u{212a}ate@case.example").unwrap();
        assert_eq!((kelvin.address(), kelvin.key()), ("Kate@case.example", "kate@case.example"));
        assert_eq!(key("ｔ@example.org"), "t@example.org");
        assert_eq!(key("𝒶da@example.org"), "ada@example.org");
        assert_eq!(key("ΟΔΟΣ@example.org"), key("οδος@example.org"));
        assert_eq!(key("οδοσ@example.org"), key("οδος@example.org"));
    }

    #[test]
    fn letters_that_look_alike_are_not_the_same() {
        assert_ne!(key("\u{430}da@example.org"), key("ada@example.org"));
    }

    #[test]
    fn a_key_parses_to_an_address_with_that_key() {
        for address in ["Ada@Example.org", "ΟΔΟΣ@bücher.example", "ｔ@пример.рф", "नितिन@निक्सी.भारत"]
        {
            assert_eq!(key(&key(address)), key(address), "{address}");
        }
    }

    #[test]
    fn keys_of_before_are_known_and_there_are_none_for_ascii() {
        let keys = |address: &str| Email::parse(address).unwrap().keys().to_vec();
        assert_eq!(keys("Ada@Example.org"), ["ada@example.org"]);
        assert_eq!(keys("T@BÜCHER.example"), ["t@bücher.example", "t@xn--bcher-kva.example"]);
        assert_eq!(keys("t@xn--bcher-kva.example"), ["t@xn--bcher-kva.example", "t@bücher.example"]);
        assert_eq!(keys("ｔ@example.org"), ["ｔ@example.org", "t@example.org"]);
        assert_eq!(keys("ΟΔΟΣ@example.org"), ["οδος@example.org", "οδοσ@example.org"]);
        assert_eq!(keys("jo\u{308}rg@example.org"), ["jörg@example.org"], "it is the same key");
    }

    #[test]
    fn an_invalid_address_is_refused() {
        for text in [
            "ada",
            "ada@",
            "@example.org",
            "ada@example",
            "ada@@example.org",
            "a da@example.org",
            "ada@exa mple.org",
            "ada@[127.0.0.1]",
            "Ada <ada@example.org>",
            "ada\0@example.org",
            "ada@example.org\0x",
            "\"a b\"@example.org",
            "ada@-example.org",
            "ada@example..org",
            ".ada@example.org",
            "ada@example.org,bob@example.org",
            "a\u{200b}da@example.org",
            "a\u{ad}da@example.org",
            "ada@exa\u{ad}mple.org",
            "a\u{202e}da@example.org",
            "a\u{200d}da@example.org",
            "ada\u{ff20}example.org",
            "ada\u{ff20}x@example.org",
            "a\u{e000}da@example.org",
            "ada@\u{301}xample.org",
        ] {
            assert_eq!(Email::parse(text).unwrap_err(), EmailError::Invalid, "{text:?}");
        }
        assert_eq!(Email::parse(" ").unwrap_err(), EmailError::Empty);
        let long = format!("{}@{}.org", "a".repeat(60), "b".repeat(190));
        assert_eq!(Email::parse(&long).unwrap_err(), EmailError::TooLong);
        assert_eq!(Email::parse(&format!("{}@example.org", "a".repeat(65))).unwrap_err(), EmailError::Invalid);
        assert_eq!(Email::parse(&format!("{}@example.org", "ö".repeat(33))).unwrap_err(), EmailError::Invalid);
    }

    #[test]
    fn debug_output_hides_it() {
        assert!(!format!("{:?}", Email::parse("ada@example.org").unwrap()).contains("ada"));
    }
}
