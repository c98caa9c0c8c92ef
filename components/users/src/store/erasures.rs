//! The statements about erasures.

use super::Store;
use identity::UserId;
use problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::json;
use spin_sdk::pg4::ParameterValue;

/// How long a removal has its own erasure to itself, in seconds, before a sweep may take it.
pub(super) const OWN_LEASE_SECONDS: i32 = 10;
/// How long a sweep has an erasure to itself.
const SWEEP_LEASE_SECONDS: i32 = 30;
/// How long after the first pass the second is due. It is longer than a send takes, and than anybody has an event of
/// the outbox in hand.
const SECOND_PASS_SECONDS: i32 = 60;

/// A person who was removed and may have traces.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Erasure {
    pub(crate) user_id: UserId,
    /// Passes that were made.
    pub(crate) passes: i32,
}

/// Where an unfinished pass goes on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Place {
    /// The stream that it was in.
    pub(crate) stream: String,
    /// The entry that it looked at last.
    pub(crate) after: Option<String>,
}

/// Erasures to be worked off in one pass.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Leased {
    pub(crate) erasures: Vec<Erasure>,
    /// Where they all go on; from the beginning without one.
    pub(crate) place: Option<Place>,
}

/// Takes up to `limit` erasures that are due and go on at the same place. Two sweeps at once take different ones.
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

/// Gives erasures back for the next sweep, to go on at `place`. Whoever else had them in hand meanwhile is not
/// disturbed.
pub(crate) fn release(store: &Store, erasures: &[Erasure], place: Option<&Place>) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH released AS (
            UPDATE erasures e SET due_at = now(), place = $2::text::jsonb
            FROM jsonb_to_recordset($1::text::jsonb) AS mine(user_id bigint, passes integer)
            WHERE e.user_id = mine.user_id AND e.passes = mine.passes
        )
        SELECT to_jsonb(true)";
    let place = place.map_or(ParameterValue::DbNull, |place| ParameterValue::Str(json!(place).to_string()));
    store.one::<bool>(STATEMENT, &[list(erasures), place])?;
    Ok(())
}

/// Has a finished pass counted: after the first a second is due in a while, after that the erasure is complete. What
/// was kept in the outbox in the meantime goes as well. Says how many erasures are complete.
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
                SELECT id FROM outbox WHERE event #>> '{data,user_id}' IN (SELECT user_id::text FROM mine)
                ORDER BY id FOR UPDATE)
        )
        SELECT to_jsonb((SELECT count(*) FROM complete))";
    Ok(store.one(STATEMENT, &[list(erasures), ParameterValue::Int32(SECOND_PASS_SECONDS)])?)
}

fn list(erasures: &[Erasure]) -> ParameterValue {
    ParameterValue::Str(json!(erasures).to_string())
}
