//! The queries that services are asked with, and those of links to our own pages.

use crate::time::in_utc;
use url::form_urlencoded::Serializer;

/// How many people or rows a page has.
const LIMIT: &str = "25";

/// A query with those of these parameters that are not empty; with `?` before it if there is any.
#[must_use]
pub fn query(parameters: &[(&str, &str)]) -> String {
    let given = parameters.iter().filter(|(_, value)| !value.is_empty());
    let query = Serializer::new(String::new()).extend_pairs(given).finish();
    if query.is_empty() { query } else { format!("?{query}") }
}

/// What the list of users is asked with, of what a form on the page of people has.
#[must_use]
pub fn people_query(search: &str, role: &str, sort: &str, cursor: &str) -> String {
    query(&[("search", search), ("role", role), ("sort", sort), ("limit", LIMIT), ("cursor", cursor)])
}

/// What the audit log is asked with, of what its form has: names and values.
///
/// # Errors
/// The name of a time that is none.
pub fn audit_query<'a>(fields: &[(&'a str, &str)]) -> Result<String, &'a str> {
    let mut read = Vec::new();
    for (name, value) in fields {
        let value = value.trim();
        let is_time = matches!(*name, "since" | "until") && !value.is_empty();
        read.push((*name, if is_time { in_utc(value).ok_or(*name)? } else { value.to_owned() }));
    }
    let mut parameters: Vec<_> = read.iter().map(|(name, value)| (*name, value.as_str())).collect();
    parameters.push(("limit", LIMIT));
    Ok(query(&parameters))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_typed_in_stays_one_value() {
        assert_eq!(
            people_query("a&role=admin é", "", "-created", ""),
            "?search=a%26role%3Dadmin+%C3%A9&sort=-created&limit=25"
        );
        assert_eq!(query(&[("x", "")]), "");
    }

    #[test]
    fn the_times_of_an_audit_are_utc() {
        let asked = audit_query(&[("user_id", " 7 "), ("since", "2026-05-04T09:30"), ("until", "")]);
        assert_eq!(asked.as_deref(), Ok("?user_id=7&since=2026-05-04T09%3A30%3A00Z&limit=25"));
        assert_eq!(audit_query(&[("since", ""), ("until", "noon")]), Err("until"));
    }
}
