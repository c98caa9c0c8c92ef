//! Pages of the audit log: filters, a limit and a cursor. The newest rows come first.

use crate::page::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::sign_in::is_slug;
use identity::UserId;
use problem::{Kind, Problem};
use std::collections::BTreeMap;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// A request for a page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AuditPageRequest {
    /// Only rows about this user.
    pub user_id: Option<UserId>,
    /// Only what this administrator did.
    pub administrator_id: Option<UserId>,
    /// Only this.
    pub action: Option<String>,
    /// Only what came to this.
    pub result: Option<String>,
    /// Only from then on, as the database reads times.
    pub since: Option<String>,
    /// Only before then.
    pub until: Option<String>,
    /// How many at most.
    pub limit: usize,
    /// Only what comes after this row.
    pub after: Option<AuditCursor>,
}

impl AuditPageRequest {
    /// Reads query parameters.
    ///
    /// # Errors
    /// `invalid-query` or `invalid-cursor`.
    pub fn from_query(mut query: BTreeMap<String, String>) -> Result<Self, Problem> {
        let fault = |name: &str, detail: &str| Problem::field(Kind::InvalidQuery, name, detail);
        let limit = match query.remove("limit").map(|text| problem::decimal(&text)) {
            None => DEFAULT_LIMIT,
            Some(Some(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => return Err(fault("limit", "limit is an integer from 1 to 100.")),
        };
        let after = query.remove("cursor").map(|text| AuditCursor::parse(&text)).transpose()?;
        let mut id = |name: &str| {
            let id = query.remove(name).map(|text| UserId::parse(&text)).transpose();
            id.map_err(|error| fault(name, &error.to_string()))
        };
        let (user_id, administrator_id) = (id("user_id")?, id("administrator_id")?);
        let mut word = |name: &str| match query.remove(name) {
            Some(text) if !is_slug(&text) => {
                Err(fault(name, "This is words of lower-case letters, joined by hyphens."))
            }
            text => Ok(text),
        };
        let (action, result) = (word("action")?, word("result")?);
        let mut time = |name: &str| {
            let time = query.remove(name).map(|text| utc(&text));
            time.map(|time| time.ok_or_else(|| fault(name, "This is a time such as 2026-05-04T09:30:00Z."))).transpose()
        };
        let (since, until) = (time("since")?, time("until")?);
        Ok(Self { user_id, administrator_id, action, result, since, until, limit, after })
    }
}

/// The longest time, to the microsecond.
const MAX_TIME: usize = "2026-05-04T09:30:00.123456Z".len();

/// A time in UTC as RFC 3339 has it.
pub(crate) fn utc(text: &str) -> Option<String> {
    let time = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    let is_plain = text.len() <= MAX_TIME && text.get(10..11) == Some("T") && text.ends_with('Z');
    if is_plain && time.year() >= 1000 { to_text(time) } else { None }
}

/// A time as the database reads it.
fn to_text(time: OffsetDateTime) -> Option<String> {
    time.format(&Rfc3339).ok()
}

/// Where a page ended: the time and the number of its last row.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditCursor {
    /// The time, as the database reads it.
    pub time: String,
    /// The number.
    pub id: i64,
}

impl AuditCursor {
    /// The cursor as text for a URL: microseconds since 1970, and the number.
    #[must_use]
    pub fn to_text(&self) -> String {
        let nanoseconds = OffsetDateTime::parse(&self.time, &Rfc3339).map_or(0, OffsetDateTime::unix_timestamp_nanos);
        format!("{}-{}", nanoseconds / 1000, self.id)
    }

    /// Reads a cursor.
    ///
    /// # Errors
    /// `invalid-cursor`.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let read = || {
            let (time, id) = text.split_once('-')?;
            let (microseconds, id) = (problem::decimal::<i64>(time)?, problem::decimal::<i64>(id)?);
            let time =
                OffsetDateTime::from_unix_timestamp_nanos(i128::from(microseconds) * 1000).ok().and_then(to_text)?;
            (microseconds >= 0 && id > 0).then_some(Self { time, id })
        };
        read().ok_or_else(|| Problem::field(Kind::InvalidCursor, "cursor", Kind::InvalidCursor.detail()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<AuditPageRequest, Problem> {
        AuditPageRequest::from_query(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn without_parameters_it_is_the_newest_page_of_all() {
        assert_eq!(read(&[]).unwrap(), AuditPageRequest { limit: 20, ..AuditPageRequest::default() });
    }

    #[test]
    fn filters_are_read() {
        let page = read(&[
            ("user_id", "7"),
            ("administrator_id", "1"),
            ("action", "role-changed"),
            ("result", "success"),
            ("since", "2026-05-04T07:30:00Z"),
            ("until", "2026-05-04T09:30:00.123456Z"),
        ])
        .unwrap();
        assert_eq!((page.user_id.unwrap().get(), page.administrator_id.unwrap().get()), (7, 1));
        assert_eq!((page.action.as_deref(), page.result.as_deref()), (Some("role-changed"), Some("success")));
        assert_eq!(page.since.as_deref(), Some("2026-05-04T07:30:00Z"));
        assert_eq!(page.until.as_deref(), Some("2026-05-04T09:30:00.123456Z"));
    }

    #[test]
    fn other_values_are_refused() {
        for (name, value) in [
            ("limit", "0"),
            ("limit", "101"),
            ("user_id", "0"),
            ("administrator_id", "me"),
            ("action", "Role changed"),
            ("action", ""),
            ("result", "a'b"),
            ("since", "yesterday"),
            ("since", "2026-05-04"),
            ("since", "2026-05-04T09:30:00+02:00"),
            ("since", "2026-05-04t09:30:00Z"),
            ("until", "0999-01-01T00:00:00Z"),
            ("until", "2026-02-30T00:00:00Z"),
            ("until", "2026-05-04T09:30:00.1234567Z"),
        ] {
            assert_eq!(read(&[(name, value)]).unwrap_err().kind(), Kind::InvalidQuery, "{name}={value}");
        }
    }

    #[test]
    fn a_cursor_reads_back_to_the_microsecond() {
        let cursor = AuditCursor { time: "2026-05-04T09:30:02.123456Z".into(), id: 42 };
        assert_eq!(cursor.to_text(), "1777887002123456-42");
        assert_eq!(AuditCursor::parse("1777887002123456-42").unwrap(), cursor);
        let whole = AuditCursor { time: "2026-05-04T09:30:02.000000Z".into(), id: 1 };
        assert_eq!(AuditCursor::parse(&whole.to_text()).unwrap().time, "2026-05-04T09:30:02Z");
    }

    #[test]
    fn a_foreign_cursor_is_refused() {
        for text in ["", "42", "42-", "-42-1", "42-0", "a-b", "42-1-1", "9223372036854775807-1", "+1-1"] {
            assert_eq!(AuditCursor::parse(text).unwrap_err().kind(), Kind::InvalidCursor, "{text}");
        }
    }
}
