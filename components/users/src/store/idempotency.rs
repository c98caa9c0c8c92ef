//! The statements about idempotency keys. A response is stored by the statement that creates the user.

use super::{Store, User};
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{RETENTION_SECONDS, RequestDigests};

/// The stored response to an earlier request with the same key.
#[derive(Debug, Deserialize)]
pub(crate) struct StoredResponse {
    /// Whether that request had the same body.
    pub(crate) is_same: bool,
    /// The user as it was returned then.
    pub(crate) user: User,
}

/// The response that was stored under this key in the last day. An older one is deleted.
pub(crate) fn find_replay(store: &Store, request: &RequestDigests) -> Result<Option<StoredResponse>, Problem> {
    const STATEMENT: &str = "
        WITH outdated AS (
            DELETE FROM idempotency_keys WHERE key_digest = $1 AND created_at < now() - make_interval(secs => $3::int4)
        )
        SELECT (SELECT jsonb_build_object('is_same', body_digest = $2, 'user', response) FROM idempotency_keys
                WHERE key_digest = $1 AND created_at >= now() - make_interval(secs => $3::int4))";
    let parameters = [
        ParameterValue::Str(request.key.clone()),
        ParameterValue::Str(request.body.clone()),
        ParameterValue::Int32(RETENTION_SECONDS),
    ];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Deletes stored responses that are older than a day.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(&format!(
        "WITH gone AS (
            DELETE FROM idempotency_keys WHERE key_digest IN (
                SELECT key_digest FROM idempotency_keys WHERE created_at < now() - make_interval(secs => {RETENTION_SECONDS})
                ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING key_digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))"
    ))
}
