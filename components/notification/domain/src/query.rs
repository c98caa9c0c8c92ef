//! Queries of the delivery log.

use events::Queue;
use problem::{Kind, Problem};
use std::collections::BTreeMap;

/// The largest page.
const MAX_LIMIT: u64 = 100;
/// The default page size.
const DEFAULT_LIMIT: u64 = 20;
/// The most digits of either half of an entry's id: enough until the year 300,000,000, and surely 64 bits.
const MAX_DIGITS: usize = 19;
/// The longest recipient, in bytes: that of an email address.
const MAX_RECIPIENT: usize = 254;

/// A query of the log. The newest delivery comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogQuery {
    /// Only deliveries to this address, without regard to case.
    pub to: Option<String>,
    /// Only deliveries of this queue.
    pub queue: Option<Queue>,
    /// How many at most.
    pub limit: u64,
    /// Only deliveries before this entry.
    pub before: Option<String>,
}

impl LogQuery {
    /// Reads query parameters.
    ///
    /// # Errors
    /// `invalid-query` or `invalid-cursor`.
    pub fn from_query(mut query: BTreeMap<String, String>) -> Result<Self, Problem> {
        let fault = |name: &str, detail: &str| Problem::field(Kind::InvalidQuery, name, detail);
        let to = query.remove("to");
        if to.as_ref().is_some_and(|to| to.trim().is_empty() || to.len() > MAX_RECIPIENT) {
            return Err(fault("to", "to is an email address."));
        }
        let queue = query
            .remove("queue")
            .map(|name| Queue::from_name(&name).ok_or_else(|| fault("queue", "queue is the name of a queue.")));
        let queue = queue.transpose()?;
        let limit = match query.remove("limit").map(|text| problem::decimal(&text)) {
            None => DEFAULT_LIMIT,
            Some(Some(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => return Err(fault("limit", "limit is an integer from 1 to 100.")),
        };
        let before = query.remove("cursor");
        if before.as_deref().is_some_and(|cursor| !is_entry_id(cursor)) {
            return Err(Problem::field(Kind::InvalidCursor, "cursor", Kind::InvalidCursor.detail()));
        }
        Ok(Self { to, queue, limit, before })
    }
}

/// Whether a text is the id of a stream entry as Redis writes it: the milliseconds since 1970 and a number, with a dash
/// between.
#[must_use]
pub fn is_entry_id(text: &str) -> bool {
    let is_number = |part: &str| {
        let has_digits = (1..=MAX_DIGITS).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
        has_digits && (part == "0" || !part.starts_with('0'))
    };
    text.split_once('-').is_some_and(|(time, sequence)| is_number(time) && is_number(sequence) && time != "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<LogQuery, Problem> {
        LogQuery::from_query(pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect())
    }

    #[test]
    fn the_default_is_the_newest_twenty() {
        assert_eq!(read(&[]).unwrap(), LogQuery { to: None, queue: None, limit: 20, before: None });
    }

    #[test]
    fn parameters_are_checked() {
        assert_eq!(read(&[("cursor", "17-0")]).unwrap().before.as_deref(), Some("17-0"));
        for cursor in ["17", "0-0", "0-00", "0-1", "017-0", "17-00", "+-0", "17-", "17-0-0", "99999999999999999999-0"] {
            assert_eq!(read(&[("cursor", cursor)]).unwrap_err().kind(), Kind::InvalidCursor, "{cursor}");
        }
        assert_eq!(read(&[("limit", "101")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("queue", "login_sms_notification")]).unwrap().queue, Some(Queue::LoginSms));
        assert_eq!(read(&[("queue", "login")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("to", " ")]).unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(read(&[("to", &"x".repeat(255))]).unwrap_err().kind(), Kind::InvalidQuery);
    }
}
