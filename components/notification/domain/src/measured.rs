//! The metrics of the service, out of the statistics of the queues and what the consumers have counted.

use api::notification::Statistics;
use events::redis::{SEND_BOUNDS, Totals};
use metrics::{Exposition, Histogram, notification, number};

/// The metrics of this version of the service. With RabbitMQ and without Redis there are no totals.
#[must_use]
pub fn measured(version: &str, statistics: &Statistics, totals: Option<&Totals>) -> Exposition {
    let mut exposition = Exposition::new().with_facts(&notification::BUILD, &[version]);
    let has_ages = statistics.broker == "redis";
    for queue in &statistics.queues {
        let name = queue.queue.as_str();
        let states = [
            ("waiting", Some(queue.waiting)),
            ("in_flight", Some(queue.in_flight)),
            ("retrying", queue.retrying),
            ("dead", Some(queue.dead)),
        ];
        for (state, messages) in states {
            exposition = exposition.with_known(&notification::QUEUE_MESSAGES, &[name, state], messages.map(number));
        }
        let known = |seconds: Option<u64>| has_ages.then(|| number(seconds.unwrap_or(0)));
        exposition = exposition
            .with_known(&notification::QUEUE_OLDEST, &[name], known(queue.oldest_seconds))
            .with_known(&notification::QUEUE_PAUSED, &[name], known(queue.paused_for))
            .with(&notification::QUEUE_CONSUMERS, &[name], number(queue.consumers));
    }
    let Some(totals) = totals else { return exposition };
    for (queue, acknowledged) in &totals.acknowledged {
        exposition = exposition.with(&notification::ACKNOWLEDGED, &[queue.name()], number(*acknowledged));
    }
    for ((provider, result), sends) in &totals.sends {
        let histogram = Histogram::new(&SEND_BOUNDS, &sends.counts, number(sends.microseconds) / 1_000_000.0);
        exposition = exposition.with_histogram(&notification::SEND_SECONDS, &[provider, result], histogram);
    }
    exposition
}

#[cfg(test)]
mod tests {
    use super::*;
    use api::notification::QueueStatistics;
    use events::Queue;
    use events::redis::SendTotals;
    use std::collections::BTreeMap;

    fn statistics(broker: &str) -> Statistics {
        let queue = QueueStatistics {
            queue: "login_email_notification".to_owned(),
            exchange: "user_login_event".to_owned(),
            waiting: 3,
            in_flight: 2,
            retrying: (broker == "redis").then_some(1),
            dead: 4,
            consumers: 5,
            oldest_seconds: None,
            acknowledged_per_minute: 60,
            failures_in_a_row: None,
            paused_for: None,
        };
        let (broker, taken_at) = (broker.to_owned(), String::new());
        Statistics { taken_at, broker, interval_seconds: 10, queues: vec![queue], consumers: None }
    }

    #[test]
    fn queues_and_sends_are_shown() {
        let sends = SendTotals { counts: BTreeMap::from([(1, 2), (8, 1)]), microseconds: 12_500_000 };
        let totals = Totals {
            acknowledged: vec![(Queue::ALL[0], 9)],
            sends: BTreeMap::from([(("mailpit".to_owned(), "sent".to_owned()), sends)]),
        };
        let text = measured("1.2.3", &statistics("redis"), Some(&totals)).into_text();
        for line in [
            "concierge_queue_messages{queue=\"login_email_notification\",state=\"retrying\"} 1.0",
            "concierge_queue_oldest_age_seconds{queue=\"login_email_notification\"} 0.0",
            "concierge_send_duration_seconds_bucket{le=\"0.05\",provider=\"mailpit\",result=\"sent\"} 0",
            "concierge_send_duration_seconds_bucket{le=\"0.1\",provider=\"mailpit\",result=\"sent\"} 2",
            "concierge_send_duration_seconds_bucket{le=\"+Inf\",provider=\"mailpit\",result=\"sent\"} 3",
            "concierge_send_duration_seconds_sum{provider=\"mailpit\",result=\"sent\"} 12.5",
            &format!("concierge_messages_acknowledged_total{{queue=\"{}\"}} 9.0", Queue::ALL[0].name()),
        ] {
            assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn what_rabbitmq_does_not_say_is_left_out() {
        let text = measured("1.2.3", &statistics("rabbitmq"), None).into_text();
        for absent in ["retrying\"}", "oldest_age", "paused", "send_duration", "acknowledged"] {
            assert!(!text.contains(absent), "{absent} is in\n{text}");
        }
    }
}
