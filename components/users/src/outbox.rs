//! Publishing from the outbox: at once after a sign-up, later by a sweep. An event that is published twice has the same id
//! both times, and consumers act on it once.
//!
//! Redis answers before it has written to disk. So an event that it has taken is only marked, and forgotten some seconds
//! later, when the run of Redis that took it is still the one that answers; if it is another one, the event is published
//! again. RabbitMQ confirms what is on disk.

use crate::store::Store;
use crate::store::events::{self as kept, Kept};
use events::Exchange;
use problem::Problem;
use service_kit::broker::{Broker, BrokerKind, Redis};
use service_kit::log;
use std::time::{Duration, Instant};

/// How many events a sweep takes at a time, once it knows that the broker is there.
const BATCH: i32 = 100;
/// After this long a sweep takes no more.
const SWEEP: Duration = Duration::from_secs(10);
/// How many published events one step forgets, and how many steps a sweep makes.
const FORGET: i32 = 1_000;
const FORGET_STEPS: usize = 50;

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

/// Publishes an event that was just kept. Whatever goes wrong, the request that caused it is not affected. The database is
/// asked after the broker has answered: of one that hangs no connection waits.
pub(crate) fn publish_now(kept: &Kept) {
    let broker = Broker::connect().map_err(|error| Unpublished::Broker(error.to_string()));
    let outcome = broker.and_then(|broker| publish(&broker, kept));
    let settled = Store::open().and_then(|store| match outcome {
        Ok(()) => note_published(&store, &[kept]),
        Err(failure) => {
            let (cause, is_refused) = match &failure {
                Unpublished::Broker(cause) => (cause, false),
                Unpublished::Event(cause) => (cause, true),
            };
            log::warn("an event is kept for later", &[("event_id", &kept.event_id), ("cause", cause)]);
            if is_refused { kept::postpone(&store, &[kept]) } else { kept::release(&store, &[kept]) }
        }
    });
    if let Err(problem) = settled {
        log::warn("the outbox could not be updated", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Publishes what is in the outbox and in nobody's hands. The first event shows whether the broker is there: if not, the
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
        let events = kept::lease(store, if is_first { 1 } else { BATCH })?;
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
        note_published(store, &batch.published)?;
        if let (Some(last), Some(cause)) = (batch.refused.last(), &batch.refusal) {
            refused.count += batch.refused.len();
            refused.last = Some((last.event_id.clone(), cause.clone()));
        }
        kept::postpone(store, &batch.refused)?;
        kept::release(store, &batch.untaken)?;
        swept.published += batch.published.len();
        swept.left += batch.refused.len() + batch.untaken.len();
        if let Some(cause) = batch.broker_failed {
            log::warn("the outbox could not be published", &[("cause", &cause)]);
            return Ok(swept);
        }
        if Instant::now() >= end {
            return Ok(swept);
        }
    }
}

/// Forgets what was published and is on Redis's disk by now, and has published again what a Redis that has ended may have
/// lost.
pub(crate) fn settle(store: &Store) -> Result<(), Problem> {
    if is_on_disk_when_confirmed()? {
        return Ok(());
    }
    let run_id = match Redis::connect().and_then(|redis| redis.run_id()) {
        Ok(run_id) => run_id,
        Err(error) => {
            log::warn("published events are not forgotten yet", &[("cause", &error.to_string())]);
            return Ok(());
        }
    };
    for _ in 0..FORGET_STEPS {
        let settled = kept::settle(store, &run_id, FORGET)?;
        if settled.again > 0 {
            let count = settled.again.to_string();
            log::warn("events are published again, since Redis has started anew", &[("count", &count)]);
        }
        if settled.forgotten + settled.again < FORGET as usize {
            return Ok(());
        }
    }
    Ok(())
}

/// What came of some events.
struct Batch<'a> {
    published: Vec<&'a Kept>,
    /// The broker is there and did not take them.
    refused: Vec<&'a Kept>,
    /// The broker is not there, or they were not tried.
    untaken: Vec<&'a Kept>,
    /// Why it did not take the last one that it refused.
    refusal: Option<String>,
    broker_failed: Option<String>,
}

impl<'a> Batch<'a> {
    /// None of them tried.
    fn of(events: &'a [Kept]) -> Self {
        Self {
            published: Vec::new(),
            refused: Vec::new(),
            untaken: events.iter().collect(),
            refusal: None,
            broker_failed: None,
        }
    }

    /// Publishes them in turn until the broker fails.
    fn publish(broker: &Broker, events: &'a [Kept]) -> Self {
        let mut batch = Self { untaken: Vec::new(), ..Self::of(events) };
        for kept in events {
            if batch.broker_failed.is_some() {
                batch.untaken.push(kept);
                continue;
            }
            match publish(broker, kept) {
                Ok(()) => batch.published.push(kept),
                Err(Unpublished::Event(cause)) => {
                    batch.refused.push(kept);
                    batch.refusal = Some(cause);
                }
                Err(Unpublished::Broker(cause)) => {
                    batch.untaken.push(kept);
                    batch.broker_failed = Some(cause);
                }
            }
        }
        batch
    }
}

/// Whether what the broker has confirmed is on disk.
pub(crate) fn is_on_disk_when_confirmed() -> Result<bool, Problem> {
    Ok(BrokerKind::from_config()?.confirms_what_is_on_disk())
}

/// Forgets events that are on the broker's disk, and marks those that will be there soon.
fn note_published(store: &Store, events: &[&Kept]) -> Result<(), Problem> {
    if is_on_disk_when_confirmed()? { kept::forget(store, events) } else { kept::mark_published(store, events) }
}

fn publish(broker: &Broker, kept: &Kept) -> Result<(), Unpublished> {
    let exchange = Exchange::from_name(&kept.exchange)
        .ok_or_else(|| Unpublished::Event("there is no such exchange".to_owned()))?;
    broker.publish(exchange, &kept.event.to_string()).map_err(|error| {
        if broker.has_refused(&error) {
            Unpublished::Event(error.to_string())
        } else {
            Unpublished::Broker(error.to_string())
        }
    })
}
