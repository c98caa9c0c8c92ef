//! Exports: all personal data of a user (GDPR, articles 15 and 20).

use problem::{Kind, Problem};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The most events and deliveries that an export holds, together.
pub const MAX_EXPORTED: usize = 20_000;

/// The least time between two exports of one user, in seconds.
pub const EXPORT_PAUSE_SECONDS: i32 = 300;

/// Collects events and deliveries for an export, which is complete or fails.
#[derive(Debug, Default)]
pub struct Collection {
    events: Vec<Value>,
    notifications: BTreeMap<(u64, u64), Value>,
}

impl Collection {
    /// Adds an event that is stored in `place`: the outbox, an exchange or dead letters. What is not JSON is exported
    /// as text. What grants access is left out.
    ///
    /// # Errors
    /// As [`Collection::add_notification`].
    pub fn add_event(&mut self, place: &str, event: &[u8]) -> Result<(), Problem> {
        let mut event: Value = serde_json::from_slice(event).unwrap_or_else(|_| String::from_utf8_lossy(event).into());
        events::remove_secrets(&mut event);
        self.events.push(json!({"kept_in": place, "event": event}));
        self.check()
    }

    /// Adds a delivery from a log. One that is in two logs has the same entry in both and is added once.
    ///
    /// # Errors
    /// `broker-unavailable` if an export cannot hold so much.
    pub fn add_notification(&mut self, entry: &str, item: &[u8]) -> Result<(), Problem> {
        let number = |text: &str| text.parse::<u64>().unwrap_or_default();
        let (time, sequence) = entry.split_once('-').unwrap_or((entry, "0"));
        let mut shown = json!({"id": entry});
        match serde_json::from_slice(item) {
            Ok(Value::Object(mut fields)) => shown.as_object_mut().into_iter().for_each(|all| all.append(&mut fields)),
            _ => shown["item"] = String::from_utf8_lossy(item).into(),
        }
        self.notifications.insert((number(time), number(sequence)), shown);
        self.check()
    }

    /// The events in the order in which they were added, and the deliveries, newest first.
    #[must_use]
    pub fn finish(self) -> Collected {
        Collected { pending_events: self.events, notifications: self.notifications.into_values().rev().collect() }
    }

    fn check(&self) -> Result<(), Problem> {
        if self.events.len() + self.notifications.len() <= MAX_EXPORTED {
            return Ok(());
        }
        Err(too_much())
    }
}

/// The collected data, as an export returns it.
#[derive(Debug, PartialEq, Serialize)]
pub struct Collected {
    /// Events about the user that are not yet handled, each with the place where it is stored.
    pub pending_events: Vec<Value>,
    /// The notifications that the user was sent, newest first.
    pub notifications: Vec<Value>,
}

/// The problem for an export too soon after another.
#[must_use]
pub fn too_soon(seconds: u32) -> Problem {
    Problem::of(Kind::TooManyRequests).with_header("retry-after", seconds.to_string())
}

/// The problem for an export while too many are running, whoever they are for.
#[must_use]
pub fn too_many_exports() -> Problem {
    Problem::of(Kind::TooBusy)
        .with_header("retry-after", "5")
        .with_cause("as many exports are being made as may be at once")
}

/// The problem for an export that would be too large.
#[must_use]
pub fn too_much() -> Problem {
    Problem::new(Kind::BrokerUnavailable, "More messages wait for this user than an export can hold. Try again later.")
        .with_header("retry-after", "60")
        .with_cause(format!(
            "a person has more than {MAX_EXPORTED} events and deliveries, which is the most of an export"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_in_two_logs_appears_once_and_the_newest_comes_first() {
        let mut all = Collection::default();
        all.add_notification("9-0", br#"{"to": "a"}"#).unwrap();
        all.add_notification("10-1", br#"{"to": "c"}"#).unwrap();
        all.add_notification("10-0", br#"{"to": "b"}"#).unwrap();
        all.add_notification("9-0", br#"{"to": "a"}"#).unwrap();
        let notifications = all.finish().notifications;
        assert_eq!(
            Value::from(notifications),
            json!([{"id": "10-1", "to": "c"}, {"id": "10-0", "to": "b"}, {"id": "9-0", "to": "a"}])
        );
    }

    #[test]
    fn what_is_not_json_is_exported_as_text() {
        let mut all = Collection::default();
        all.add_event("user_login_event", b"{broken").unwrap();
        all.add_notification("9-0", b"\xff").unwrap();
        let Collected { pending_events, notifications } = all.finish();
        assert_eq!(Value::from(pending_events), json!([{"kept_in": "user_login_event", "event": "{broken"}]));
        assert_eq!(Value::from(notifications), json!([{"id": "9-0", "item": "\u{fffd}"}]));
    }

    #[test]
    fn what_confirms_an_address_is_not_exported() {
        let mut all = Collection::default();
        all.add_event("outbox", br#"{"data": {"user_id": 7, "link": "https://x/?token=t", "code": "123456"}}"#)
            .unwrap();
        let exported = Value::from(all.finish().pending_events);
        assert_eq!(exported, json!([{"kept_in": "outbox", "event": {"data": {"user_id": 7}}}]));
    }

    #[test]
    fn an_export_has_a_limit() {
        let mut all = Collection::default();
        for _ in 0..MAX_EXPORTED {
            all.add_event("outbox", b"1").unwrap();
        }
        assert_eq!(all.add_event("outbox", b"1").unwrap_err().kind(), Kind::BrokerUnavailable);
    }
}
