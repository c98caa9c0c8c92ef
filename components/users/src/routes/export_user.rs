//! GET /users-ms/users/{id}/export: all that is kept about a user, in one document.

use super::Call;
use crate::store::exports::{self, Begun, Kept};
use crate::store::{Store, audit_reading};
use api::users::Export;
use api::users::operation::ExportUser;
use events::redis::{self, DELIVERY_LOG, Step};
use identity::UserId;
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::{HandlerResult, config, invalid_token, log};
use std::time::{Duration, Instant};
use users_domain::{Collected, Collection, EXPORT_PAUSE_SECONDS, too_many_exports, too_much, too_soon, user_not_found};

/// How long the broker is looked through.
const LIMIT: Duration = Duration::from_secs(15);
/// To how many addresses a user may have been told things.
const RECIPIENTS: u64 = 1_000;

/// Returns all data about a user, or nothing: without the broker it would not be all.
pub(super) fn export_user(call: &Call<'_, ExportUser>) -> HandlerResult {
    let (request, guard, id) = (call.request, &call.caller, call.path);
    guard.authorize_access(request, id)?;
    let store = Store::open()?;
    guard.require_live_session(&store)?.require_recent(request)?;
    let pause = if config::switch("login_throttling")? { EXPORT_PAUSE_SECONDS } else { 0 };
    let begun = exports::begin(&store, id, guard.session, pause)?;
    let permitted = match begun {
        Begun { is_alive: false, .. } => return Err(invalid_token()),
        Begun { exists: false, .. } => return Err(user_not_found()),
        Begun { retry_after: Some(seconds), .. } => return Err(too_soon(seconds)),
        Begun { permitted: None, .. } => return Err(too_many_exports()),
        Begun { permitted: Some(permitted), .. } => permitted,
    };
    let trace = guard.trace(request, id)?;
    let collection = collect(id, &permitted.kept);
    if let Err(problem) = exports::end(&store, id, &permitted, collection.is_err(), pause, &trace) {
        // The permit comes free by itself.
        log::warn("an export was not ended", &[("cause", problem.cause().unwrap_or_default())]);
    }
    let (collection, kept) = (collection?, permitted.kept);
    log::audit("user-exported", "success", &request.id, &[("user_id", &id.to_string()), ("by", &guard.by())]);
    let Collected { pending_events, notifications } = collection.finish();
    let export = Export {
        user: kept.user,
        sessions: kept.sessions,
        kept_answers: kept.kept_answers,
        addresses: kept.addresses,
        email_verified_at: kept.email_verified_at,
        phone_verified_at: kept.phone_verified_at,
        second_factor: kept.second_factor,
        passkeys: kept.passkeys,
        connected_applications: kept.connected_applications,
        pending_events,
        notifications,
        metadata: kept.metadata,
        activity: kept.activity.into_iter().map(audit_reading::shown_to_owner).collect(),
        exported_at: kept.exported_at,
    };
    let mut response = call.ok(&export);
    if let Ok(disposition) = format!("attachment; filename=\"user-{id}.json\"").parse() {
        response.headers_mut().insert("content-disposition", disposition);
    }
    Ok(response)
}

/// Collects events and deliveries: those of the outbox, and what the broker keeps.
fn collect(user: UserId, kept: &Kept) -> Result<Collection, Problem> {
    let mut collection = Collection::default();
    for event in &kept.outbox {
        collection.add_event("outbox", event.to_string().as_bytes())?;
    }
    collect_from_broker(user, &mut collection)?;
    Ok(collection)
}

/// Collects what the broker keeps: events that wait, are in somebody's hands or are dead, and logged deliveries.
fn collect_from_broker(user: UserId, collection: &mut Collection) -> Result<(), Problem> {
    // RabbitMQ's queues cannot be looked through.
    let Some(broker) = Redis::find()? else { return Ok(()) };
    let end = Instant::now() + LIMIT;
    for stream in redis::shared_streams() {
        collect_from(&broker, &stream, user, collection, end)?;
    }
    let replies = broker.run(&redis::read_recipients(user, RECIPIENTS + 1))?;
    let digests = redis::recipients(&replies).map_err(BrokerError::from)?;
    if digests.len() as u64 > RECIPIENTS {
        return Err(too_much());
    }
    for digest in digests {
        collect_from(&broker, &redis::recipient_log(&digest), user, collection, end)?;
    }
    Ok(())
}

fn collect_from(
    broker: &Redis,
    stream: &str,
    user: UserId,
    collection: &mut Collection,
    end: Instant,
) -> Result<(), Problem> {
    let mut after = None;
    loop {
        let replies = broker.run(&redis::find_personal_data(stream, user, after.as_deref()))?;
        let step = Step::from_replies(&replies).map_err(BrokerError::from)?;
        for theirs in &step.found {
            if stream.starts_with(DELIVERY_LOG) {
                collection.add_notification(&theirs.entry, &theirs.content)?;
            } else {
                collection.add_event(stream, &theirs.content)?;
            }
        }
        after = step.next;
        if after.is_none() {
            return Ok(());
        }
        if Instant::now() >= end {
            return Err(too_much());
        }
    }
}
