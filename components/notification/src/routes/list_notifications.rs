//! GET /notification-ms/notifications?to=: what was delivered, newest first.

use events::redis;
use notification_domain::{LogQuery, LoggedDelivery, next_page, recipient_digest};
use shell::broker::{Broker, BrokerError};
use shell::{Outcome, Page, Request, ServiceToken, StatusCode};

/// Shows the delivery log, of one recipient or of all.
pub(super) fn list_notifications(request: &Request) -> Outcome {
    ServiceToken::require(request)?;
    let query = LogQuery::from_query(request.query(LogQuery::PARAMETERS)?)?;
    let log = match &query.to {
        Some(to) => redis::recipient_log(&recipient_digest(to)),
        None => redis::DELIVERY_LOG.to_owned(),
    };
    let replies = Broker::connect()?.run(&redis::read_log(&log, query.before.as_deref(), query.limit))?;
    let entries = redis::log_entries(&replies).map_err(BrokerError::from)?;
    let next_cursor = next_page(&query, entries.len(), entries.last().map(|(id, _)| id.as_str()));
    let items: Vec<_> = entries.into_iter().filter_map(|(id, item)| LoggedDelivery::from_entry(id, &item)).collect();
    Ok(shell::json(StatusCode::OK, &Page { items, next_cursor }))
}
