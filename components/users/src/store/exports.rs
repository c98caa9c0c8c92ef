//! The statements about exports.

use super::sessions::SHOWN;
use super::statements::ALIVE;
use super::{Store, User, audit, audit_reading, second_factors};
use api::users::{AuditRow, ConnectedApplication, KeptAddress, Metadata, Passkey, SecondFactor, Session};
use identity::UserId;
use problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{MAX_EXPORTED, Trace};
use uuid::Uuid;

/// After how many seconds the permit of an export expires. An export takes less than that.
const PERMIT_SECONDS: i32 = 30;

/// How many rows of the audit log an export has at most.
const MAX_ACTIVITY: i64 = 10_000;

/// The outcome of a request for an export.
#[derive(Debug, Deserialize)]
pub(crate) struct Begun {
    /// Whether the caller's session is alive; true without one.
    pub(crate) is_alive: bool,
    /// Whether there is such a user.
    pub(crate) exists: bool,
    /// After how many seconds another export is accepted, if this one came too early.
    pub(crate) retry_after: Option<u32>,
    /// The permit and the data of the database; none if the request came too early, or if too many exports are running.
    pub(crate) permitted: Option<Permitted>,
}

/// An export that may continue.
#[derive(Debug, Deserialize)]
pub(crate) struct Permitted {
    permit: Permit,
    #[serde(flatten)]
    pub(crate) kept: Kept,
}

/// Which of the concurrent exports it is.
#[derive(Debug, Serialize, Deserialize)]
struct Permit {
    number: i32,
    holder: Uuid,
}

/// All that the database stores about a user, except secrets: hashes and digests.
#[derive(Debug, Deserialize)]
pub(crate) struct Kept {
    pub(crate) exported_at: String,
    pub(crate) user: User,
    pub(crate) sessions: Vec<Session>,
    /// Stored responses for idempotency keys.
    pub(crate) kept_answers: Vec<User>,
    /// What applications keep about the user.
    pub(crate) metadata: Metadata,
    /// The newest rows of the audit log about the user.
    pub(crate) activity: Vec<AuditRow>,
    pub(crate) email_verified_at: Option<String>,
    pub(crate) phone_verified_at: Option<String>,
    pub(crate) second_factor: SecondFactor,
    pub(crate) passkeys: Vec<Passkey>,
    /// What the user has allowed other applications.
    pub(crate) connected_applications: Vec<ConnectedApplication>,
    /// Addresses beside that of the user.
    pub(crate) addresses: Vec<KeptAddress>,
    /// Events in the outbox (published ones are with the broker); one more than an export holds at most.
    pub(crate) outbox: Vec<Value>,
}

/// Begins an export: records the request, acquires a permit and reads the data of the database, atomically. Two exports
/// of one user are at least `pause` seconds apart.
pub(crate) fn begin(store: &Store, id: UserId, session: Option<Uuid>, pause: i32) -> Result<Begun, Problem> {
    let statement = format!(
        "WITH caller AS MATERIALIZED (
            SELECT $2::text IS NULL OR EXISTS (SELECT FROM sessions s WHERE s.id = $2::text::uuid AND {ALIVE}) AS is_alive
         ), begun AS MATERIALIZED (
            SELECT is_alive, CASE WHEN is_alive THEN begin_export($1, $3, {PERMIT_SECONDS}) END AS answer FROM caller
         )
         SELECT jsonb_build_object(
            'is_alive', is_alive,
            'exists', coalesce(answer -> 'exists', 'false'),
            'retry_after', answer -> 'retry_after',
            'permitted', CASE WHEN answer -> 'permit' <> 'null' THEN jsonb_build_object(
                'permit', answer -> 'permit',
                'exported_at', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
                'user', (SELECT user_json(u) FROM users u WHERE id = $1),
                'sessions', (
                    SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY created_at DESC, id), '[]')
                    FROM (SELECT {SHOWN} FROM sessions WHERE user_id = $1) s),
                'kept_answers', (
                    SELECT coalesce(jsonb_agg(response ORDER BY created_at), '[]')
                    FROM idempotency_keys WHERE user_id = $1),
                'metadata', (
                    SELECT jsonb_build_object('public', coalesce(m.public, '{{}}'), 'private', coalesce(m.private, '{{}}'))
                    FROM (SELECT) AS one LEFT JOIN user_metadata m ON m.user_id = $1),
                'activity', (
                    SELECT coalesce(jsonb_agg(to_jsonb(a)), '[]') FROM (
                        SELECT {} FROM audit_log WHERE user_id = $1
                        ORDER BY created_at DESC, audit_log.id DESC LIMIT {MAX_ACTIVITY}) a),
                'email_verified_at', (
                    SELECT to_char(u.email_verified_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
                    FROM users u WHERE id = $1),
                'phone_verified_at', (
                    SELECT to_char(u.phone_verified_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')
                    FROM users u WHERE id = $1),
                'second_factor', (SELECT {} FROM users u WHERE id = $1),
                'passkeys', {},
                'connected_applications', {},
                'addresses', (
                    SELECT coalesce(jsonb_agg(jsonb_build_object(
                        'email', new_email -> 'address', 'is_former', purpose = 'email_return',
                        'until', to_char(expires_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) ORDER BY expires_at), '[]')
                    FROM tickets WHERE user_id = $1 AND new_email IS NOT NULL),
                'outbox', (
                    SELECT coalesce(jsonb_agg(event ORDER BY id), '[]')
                    FROM (SELECT id, event FROM outbox
                          WHERE event #>> '{{data,user_id}}' = $1::text AND published_at IS NULL
                          ORDER BY id LIMIT {}) o)) END)
         FROM begun",
        audit_reading::SHOWN,
        second_factors::SHOWN,
        super::passkeys::all_shown(),
        super::oauth_clients::CONNECTED,
        MAX_EXPORTED + 1
    );
    let session = session.map_or(ParameterValue::DbNull, |session| ParameterValue::Str(session.to_string()));
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get()), session, ParameterValue::Int32(pause)])?)
}

/// Ends an export: releases its permit. After a failure the user may ask again in half a minute rather than after
/// `pause` seconds.
pub(crate) fn end(
    store: &Store,
    id: UserId,
    permitted: &Permitted,
    failed: bool,
    pause: i32,
    trace: &Trace,
) -> Result<(), Problem> {
    let audited = audit::row("user-exported", "success", "$1", 5, "(SELECT) AS one WHERE NOT $4::bool");
    let statement = format!(
        "WITH sooner AS (
            UPDATE exports SET begun_at = now() - make_interval(secs => greatest($3::int4 - 30, 0))
            WHERE user_id = $1 AND $4::bool
        ), released AS (
            UPDATE export_permits p SET holder = NULL, held_until = '-infinity'
            FROM jsonb_to_record($2::text::jsonb) AS mine(number int, holder uuid)
            WHERE p.number = mine.number AND p.holder = mine.holder
         ), audited AS ({audited})
         SELECT to_jsonb(true)"
    );
    let parameters = [
        ParameterValue::Int64(id.get()),
        ParameterValue::Str(json!(permitted.permit).to_string()),
        ParameterValue::Int32(pause),
        ParameterValue::Boolean(failed),
        audit::parameter(trace),
    ];
    store.one::<bool>(&statement, &parameters)?;
    Ok(())
}

/// Deletes the records of exports that throttle nobody any more.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM exports WHERE user_id IN (
                SELECT user_id FROM exports WHERE begun_at < now() - interval '1 hour'
                ORDER BY begun_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING user_id)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}
