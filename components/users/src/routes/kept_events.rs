//! /users-ms/internal/outbox: events that are yet to be published.

use crate::store::{Store, attempts, events as kept, exports, idempotency, sessions};
use crate::{erasure, outbox};
use problem::{FieldError, Kind, Problem};
use serde_json::json;
use service_kit::{Outcome, Request, Service, StatusCode, empty};
use uuid::Uuid;

/// How many ended sessions one statement forgets, and how many statements one sweep runs.
const SESSIONS_A_STEP: i64 = 1_000;
const STEPS: usize = 10;

/// DELETE `/{event_id}`: forgets an event that its publisher has published, on Redis once it is on disk.
pub(super) fn forget_event(request: &Request, event_id: &str) -> Outcome {
    Service::Auth.require(request)?;
    request.query(&[])?;
    let event_id = Uuid::try_parse(event_id).map_err(|_| {
        let detail = "The id of an event is a UUID.";
        Problem::new(Kind::InvalidId, detail).with_error(FieldError::new("id", detail))
    })?;
    kept::forget_one(&Store::open()?, event_id, outbox::is_on_disk_when_confirmed()?)?;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// GET: how many events wait, how long the oldest has waited, and how many of them the broker refuses.
pub(super) fn show_outbox(request: &Request) -> Outcome {
    Service::Scheduler.require(request)?;
    request.query(&[])?;
    Ok(service_kit::json(StatusCode::OK, &kept::state(&Store::open()?)?))
}

/// POST `/sweep`: publishes what was left behind, erases what is left of people who were removed, and forgets what is
/// over.
pub(super) fn sweep(request: &Request) -> Outcome {
    Service::Scheduler.require(request)?;
    request.query(&[])?;
    let store = Store::open()?;
    outbox::settle(&store)?;
    let swept = outbox::sweep(&store)?;
    erasure::sweep(&store)?;
    attempts::forget(&store)?;
    forget_sessions(&store)?;
    idempotency::forget(&store)?;
    exports::forget(&store)?;
    Ok(service_kit::json(StatusCode::OK, &json!({"published": swept.published, "left": swept.left})))
}

/// Forgets sessions that have ended, in steps that lock little; the next sweep goes on.
fn forget_sessions(store: &Store) -> Result<(), Problem> {
    for _ in 0..STEPS {
        if sessions::forget(store, SESSIONS_A_STEP)? < SESSIONS_A_STEP {
            break;
        }
    }
    Ok(())
}
