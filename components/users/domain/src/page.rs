//! Pages of a list: filters, a limit and an opaque cursor.
//!
//! A page begins after the last id of the page before (keyset pagination), so users that are created or deleted in
//! between neither repeat nor hide others.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use identity::{Email, UserId};
use problem::{Kind, Problem};
use std::collections::BTreeMap;

/// The largest page.
pub const MAX_LIMIT: usize = 100;
/// The default page size.
pub(crate) const DEFAULT_LIMIT: usize = 20;
/// The longest name to filter by, in characters.
const MAX_FILTER: usize = 100;

/// The shortest part to search for, in characters: a shorter one is in most names.
const MIN_SEARCH: usize = 3;

/// A request for a page.
#[derive(Clone, Debug, PartialEq)]
pub struct PageRequest {
    /// Only the user with this address, without regard to case.
    pub email: Option<Email>,
    /// Only users with this first name, without regard to case.
    pub name: Option<String>,
    /// Only users with this surname, without regard to case.
    pub surname: Option<String>,
    /// Only users with this in their first name, surname and address, as they follow each other, without regard to case.
    pub search: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// Only users after this one.
    pub after: Option<UserId>,
}

impl PageRequest {
    /// Reads query parameters.
    ///
    /// # Errors
    /// `invalid-query` or `invalid-cursor`.
    pub fn from_query(mut query: BTreeMap<String, String>) -> Result<Self, Problem> {
        let fault = |name: &str, detail: &str| Problem::field(Kind::InvalidQuery, name, detail);
        let email = query.remove("email").map(|text| Email::parse(&text)).transpose();
        let email = email.map_err(|error| fault("email", &error.to_string()))?;
        let limit = match query.remove("limit").map(|text| problem::decimal(&text)) {
            None => DEFAULT_LIMIT,
            Some(Some(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => return Err(fault("limit", "limit is an integer from 1 to 100.")),
        };
        let after = query.remove("cursor").map(|text| Cursor::parse(&text)).transpose()?;
        let mut text = |name: &str| match query.remove(name) {
            Some(text) if text.contains('\0') || text.chars().count() > MAX_FILTER => {
                Err(fault(name, "A filter has at most 100 characters and no NUL."))
            }
            text => Ok(text.map(|text| text.trim().to_owned())),
        };
        let (name, surname, search) = (text("name")?, text("surname")?, text("search")?);
        if search.iter().any(|search| search.chars().count() < MIN_SEARCH) {
            return Err(fault("search", "A search has at least 3 characters."));
        }
        Ok(Self { email, name, surname, search, limit, after: after.map(|cursor| cursor.0) })
    }

    /// The pattern of SQL's `LIKE` for what is searched for: nothing in it is a wildcard.
    #[must_use]
    pub fn search_pattern(&self) -> Option<String> {
        let search = self.search.as_deref()?;
        let escaped = search.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
        Some(format!("%{escaped}%"))
    }
}

/// Where a page ended. Opaque to callers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cursor(pub UserId);

impl Cursor {
    const PREFIX: &'static str = "u1:";

    /// The cursor as text for a URL.
    #[must_use]
    pub fn to_text(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}{}", Self::PREFIX, self.0))
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// `invalid-cursor`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let id = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .and_then(|text| UserId::parse(text.strip_prefix(Self::PREFIX)?).ok());
        id.map(Self).ok_or_else(|| Problem::field(Kind::InvalidCursor, "cursor", Kind::InvalidCursor.detail()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<PageRequest, Problem> {
        PageRequest::from_query(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn without_parameters_it_is_the_first_page_of_all() {
        let page = read(&[]).unwrap();
        assert_eq!((page.limit, page.after, page.email, page.name), (20, None, None, None));
    }

    #[test]
    fn the_limit_is_bounded() {
        assert_eq!(read(&[("limit", "100")]).unwrap().limit, 100);
        for limit in ["0", "101", "-1", "ten", ""] {
            assert_eq!(read(&[("limit", limit)]).unwrap_err().kind(), Kind::InvalidQuery);
        }
    }

    #[test]
    fn a_cursor_reads_back() {
        let cursor = Cursor(UserId::try_from(42).unwrap());
        assert_eq!(Cursor::parse(&cursor.to_text()).unwrap(), cursor);
        assert_eq!(read(&[("cursor", &cursor.to_text())]).unwrap().after, Some(cursor.0));
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in ["", "42", "dTE6", "dTE6LTE", "💥", "dTI6NDI"] {
            assert_eq!(Cursor::parse(text).unwrap_err().kind(), Kind::InvalidCursor, "{text}");
        }
    }

    #[test]
    fn what_is_searched_for_is_no_pattern() {
        let pattern = |search| read(&[("search", search)]).unwrap().search_pattern().unwrap();
        assert_eq!(pattern(" lovelace "), "%lovelace%");
        assert_eq!(pattern(r"50%_\x"), r"%50\%\_\\x%");
        assert_eq!(read(&[]).unwrap().search_pattern(), None);
    }

    #[test]
    fn filters_are_bounded() {
        assert_eq!(read(&[("name", "A\0")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("surname", &"x".repeat(101))]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("email", "x")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("search", "ad ")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("search", &"x".repeat(101))]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("name", " Ada ")]).unwrap().name.as_deref(), Some("Ada"));
    }
}
