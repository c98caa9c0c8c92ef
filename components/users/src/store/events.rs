//! The statements about kept events.

use super::{Store, statements};
use problem::Problem;
use serde::Deserialize;
use serde_json::Value;
use spin_sdk::pg4::ParameterValue;
use uuid::Uuid;

/// How long a sweep has an event to itself, in seconds, before another may take it.
const SWEEP_LEASE_SECONDS: i32 = 30;

/// An event that is yet to be published.
#[derive(Debug, Deserialize)]
pub(crate) struct Kept {
    pub(crate) event_id: String,
    pub(crate) exchange: String,
    pub(crate) event: Value,
}

/// Takes up to `limit` events that are in nobody's hands, oldest first. Two sweeps at once take different ones.
pub(crate) fn lease(store: &Store, limit: i32) -> Result<Vec<Kept>, Problem> {
    const STATEMENT: &str = "
        WITH due AS (
            SELECT id FROM outbox WHERE leased_until <= now() ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
        ), leased AS (
            UPDATE outbox o SET leased_until = now() + make_interval(secs => $2::int4)
            FROM due WHERE o.id = due.id RETURNING o.id, o.event_id, o.exchange, o.event
        )
        SELECT coalesce(jsonb_agg(to_jsonb(leased) ORDER BY id), '[]') FROM leased";
    // LIMIT is an int8.
    let parameters = [ParameterValue::Int64(limit.into()), ParameterValue::Int32(SWEEP_LEASE_SECONDS)];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Forgets events that are published.
pub(crate) fn forget(store: &Store, events: &[&Kept]) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH gone AS (DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE event_id IN (SELECT jsonb_array_elements_text($1::text::jsonb))
            ORDER BY id FOR UPDATE))
        SELECT to_jsonb(true)";
    for_each(store, STATEMENT, events)
}

/// Forgets an event that somebody else has published; one that is not there is forgotten.
pub(crate) fn forget_one(store: &Store, event_id: Uuid) -> Result<(), Problem> {
    store.one::<bool>(statements::FORGET_EVENT, &[ParameterValue::Str(event_id.to_string())])?;
    Ok(())
}

/// Gives events back for the next sweep.
pub(crate) fn release(store: &Store, events: &[&Kept]) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH released AS (
            UPDATE outbox SET leased_until = now() WHERE id IN (
                SELECT id FROM outbox WHERE event_id IN (SELECT jsonb_array_elements_text($1::text::jsonb))
                ORDER BY id FOR UPDATE)
        )
        SELECT to_jsonb(true)";
    for_each(store, STATEMENT, events)
}

fn for_each(store: &Store, statement: &str, events: &[&Kept]) -> Result<(), Problem> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Value = events.iter().map(|kept| kept.event_id.as_str()).collect();
    store.one::<bool>(statement, &[ParameterValue::Str(ids.to_string())])?;
    Ok(())
}
