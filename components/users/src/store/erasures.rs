//! The statements about erasures.

use super::Store;
use identity::UserId;
use problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::json;
use spin_sdk::pg4::ParameterValue;

/// How long a deletion leases its own erasure, in seconds, before a sweep may take it.
pub(super) const OWN_LEASE_SECONDS: i32 = 10;
/// How long a sweep leases an erasure, in seconds.
const SWEEP_LEASE_SECONDS: i32 = 30;
/// How long after the first scan the second is due, in seconds. It is longer than a send takes, and than an event of the
/// outbox is leased.
const SECOND_SCAN_SECONDS: i32 = 60;

/// A user who was deleted and whose personal data the broker may still have.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Erasure {
    pub(crate) user_id: UserId,
    /// Scans that were completed.
    #[serde(rename = "passes")]
    pub(crate) scans: i32,
}

/// Where an interrupted scan continues.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// The stream that it was scanning.
    pub(crate) stream: String,
    /// The last entry that it has scanned.
    pub(crate) after: Option<String>,
}

/// Erasures to be processed in one scan.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Leased {
    pub(crate) erasures: Vec<Erasure>,
    /// Where they all continue; from the beginning without one.
    #[serde(rename = "place")]
    pub(crate) checkpoint: Option<Checkpoint>,
}

/// Leases up to `limit` erasures that are due and have the same checkpoint. Two sweeps at once lease different ones.
pub(crate) fn lease(store: &Store, limit: i32) -> Result<Leased, Problem> {
    const STATEMENT: &str = "
        WITH first AS (
            SELECT place FROM erasures WHERE due_at <= now() ORDER BY due_at, user_id LIMIT 1
        ), due AS (
            SELECT e.user_id FROM erasures e, first
            WHERE e.due_at <= now() AND e.place IS NOT DISTINCT FROM first.place
            ORDER BY e.due_at, e.user_id LIMIT $1 FOR UPDATE OF e SKIP LOCKED
        ), leased AS (
            UPDATE erasures e SET due_at = now() + make_interval(secs => $2::int4)
            FROM due WHERE e.user_id = due.user_id RETURNING e.user_id, e.passes
        )
        SELECT jsonb_build_object('erasures', (SELECT coalesce(jsonb_agg(to_jsonb(leased)), '[]') FROM leased),
                                  'place', (SELECT place FROM first))";
    // LIMIT is an int8.
    let parameters = [ParameterValue::Int64(limit.into()), ParameterValue::Int32(SWEEP_LEASE_SECONDS)];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Releases erasures for the next sweep, which continues at `checkpoint`. If another has leased them meanwhile, it is not
/// disturbed.
pub(crate) fn release(store: &Store, erasures: &[Erasure], checkpoint: Option<&Checkpoint>) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH released AS (
            UPDATE erasures e SET due_at = now(), place = $2::text::jsonb
            FROM jsonb_to_recordset($1::text::jsonb) AS mine(user_id bigint, passes integer)
            WHERE e.user_id = mine.user_id AND e.passes = mine.passes
        )
        SELECT to_jsonb(true)";
    let checkpoint =
        checkpoint.map_or(ParameterValue::DbNull, |checkpoint| ParameterValue::Str(json!(checkpoint).to_string()));
    store.one::<bool>(STATEMENT, &[list(erasures), checkpoint])?;
    Ok(())
}

/// Records a completed scan: after the first, the second is due in a while; after that the erasure is complete. Events
/// that were enqueued in the meantime are deleted as well, other than those about the removal. Returns how many erasures are complete.
pub(crate) fn finish(store: &Store, erasures: &[Erasure]) -> Result<i64, Problem> {
    const STATEMENT: &str = "
        WITH mine AS (
            SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS m(user_id bigint, passes integer)
        ), again AS (
            UPDATE erasures e
            SET passes = e.passes + 1, place = NULL, due_at = now() + make_interval(secs => $2::int4)
            FROM mine WHERE e.user_id = mine.user_id AND e.passes = mine.passes AND e.passes = 0
        ), complete AS (
            DELETE FROM erasures e USING mine
            WHERE e.user_id = mine.user_id AND e.passes = mine.passes AND e.passes > 0
            RETURNING e.user_id
        ), unpublished AS (
            DELETE FROM outbox WHERE id IN (
                SELECT o.id FROM outbox o JOIN mine ON o.event #>> '{data,user_id}' = mine.user_id::text
                WHERE o.exchange <> 'user_removed_event'
                    AND (o.exchange <> 'removal_notice_requested_event' OR mine.passes > 0)
                ORDER BY o.id FOR UPDATE OF o)
        )
        SELECT to_jsonb((SELECT count(*) FROM complete))";
    Ok(store.one(STATEMENT, &[list(erasures), ParameterValue::Int32(SECOND_SCAN_SECONDS)])?)
}

fn list(erasures: &[Erasure]) -> ParameterValue {
    ParameterValue::Str(json!(erasures).to_string())
}
