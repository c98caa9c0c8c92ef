//! The statements about attempts to sign in, and about the places to hash in.

use super::Store;
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Counter, FORGET_SECONDS, KNOWN_SECONDS, PLACE_SECONDS, Place};
use uuid::Uuid;

/// What came of asking for a place.
#[derive(Debug, Deserialize)]
pub(crate) struct Begun {
    /// A place, if there is one and nobody has to wait.
    pub(crate) place: Option<Place>,
    /// How many seconds are to be waited, if too many attempts have failed.
    pub(crate) retry_after: Option<u32>,
}

/// Asks how long these counters make wait, and takes one of the first `places` places if they do not.
pub(crate) fn begin(store: &Store, counters: &[Counter], places: u32) -> Result<Begun, Problem> {
    const STATEMENT: &str = "
        WITH asked AS (
            SELECT * FROM jsonb_to_recordset($1::text::jsonb) AS a(key text, free int, longest int, known_as text)
        ), waiting AS (
            SELECT max(ceil(extract(epoch FROM failed_at - now()) + least(longest, power(2, least(failures - free, 30)))))
                AS seconds
            FROM asked JOIN attempts USING (key)
            WHERE failures >= free AND NOT EXISTS (
                SELECT FROM attempts known WHERE known.key = known_as AND known.known_until > now())
        ), free AS (
            SELECT place FROM hashing_places
            WHERE place <= $2 AND held_until <= now() AND coalesce((SELECT seconds FROM waiting), 0) <= 0
            ORDER BY place LIMIT 1 FOR UPDATE SKIP LOCKED
        ), taken AS (
            UPDATE hashing_places p SET holder = $3::text::uuid, held_until = now() + make_interval(secs => $4::int4)
            FROM free WHERE p.place = free.place RETURNING p.place AS number, p.holder
        )
        SELECT jsonb_build_object('place', (SELECT to_jsonb(taken) FROM taken),
                                  'retry_after', (SELECT seconds::int FROM waiting WHERE seconds > 0))";
    let places = i32::try_from(places).unwrap_or(i32::MAX);
    let parameters = [
        counters_as_json(counters),
        ParameterValue::Int32(places),
        ParameterValue::Str(Uuid::new_v4().to_string()),
        ParameterValue::Int32(PLACE_SECONDS),
    ];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Gives a place back, and counts: a failure under all counters, a success as the end of the failures of `known_as`,
/// under which the client is known from now on.
pub(crate) fn end(
    store: &Store,
    place: &Place,
    counters: &[Counter],
    known_as: Option<&str>,
    succeeded: Option<bool>,
) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH freed AS (
            UPDATE hashing_places SET holder = NULL, held_until = '-infinity'
            WHERE place = $1 AND holder = $2::text::uuid
        ), failed AS (
            INSERT INTO attempts AS a (key, failures)
            SELECT key, 1 FROM jsonb_to_recordset($3::text::jsonb) AS asked(key text) ORDER BY key
            ON CONFLICT (key) DO UPDATE SET failed_at = now(), failures =
                CASE WHEN a.failed_at < now() - make_interval(secs => $4::int4) THEN 1 ELSE a.failures + 1 END
        ), known AS (
            INSERT INTO attempts (key, known_until)
            SELECT key, now() + make_interval(secs => $6::int4) FROM (VALUES ($5::text)) AS k(key) WHERE key IS NOT NULL
            ON CONFLICT (key) DO UPDATE SET failures = 0, known_until = excluded.known_until
        )
        SELECT to_jsonb(true)";
    let failed = if succeeded == Some(false) { counters } else { &[] };
    let known_as = known_as.filter(|_| succeeded == Some(true));
    let parameters = [
        ParameterValue::Int32(place.number),
        ParameterValue::Str(place.holder.to_string()),
        counters_as_json(failed),
        ParameterValue::Int32(FORGET_SECONDS),
        known_as.map_or(ParameterValue::DbNull, |key| ParameterValue::Str(key.to_owned())),
        ParameterValue::Int32(KNOWN_SECONDS),
    ];
    store.one::<bool>(STATEMENT, &parameters)?;
    Ok(())
}

/// Forgets failures that are over, clients that were not seen for long, and sessions that have ended.
pub(crate) fn forget(store: &Store) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH attempts_gone AS (
            DELETE FROM attempts WHERE greatest(failed_at, known_until) < now() - interval '1 day'
        ), sessions_gone AS (
            DELETE FROM sessions WHERE ends_at < now() - interval '1 day'
        )
        SELECT to_jsonb(true)";
    store.one::<bool>(STATEMENT, &[])?;
    Ok(())
}

fn counters_as_json(counters: &[Counter]) -> ParameterValue {
    ParameterValue::Str(serde_json::to_string(counters).unwrap_or_else(|_| "[]".to_owned()))
}
