//! The keys of Redis that belong to a queue.

use crate::Queue;

/// The times at which the entries of a queue's retry store are due.
pub(super) fn due_times(queue: Queue) -> String {
    format!("{}.due", queue.retries())
}

/// A queue's circuit breaker.
pub(super) fn circuit_breaker(queue: Queue) -> String {
    format!("concierge:breaker:{}", queue.name())
}

/// The deduplication key of an event in a queue. Its value is `sent`, or: which message holds it, how many sends have
/// begun, and until when the holder counts as alive.
pub(super) fn deduplication_key(queue: Queue, event_id: &str) -> String {
    format!("concierge:handled:{}:{event_id}", queue.name())
}

/// Which endpoints have an event of a queue of webhooks.
pub(super) fn endpoints_of(queue: Queue, event_id: &str) -> String {
    format!("concierge:webhook:{}:{event_id}", queue.name())
}

/// The circuit breaker of an endpoint for webhooks, by its name.
pub(super) fn endpoint_breaker(endpoint: &str) -> String {
    format!("concierge:breaker:webhook:{endpoint}")
}
