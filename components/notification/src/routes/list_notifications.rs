//! GET /notification-ms/notifications?to=: what was delivered, newest first.

use super::Call;
use api::Page;
use api::notification::operation::ListNotifications;
use events::redis;
use identity::Role;
use notification_domain::{LogQuery, from_entry, next_page};
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::{HandlerResult, OperatorOr, log, no_such_route};

/// Shows the delivery log, of one recipient or of all, to an operator or an administrator.
pub(super) fn list_notifications(call: &Call<'_, ListNotifications>) -> HandlerResult {
    if let OperatorOr::Caller(caller) = &call.caller
        && caller.role != Role::Admin
    {
        log::audit("access", "refused", &call.request.id, &[("user_id", &caller.user_id.to_string())]);
        return Err(Problem::forbidden("Only an administrator may read the delivery log."));
    }
    let query = LogQuery::from_query(call.query.clone())?;
    let log = match &query.to {
        Some(to) => redis::recipient_log(&redis::recipient_digest(to)),
        None => redis::DELIVERY_LOG.to_owned(),
    };
    // Without a Redis there is no log.
    let replies =
        Redis::find()?.ok_or_else(no_such_route)?.run(&redis::read_log(&log, query.before.as_deref(), query.limit))?;
    let entries = redis::log_entries(&replies).map_err(BrokerError::from)?;
    let next_cursor = next_page(&query, entries.len(), entries.last().map(|(id, _)| id.as_str()));
    let items = entries.into_iter().filter_map(|(id, item)| from_entry(id, &item)).collect();
    Ok(call.ok(&Page { items, next_cursor }))
}
