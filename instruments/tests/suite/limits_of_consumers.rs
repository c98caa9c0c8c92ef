//! The figures of docs/limits.md about one run of the consumer of Redis.

const CONSUMER: &str = "components/notification/src/consumer.rs";
const LATE_ACK: &str = "acknowledging what was sent while Redis does not answer";

/// A row of the page, a figure in it, the file that has the value, and what stands right before the value there.
pub(crate) const HELD: &[(&str, &str, &str, &str)] = &[
    ("one run of the consumer", "20 s", CONSUMER, "BUDGET: Duration = "),
    (LATE_ACK, "0.25 s", "components/notification/src/acknowledgement.rs", "PAUSE: Duration = "),
    (LATE_ACK, "20 s", CONSUMER, "LAST_ACK: Duration = "),
    ("rest of a queue that failed in a run", "2 s", "components/notification/src/round.rs", "FAILED: Duration = "),
    (
        "another copy of a message that is being sent, on RabbitMQ",
        "5 s",
        "components/notification/src/amqp.rs",
        "const WAIT: Duration = Duration::from_secs(",
    ),
];
