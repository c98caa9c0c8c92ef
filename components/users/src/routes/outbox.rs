//! /users-ms/internal/outbox: events that are yet to be published.

use crate::outbox::is_durable_when_confirmed;
use crate::store::{Store, outbox};
use problem::{FieldError, Kind, Problem};
use service_kit::{Outcome, Request, Service, StatusCode, empty};
use uuid::Uuid;

/// DELETE `/{event_id}`: deletes an event that its publisher has published, on Redis once it is on disk.
pub(super) fn delete_event(request: &Request, event_id: &str) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let event_id = Uuid::try_parse(event_id).map_err(|_| {
        let detail = "The id of an event is a UUID.";
        Problem::new(Kind::InvalidId, detail).with_error(FieldError::new("id", detail))
    })?;
    outbox::delete_one(&Store::open()?, event_id, is_durable_when_confirmed()?)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// GET: how many events wait, how long the oldest has waited, and how many of them the broker refuses.
pub(super) fn show_outbox(request: &Request) -> Outcome {
    Service::Scheduler.require(request)?;
    request.query(&[])?;
    Ok(service_kit::json(StatusCode::OK, &outbox::state(&Store::open()?)?))
}
