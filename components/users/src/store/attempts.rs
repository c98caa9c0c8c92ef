//! The statements about attempts to sign in, and about the places to hash in.

use super::{Store, statements};
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
    let places = i32::try_from(places).unwrap_or(i32::MAX);
    let parameters = [
        counters_as_json(counters),
        ParameterValue::Int32(places),
        ParameterValue::Str(Uuid::new_v4().to_string()),
        ParameterValue::Int32(PLACE_SECONDS),
    ];
    Ok(store.one(statements::BEGIN_ATTEMPT, &parameters)?)
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
    store.one::<bool>(statements::END_ATTEMPT, &parameters)?;
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
