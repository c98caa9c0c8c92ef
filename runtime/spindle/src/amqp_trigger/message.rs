//! A delivery of AMQP as the message of the WIT world, and what the broker says about earlier deliveries.

use lapin::BasicProperties;
use lapin::message::Delivery;
use lapin::types::{AMQPValue, FieldArray, FieldTable};
use serde_json::{Map, Value};

use crate::handlers::amqp::{HeaderValue, Message};

/// A quorum queue's count of the deliveries that have failed: it is not there at the first.
const DELIVERY_COUNT: &str = "x-delivery-count";
/// A quorum queue's count of all earlier deliveries, from RabbitMQ 4.3 on.
const ACQUIRED_COUNT: &str = "x-acquired-count";

/// Which delivery of a message this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeliveryCount {
    /// The n-th delivery, counted from 1.
    Known(u32),
    /// The queue does not count, as classic queues do not. It is the second at least.
    Unknown,
}

impl DeliveryCount {
    /// What the broker says. The first time a publisher could have said it, and is not listened to.
    pub(super) fn of(delivery: &Delivery) -> Self {
        if !delivery.redelivered {
            return Self::Known(1);
        }
        let header = |name| delivery.properties.headers().as_ref().and_then(|headers| headers.inner().get(name));
        match (header(DELIVERY_COUNT).and_then(integer), header(ACQUIRED_COUNT)) {
            (Some(failed), _) => Self::Known(u32::try_from(failed.saturating_add(1)).unwrap_or(u32::MAX)),
            (None, Some(_)) => Self::Known(1),
            (None, None) => Self::Unknown,
        }
    }

    /// The number, or the least that it can be.
    pub(super) fn at_least(self) -> u32 {
        match self {
            Self::Known(number) => number,
            Self::Unknown => 2,
        }
    }
}

fn integer(value: &AMQPValue) -> Option<i64> {
    match value {
        AMQPValue::ShortShortInt(number) => Some((*number).into()),
        AMQPValue::ShortShortUInt(number) => Some((*number).into()),
        AMQPValue::ShortInt(number) => Some((*number).into()),
        AMQPValue::ShortUInt(number) => Some((*number).into()),
        AMQPValue::LongInt(number) => Some((*number).into()),
        AMQPValue::LongUInt(number) => Some((*number).into()),
        AMQPValue::LongLongInt(number) => Some(*number),
        _ => None,
    }
}

/// What a component is given. The body is taken out of the delivery.
pub(super) fn message(delivery: &mut Delivery, queue: &str, count: DeliveryCount) -> Message {
    let text = |value: &Option<lapin::types::ShortString>| value.as_ref().map(ToString::to_string);
    let properties = &delivery.properties;
    let headers = properties.headers().as_ref().map(headers).unwrap_or_default();
    Message {
        exchange: delivery.exchange.to_string(),
        routing_key: delivery.routing_key.to_string(),
        queue: queue.to_owned(),
        message_id: text(properties.message_id()),
        content_type: text(properties.content_type()),
        timestamp: *properties.timestamp(),
        headers,
        delivery_count: count.at_least(),
        redelivered: delivery.redelivered,
        body: std::mem::take(&mut delivery.data),
    }
}

/// How deep tables and lists are nested in the headers of a message.
pub(super) fn depth(properties: &BasicProperties) -> usize {
    fn of(value: &AMQPValue) -> usize {
        match value {
            AMQPValue::FieldArray(list) => 1 + list.as_slice().iter().map(of).max().unwrap_or(0),
            AMQPValue::FieldTable(table) => 1 + table.into_iter().map(|(_, value)| of(value)).max().unwrap_or(0),
            _ => 0,
        }
    }
    properties.headers().iter().flatten().map(|(_, value)| of(value)).max().unwrap_or(0)
}

fn headers(table: &FieldTable) -> Vec<(String, HeaderValue)> {
    table.into_iter().map(|(name, value)| (name.to_string(), header_value(value))).collect()
}

fn header_value(value: &AMQPValue) -> HeaderValue {
    if let Some(number) = integer(value) {
        return HeaderValue::Integer(number);
    }
    match value {
        AMQPValue::Boolean(boolean) => HeaderValue::Boolean(*boolean),
        AMQPValue::Float(number) => HeaderValue::Float((*number).into()),
        AMQPValue::Double(number) => HeaderValue::Float(*number),
        AMQPValue::DecimalValue(decimal) => {
            HeaderValue::Float(f64::from(decimal.value) / 10_f64.powi(decimal.scale.into()))
        }
        AMQPValue::ShortString(text) => HeaderValue::Text(text.to_string()),
        AMQPValue::LongString(bytes) => match std::str::from_utf8(bytes.as_bytes()) {
            Ok(text) => HeaderValue::Text(text.to_owned()),
            Err(_) => HeaderValue::Bytes(bytes.as_bytes().to_vec()),
        },
        AMQPValue::ByteArray(bytes) => HeaderValue::Bytes(bytes.as_slice().to_vec()),
        AMQPValue::Timestamp(seconds) => HeaderValue::Timestamp(*seconds),
        AMQPValue::FieldArray(list) => HeaderValue::Json(list_json(list).to_string()),
        AMQPValue::FieldTable(table) => HeaderValue::Json(table_json(table).to_string()),
        _ => HeaderValue::Nothing,
    }
}

fn list_json(list: &FieldArray) -> Value {
    list.as_slice().iter().map(json).collect()
}

fn table_json(table: &FieldTable) -> Value {
    table.into_iter().map(|(name, value)| (name.to_string(), json(value))).collect::<Map<_, _>>().into()
}

/// A value inside of a list or table. Bytes that are no text become the text that is most like them.
fn json(value: &AMQPValue) -> Value {
    match value {
        AMQPValue::FieldArray(list) => list_json(list),
        AMQPValue::FieldTable(table) => table_json(table),
        other => match header_value(other) {
            HeaderValue::Nothing => Value::Null,
            HeaderValue::Boolean(boolean) => boolean.into(),
            HeaderValue::Integer(number) => number.into(),
            HeaderValue::Float(number) => number.into(),
            HeaderValue::Text(text) | HeaderValue::Json(text) => text.into(),
            HeaderValue::Bytes(bytes) => String::from_utf8_lossy(&bytes).into(),
            HeaderValue::Timestamp(seconds) => seconds.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(redelivered: bool, headers: &[(&str, AMQPValue)]) -> Delivery {
        let mut delivery = Delivery::mock(1, "e".into(), "k".into(), redelivered, b"body".to_vec());
        let mut table = FieldTable::default();
        for (name, value) in headers {
            table.insert((*name).into(), value.clone());
        }
        delivery.properties = BasicProperties::default().with_headers(table);
        delivery
    }

    #[test]
    fn deliveries_are_counted_as_the_broker_does() {
        let count = |redelivered, headers: &[(&str, AMQPValue)]| DeliveryCount::of(&delivery(redelivered, headers));
        assert_eq!(count(false, &[]), DeliveryCount::Known(1));
        assert_eq!(count(true, &[(DELIVERY_COUNT, AMQPValue::LongLongInt(1))]), DeliveryCount::Known(2));
        assert_eq!(count(true, &[(DELIVERY_COUNT, AMQPValue::LongUInt(4))]), DeliveryCount::Known(5));
        // Given before, but none of these times was a failure.
        assert_eq!(count(true, &[(ACQUIRED_COUNT, AMQPValue::LongLongInt(3))]), DeliveryCount::Known(1));
        assert_eq!(count(true, &[]), DeliveryCount::Unknown);
        // What a publisher says about itself does not count.
        assert_eq!(count(false, &[(DELIVERY_COUNT, AMQPValue::LongLongInt(9))]), DeliveryCount::Known(1));
    }

    #[test]
    fn headers_of_all_kinds_get_through() {
        let mut inner = FieldTable::default();
        inner.insert("a".into(), AMQPValue::FieldArray(vec![AMQPValue::LongInt(1), AMQPValue::Void].into()));
        let mut delivery = delivery(
            false,
            &[
                ("bytes", AMQPValue::LongString(vec![0xff].into())),
                ("number", AMQPValue::ShortInt(-2)),
                ("table", AMQPValue::FieldTable(inner)),
                ("text", AMQPValue::LongString("t".into())),
                ("void", AMQPValue::Void),
            ],
        );
        let message = message(&mut delivery, "q", DeliveryCount::Known(1));
        assert_eq!((message.body.as_slice(), delivery.data.len()), (&b"body"[..], 0));
        let shown: Vec<_> = message.headers.iter().map(|(name, value)| format!("{name}: {value:?}")).collect();
        assert_eq!(
            shown,
            [
                "bytes: HeaderValue::Bytes([255])",
                "number: HeaderValue::Integer(-2)",
                "table: HeaderValue::Json(\"{\\\"a\\\":[1,null]}\")",
                "text: HeaderValue::Text(\"t\")",
                "void: HeaderValue::Nothing",
            ]
        );
    }
}
