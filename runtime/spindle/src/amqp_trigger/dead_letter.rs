//! Dead letters: a copy of the message, with the reason in its headers, that the broker has confirmed before the message
//! itself is acknowledged.

use std::time::{SystemTime, UNIX_EPOCH};

use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};

/// Messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// The longest reason that is put into a header, in bytes.
const LONGEST_REASON: usize = 1000;

/// A message that could not be handled, and what is said about it.
#[derive(Debug)]
pub(super) struct DeadLetter {
    pub(super) body: Vec<u8>,
    pub(super) properties: BasicProperties,
    pub(super) reason: String,
    pub(super) deliveries: u32,
    pub(super) queue: String,
    pub(super) exchange: String,
    pub(super) routing_key: String,
}

impl DeadLetter {
    /// Publishes it, and waits until it is safe.
    ///
    /// # Errors
    /// Why it is not, or may not be.
    pub(super) async fn publish(&self, channel: &Channel, exchange: &str) -> Result<(), PublishError> {
        // Mandatory: what no queue takes comes back instead of being dropped.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let (exchange_name, key) = (exchange.into(), self.routing_key.as_str().into());
        let confirm =
            channel.basic_publish(exchange_name, key, options, &self.body, dead_letter_properties(self)).await?;
        match confirm.await? {
            Confirmation::Ack(None) => Ok(()),
            Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)) => {
                Err(PublishError::Refused(format!("no queue is bound to the exchange {exchange}")))
            }
            Confirmation::Nack(None) => Err(PublishError::Refused("the broker refused it".to_owned())),
            Confirmation::NotRequested => Err(PublishError::Refused("the broker does not confirm".to_owned())),
        }
    }
}

/// Why a dead letter is not safe.
#[derive(Debug)]
pub(super) enum PublishError {
    /// The channel is of no more use.
    Broken(String),
    /// The broker does not want it.
    Refused(String),
}

impl From<lapin::Error> for PublishError {
    fn from(error: lapin::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

/// The properties of a message, without those that would keep its copy from being published or kept.
fn dead_letter_properties(letter: &DeadLetter) -> BasicProperties {
    let properties = &letter.properties;
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers().iter().flatten() {
        // The broker's own counts are about the queue that the message leaves; CC and BCC would route the copy elsewhere.
        if !matches!(name.as_str(), "x-delivery-count" | "x-acquired-count" | "CC" | "BCC") {
            headers.insert(name.clone(), value.clone());
        }
    }
    let text = |text: &str| AMQPValue::LongString(text.into());
    headers.insert("x-dead-reason".into(), text(cut(&letter.reason)));
    headers.insert("x-dead-deliveries".into(), AMQPValue::LongLongInt(letter.deliveries.into()));
    headers.insert("x-dead-queue".into(), text(&letter.queue));
    headers.insert("x-dead-exchange".into(), text(&letter.exchange));
    headers.insert("x-dead-routing-key".into(), text(&letter.routing_key));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    headers.insert("x-dead-time".into(), AMQPValue::Timestamp(now));
    let mut copy = BasicProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT);
    // Left out: when the message would expire, and the user who has published it, which the broker would compare
    // with the one who publishes the copy.
    macro_rules! keep {
        ($($get:ident $with:ident),*) => {$(
            if let Some(value) = properties.$get() {
                copy = copy.$with(value.clone());
            }
        )*};
    }
    keep!(
        content_type with_content_type,
        content_encoding with_content_encoding,
        priority with_priority,
        correlation_id with_correlation_id,
        reply_to with_reply_to,
        message_id with_message_id,
        timestamp with_timestamp,
        kind with_type,
        app_id with_app_id
    );
    copy
}

/// The beginning of a text, as much of it as fits.
pub(super) fn cut(reason: &str) -> &str {
    let mut end = reason.len().min(LONGEST_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    &reason[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_keeps_what_was_said_and_says_why() {
        let mut headers = FieldTable::default();
        headers.insert("kept".into(), AMQPValue::Boolean(true));
        headers.insert("CC".into(), AMQPValue::FieldArray(vec![AMQPValue::LongString("q".into())].into()));
        headers.insert("x-delivery-count".into(), AMQPValue::LongLongInt(4));
        let properties = BasicProperties::default()
            .with_headers(headers)
            .with_message_id("id".into())
            .with_expiration("1".into())
            .with_user_id("someone".into())
            .with_delivery_mode(1);
        let reason = "é".repeat(600);
        let [queue, exchange, routing_key] = ["q", "e", "k"].map(str::to_owned);
        let letter = DeadLetter { body: vec![], properties, reason, deliveries: 5, queue, exchange, routing_key };
        let letter = dead_letter_properties(&letter);
        let headers = letter.headers().as_ref().unwrap();
        assert!(headers.contains_key("kept") && !headers.contains_key("CC"));
        assert!(!headers.contains_key("x-delivery-count"));
        assert_eq!(headers.inner().get("x-dead-deliveries"), Some(&AMQPValue::LongLongInt(5)));
        assert_eq!(headers.inner().get("x-dead-reason"), Some(&AMQPValue::LongString("é".repeat(500).into())));
        assert_eq!(letter.message_id().as_ref().map(|id| id.as_str()), Some("id"));
        assert_eq!((letter.expiration(), letter.user_id()), (&None, &None));
        assert_eq!(letter.delivery_mode(), &Some(PERSISTENT));
    }
}
