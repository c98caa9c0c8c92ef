//! /notification-ms/internal/queues/{queue}/dead: the dead letters of a queue, redriven or dropped.

use super::list_notifications::{STEP, STEPS};
use super::{Call, authorize, authorize_change};
use crate::management::{Action, Management};
use api::notification::operation::{
    DropDeadLetter, DropDeadLetters, ListDeadLetters, RedriveDeadLetter, RedriveDeadLetters,
};
use api::notification::{Dropped, Redriven};
use api::{ByOperatorOrAccessToken, Operation, Page};
use events::Queue;
use events::redis::{self, Changed, DeadLetter};
use notification_domain::{LogQuery, is_about, is_entry_id, shown_letter};
use problem::{Kind, Problem};
use service_kit::broker::{BrokerError, BrokerKind, Redis};
use service_kit::{HandlerResult, OperatorOr, StatusCode, log};

/// GET: a page of the dead letters, oldest first.
pub(super) async fn list(call: &Call<'_, ListDeadLetters>) -> HandlerResult {
    authorize(call)?;
    let query = LogQuery::from_query(call.query.clone())?;
    let queue = known(&call.path)?;
    let page = match BrokerKind::from_config()? {
        BrokerKind::Redis => list_on_redis(&Redis::connect()?, queue, &query)?,
        BrokerKind::RabbitMq => {
            // The letters have no ids of the broker's: a cursor says how many come before.
            let skip = query.before.as_deref().and_then(|cursor| cursor.split('-').next()?.parse().ok()).unwrap_or(0);
            let (items, next) = Management::from_config()?.list(&queue.dead_letters(), skip, &query).await?;
            Page { items, next_cursor: next.map(|place| format!("{place}-0")) }
        }
    };
    Ok(call.ok(&page))
}

/// A page of a queue on Redis. One of a single account may have fewer letters than it could, and others after it.
fn list_on_redis(
    broker: &Redis,
    queue: Queue,
    query: &LogQuery,
) -> Result<Page<api::notification::DeadLetter>, Problem> {
    let (step, steps) = if query.to.is_some() { (STEP, STEPS) } else { (query.limit, 1) };
    let (mut items, mut after) = (Vec::new(), query.before.clone());
    for _ in 0..steps {
        let read = redis::read_dead_letters(queue, after.as_deref(), step);
        let letters = redis::dead_letters(&broker.run(&read)?).map_err(BrokerError::from)?;
        let is_last = (letters.len() as u64) < step;
        for letter in letters {
            after = Some(letter.id.clone());
            if query.to.as_deref().is_none_or(|to| is_about(&letter.event, to)) {
                items.push(shown(letter));
            }
            if items.len() as u64 == query.limit {
                return Ok(Page { items, next_cursor: after });
            }
        }
        if is_last {
            return Ok(Page { items, next_cursor: None });
        }
    }
    Ok(Page { items, next_cursor: after })
}

fn shown(letter: DeadLetter) -> api::notification::DeadLetter {
    let since = letter.id.split('-').next().and_then(|time| time.parse().ok()).unwrap_or_default();
    shown_letter(letter.id, &letter.event, letter.reason, letter.attempts, letter.first_tried, since)
}

/// POST `/redrive`: puts the oldest dead letters back into their own queue. The other queues of the exchange are not affected.
pub(super) async fn redrive_all(call: &Call<'_, RedriveDeadLetters>) -> HandlerResult {
    let Changed { changed: redriven, left } = change(call, &call.path, None, Action::Redrive).await?;
    Ok(call.ok(&Redriven { redriven, left }))
}

/// POST `/{id}/redrive`: puts one back.
pub(super) async fn redrive_one(call: &Call<'_, RedriveDeadLetter>) -> HandlerResult {
    let (queue, id) = &call.path;
    let Changed { changed: redriven, left } = change(call, queue, Some(id), Action::Redrive).await?;
    Ok(call.ok(&Redriven { redriven, left }))
}

/// DELETE: drops the oldest dead letters.
pub(super) async fn drop_all(call: &Call<'_, DropDeadLetters>) -> HandlerResult {
    let Changed { changed: dropped, left } = change(call, &call.path, None, Action::Drop).await?;
    Ok(call.ok(&Dropped { dropped, left }))
}

/// DELETE `/{id}`: drops one.
pub(super) async fn drop_one(call: &Call<'_, DropDeadLetter>) -> HandlerResult {
    let (queue, id) = &call.path;
    change(call, queue, Some(id), Action::Drop).await?;
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// Does something with one dead letter, or with the oldest ones.
async fn change<O: Operation<Access = ByOperatorOrAccessToken>>(
    call: &Call<'_, O>,
    queue: &str,
    id: Option<&str>,
    action: Action,
) -> Result<Changed, Problem> {
    authorize_change(call)?;
    let queue = known(queue)?;
    let changed = match BrokerKind::from_config()? {
        BrokerKind::Redis => change_on_redis(queue, id, action)?,
        BrokerKind::RabbitMq => change_on_rabbitmq(queue, id, action).await?,
    };
    if id.is_some() && changed.changed == 0 {
        return Err(Problem::of(Kind::DeadLetterNotFound));
    }
    let what = match action {
        Action::Redrive => "redriven",
        Action::Drop => "dropped",
    };
    let count = changed.changed.to_string();
    let by = match &call.caller {
        OperatorOr::Operator => "operator".to_owned(),
        OperatorOr::Caller(caller) => caller.user_id.to_string(),
    };
    let fields = [("queue", queue.name()), ("count", count.as_str()), ("by", by.as_str())];
    log::audit("dead-letters", what, &call.request.id, &fields);
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
    // If it fails, the schedule wakes them.
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
    Queue::from_name(queue).ok_or_else(|| Problem::of(Kind::QueueNotFound))
}
