//! /notification-ms/internal: the queues as an operator sees them, and the bell.

use events::redis::{self, QueueState};
use events::{Exchange, Queue};
use serde::Serialize;
use service_kit::broker::{BrokerError, BrokerKind, Redis};
use service_kit::{Outcome, Page, Request, Service, StatusCode, empty, no_such_route};

/// POST `/ring`: wakes the consumers. What a schedule calls, for rings that nobody heard and retries that are due.
/// RabbitMQ's consumers never sleep.
pub(super) fn ring(request: &Request) -> Outcome {
    Service::Scheduler.require(request)?;
    request.query(&[])?;
    if BrokerKind::from_config()? == BrokerKind::Redis {
        // One bell is enough: a consumer looks at all queues whichever rings.
        Redis::connect()?.run(&redis::wake_up(Exchange::UserLogin))?;
    }
    Ok(empty(StatusCode::ACCEPTED))
}

/// A queue as an operator sees it.
#[derive(Serialize)]
struct Item {
    queue: &'static str,
    exchange: &'static str,
    waiting: u64,
    in_flight: u64,
    retrying: u64,
    dead: u64,
    consumers: u64,
    failures_in_a_row: u64,
    /// For how many seconds the queue sends nothing, as its provider does not answer; null if it goes on.
    paused_for: Option<u64>,
}

/// GET `/queues`: how many messages wait, are in flight, are tried again and are dead, and which queues pause. RabbitMQ's
/// own management shows its queues.
pub(super) fn show_queues(request: &Request) -> Outcome {
    Service::Operator.require(request)?;
    request.query(&[])?;
    if BrokerKind::from_config()? == BrokerKind::RabbitMq {
        return Err(no_such_route());
    }
    let broker = Redis::connect()?;
    let items = Queue::ALL.into_iter().map(|queue| item(&broker, queue)).collect::<Result<Vec<_>, _>>()?;
    Ok(service_kit::json(StatusCode::OK, &Page { items, next_cursor: None }))
}

fn item(broker: &Redis, queue: Queue) -> Result<Item, BrokerError> {
    let state = QueueState::from_replies(&broker.run(&redis::queue_state(queue))?)?;
    Ok(Item {
        queue: queue.name(),
        exchange: queue.exchange().name(),
        waiting: state.waiting,
        in_flight: state.in_flight,
        retrying: state.retrying,
        dead: state.dead,
        consumers: state.consumers,
        failures_in_a_row: state.failures,
        paused_for: state.paused.map(|pause| pause.as_secs().max(1)),
    })
}
