//! The consumer of RabbitMQ: handles the message that the AMQP trigger delivers. The trigger acknowledges it afterwards,
//! retries it or dead-letters it.

use crate::delivery::{EXPIRED, Notification, Outlets};
use crate::settings::{consumer_name, longest_send, outlets};
use events::Queue;
use events::redis::{self, Acquisition, Command, LoggedDelivery, Reply, ReplyError, Send};
use exports::concierge::amqp::handler::{Error, Guest, HeaderValue, Message};
use notification_domain::SendError;
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::log;
use service_kit::random;
use service_kit::trace::TRACEPARENT;
use std::cell::Cell;
use std::time::{Duration, Instant};
use trace_context::TraceContext;

wit_bindgen::generate!({ path: "../../wit", world: "concierge:app/amqp-handler" });

/// How long whoever sends a message counts as alive beyond the time that a send may take.
const MARGIN: Duration = Duration::from_secs(5);
/// How long another copy of a message that is being sent is waited for, and how often is looked.
const WAIT: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(100);

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
    let copy = Copy { queue, event_id: &event_id, holder: holder() };
    // A message that comes again may be one whose consumer crashed: its right to send is not waited for.
    let turn = if message.delivery_count <= 1 {
        delivery_log.acquire(&copy, longest_send(outlets) + MARGIN)
    } else {
        delivery_log.look(&copy)
    };
    match turn {
        Acquisition::Acquired(_) => {}
        Acquisition::AlreadySent => return Ok(()),
        Acquisition::InProgress => return Err(Error::Failed("the same event is being sent".to_owned())),
    }
    if notification.is_expired() {
        delivery_log.give_back(&copy);
        return Err(Error::Unusable(EXPIRED.to_owned()));
    }
    let state = delivery_log.redis.as_ref();
    let (delivered, send) = notification.send(outlets, state, consumer, message.delivery_count.into()).await;
    match delivered {
        Ok(Some(ref logged)) => delivery_log.record(&copy, consumer, logged, &send),
        Ok(None) | Err(_) => {
            delivery_log.count(&send);
            delivery_log.give_back(&copy);
        }
    }
    delivered.map(drop).map_err(|error| match error {
        SendError::Permanent { cause } => Error::Unusable(cause),
        SendError::Temporary { cause, .. } => Error::Failed(cause),
    })
}

/// A copy of a message: an event is published again when nobody has confirmed it, and may then be there twice.
struct Copy<'a> {
    queue: Queue,
    event_id: &'a str,
    /// Who sends it.
    holder: String,
}

/// A name that nobody else has.
fn holder() -> String {
    random::bytes::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Delivery log and deduplication keys, in Redis, if there is one. Messages are sent whether or not it responds; without it
/// an event that was published twice may be sent twice.
struct DeliveryLog {
    redis: Option<Redis>,
    /// Whether there is something to give back.
    has_acquired: Cell<bool>,
}

impl DeliveryLog {
    fn open() -> Self {
        let redis = Redis::find().unwrap_or_else(|error| {
            warn_unavailable(&error);
            None
        });
        Self { redis, has_acquired: Cell::new(false) }
    }

    /// Acquires the right to send a message, waiting for whoever sends another copy of it.
    fn acquire(&self, copy: &Copy<'_>, alive_for: Duration) -> Acquisition {
        let begun = Instant::now();
        loop {
            let acquire = redis::acquire(copy.queue, copy.event_id, &copy.holder, alive_for);
            let acquisition = self.ask(&acquire, Acquisition::from_replies);
            match acquisition {
                Some(Acquisition::InProgress) if begun.elapsed() < WAIT => std::thread::sleep(LOOK),
                Some(acquisition) => {
                    self.has_acquired.set(matches!(acquisition, Acquisition::Acquired(_)));
                    return acquisition;
                }
                None => return Acquisition::Acquired(1),
            }
        }
    }

    /// Whether a message was sent, whoever else may be sending it.
    fn look(&self, copy: &Copy<'_>) -> Acquisition {
        let was_sent = self.ask(&redis::get_deduplication_key(copy.queue, copy.event_id), redis::was_sent);
        if was_sent.unwrap_or_default() { Acquisition::AlreadySent } else { Acquisition::Acquired(1) }
    }

    fn give_back(&self, copy: &Copy<'_>) {
        if self.has_acquired.get() {
            self.run(&redis::give_back(copy.queue, copy.event_id, &copy.holder));
        }
    }

    /// An answer, if there is one.
    fn ask<T>(&self, command: &Command, read: impl Fn(&[Reply]) -> Result<T, ReplyError>) -> Option<T> {
        let replies = self.redis.as_ref()?.run(command);
        let answer = replies.and_then(|replies| Ok(read(&replies)?));
        answer.inspect_err(warn_unavailable).ok()
    }

    fn record(&self, copy: &Copy<'_>, consumer: &str, logged: &LoggedDelivery, send: &Send) {
        self.run(&redis::record_delivery(copy.queue, copy.event_id, consumer, logged, send));
    }

    /// Counts a send that is not in the log.
    fn count(&self, send: &Send) {
        self.run(&redis::count_send(send));
    }

    fn run(&self, command: &Command) {
        let Some(redis) = &self.redis else { return };
        if let Err(error) = redis.run(command) {
            warn_unavailable(&error);
        }
    }
}

fn warn_unavailable(error: &BrokerError) {
    log::warn("the delivery log is unavailable", &[("cause", &error.to_string())]);
}
