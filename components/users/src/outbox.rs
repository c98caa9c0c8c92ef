//! Publishing from the outbox: at once after a sign-up, later by a sweep. An event goes from the outbox only when
//! the broker has it; one that is published twice has the same id both times.

use crate::store::Store;
use crate::store::events::{self as kept, Kept};
use events::Exchange;
use problem::Problem;
use shell::broker::Broker;
use shell::log;

/// How many events one sweep publishes.
const SWEEP: i32 = 200;

/// What a sweep did.
pub(crate) struct Swept {
    /// Events that the broker has now.
    pub(crate) published: usize,
    /// Events that it did not take.
    pub(crate) left: usize,
}

/// Publishes an event that was just kept. Whatever goes wrong, the request that caused it is not affected. The database is
/// asked after the broker has answered: of one that hangs no connection waits.
pub(crate) fn publish_now(kept: &Kept) {
    let outcome = Broker::connect().map_err(|error| error.to_string()).and_then(|broker| publish(&broker, kept));
    let settled = Store::open().and_then(|store| match outcome {
        Ok(()) => kept::forget(&store, &[kept]),
        Err(cause) => {
            log::warn("an event is kept for later", &[("event_id", &kept.event_id), ("cause", &cause)]);
            kept::release(&store, &[kept])
        }
    });
    if let Err(problem) = settled {
        log::warn("the outbox could not be updated", &[("cause", problem.cause().unwrap_or_default())]);
    }
}

/// Publishes what is in the outbox and in nobody's hands.
pub(crate) fn sweep(store: &Store) -> Result<Swept, Problem> {
    let events = kept::lease(store, SWEEP)?;
    if events.is_empty() {
        return Ok(Swept { published: 0, left: 0 });
    }
    let broker = Broker::connect().map_err(|error| error.to_string());
    let (mut published, mut left, mut cause) = (Vec::new(), Vec::new(), None);
    for kept in &events {
        match broker.as_ref().map_err(Clone::clone).and_then(|broker| publish(broker, kept)) {
            Ok(()) => published.push(kept),
            Err(error) => {
                left.push(kept);
                cause = Some(error);
            }
        }
    }
    if let Some(cause) = cause {
        let count = left.len().to_string();
        log::warn("kept events could not be published", &[("count", &count), ("cause", &cause)]);
    }
    kept::forget(store, &published)?;
    kept::release(store, &left)?;
    Ok(Swept { published: published.len(), left: left.len() })
}

fn publish(broker: &Broker, kept: &Kept) -> Result<(), String> {
    let exchange = Exchange::from_name(&kept.exchange).ok_or("the exchange is unknown")?;
    broker.publish(exchange, &kept.event.to_string()).map_err(|error| error.to_string())
}
