//! The delivery log: what was delivered to whom, by which consumer.

use crate::{Message, MessageKind};
use api::notification::Delivery;
use events::{Event, Queue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// One delivery as it is stored. Its id is the log entry's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogItem {
    event_id: String,
    event_type: String,
    queue: String,
    kind: MessageKind,
    to: String,
    subject: String,
    consumer: String,
    attempts: u64,
    delivered_at: String,
}

impl LogItem {
    /// The item for a message that was sent at attempt number `attempts`.
    #[must_use]
    pub fn new(queue: Queue, event: &Event, message: &Message, consumer: &str, attempts: u64) -> Self {
        Self {
            event_id: event.id.to_string(),
            event_type: event.payload.exchange().name().to_owned(),
            queue: queue.name().to_owned(),
            kind: message.kind,
            to: message.to.clone(),
            subject: message.subject.clone(),
            consumer: consumer.to_owned(),
            attempts,
            delivered_at: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        }
    }

    /// The item as it is stored.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("strings and integers always serialise")
    }
}

/// An entry of the log; `None` if it has another format.
#[must_use]
pub fn from_entry(id: String, item: &[u8]) -> Option<Delivery> {
    let mut delivery: Value = serde_json::from_slice(item).ok()?;
    delivery.as_object_mut()?.insert("id".to_owned(), id.into());
    serde_json::from_value(delivery).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Login, Payload};
    use identity::UserId;

    fn item() -> LogItem {
        let login = Login::of(UserId::try_from(7).unwrap(), "Ada@example.org".into(), Some("+3902".into()));
        let event = Event::new("/auth-ms", Payload::Login(login));
        let message = crate::message::testing::render(Queue::LoginSms, &event).unwrap().unwrap();
        LogItem::new(Queue::LoginSms, &event, &message, "c1", 2)
    }

    #[test]
    fn a_delivery_has_the_id_of_its_entry() {
        let shown = from_entry("17-0".into(), item().to_json().as_bytes()).unwrap();
        let json = serde_json::to_value(&shown).unwrap();
        assert_eq!(json["id"], "17-0");
        assert_eq!(json["event_type"], "user_login_event");
        assert_eq!(json["queue"], "login_sms_notification");
        assert_eq!(json["kind"], "sms");
        assert_eq!(json["consumer"], "c1");
        assert_eq!(json["attempts"], 2);
    }

    #[test]
    fn a_foreign_entry_is_left_out() {
        assert!(from_entry("17-0".into(), b"hello").is_none());
    }
}
