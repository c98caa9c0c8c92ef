//! The statement that reads metrics.

use super::Store;
use problem::Problem;
use users_domain::Measured;

/// Reads what the database knows of the service, and counts what the audit log has got since the last time.
pub(crate) fn read(store: &Store) -> Result<Measured, Problem> {
    Ok(store.one("SELECT read_metrics()", &[])?)
}
