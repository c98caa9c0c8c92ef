//! /notification-ms/internal: the queues as an operator sees them, and the bell.

use events::redis::{self, QueueState};
use events::{Exchange, Queue};
use serde::Serialize;
use shell::broker::{Broker, BrokerError};
use shell::{Outcome, Page, Request, ServiceToken, StatusCode, empty};

/// POST `/ring`: wakes the consumers. What a schedule calls, for rings that nobody heard and retries that are due.
pub(super) fn ring(request: &Request) -> Outcome {
    ServiceToken::require(request)?;
    request.query(&[])?;
    let broker = Broker::connect()?;
    // One bell is enough: a consumer looks at all queues whichever rings.
    broker.run(&redis::ring(Exchange::UserLogin))?;
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

/// GET `/queues`: how many messages wait, are in flight and are dead.
pub(super) fn show_queues(request: &Request) -> Outcome {
    ServiceToken::require(request)?;
    request.query(&[])?;
    let broker = Broker::connect()?;
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

fn dead_letters(broker: &Broker, queue: Queue) -> Result<i64, BrokerError> {
    match broker.run(&redis::dead_letter_count(queue))?.as_slice() {
        [redis::Reply::Integer(count)] => Ok(*count),
        _ => Err(redis::ReplyError.into()),
    }
}
