//! The statements about attempts to sign in, and about the places to hash in.

use super::{Store, statements};
use problem::Problem;
use serde_json::Value;
use spin_sdk::pg4::ParameterValue;
use users_domain::Acquired;

/// Asks for a place by this `AcquirePermit`.
pub(crate) fn acquire(store: &Store, request: &str) -> Result<Acquired, Problem> {
    Ok(store.one(statements::ACQUIRE_HASH_PERMIT, &[ParameterValue::Str(request.to_owned())])?)
}

/// Gives a place back, and counts what came of the attempt, by this `ReleasePermit`.
pub(crate) fn release(store: &Store, request: &str) -> Result<(), Problem> {
    store.one::<Value>(statements::RELEASE_HASH_PERMIT, &[ParameterValue::Str(request.to_owned())])?;
    Ok(())
}

/// Ends the failures at an account that has a new password.
pub(crate) fn unlock(store: &Store, account: &str) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH unlocked AS (UPDATE attempts SET failures = 0, failures_in_a_row = 0 WHERE key = $1)
        SELECT to_jsonb(true)";
    store.one::<bool>(STATEMENT, &[ParameterValue::Str(account.to_owned())])?;
    Ok(())
}

/// Forgets failures that are over, and clients that were not seen for long.
pub(crate) fn forget(store: &Store) -> Result<(), Problem> {
    store.remove_in_steps(
        "WITH gone AS (
            DELETE FROM attempts WHERE key IN (
                SELECT key FROM attempts WHERE keep_until < CURRENT_DATE
                ORDER BY keep_until LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING key)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}
