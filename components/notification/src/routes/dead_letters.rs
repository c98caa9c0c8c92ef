//! /notification-ms/internal/queues/{queue}/dead: the dead letters of a queue, given back to it or dropped.

use crate::management::{Action, Management};
use events::Queue;
use events::redis::{self, Changed, DeadLetter};
use notification_domain::{LogQuery, ShownLetter, is_entry_id, next_page};
use problem::{Kind, Problem};
use serde_json::json;
use service_kit::broker::{BrokerError, BrokerKind, Redis};
use service_kit::{Outcome, Page, Request, Service, StatusCode, empty, log};

/// GET: a page of the dead letters, oldest first.
pub(super) async fn list(request: &Request, queue: &str) -> Outcome {
    Service::Operator.require(request)?;
    let query = LogQuery::from_query(request.query(&["limit", "cursor"])?)?;
    let queue = known(queue)?;
    let page = match BrokerKind::from_config()? {
        BrokerKind::Redis => {
            let read = redis::read_dead_letters(queue, query.before.as_deref(), query.limit);
            let letters = redis::dead_letters(&Redis::connect()?.run(&read)?).map_err(BrokerError::from)?;
            let next_cursor = next_page(&query, letters.len(), letters.last().map(|letter| letter.id.as_str()));
            Page { items: letters.into_iter().map(shown).collect(), next_cursor }
        }
        BrokerKind::RabbitMq => {
            // The letters have no ids of the broker's: a cursor says how many come before.
            let skip = query.before.as_deref().and_then(|cursor| cursor.split('-').next()?.parse().ok()).unwrap_or(0);
            let management = Management::from_config()?;
            let (items, more) = management.list(&queue.dead_letters(), skip, query.limit).await?;
            Page { items, next_cursor: more.then(|| format!("{}-0", skip + query.limit)) }
        }
    };
    Ok(service_kit::json(StatusCode::OK, &page))
}

fn shown(letter: DeadLetter) -> ShownLetter {
    let since = letter.id.split('-').next().and_then(|time| time.parse().ok()).unwrap_or_default();
    ShownLetter::new(letter.id, &letter.event, letter.reason, letter.attempts, letter.first_tried, since)
}

/// POST `/redrive` and `/{id}/redrive`: gives dead letters back to their own queue. The other queues of the exchange hear
/// nothing of it.
pub(super) async fn redrive(request: &Request, queue: &str, id: Option<&str>) -> Outcome {
    let changed = change(request, queue, id, Action::Redrive).await?;
    Ok(service_kit::json(StatusCode::OK, &json!({"redriven": changed.changed, "left": changed.left})))
}

/// DELETE and DELETE `/{id}`: drops dead letters.
pub(super) async fn drop(request: &Request, queue: &str, id: Option<&str>) -> Outcome {
    let changed = change(request, queue, id, Action::Drop).await?;
    if id.is_some() {
        return Ok(empty(StatusCode::NO_CONTENT));
    }
    Ok(service_kit::json(StatusCode::OK, &json!({"dropped": changed.changed, "left": changed.left})))
}

/// Does something with one dead letter, or with the oldest ones.
async fn change(request: &Request, queue: &str, id: Option<&str>, action: Action) -> Result<Changed, Problem> {
    Service::Operator.require(request)?;
    request.query(&[])?;
    let queue = known(queue)?;
    let changed = match BrokerKind::from_config()? {
        BrokerKind::Redis => change_on_redis(queue, id, action)?,
        BrokerKind::RabbitMq => change_on_rabbitmq(queue, id, action).await?,
    };
    if id.is_some() && changed.changed == 0 {
        return Err(Problem::new(Kind::DeadLetterNotFound, "The queue has no dead letter with this id."));
    }
    let what = match action {
        Action::Redrive => "redriven",
        Action::Drop => "dropped",
    };
    let count = changed.changed.to_string();
    log::audit("dead-letters", what, &request.id, &[("queue", queue.name()), ("count", &count)]);
    Ok(changed)
}

const NOTHING: Changed = Changed { changed: 0, left: 0 };

fn change_on_redis(queue: Queue, id: Option<&str>, action: Action) -> Result<Changed, Problem> {
    if id.is_some_and(|id| !is_entry_id(id)) {
        return Ok(NOTHING);
    }
    let broker = Redis::connect()?;
    let command = match action {
        Action::Redrive => redis::redrive(queue, id),
        Action::Drop => redis::drop_dead_letters(queue, id),
    };
    let changed = redis::changed(&broker.run(&command)?).map_err(BrokerError::from)?;
    // A bell that is not heard is rung again by the schedule.
    if action == Action::Redrive && broker.run(&redis::wake_up(queue.exchange())).is_err() {
        log::warn("failed to publish a wake-up", &[("exchange", queue.exchange().name())]);
    }
    Ok(changed)
}

async fn change_on_rabbitmq(queue: Queue, id: Option<&str>, action: Action) -> Result<Changed, Problem> {
    let (management, dead) = (Management::from_config()?, queue.dead_letters());
    match id {
        Some(id) => {
            let left = management.act_on(queue.name(), &dead, id, action).await?;
            Ok(left.map_or(NOTHING, |left| Changed { changed: 1, left }))
        }
        None => {
            let (changed, left) = management.act_on_all(queue.name(), &dead, action).await?;
            Ok(Changed { changed, left })
        }
    }
}

fn known(queue: &str) -> Result<Queue, Problem> {
    Queue::from_name(queue).ok_or_else(|| Problem::new(Kind::QueueNotFound, "There is no queue of this name."))
}
