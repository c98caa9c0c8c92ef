//! Statistics of queues and consumers, as both brokers have them.

use api::notification::{ConsumerStatistics, QueueStatistics};
use events::{Queue, redis};
use serde::Deserialize;

/// A queue on Redis.
#[must_use]
pub fn queue_statistics(queue: &redis::QueueStatistics) -> QueueStatistics {
    QueueStatistics {
        queue: queue.queue.name().to_owned(),
        exchange: queue.queue.exchange().name().to_owned(),
        waiting: queue.waiting,
        in_flight: queue.in_flight,
        retrying: Some(queue.retrying),
        dead: queue.dead,
        consumers: queue.consumers,
        oldest_seconds: queue.oldest.map(|age| age.as_secs()),
        acknowledged_per_minute: queue.acknowledged,
        failures_in_a_row: Some(queue.failures),
        paused_for: queue.paused.map(|pause| pause.as_secs().max(1)),
    }
}

/// A consumer, as Redis knows it.
#[must_use]
pub fn consumer_statistics(consumer: redis::ConsumerStatistics) -> ConsumerStatistics {
    ConsumerStatistics {
        consumer: consumer.name,
        in_flight: Some(consumer.in_flight),
        idle_seconds: consumer.idle.map(|idle| idle.as_secs()),
        acknowledged: consumer.acknowledged,
    }
}

/// A queue as RabbitMQ's management API describes it. A queue that is new has no numbers yet.
#[derive(Clone, Debug, Deserialize)]
pub struct RabbitQueue {
    name: String,
    #[serde(default)]
    messages: u64,
    #[serde(default)]
    messages_ready: u64,
    #[serde(default)]
    messages_unacknowledged: u64,
    #[serde(default)]
    consumers: u64,
    #[serde(default)]
    message_stats: MessageStats,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct MessageStats {
    #[serde(default)]
    ack_details: Rate,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct Rate {
    #[serde(default)]
    rate: f64,
}

impl RabbitQueue {
    /// What of a queue the management API is asked for.
    pub const COLUMNS: &'static str =
        "name,messages,messages_ready,messages_unacknowledged,consumers,message_stats.ack_details.rate";
}

/// All queues on RabbitMQ. One that does not exist yet is empty.
#[must_use]
pub fn rabbit_statistics(found: &[RabbitQueue]) -> Vec<QueueStatistics> {
    let of = |queue: Queue| {
        let (dead, find) = (queue.dead_letters(), |name: &str| found.iter().find(|found| found.name == name));
        let known = find(queue.name());
        QueueStatistics {
            queue: queue.name().to_owned(),
            exchange: queue.exchange().name().to_owned(),
            waiting: known.map_or(0, |known| known.messages_ready),
            in_flight: known.map_or(0, |known| known.messages_unacknowledged),
            retrying: None,
            dead: find(&dead).map_or(0, |dead| dead.messages),
            consumers: known.map_or(0, |known| known.consumers),
            oldest_seconds: None,
            acknowledged_per_minute: known.map_or(0, |known| per_minute(known.message_stats.ack_details.rate)),
            failures_in_a_row: None,
            paused_for: None,
        }
    };
    Queue::ALL.into_iter().map(of).collect()
}

/// A rate in a second as one in a minute; what is no rate is none.
fn per_minute(rate: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a cast of a float saturates")]
    let rounded = (rate * 60.0).round() as u64;
    rounded
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_queue_of_rabbitmq_is_counted_with_its_dead_letters() {
        let text = r#"[
            {"name": "login_sms_notification", "messages": 5, "messages_ready": 3, "messages_unacknowledged": 2, "consumers": 4,
             "message_stats": {"ack_details": {"rate": 0.5}}},
            {"name": "login_sms_notification.dead", "messages": 7},
            {"name": "of somebody else", "messages": 9}
        ]"#;
        let queues = rabbit_statistics(&serde_json::from_str::<Vec<RabbitQueue>>(text).unwrap());
        assert_eq!(queues.len(), Queue::ALL.len());
        let sms = queues.iter().find(|queue| queue.queue == "login_sms_notification").unwrap();
        assert_eq!((sms.waiting, sms.in_flight, sms.dead, sms.consumers), (3, 2, 7, 4));
        assert_eq!((sms.acknowledged_per_minute, sms.oldest_seconds, sms.retrying), (30, None, None));
        assert!(queues.iter().filter(|queue| queue.queue != sms.queue).all(|queue| queue.waiting + queue.dead == 0));
    }

    #[test]
    fn what_is_no_rate_is_none() {
        assert_eq!([-1.0, f64::NAN, 0.0, 0.999].map(per_minute), [0, 0, 0, 60]);
        assert_eq!(per_minute(f64::INFINITY), u64::MAX);
    }

    #[test]
    fn a_queue_of_redis_is_shown_in_seconds() {
        let queue = redis::QueueStatistics {
            queue: Queue::LoginEmail,
            waiting: 1,
            in_flight: 2,
            retrying: 3,
            dead: 4,
            consumers: 5,
            oldest: Some(Duration::from_millis(1999)),
            paused: Some(Duration::from_millis(10)),
            failures: 6,
            acknowledged: 7,
        };
        let shown = queue_statistics(&queue);
        assert_eq!((shown.oldest_seconds, shown.paused_for, shown.retrying), (Some(1), Some(1), Some(3)));
        let consumer =
            redis::ConsumerStatistics { name: "a".into(), in_flight: 1, idle: None, acknowledged: vec![0, 2] };
        assert_eq!(consumer_statistics(consumer).acknowledged, [0, 2]);
    }
}
