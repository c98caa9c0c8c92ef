//! The statements about hashing permits; acquiring and releasing one counts the attempt as well.

use super::{Store, statements};
use problem::Problem;
use serde_json::Value;
use spin_sdk::pg4::ParameterValue;
use users_domain::Acquired;

/// Requests a permit by this `AcquirePermit`.
pub(crate) fn acquire(store: &Store, request: &str) -> Result<Acquired, Problem> {
    Ok(store.one(statements::ACQUIRE_HASH_PERMIT, &[ParameterValue::Str(request.to_owned())])?)
}

/// Releases a permit and counts the attempt's outcome, by this `ReleasePermit`.
pub(crate) fn release(store: &Store, request: &str) -> Result<(), Problem> {
    store.one::<Value>(statements::RELEASE_HASH_PERMIT, &[ParameterValue::Str(request.to_owned())])?;
    Ok(())
}
