//! The consumer of RabbitMQ: handles the message that the AMQP trigger delivers. The trigger acknowledges it afterwards,
//! retries it or dead-letters it.

use crate::delivery::{EXPIRED, Notification, Outlets};
use crate::settings::{consumer_name, outlets};
use events::Queue;
use events::redis::{self, Command, LoggedDelivery, Send};
use exports::concierge::amqp::handler::{Error, Guest, HeaderValue, Message};
use notification_domain::SendError;
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::log;
use service_kit::trace::TRACEPARENT;
use trace_context::TraceContext;

wit_bindgen::generate!({ path: "../../wit", world: "concierge:app/amqp-handler" });

struct Handler;

export!(Handler);

impl Guest for Handler {
    fn handle_message(message: Message) -> Result<(), Error> {
        // The text is for the trigger's log and for the dead letter.
        spin_executor::run(handle(&message))
    }
}

/// Delivers a message. The error says why not, and names no recipient.
async fn handle(message: &Message) -> Result<(), Error> {
    // A setting can be corrected, a message cannot.
    let misconfigured = |problem: Problem| Error::Failed(problem.cause().unwrap_or("unknown").to_owned());
    let consumer = consumer_name().map_err(misconfigured)?;
    let outlets = outlets().map_err(misconfigured)?;
    let queue = Queue::from_name(&message.queue)
        .ok_or_else(|| Error::Unusable("no queue of this name is known here".to_owned()))?;
    let notification =
        Notification::prepare(queue, &message.body, &outlets).map_err(|unusable| Error::Unusable(unusable.cause))?;
    let delivered_in = delivered_in(message);
    notification.trace(delivered_in, deliver(message, queue, &notification, &outlets, &consumer)).await
}

/// The span in which the trigger delivers a message, if it says so.
fn delivered_in(message: &Message) -> Option<TraceContext> {
    let (_, value) = message.headers.iter().find(|(name, _)| name == TRACEPARENT)?;
    match value {
        HeaderValue::Text(text) => TraceContext::parse(text),
        _ => None,
    }
}

/// Delivers what is an event.
async fn deliver(
    message: &Message,
    queue: Queue,
    notification: &Notification,
    outlets: &Outlets,
    consumer: &str,
) -> Result<(), Error> {
    if !notification.is_due() {
        return Ok(());
    }
    let delivery_log = DeliveryLog::open();
    let event_id = notification.event_id();
    if delivery_log.was_sent(queue, &event_id) {
        return Ok(());
    }
    if notification.is_expired() {
        return Err(Error::Unusable(EXPIRED.to_owned()));
    }
    let state = delivery_log.0.as_ref();
    let (delivered, send) = notification.send(outlets, state, consumer, message.delivery_count.into()).await;
    match delivered {
        Ok(Some(ref logged)) => delivery_log.record(queue, &event_id, consumer, logged, &send),
        Ok(None) | Err(_) => delivery_log.count(&send),
    }
    delivered.map(drop).map_err(|error| match error {
        SendError::Permanent { cause } => Error::Unusable(cause),
        SendError::Temporary { cause, .. } => Error::Failed(cause),
    })
}

/// Delivery log and deduplication keys, in Redis, if there is one. Messages are sent whether or not it responds; without it
/// an event that was published twice may be sent twice.
struct DeliveryLog(Option<Redis>);

impl DeliveryLog {
    fn open() -> Self {
        Self(Redis::find().unwrap_or_else(|error| {
            warn_unavailable(&error);
            None
        }))
    }

    fn was_sent(&self, queue: Queue, event_id: &str) -> bool {
        let Some(redis) = &self.0 else { return false };
        let replies = redis.run(&redis::get_deduplication_key(queue, event_id));
        replies.and_then(|replies| Ok(redis::was_sent(&replies)?)).unwrap_or_else(|error| {
            warn_unavailable(&error);
            false
        })
    }

    fn record(&self, queue: Queue, event_id: &str, consumer: &str, logged: &LoggedDelivery, send: &Send) {
        self.run(&redis::record_delivery(queue, event_id, consumer, logged, send));
    }

    /// Counts a send that is not in the log.
    fn count(&self, send: &Send) {
        self.run(&redis::count_send(send));
    }

    fn run(&self, command: &Command) {
        let Some(redis) = &self.0 else { return };
        if let Err(error) = redis.run(command) {
            warn_unavailable(&error);
        }
    }
}

fn warn_unavailable(error: &BrokerError) {
    log::warn("the delivery log is unavailable", &[("cause", &error.to_string())]);
}
