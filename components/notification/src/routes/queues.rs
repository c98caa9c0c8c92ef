//! /notification-ms/internal: the queues as an operator sees them, and the bell.

use events::redis::{self, QueueState};
use events::{Exchange, Queue};
use serde::Serialize;
use shell::broker::{BrokerError, BrokerKind, Redis};
use shell::{Outcome, Page, Request, Service, StatusCode, empty, no_such_route};

/// POST `/ring`: wakes the consumers. What a schedule calls, for rings that nobody heard and retries that are due.
/// RabbitMQ's consumers never sleep.
pub(super) fn ring(request: &Request) -> Outcome {
    Service::Scheduler.require(request)?;
    request.query(&[])?;
    if BrokerKind::from_config()? == BrokerKind::Redis {
        // One bell is enough: a consumer looks at all queues whichever rings.
        Redis::connect()?.run(&redis::ring(Exchange::UserLogin))?;
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
    dead: i64,
    consumers: u64,
}

/// GET `/queues`: how many messages wait, are in flight and are dead. RabbitMQ's own management shows its queues.
pub(super) fn show_queues(request: &Request) -> Outcome {
    Service::Operator.require(request)?;
    request.query(&[])?;
    if BrokerKind::from_config()? == BrokerKind::RabbitMq {
        return Err(no_such_route());
    }
    let broker = Redis::connect()?;
    let mut items = Vec::new();
    for exchange in Exchange::ALL {
        let replies = broker.run(&redis::queue_state(exchange))?;
        for queue in exchange.queues() {
            let state = QueueState::from_replies(&replies, *queue).map_err(BrokerError::from)?;
            items.push(Item {
                queue: queue.name(),
                exchange: exchange.name(),
                waiting: state.waiting,
                in_flight: state.in_flight,
                dead: dead_letters(&broker, *queue)?,
                consumers: state.consumers,
            });
        }
    }
    Ok(shell::json(StatusCode::OK, &Page { items, next_cursor: None }))
}

fn dead_letters(broker: &Redis, queue: Queue) -> Result<i64, BrokerError> {
    match broker.run(&redis::dead_letter_count(queue))?.as_slice() {
        [redis::Reply::Integer(count)] => Ok(*count),
        _ => Err(redis::ReplyError.into()),
    }
}
