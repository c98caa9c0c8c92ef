//! Dead letters: a copy of the message, with the reason in its headers, that the broker has confirmed before the message
//! itself is acknowledged.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use lapin::options::BasicPublishOptions;
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel, Confirmation};

/// Messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

/// The longest reason that is put into a header, in bytes.
const LONGEST_REASON: usize = 1000;

/// What is said about a message that could not be handled.
#[derive(Debug)]
pub(super) struct DeadLetterRecord<'a> {
    pub(super) reason: &'a str,
    pub(super) deliveries: u32,
    pub(super) queue: &'a str,
    pub(super) exchange: &'a str,
    pub(super) routing_key: &'a str,
}

/// Publishes a dead letter and waits until it is safe.
///
/// # Errors
/// Why it is not, or may not be.
pub(super) async fn publish(
    channel: &Channel,
    exchange: &str,
    body: &[u8],
    properties: &BasicProperties,
    record: &DeadLetterRecord<'_>,
    confirm_time: Duration,
) -> Result<(), String> {
    // Mandatory: what no queue takes comes back instead of being dropped.
    let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
    let properties = dead_letter_properties(properties, record);
    let publish = async {
        let confirm = channel.basic_publish(exchange.into(), record.routing_key.into(), options, body, properties);
        confirm.await?.await
    };
    match tokio::time::timeout(confirm_time, publish).await {
        Ok(Ok(Confirmation::Ack(None))) => Ok(()),
        Ok(Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_)))) => {
            Err(format!("no queue is bound to the exchange {exchange}"))
        }
        Ok(Ok(Confirmation::Nack(None))) => Err("the broker refused it".to_owned()),
        Ok(Ok(Confirmation::NotRequested)) => Err("the broker does not confirm".to_owned()),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("the broker did not confirm it in time".to_owned()),
    }
}

/// The properties of a message, without those that would keep its copy from being published or kept.
fn dead_letter_properties(properties: &BasicProperties, record: &DeadLetterRecord<'_>) -> BasicProperties {
    let mut headers = FieldTable::default();
    for (name, value) in properties.headers().iter().flatten() {
        // The broker's own counts are about the queue that the message leaves; CC and BCC would route the copy elsewhere.
        if !matches!(name.as_str(), "x-delivery-count" | "x-acquired-count" | "CC" | "BCC") {
            headers.insert(name.clone(), value.clone());
        }
    }
    let text = |text: &str| AMQPValue::LongString(text.into());
    headers.insert("x-dead-reason".into(), text(cut(record.reason)));
    headers.insert("x-dead-deliveries".into(), AMQPValue::LongLongInt(record.deliveries.into()));
    headers.insert("x-dead-queue".into(), text(record.queue));
    headers.insert("x-dead-exchange".into(), text(record.exchange));
    headers.insert("x-dead-routing-key".into(), text(record.routing_key));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    headers.insert("x-dead-time".into(), AMQPValue::Timestamp(now));
    let mut letter = BasicProperties::default().with_headers(headers).with_delivery_mode(PERSISTENT);
    // Left out: when the message would expire, and the user who has published it, which the broker would compare
    // with the one who publishes the copy.
    macro_rules! keep {
        ($($get:ident $with:ident),*) => {$(
            if let Some(value) = properties.$get() {
                letter = letter.$with(value.clone());
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
    letter
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
        let record = DeadLetterRecord { reason: &reason, deliveries: 5, queue: "q", exchange: "e", routing_key: "k" };
        let letter = dead_letter_properties(&properties, &record);
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
