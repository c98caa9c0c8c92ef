//! Pages of a list: filters, a limit and an opaque cursor.
//!
//! A page begins after the last user of the page before (keyset pagination), so users that are created or deleted in
//! between neither repeat nor hide others.

use crate::user_order::{Cursor, Order};
use identity::{Email, RoleName};
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
    /// Only users whose address is confirmed, or only those whose address is not.
    pub email_verified: Option<bool>,
    /// Only users with this first name, without regard to case.
    pub name: Option<String>,
    /// Only users with this surname, without regard to case.
    pub surname: Option<String>,
    /// Only users with this in their first name, surname and address, as they follow each other, without regard to case.
    pub search: Option<String>,
    /// Only users with this role.
    pub role: Option<RoleName>,
    /// In which order.
    pub order: Order,
    /// How many at most.
    pub limit: usize,
    /// Only users after this one.
    pub after: Option<Cursor>,
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
        let email_verified = match query.remove("email_verified").as_deref() {
            None => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(fault("email_verified", "email_verified is true or false.")),
        };
        let limit = match query.remove("limit").map(|text| problem::decimal(&text)) {
            None => DEFAULT_LIMIT,
            Some(Some(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => return Err(fault("limit", "limit is an integer from 1 to 100.")),
        };
        let role = query.remove("role").map(|text| RoleName::parse(&text)).transpose();
        let role = role.map_err(|error| fault("role", &error.to_string()))?;
        let after = query.remove("cursor").map(|text| Cursor::parse(&text)).transpose()?;
        let order = query.remove("sort").map(|text| Order::parse(&text)).transpose()?.unwrap_or_default();
        // A list goes on in the order in which it began.
        let order = after.as_ref().map_or(order, |cursor| cursor.order);
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
        if search.iter().any(|search| !has_trigram(search)) {
            let detail = "A search has three letters or digits in a row, or the beginning of a word after another.";
            return Err(fault("search", detail));
        }
        Ok(Self { email, email_verified, name, surname, search, role, order, limit, after })
    }

    /// The pattern of SQL's `LIKE` for what is searched for: nothing in it is a wildcard.
    #[must_use]
    pub fn search_pattern(&self) -> Option<String> {
        let search = self.search.as_deref()?;
        let escaped = search.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
        Some(format!("%{escaped}%"))
    }
}

/// Whether an index of trigrams can find what is searched for: it has the letters and digits of a word by threes, with two blanks
/// before the word and one after it. Where a word begins before what is searched for, or ends after it, is not known.
fn has_trigram(search: &str) -> bool {
    let words: Vec<_> = search.split(|letter: char| !letter.is_alphanumeric()).collect();
    let last = words.len() - 1;
    words.iter().enumerate().any(|(place, word)| {
        let blanks = if place > 0 { 2 } else { 0 } + usize::from(place < last);
        !word.is_empty() && word.chars().count() + blanks >= 3
    })
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
    fn a_list_goes_on_in_the_order_in_which_it_began() {
        assert_eq!(read(&[("sort", "-name")]).unwrap().order, Order::parse("-name").unwrap());
        let page = read(&[("sort", "-name"), ("cursor", "e.7.YWRh")]).unwrap();
        assert_eq!(page.order, Order::parse("email").unwrap());
        assert_eq!(page.after.unwrap().key, "ada");
        assert_eq!(read(&[("sort", "age")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("cursor", "42")]).unwrap_err().kind(), Kind::InvalidCursor);
    }

    #[test]
    fn an_index_finds_what_has_three_letters_in_a_row_or_the_beginning_of_a_word() {
        let has = |search| read(&[("search", search)]).is_ok();
        for search in ["ova", "Ölçüm", "佐藤花", "伟 王", "lo a", "a@example"] {
            assert!(has(search), "{search}");
        }
        for search in ["---", "a..", "...", "%_\\", "a--"] {
            assert!(!has(search), "{search}");
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
        assert_eq!(read(&[("email_verified", "yes")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("email_verified", "false")]).unwrap().email_verified, Some(false));
        assert_eq!(read(&[("search", "ad ")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("search", &"x".repeat(101))]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("name", " Ada ")]).unwrap().name.as_deref(), Some("Ada"));
    }
}
