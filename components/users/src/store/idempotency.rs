//! The statements about sign-ups that may be repeated. Such a sign-up is kept in the statement that makes the user.

use super::{Store, User};
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{KEPT_SECONDS, RequestDigests};

/// A sign-up that came under the same key before.
#[derive(Debug, Deserialize)]
pub(crate) struct Before {
    /// Whether it came with the same body.
    pub(crate) is_same: bool,
    /// The user as it was shown then.
    pub(crate) user: User,
}

/// The sign-up that came under this key in the last day. One that is older makes way for a new one.
pub(crate) fn find(store: &Store, request: &RequestDigests) -> Result<Option<Before>, Problem> {
    const STATEMENT: &str = "
        WITH outdated AS (
            DELETE FROM idempotency_keys WHERE key_digest = $1 AND created_at < now() - make_interval(secs => $3::int4)
        )
        SELECT (SELECT jsonb_build_object('is_same', body_digest = $2, 'user', response) FROM idempotency_keys
                WHERE key_digest = $1 AND created_at >= now() - make_interval(secs => $3::int4))";
    let parameters = [
        ParameterValue::Str(request.key.clone()),
        ParameterValue::Str(request.body.clone()),
        ParameterValue::Int32(KEPT_SECONDS),
    ];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Forgets sign-ups that are older than a day.
pub(crate) fn forget(store: &Store) -> Result<(), Problem> {
    store.remove_in_steps(&format!(
        "WITH gone AS (
            DELETE FROM idempotency_keys WHERE key_digest IN (
                SELECT key_digest FROM idempotency_keys WHERE created_at < now() - make_interval(secs => {KEPT_SECONDS})
                ORDER BY created_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING key_digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))"
    ))
}
