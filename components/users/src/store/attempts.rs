//! The statements about attempts to sign in, and about the places to hash in.

use super::{Store, statements};
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{AcquirePermit, Counter, Place, ReleasePermit};

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
    let request = AcquirePermit::new(counters, places).to_json();
    Ok(store.one(statements::ACQUIRE_HASH_PERMIT, &[ParameterValue::Str(request)])?)
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
    let request = ReleasePermit::new(place, counters, known_as, succeeded).to_json();
    store.one::<bool>(statements::RELEASE_HASH_PERMIT, &[ParameterValue::Str(request)])?;
    Ok(())
}

/// Counts a failure for which no place is held.
pub(crate) fn count_failure(store: &Store, counters: &[Counter]) -> Result<(), Problem> {
    let request = ReleasePermit::failure(counters).to_json();
    store.one::<bool>(statements::RELEASE_HASH_PERMIT, &[ParameterValue::Str(request)])?;
    Ok(())
}

/// Forgets failures that are over, and clients that were not seen for long.
pub(crate) fn forget(store: &Store) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH attempts_gone AS (
            DELETE FROM attempts WHERE greatest(failed_at, known_until) < now() - interval '1 day'
        )
        SELECT to_jsonb(true)";
    store.one::<bool>(STATEMENT, &[])?;
    Ok(())
}
