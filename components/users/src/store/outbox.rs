//! The statements about the outbox: events that are yet to be published, and those that the broker may still lose.

use super::statements::OUTBOX_IS_LONG;
use super::{Store, statements};
use api::users::OutboxState;
use problem::Problem;
use serde::Deserialize;
use serde_json::Value;
use spin_sdk::pg4::ParameterValue;
use uuid::Uuid;

/// How long a sweep leases an event, in seconds, before another may take it.
const SWEEP_LEASE_SECONDS: i32 = 30;
/// How long after it was published an event may be noted as such: as long as the longest lease.
const LATEST_MARK_SECONDS: i32 = SWEEP_LEASE_SECONDS;
/// How long after it was published an event is on Redis's disk for sure. With `appendfsync everysec` that is a second, two
/// under load; the rest is for the sweep that asks.
const ON_DISK_SECONDS: i32 = 10;

/// An event that is yet to be published.
#[derive(Debug, Deserialize)]
pub(crate) struct OutboxEvent {
    pub(crate) event_id: String,
    pub(crate) exchange: String,
    pub(crate) event: Value,
}

/// How long a request leases its own events, in seconds, before a sweep may publish them.
pub(super) const OWN_LEASE_SECONDS: i32 = 10;

/// The part `kept` of a statement that enqueues what `happened` (place, id of the user, event without subject and data, data),
/// in the order of places. The events are leased to the caller, unless the outbox is so long that they are left to the sweeps.
pub(super) fn enqueue() -> String {
    format!(
        "kept AS (
            INSERT INTO outbox (exchange, event, leased_until)
            SELECT event ->> 'type', event || jsonb_build_object('subject', id::text, 'data', data),
                now() + make_interval(secs => CASE WHEN {OUTBOX_IS_LONG} THEN 0 ELSE {OWN_LEASE_SECONDS} END)
            FROM happened ORDER BY place
            RETURNING event_id, exchange, event, leased_until
         )"
    )
}

/// Those of the enqueued events that are the caller's to publish.
pub(super) const ENQUEUED: &str = "(SELECT coalesce(jsonb_agg(to_jsonb(kept) - 'leased_until'), '[]')
    FROM kept WHERE leased_until > now())";

/// Leases up to `limit` events that nobody else has leased, in the order in which they are due. Two sweeps at once lease
/// different ones.
pub(crate) fn lease(store: &Store, limit: i32) -> Result<Vec<OutboxEvent>, Problem> {
    const STATEMENT: &str = "
        WITH due AS (
            SELECT id FROM outbox WHERE leased_until <= now() AND published_at IS NULL
            ORDER BY leased_until, id LIMIT $1 FOR UPDATE SKIP LOCKED
        ), leased AS (
            UPDATE outbox o SET leased_until = now() + make_interval(secs => $2::int4)
            FROM due WHERE o.id = due.id RETURNING o.id, o.event_id, o.exchange, o.event
        )
        SELECT coalesce(jsonb_agg(to_jsonb(leased) ORDER BY id), '[]') FROM leased";
    // LIMIT is an int8.
    let parameters = [ParameterValue::Int64(limit.into()), ParameterValue::Int32(SWEEP_LEASE_SECONDS)];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Deletes events that the broker has on disk.
pub(crate) fn delete(store: &Store, events: &[&OutboxEvent]) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH gone AS (DELETE FROM outbox WHERE id IN (
            SELECT id FROM outbox WHERE event_id IN (SELECT jsonb_array_elements_text($1::text::jsonb))
            ORDER BY id FOR UPDATE))
        SELECT to_jsonb(true)";
    for_each(store, STATEMENT, events)
}

/// Deletes an event that another service has published, or marks it as published if it is not yet on the broker's disk. One
/// that is not there is no error.
pub(crate) fn delete_one(store: &Store, event_id: Uuid, is_durable: bool) -> Result<(), Problem> {
    let statement = if is_durable { statements::FORGET_EVENT } else { statements::MARK_EVENT };
    store.one::<bool>(statement, &[ParameterValue::Str(event_id.to_string())])?;
    Ok(())
}

/// Marks events as published, but perhaps not yet on the broker's disk. After the lease it is too late: nobody knows then
/// which run of the broker took the event, and it is published again.
pub(crate) fn mark_published(store: &Store, events: &[&OutboxEvent]) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH published AS (UPDATE outbox SET published_at = now() WHERE id IN (
            SELECT id FROM outbox WHERE event_id IN (SELECT jsonb_array_elements_text($1::text::jsonb))
                AND leased_until > now()
            ORDER BY id FOR UPDATE))
        SELECT to_jsonb(true)";
    for_each(store, STATEMENT, events)
}

/// What a purge of published events did.
#[derive(Debug, Deserialize)]
pub(crate) struct Purged {
    /// Events that the broker has on disk, and that are deleted.
    pub(crate) deleted: usize,
    /// Events that are to be published again.
    pub(crate) requeued: usize,
}

/// Deletes up to `limit` events that were published some seconds ago to the run of the broker that is still running. A run
/// that has ended may have lost the last ones, so what it was given and is not deleted yet is published again: once the
/// new run was seen for [`LATEST_MARK_SECONDS`], since until then events may still be marked that the old one took. While
/// replicas lack something (`is_replicated`), nothing is deleted.
pub(crate) fn purge_published(store: &Store, run_id: &str, is_replicated: bool, limit: i32) -> Result<Purged, Problem> {
    const STATEMENT: &str = "
        WITH run AS (
            INSERT INTO broker_run AS r (run_id, since) VALUES ($1, '-infinity')
            ON CONFLICT (one) DO UPDATE SET run_id = excluded.run_id,
                since = CASE WHEN r.run_id = excluded.run_id THEN r.since ELSE now() END
            RETURNING since + make_interval(secs => $2::int4) AS begun
        ), deleted AS (
            DELETE FROM outbox WHERE id = ANY (ARRAY(
                SELECT id FROM outbox, run
                WHERE $5 AND published_at >= begun AND published_at < now() - make_interval(secs => $3::int4)
                ORDER BY published_at LIMIT $4 FOR UPDATE OF outbox SKIP LOCKED))
            RETURNING id
        ), requeued AS (
            UPDATE outbox SET published_at = NULL, leased_until = now() WHERE id = ANY (ARRAY(
                SELECT id FROM outbox, run WHERE published_at < begun AND begun < now()
                ORDER BY published_at LIMIT $4 FOR UPDATE OF outbox SKIP LOCKED))
            RETURNING id
        )
        SELECT jsonb_build_object('deleted', (SELECT count(*) FROM deleted),
                                  'requeued', (SELECT count(*) FROM requeued))";
    let parameters = [
        ParameterValue::Str(run_id.to_owned()),
        ParameterValue::Int32(LATEST_MARK_SECONDS),
        ParameterValue::Int32(ON_DISK_SECONDS),
        ParameterValue::Int64(limit.into()),
        ParameterValue::Boolean(is_replicated),
    ];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Releases events for the next sweep, behind those that wait already.
pub(crate) fn release(store: &Store, events: &[&OutboxEvent]) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH released AS (
            UPDATE outbox SET leased_until = now() WHERE id IN (
                SELECT id FROM outbox WHERE event_id IN (SELECT jsonb_array_elements_text($1::text::jsonb))
                ORDER BY id FOR UPDATE)
        )
        SELECT to_jsonb(true)";
    for_each(store, STATEMENT, events)
}

/// Postpones events that the broker has refused: for 15 seconds, which is longer than a sweep, then for 30, 60, ..., an hour at
/// most.
pub(crate) fn postpone(store: &Store, events: &[&OutboxEvent]) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH postponed AS (
            UPDATE outbox SET refusals = refusals + 1,
                leased_until = now() + least(make_interval(secs => 15 * power(2, least(refusals, 8))), interval '1 hour')
            WHERE id IN (
                SELECT id FROM outbox WHERE event_id IN (SELECT jsonb_array_elements_text($1::text::jsonb))
                ORDER BY id FOR UPDATE)
        )
        SELECT to_jsonb(true)";
    for_each(store, STATEMENT, events)
}

/// Reads the depth and age of the outbox.
pub(crate) fn state(store: &Store) -> Result<OutboxState, Problem> {
    const STATEMENT: &str = "
        SELECT jsonb_build_object(
            'waiting', count(*),
            'oldest_seconds', floor(extract(epoch FROM now() - least(min(created_at), now())))::int8
                * CASE WHEN count(*) > 0 THEN 1 END,
            'refused', count(*) FILTER (WHERE refusals > 0))
        FROM outbox WHERE published_at IS NULL";
    Ok(store.one(STATEMENT, &[])?)
}

fn for_each(store: &Store, statement: &str, events: &[&OutboxEvent]) -> Result<(), Problem> {
    if events.is_empty() {
        return Ok(());
    }
    let ids: Value = events.iter().map(|event| event.event_id.as_str()).collect();
    store.one::<bool>(statement, &[ParameterValue::Str(ids.to_string())])?;
    Ok(())
}
