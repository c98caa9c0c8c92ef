//! The order of the list of users, and where a page of it ended.
//!
//! A cursor has the value by which its page is ordered, beside the id: so the next page begins in the right place also when the
//! user that it ended with was renamed or deleted meanwhile. It says the order too, for another order would continue elsewhere.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use identity::UserId;
use problem::{Kind, Problem};

/// Reads whatever has the characters of base64, so that every text of a cursor's form is one.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true),
);

/// The longest value in a cursor, in bytes of base64: more than that of any name or address.
const MAX_KEY: usize = 1_200;

/// By what users are ordered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SortBy {
    /// When they signed up: by their ids.
    #[default]
    Created,
    /// Their first names, without regard to case.
    Name,
    /// Their surnames, without regard to case.
    Surname,
    /// Their addresses, as they are compared.
    Email,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: SortBy,
    /// Whether the last come first.
    pub is_descending: bool,
}

impl Order {
    /// Reads the parameter `sort`, such as `-email`.
    ///
    /// # Errors
    /// `invalid-query`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let (name, is_descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let by = match name {
            "created" => SortBy::Created,
            "name" => SortBy::Name,
            "surname" => SortBy::Surname,
            "email" => SortBy::Email,
            _ => {
                let detail = "sort is created, name, surname or email, with - before it for the opposite order.";
                return Err(Problem::field(Kind::InvalidQuery, "sort", detail));
            }
        };
        Ok(Self { by, is_descending })
    }

    /// Its letter in a cursor.
    fn letter(self) -> char {
        let letter = match self.by {
            SortBy::Created => 'c',
            SortBy::Name => 'n',
            SortBy::Surname => 's',
            SortBy::Email => 'e',
        };
        if self.is_descending { letter.to_ascii_uppercase() } else { letter }
    }

    fn of_letter(letter: &str) -> Option<Self> {
        [SortBy::Created, SortBy::Name, SortBy::Surname, SortBy::Email]
            .into_iter()
            .flat_map(|by| [false, true].map(|is_descending| Self { by, is_descending }))
            .find(|order| order.letter().to_string() == letter)
    }
}

/// Where a page ended. Opaque to callers.
#[derive(Clone, Debug, PartialEq)]
pub struct Cursor {
    /// The order of the list.
    pub order: Order,
    /// The last user of the page.
    pub id: UserId,
    /// What that user was ordered by; empty if it is the id.
    pub key: String,
}

impl Cursor {
    const BY_ID: &'static str = "u1:";

    /// That of a page in the order of ids.
    #[must_use]
    pub fn by_id(id: UserId) -> Self {
        Self { order: Order::default(), id, key: String::new() }
    }

    /// The cursor as text for a URL.
    #[must_use]
    pub fn to_text(&self) -> String {
        if self.order == Order::default() {
            return BASE64.encode(format!("{}{}", Self::BY_ID, self.id));
        }
        format!("{}.{}.{}", self.order.letter(), self.id, BASE64.encode(&self.key))
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// `invalid-cursor`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let cursor = if text.contains('.') { Self::parse_ordered(text) } else { Self::parse_by_id(text) };
        cursor.ok_or_else(|| Problem::field(Kind::InvalidCursor, "cursor", Kind::InvalidCursor.detail()))
    }

    fn parse_by_id(text: &str) -> Option<Self> {
        let text = String::from_utf8(BASE64.decode(text).ok()?).ok()?;
        let id = UserId::parse(text.strip_prefix(Self::BY_ID)?).ok()?;
        Some(Self::by_id(id))
    }

    fn parse_ordered(text: &str) -> Option<Self> {
        let mut parts = text.splitn(3, '.');
        let order = Order::of_letter(parts.next()?).filter(|order| *order != Order::default())?;
        let id = UserId::parse(parts.next()?).ok()?;
        let key = parts.next().filter(|key| key.len() <= MAX_KEY)?;
        // PostgreSQL has no NUL in texts.
        let key = String::from_utf8_lossy(&BASE64.decode(key).ok()?).replace('\0', "");
        Some(Self { order, id, key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cursor(sort: &str, key: &str) -> Cursor {
        Cursor { order: Order::parse(sort).unwrap(), id: UserId::try_from(42).unwrap(), key: key.into() }
    }

    #[test]
    fn an_order_is_a_field_and_a_direction() {
        assert_eq!(Order::parse("created").unwrap(), Order::default());
        assert_eq!(Order::parse("-email").unwrap(), Order { by: SortBy::Email, is_descending: true });
        for text in ["", "-", "id", "Name", "--name", "name,email", "+name"] {
            assert_eq!(Order::parse(text).unwrap_err().kind(), Kind::InvalidQuery, "{text}");
        }
    }

    #[test]
    fn a_cursor_reads_back() {
        for (sort, key) in [
            ("created", ""),
            ("-created", ""),
            ("name", "zo\u{eb}"),
            ("-surname", "o.k."),
            ("email", "ada@example.org"),
        ] {
            let cursor = cursor(sort, key);
            assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor, "{sort}");
        }
        assert_eq!(cursor("created", "").to_text(), "dTE6NDI");
        assert_eq!(cursor("-name", "ada").to_text(), "N.42.YWRh");
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        let long = format!("n.1.{}", "A".repeat(MAX_KEY + 4));
        for text in
            ["", "42", "dTE6", "dTE6LTE", "💥", "dTI6NDI", "n.0.", "n.1", "x.1.", "c.1.", "nn.1.", "n.1.a", &long]
        {
            assert_eq!(Cursor::parse(text).unwrap_err().kind(), Kind::InvalidCursor, "{text}");
        }
    }

    #[test]
    fn whatever_has_the_form_of_a_cursor_is_one() {
        assert_eq!(Cursor::parse("n.1.AAAA").unwrap().key, "");
        assert!(Cursor::parse("S.9.__-_").is_ok() && Cursor::parse("e.1.ab").is_ok());
    }
}
