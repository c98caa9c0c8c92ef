//! Statistics of the queues and their consumers.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::{Deserialize, Serialize};

wire! {
    /// How the queues are, and who works on them.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Statistics {
        /// When they were taken.
        pub taken_at: String as "schema::DateTime",
        /// The broker.
        pub broker: String as "schema::BrokerName",
        /// How many seconds an interval is long in which acknowledged messages are counted.
        pub interval_seconds: u64,
        /// All queues.
        pub queues: Vec<QueueStatistics>,
        /// The consumers that were seen in the last ten minutes or are known to a queue, at most 200; null with RabbitMQ and without
        /// Redis, where nothing is known of them but their number.
        pub consumers: Option<Vec<ConsumerStatistics>>,
    }

    /// A queue.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct QueueStatistics {
        /// Its name.
        pub queue: String as "schema::QueueName",
        /// The exchange that it is bound to.
        pub exchange: String as "schema::ExchangeName",
        /// Messages that no consumer has. Up to 1000 are counted; beyond that it is Redis's estimate.
        pub waiting: u64,
        /// Messages that a consumer has and has not acknowledged; with RabbitMQ also those that will be retried.
        pub in_flight: u64,
        /// Messages that have failed and will be retried; null with RabbitMQ, where they are in flight.
        pub retrying: Option<u64>,
        /// Messages that could not be handled.
        pub dead: u64,
        /// Consumers; on Redis those seen lately.
        pub consumers: u64,
        /// For how many seconds the oldest message has not been handled; null if there is none, and with RabbitMQ, which does not say.
        pub oldest_seconds: Option<u64>,
        /// Messages that were acknowledged within a minute; with RabbitMQ at the rate of the last seconds.
        pub acknowledged_per_minute: u64,
        /// Sends that have failed since the last success; null with RabbitMQ.
        pub failures_in_a_row: Option<u64>,
        /// For how many seconds nothing is sent, since too many sends in a row have failed; null if the queue is running, and with
        /// RabbitMQ.
        pub paused_for: Option<u64> as "Option<std::num::NonZeroU64>",
    }

    /// A consumer, over all queues.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct ConsumerStatistics {
        /// Its name; on Kubernetes the pod's.
        pub consumer: String,
        /// Messages that it has and has not acknowledged; null with RabbitMQ.
        pub in_flight: Option<u64>,
        /// For how many seconds it has asked for nothing; null with RabbitMQ, and if no queue knows it any more.
        pub idle_seconds: Option<u64>,
        /// Messages that it has acknowledged in each interval of ten minutes, the oldest first. The last interval is not over
        /// yet. With RabbitMQ webhooks are not among them.
        pub acknowledged: Vec<u64> as "schema::Intervals",
    }
}
