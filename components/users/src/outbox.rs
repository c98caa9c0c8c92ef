//! Publishing from the outbox: right after a sign-up, or later by a sweep. An event that is published twice has the same id
//! both times, and consumers act on it once.
//!
//! Redis responds before it has written to disk. So an event that it has accepted is only marked, and deleted some seconds
//! later if the same run of Redis still responds and, with `redis_replicas`, so many replicas have it; if it is another run,
//! the event is published again. RabbitMQ confirms what is on disk.

use crate::settings;
use crate::store::Store;
use crate::store::outbox::{self as table, OutboxEvent};
use events::Exchange;
use problem::Problem;
use service_kit::broker::{Broker, BrokerKind, Redis};
use service_kit::log;
use std::time::{Duration, Instant};

/// How many events a sweep takes at a time, once it knows that the broker is there.
const BATCH: i32 = 100;
/// After this long a sweep takes no more.
const SWEEP: Duration = Duration::from_secs(10);
/// How many published events one step deletes, and after which time a purge makes no further step.
const PURGE: i32 = 1_000;
const PURGE_FOR: Duration = Duration::from_secs(2);

/// What a sweep did.
#[derive(Default)]
pub(crate) struct Swept {
    /// Events that the broker has now.
    pub(crate) published: usize,
    /// Events that were tried, or taken to be tried, and that it does not have.
    pub(crate) left: usize,
}

/// Why an event is not published.
enum Unpublished {
    /// The broker is not there, or takes nothing.
    Broker(String),
    /// The broker is there and does not take this event.
    Event(String),
}

/// Publishes an event that was just enqueued. Whatever goes wrong, the request that caused it is not affected. The database
/// connection is opened after the broker has responded, so a broker that hangs holds none.
pub(crate) fn publish_now(event: &OutboxEvent) {
    let broker = Broker::connect().map_err(|error| Unpublished::Broker(error.to_string()));
    let outcome = broker.and_then(|broker| publish(&broker, event));
    let updated = Store::open().and_then(|store| match outcome {
        Ok(()) => confirm(&store, &[event]),
        Err(failure) => {
            let (cause, is_refused) = match &failure {
                Unpublished::Broker(cause) => (cause, false),
                Unpublished::Event(cause) => (cause, true),
            };
            log::warn("an event stays in the outbox", &[("event_id", &event.event_id), ("cause", cause)]);
            if is_refused { table::postpone(&store, &[event]) } else { table::release(&store, &[event]) }
        }
    });
    if let Err(problem) = updated {
        log::warn("failed to update the outbox", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Publishes what is in the outbox and not leased. The first event shows whether the broker is available: if not, the
/// others are left alone.
pub(crate) fn sweep(store: &Store) -> Result<Swept, Problem> {
    let mut refused = Refused::default();
    let swept = sweep_all(store, &mut refused);
    if let Some((event_id, cause)) = refused.last {
        let fields = [("count", refused.count.to_string()), ("last_event_id", event_id), ("cause", cause)];
        log::warn("the broker refuses events", &fields.each_ref().map(|(name, value)| (*name, value.as_str())));
    }
    swept
}

/// What the broker refused in one sweep, for one line of the log.
#[derive(Default)]
struct Refused {
    count: usize,
    /// The last one, and why.
    last: Option<(String, String)>,
}

fn sweep_all(store: &Store, refused: &mut Refused) -> Result<Swept, Problem> {
    let end = Instant::now() + SWEEP;
    let mut swept = Swept::default();
    let mut broker = None;
    loop {
        // A broker that has taken or refused one is there.
        let is_first = swept.published + swept.left == 0;
        let events = table::lease(store, if is_first { 1 } else { BATCH })?;
        if events.is_empty() {
            return Ok(swept);
        }
        let connected = match &broker {
            Some(broker) => Ok(broker),
            None => Broker::connect().map(|connected| &*broker.insert(connected)),
        };
        let batch = match &connected {
            Ok(broker) => Batch::publish(broker, &events),
            Err(error) => Batch { broker_failed: Some(error.to_string()), ..Batch::of(&events) },
        };
        confirm(store, &batch.published)?;
        if let (Some(last), Some(cause)) = (batch.refused.last(), &batch.refusal) {
            refused.count += batch.refused.len();
            refused.last = Some((last.event_id.clone(), cause.clone()));
        }
        table::postpone(store, &batch.refused)?;
        table::release(store, &batch.untaken)?;
        swept.published += batch.published.len();
        swept.left += batch.refused.len() + batch.untaken.len();
        if let Some(cause) = batch.broker_failed {
            log::warn("failed to publish the outbox", &[("cause", &cause)]);
            return Ok(swept);
        }
        if Instant::now() >= end {
            return Ok(swept);
        }
    }
}

/// Deletes what was published and is on Redis's disk by now, and requeues what a Redis that has ended may have lost.
pub(crate) fn purge_published(store: &Store) -> Result<(), Problem> {
    if is_durable_when_confirmed()? {
        return Ok(());
    }
    let replicas = settings::redis_replicas()?;
    let looked = Redis::connect().and_then(|redis| Ok((redis.run_id()?, redis.has_replicated(replicas)?)));
    let (run_id, is_replicated) = match looked {
        Ok(found) => found,
        Err(error) => {
            log::warn("published events cannot be purged yet", &[("cause", &error.to_string())]);
            return Ok(());
        }
    };
    if !is_replicated {
        log::warn("published events stay in the outbox until replicas of Redis have them", &[]);
    }
    let start = Instant::now();
    while start.elapsed() < PURGE_FOR {
        let purged = table::purge_published(store, &run_id, is_replicated, PURGE)?;
        if purged.requeued > 0 {
            let count = purged.requeued.to_string();
            log::warn("events are published again, since Redis has restarted", &[("count", &count)]);
        }
        if purged.deleted + purged.requeued < PURGE as usize {
            return Ok(());
        }
    }
    Ok(())
}

/// The outcome of some events.
struct Batch<'a> {
    published: Vec<&'a OutboxEvent>,
    /// The broker is there and did not take them.
    refused: Vec<&'a OutboxEvent>,
    /// The broker is not there, or they were not tried.
    untaken: Vec<&'a OutboxEvent>,
    /// Why it did not take the last one that it refused.
    refusal: Option<String>,
    broker_failed: Option<String>,
}

impl<'a> Batch<'a> {
    /// None of them tried.
    fn of(events: &'a [OutboxEvent]) -> Self {
        Self {
            published: Vec::new(),
            refused: Vec::new(),
            untaken: events.iter().collect(),
            refusal: None,
            broker_failed: None,
        }
    }

    /// Publishes them in turn until the broker fails.
    fn publish(broker: &Broker, events: &'a [OutboxEvent]) -> Self {
        let mut batch = Self { untaken: Vec::new(), ..Self::of(events) };
        for event in events {
            if batch.broker_failed.is_some() {
                batch.untaken.push(event);
                continue;
            }
            match publish(broker, event) {
                Ok(()) => batch.published.push(event),
                Err(Unpublished::Event(cause)) => {
                    batch.refused.push(event);
                    batch.refusal = Some(cause);
                }
                Err(Unpublished::Broker(cause)) => {
                    batch.untaken.push(event);
                    batch.broker_failed = Some(cause);
                }
            }
        }
        batch
    }
}

/// Whether what the broker has confirmed is on disk.
pub(crate) fn is_durable_when_confirmed() -> Result<bool, Problem> {
    Ok(BrokerKind::from_config()?.confirms_what_is_on_disk())
}

/// Deletes events that are on the broker's disk, and marks those that will be there soon.
fn confirm(store: &Store, events: &[&OutboxEvent]) -> Result<(), Problem> {
    if is_durable_when_confirmed()? { table::delete(store, events) } else { table::mark_published(store, events) }
}

fn publish(broker: &Broker, event: &OutboxEvent) -> Result<(), Unpublished> {
    let exchange = Exchange::from_name(&event.exchange)
        .ok_or_else(|| Unpublished::Event("there is no such exchange".to_owned()))?;
    broker.publish(exchange, &event.event.to_string()).map_err(|error| {
        if broker.has_refused(&error) {
            Unpublished::Event(error.to_string())
        } else {
            Unpublished::Broker(error.to_string())
        }
    })
}
