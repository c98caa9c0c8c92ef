//! /users-ms/internal/outbox: events to be published.

use super::Call;
use crate::outbox::is_durable_when_confirmed;
use crate::store::{Store, outbox};
use api::users::operation::{DeleteEvent, ShowOutbox};
use service_kit::{HandlerResult, StatusCode};

/// DELETE `/{event_id}`: deletes an event that its publisher has published, on Redis once it is on disk.
pub(super) fn delete_event(call: &Call<'_, DeleteEvent>) -> HandlerResult {
    outbox::delete_one(&Store::open()?, call.path, is_durable_when_confirmed()?)?;
    Ok(call.empty(StatusCode::NO_CONTENT))
}

/// GET: how many events wait, how long the oldest has waited, and how many of them the broker refuses.
pub(super) fn show_outbox(call: &Call<'_, ShowOutbox>) -> HandlerResult {
    Ok(call.ok(&outbox::state(&Store::open()?)?))
}
