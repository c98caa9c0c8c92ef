//! Email addresses: kept as they were typed, compared without regard to case.

use email_address::{EmailAddress, Options};
use std::str::FromStr;

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3, less the angle brackets), in bytes.
const MAX_BYTES: usize = 254;

/// A valid email address.
///
/// White space around it is dropped. RFC 5321 allows a mailbox's local part to depend on case; nobody does that, and
/// two accounts that differ by case alone would be a way to pass for somebody else, so [`Email::key`] folds it.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    address: String,
    key: String,
}

impl Email {
    /// Reads an address.
    ///
    /// # Errors
    /// If it is no `local@domain.tld` of at most 254 bytes. Display names, quoted local parts with control
    /// characters and `user@[10.0.0.1]` are refused.
    pub fn parse(text: &str) -> Result<Self, EmailError> {
        let address = text.trim();
        if address.is_empty() {
            return Err(EmailError::Empty);
        }
        if address.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        let options = Options::default().without_display_text().without_domain_literal().with_required_tld();
        let has_odd_character = address.chars().any(|c| c.is_control() || c.is_whitespace() || c == '"');
        if has_odd_character
            || EmailAddress::from_str(address).is_err()
            || EmailAddress::parse_with_options(address, options).is_err()
        {
            return Err(EmailError::Invalid);
        }
        let key = address.to_lowercase();
        if key.len() > MAX_BYTES {
            return Err(EmailError::TooLong);
        }
        Ok(Self { address: address.to_owned(), key })
    }

    /// The address as its owner typed it.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The words that it is made of: itself, and what is before the `@`.
    #[must_use]
    pub fn words(&self) -> [&str; 2] {
        [&self.key, self.key.rsplit_once('@').map_or("", |(local, _)| local)]
    }

    /// What makes it unique: the address in lower case. Two addresses with the same key are the same account.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }
}

/// An address is personal: debug output, which may end in a log, does not show it.
impl std::fmt::Debug for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Email(..)")
    }
}

/// Why a text is no [`Email`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EmailError {
    /// Nothing, or white space alone.
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

    #[test]
    fn usual_addresses_are_valid() {
        for address in [
            "ada@example.org",
            "ada.lovelace+news@mail.example.co.uk",
            "a@b.co",
            "o'neill@example.org",
            "jörg@bücher.example",
        ] {
            assert_eq!(Email::parse(address).unwrap().address(), address);
        }
    }

    #[test]
    fn white_space_around_is_dropped() {
        assert_eq!(Email::parse("  ada@example.org\n").unwrap().address(), "ada@example.org");
    }

    #[test]
    fn case_is_kept_but_not_compared() {
        let email = Email::parse("Ada@Example.ORG").unwrap();
        assert_eq!(email.address(), "Ada@Example.ORG");
        assert_eq!(email.key(), Email::parse("aDA@eXAMPLE.org").unwrap().key());
    }

    #[test]
    fn what_is_no_address_is_refused() {
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
        ] {
            assert_eq!(Email::parse(text).unwrap_err(), EmailError::Invalid, "{text:?}");
        }
        assert_eq!(Email::parse(" ").unwrap_err(), EmailError::Empty);
        let long = format!("{}@{}.org", "a".repeat(60), "b".repeat(190));
        assert_eq!(Email::parse(&long).unwrap_err(), EmailError::TooLong);
    }

    #[test]
    fn debug_output_hides_it() {
        assert!(!format!("{:?}", Email::parse("ada@example.org").unwrap()).contains("ada"));
    }
}
