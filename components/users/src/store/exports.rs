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
    /// In how many seconds another export may be had, if it is too early for this one.
    pub(crate) retry_after: Option<u32>,
    pub(crate) user: Option<User>,
    pub(crate) sessions: Vec<Value>,
    /// Answers that are kept in case a request is repeated.
    pub(crate) kept_answers: Vec<Value>,
    /// What waits in the outbox (what was published is with the broker); one more than an export holds at most.
    pub(crate) outbox: Vec<Value>,
}

/// Reads it, all at the same moment, and notes that it was asked for; `pause` seconds have to be between two exports of one
/// user.
pub(crate) fn read(store: &Store, id: UserId, session: Option<Uuid>, pause: i32) -> Result<Kept, Problem> {
    let statement = format!(
        "WITH caller AS (
            SELECT $2::text IS NULL OR EXISTS (SELECT FROM sessions s WHERE s.id = $2::text::uuid AND {ALIVE}) AS is_alive
         ), noted AS (
            INSERT INTO exports AS e (user_id) SELECT u.id FROM users u, caller WHERE u.id = $1 AND is_alive FOR KEY SHARE OF u
            ON CONFLICT (user_id) DO UPDATE SET begun_at = now()
                WHERE e.begun_at <= now() - make_interval(secs => $3::int4)
            RETURNING user_id
         )
         SELECT jsonb_build_object(
            'is_alive', (SELECT is_alive FROM caller),
            'exported_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
            'retry_after', CASE WHEN NOT EXISTS (SELECT FROM noted) THEN coalesce(
                (SELECT greatest(1, ceil(extract(epoch FROM begun_at - now()) + $3))::int4 FROM exports
                 WHERE user_id = $1), $3) END,
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
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get()), session, ParameterValue::Int32(pause)])?)
}

/// Lets a user whose export failed ask again sooner: in half a minute.
pub(crate) fn allow_sooner(store: &Store, id: UserId, pause: i32) -> Result<(), Problem> {
    const STATEMENT: &str = "
        WITH sooner AS (
            UPDATE exports SET begun_at = now() - make_interval(secs => greatest($2::int4 - 30, 0)) WHERE user_id = $1
        )
        SELECT to_jsonb(true)";
    store.one::<bool>(STATEMENT, &[ParameterValue::Int64(id.get()), ParameterValue::Int32(pause)])?;
    Ok(())
}

/// Forgets when exports were asked for, once that is of no more use.
pub(crate) fn forget(store: &Store) -> Result<(), Problem> {
    store.remove_in_steps(
        "WITH gone AS (
            DELETE FROM exports WHERE user_id IN (
                SELECT user_id FROM exports WHERE begun_at < now() - interval '1 hour'
                ORDER BY begun_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING user_id)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}
