//! GET /notification-ms/notifications?to=: what was delivered, newest first.

use events::redis;
use identity::Role;
use notification_domain::{LogQuery, LoggedDelivery, next_page};
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::{AccessTokens, Credential, Outcome, Page, Request, Service, StatusCode, log, no_such_route};

/// Shows the delivery log, of one recipient or of all.
pub(super) fn list_notifications(request: &Request) -> Outcome {
    require_operator_or_admin(request)?;
    let query = LogQuery::from_query(request.query(LogQuery::PARAMETERS)?)?;
    let log = match &query.to {
        Some(to) => redis::recipient_log(&redis::recipient_digest(to)),
        None => redis::DELIVERY_LOG.to_owned(),
    };
    // Without a Redis no log is kept.
    let replies =
        Redis::find()?.ok_or_else(no_such_route)?.run(&redis::read_log(&log, query.before.as_deref(), query.limit))?;
    let entries = redis::log_entries(&replies).map_err(BrokerError::from)?;
    let next_cursor = next_page(&query, entries.len(), entries.last().map(|(id, _)| id.as_str()));
    let items: Vec<_> = entries.into_iter().filter_map(|(id, item)| LoggedDelivery::from_entry(id, &item)).collect();
    Ok(service_kit::json(StatusCode::OK, &Page { items, next_cursor }))
}

/// Lets only an operator or an administrator through.
fn require_operator_or_admin(request: &Request) -> Result<(), Problem> {
    if Credential::of(Service::Operator)?.is_shown_by(request) {
        return Ok(());
    }
    let caller = AccessTokens::from_config()?.require(request)?;
    if caller.role == Role::Admin {
        return Ok(());
    }
    log::audit("access", "refused", &request.id, &[("user_id", &caller.user_id.to_string())]);
    Err(Problem::forbidden("Only an administrator may read the delivery log."))
}
