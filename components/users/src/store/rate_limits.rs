//! The statements about rate limits, apart from those that count an attempt.

use super::Store;
use problem::Problem;
use spin_sdk::pg4::ParameterValue;

/// Resets the failures at an account that has a new password.
pub(crate) fn unlock(store: &Store, account: &str) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH unlocked AS (UPDATE attempts SET failures = 0, failures_in_a_row = 0 WHERE key = $1)
        SELECT to_jsonb(true)";
    store.one::<bool>(STATEMENT, &[ParameterValue::Str(account.to_owned())])?;
    Ok(())
}

/// Deletes failures that no longer count, and clients that have not signed in for long.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM attempts WHERE key IN (
                SELECT key FROM attempts WHERE keep_until < CURRENT_DATE
                ORDER BY keep_until LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING key)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}
