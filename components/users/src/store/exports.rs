//! The statement behind an export.

use super::sessions::SHOWN;
use super::statements::ALIVE;
use super::{Store, User};
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use serde_json::Value;
use spin_sdk::pg4::ParameterValue;
use users_domain::MAX_EXPORTED;
use uuid::Uuid;

/// All that the database keeps about a user, but for what lets somebody in: hashes and digests.
#[derive(Debug, Deserialize)]
pub(crate) struct Kept {
    /// Whether the caller's session is alive; true without one.
    pub(crate) is_alive: bool,
    pub(crate) exported_at: String,
    pub(crate) user: Option<User>,
    pub(crate) sessions: Vec<Value>,
    /// Answers that are kept in case a request is repeated.
    pub(crate) kept_answers: Vec<Value>,
    /// What waits in the outbox (what was published is with the broker); one more than an export holds at most.
    pub(crate) outbox: Vec<Value>,
}

/// Reads it, all at the same moment.
pub(crate) fn read(store: &Store, id: UserId, session: Option<Uuid>) -> Result<Kept, Problem> {
    let statement = format!(
        "SELECT jsonb_build_object(
            'is_alive', $2::text IS NULL OR EXISTS (SELECT FROM sessions s WHERE s.id = $2::text::uuid AND {ALIVE}),
            'exported_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'user', (SELECT user_json(u) FROM users u WHERE id = $1),
            'sessions', (
                SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY created_at DESC, id), '[]')
                FROM (SELECT {SHOWN} FROM sessions WHERE user_id = $1) s),
            'kept_answers', (
                SELECT coalesce(jsonb_agg(response ORDER BY created_at), '[]')
                FROM idempotency_keys WHERE user_id = $1),
            'outbox', (
                SELECT coalesce(jsonb_agg(event ORDER BY id), '[]')
                FROM (SELECT id, event FROM outbox
                      WHERE event #>> '{{data,user_id}}' = $1::text AND published_at IS NULL
                      ORDER BY id LIMIT {}) o))",
        MAX_EXPORTED + 1
    );
    let session = session.map_or(ParameterValue::DbNull, |session| ParameterValue::Str(session.to_string()));
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get()), session])?)
}
