//! What callers get from notification.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use crate::{Check, HealthStatus};
use serde::{Deserialize, Serialize};

wire! {
    /// A delivery, as the log shows it.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Delivery {
        /// The id of the entry in the log.
        pub id: String as "schema::StreamId",
        /// The event that led to it.
        pub event_id: String as "schema::SessionUuid",
        /// The type of the event.
        pub event_type: String as "schema::ExchangeName",
        /// The queue that it came through.
        pub queue: String as "schema::QueueName",
        /// How it was sent.
        pub kind: String as "schema::NotificationKind",
        /// The email of the account, however it was sent.
        pub to: String,
        /// The subject.
        pub subject: String,
        /// Who sent it.
        pub consumer: String,
        /// Which delivery of the message it was.
        pub attempts: u64 as "std::num::NonZeroU64",
        /// When it was sent.
        pub delivered_at: String as "schema::DateTime",
    }

    /// A queue.
    #[derive(Debug, Serialize)]
    pub struct QueueState {
        /// Its name.
        pub queue: &'static str as "schema::QueueName",
        /// The exchange that it is bound to.
        pub exchange: &'static str as "schema::ExchangeName",
        /// Messages that no consumer has claimed. Up to 10000 are counted; beyond that it is Redis's estimate.
        pub waiting: u64,
        /// Messages that are claimed and not acknowledged.
        pub in_flight: u64,
        /// Messages that have failed and will be retried.
        pub retrying: u64,
        /// Messages that could not be handled.
        pub dead: u64,
        /// Consumers seen lately.
        pub consumers: u64,
        /// Sends that have failed since the last success.
        pub failures_in_a_row: u64,
        /// For how many seconds nothing is sent, since too many sends in a row have failed; null if the queue is running.
        pub paused_for: Option<u64> as "Option<std::num::NonZeroU64>",
    }

    /// A message that could not be handled. Its content is not shown.
    #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
    pub struct DeadLetter {
        /// What it is redriven or dropped by.
        pub id: String as "schema::DeadLetterId",
        /// The event; null if the message is not one.
        pub event_id: Option<String>,
        /// The type of the event; null if the message is not one.
        pub event_type: Option<String>,
        /// Why the message could not be handled.
        pub reason: String,
        /// How often it was tried.
        pub attempts: u64,
        /// When the first attempt failed; null if that was the only one, or is not known.
        pub first_tried: Option<String> as "schema::OptionalDateTime",
        /// When it became a dead letter.
        pub dead_since: Option<String> as "schema::OptionalDateTime",
    }

    /// How many dead letters were redriven.
    #[derive(Debug, Serialize)]
    pub struct Redriven {
        /// Dead letters that were put back into their queue.
        pub redriven: u64,
        /// Dead letters that are left.
        pub left: u64,
    }

    /// How many dead letters were dropped.
    #[derive(Debug, Serialize)]
    pub struct Dropped {
        /// Dead letters that were deleted.
        pub dropped: u64,
        /// Dead letters that are left.
        pub left: u64,
    }

    /// Whether requests should be sent here.
    #[derive(Clone, Copy, Debug, Serialize)]
    pub struct Readiness {
        /// `ok` if all checks are.
        pub status: HealthStatus as "schema::Status",
        /// The checks.
        pub checks: Checks,
    }

    /// The checks of a readiness probe.
    #[derive(Clone, Copy, Debug, Serialize)]
    pub struct Checks {
        /// Whether every setting can be used.
        pub configuration: Check,
        /// Whether Redis answers; absent if RabbitMQ is the broker.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub broker: Option<Check> as "Check",
    }
}

impl Readiness {
    /// Ready if all checks have passed.
    #[must_use]
    pub fn new(checks: Checks) -> Self {
        let is_ready =
            std::iter::once(checks.configuration).chain(checks.broker).all(|check| check.status == HealthStatus::Ok);
        let status = if is_ready { HealthStatus::Ok } else { HealthStatus::Unavailable };
        Self { status, checks }
    }
}
