//! GET /notification-ms/notifications?to=: what was delivered, newest first.

use super::{Call, authorize};
use api::Page;
use api::notification::operation::ListNotifications;
use events::redis;
use notification_domain::{LogQuery, from_entry};
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::{HandlerResult, no_such_route};

/// How many entries are looked at in one step for those of one queue, and how many steps a call makes.
pub(super) const STEP: u64 = 200;
pub(super) const STEPS: usize = 10;

/// Shows the delivery log, of one recipient or of all, of one queue or of all, to an operator or an administrator.
pub(super) fn list_notifications(call: &Call<'_, ListNotifications>) -> HandlerResult {
    authorize(call)?;
    let query = LogQuery::from_query(call.query.clone())?;
    // Without a Redis there is no log.
    let redis = Redis::find()?.ok_or_else(no_such_route)?;
    Ok(call.ok(&read(&redis, &query)?))
}

/// Reads a page. One of a single queue may have fewer items than it could, and others after it: the log is by time alone, and a
/// call looks at so many entries at most.
fn read(redis: &Redis, query: &LogQuery) -> Result<Page<api::notification::Delivery>, Problem> {
    let log = match &query.to {
        Some(to) => redis::recipient_log(&redis::recipient_digest(to)),
        None => redis::DELIVERY_LOG.to_owned(),
    };
    let (step, steps) = if query.queue.is_some() { (STEP, STEPS) } else { (query.limit, 1) };
    let (mut items, mut before) = (Vec::new(), query.before.clone());
    for _ in 0..steps {
        let replies = redis.run(&redis::read_log(&log, before.as_deref(), step))?;
        let entries = redis::log_entries(&replies).map_err(BrokerError::from)?;
        let is_last = (entries.len() as u64) < step;
        for (id, item) in entries {
            before = Some(id.clone());
            let delivery = from_entry(id, &item);
            let is_asked =
                |delivery: &api::notification::Delivery| query.queue.is_none_or(|queue| delivery.queue == queue.name());
            items.extend(delivery.filter(is_asked));
            if items.len() as u64 == query.limit {
                return Ok(Page { items, next_cursor: before });
            }
        }
        if is_last {
            return Ok(Page { items, next_cursor: None });
        }
    }
    Ok(Page { items, next_cursor: before })
}
