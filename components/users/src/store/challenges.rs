//! The statements about challenges: a sign-in between the right password and the code.

use super::Store;
use super::outbox::{OWN_LEASE_SECONDS, OutboxEvent};
use super::second_factors::Factor;
use super::sign_in::details;
use super::statements::OUTBOX_IS_LONG;
use ::events::{Event, Exchange, SecondFactorChange};
use api::users::{SecondFactorTask, StartedSession};
use identity::{AttemptKeys, UserId};
use problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, AuditEntry, CHALLENGE_SECONDS, NewChallenge, ReleasePermit, SessionStart, ShownChallenge};
use uuid::Uuid;

/// The condition that a challenge `c` of the user `u` can be answered, over parameters 1 and 2.
const IS_OPEN: &str = "c.digest = $1 AND c.client = $2 AND c.expires_at > now() AND c.tries_left > 0
    AND u.id = c.user_id AND u.credentials_epoch = c.credentials_epoch AND u.suspended_at IS NULL";

/// Releases the permit of a sign-in whose password was right, and keeps its challenge; false if the credentials have changed.
pub(crate) fn begin(store: &Store, new: &NewChallenge, attempt: &Attempt, entry: AuditEntry) -> Result<bool, Problem> {
    const STATEMENT: &str = "
        WITH account AS (
            SELECT id, credentials_epoch FROM users
            WHERE id = $2 AND credentials_epoch = $3 AND suspended_at IS NULL FOR NO KEY UPDATE
        ), renewed AS (
            UPDATE users u SET password_hash = $6 FROM account WHERE u.id = account.id AND u.password_hash = $5
        ), begun AS MATERIALIZED (
            SELECT keep_sign_in_challenge(id, credentials_epoch, $4::text::jsonb) AS is_kept FROM account
        ), released AS MATERIALIZED (
            SELECT release_hash_permit(request) FROM (VALUES ($1::text::jsonb)) AS r(request),
                (SELECT count(*) FROM begun) AS after_that
        )
        SELECT to_jsonb(coalesce((SELECT is_kept FROM begun), false)) FROM released";
    let challenge = json!({"digest": new.challenge.digest, "client": new.challenge.client, "keys": new.keys,
        "task": new.task, "seconds": CHALLENGE_SECONDS});
    let hash = |hash: Option<&str>| hash.map_or(ParameterValue::DbNull, text);
    let parameters = [
        text(&ReleasePermit::new(&new.permit, attempt, None, None).audited(Some(entry)).to_json()),
        ParameterValue::Int64(new.user_id.get()),
        ParameterValue::Int32(new.credentials_epoch),
        text(&challenge.to_string()),
        hash(new.renewal.as_ref().map(|renewal| renewal.previous.expose())),
        hash(new.renewal.as_ref().map(|renewal| renewal.renewed.expose())),
    ];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// A challenge that can be answered.
#[derive(Debug, Deserialize)]
pub(crate) struct OpenChallenge {
    pub(crate) user_id: UserId,
    pub(crate) keys: AttemptKeys,
    pub(crate) task: SecondFactorTask,
}

/// The challenge, if it can be answered.
pub(crate) fn find(store: &Store, shown: &ShownChallenge) -> Result<Option<OpenChallenge>, Problem> {
    let statement = format!(
        "SELECT (SELECT jsonb_build_object('user_id', c.user_id, 'keys', c.keys, 'task', c.task)
                 FROM sign_in_challenges c, users u WHERE {IS_OPEN})"
    );
    Ok(store.one(&statement, &[text(&shown.digest), text(&shown.client)])?)
}

/// A challenge whose try was counted.
#[derive(Debug, Deserialize)]
pub(crate) struct Tried {
    pub(crate) credentials_epoch: i32,
    /// The app that its code is of; `None` if there is none (any more).
    pub(crate) factor: Option<Factor>,
}

/// Counts a try, before anybody looks at the code; `None` if the challenge cannot be answered any more.
pub(crate) fn count_try(store: &Store, shown: &ShownChallenge) -> Result<Option<Tried>, Problem> {
    let statement = format!(
        "WITH tried AS (
            UPDATE sign_in_challenges c SET tries_left = c.tries_left - 1 FROM users u WHERE {IS_OPEN}
            RETURNING c.user_id, c.credentials_epoch, c.task
         )
         SELECT (SELECT jsonb_build_object('credentials_epoch', credentials_epoch, 'factor',
                (SELECT jsonb_build_object('factor_id', f.factor_id, 'sealed_secret', f.sealed_secret) FROM totp_factors f
                 WHERE f.user_id = tried.user_id AND (f.confirmed_at IS NOT NULL) = (task = 'code')))
            FROM tried)"
    );
    Ok(store.one(&statement, &[text(&shown.digest), text(&shown.client)])?)
}

/// A code that is right.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Code {
    /// Of the app.
    Totp {
        factor_id: Uuid,
        step: i64,
        /// The secret, sealed by the key of today.
        sealed_secret: Option<String>,
    },
    /// A recovery code, by its digest.
    Recovery { recovery_code: String },
}

/// What the end of a sign-in began.
#[derive(Debug, Deserialize)]
pub(crate) struct Ended {
    /// The session; `None` if the code was used before, or the account has changed.
    pub(crate) session: Option<StartedSession>,
    /// The event of the sign-in, for auth to publish.
    pub(crate) event: Option<Value>,
    /// Events for the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// What a sign-in has proved.
#[derive(Debug)]
pub(crate) struct Proved {
    /// The function of the database that spends it, and the challenge; it answers whether they were good.
    pub(crate) spend: &'static str,
    /// What that is asked.
    pub(crate) request: Value,
    /// The methods (RFC 8176).
    pub(crate) amr: &'static str,
    /// What the owner is told of.
    pub(crate) change: Option<SecondFactorChange>,
}

impl Proved {
    /// A code that answers this challenge.
    pub(crate) fn by_code(code: &Code, challenge: &str) -> Self {
        let mut request = json!(code);
        request["challenge"] = json!(challenge);
        let (amr, change) = match code {
            Code::Totp { .. } => ("pwd otp mfa", None),
            Code::Recovery { .. } => ("pwd mfa", Some(SecondFactorChange::RecoveryCodeUsed)),
        };
        Self { spend: "spend_second_factor", request, amr, change }
    }
}

/// Spends what was proved and the challenge, and begins the session; releases the permit. Nothing begins if one of them was used
/// before: that counts as a failure. Of the rest see `END_SIGN_IN`.
pub(crate) fn end(
    store: &Store,
    session: &SessionStart,
    user_id: UserId,
    credentials_epoch: i32,
    proved: &Proved,
    known_device: bool,
    release: &ReleasePermit<'_>,
) -> Result<Ended, Problem> {
    let statement = format!(
        "WITH account AS (
            SELECT id, email, phone, role, roles_json(role, roles) AS roles, credentials_epoch, email_verified_at IS NOT NULL AS email_verified FROM users
            WHERE id = $2 AND credentials_epoch = $3 AND suspended_at IS NULL FOR NO KEY UPDATE
         ), spent AS MATERIALIZED (
            SELECT {}(id, $4::text::jsonb) AS is_spent FROM account
         ), room AS MATERIALIZED (
            SELECT remove_surplus_sessions(id, 49) FROM account, spent WHERE is_spent
         ), begun AS (
            INSERT INTO sessions
                (id, user_id, credentials_epoch, refresh_digest, idle_until, ends_at, user_agent, network, amr)
            SELECT $5::text::uuid, id, credentials_epoch, $6, now() + make_interval(secs => $7::int4),
                now() + make_interval(secs => $8::int4), $9, $10, string_to_array($11, ' ')
            FROM account, room ON CONFLICT DO NOTHING
            RETURNING id AS session_id, user_id, authentication_json(authenticated_at, amr) AS authentication
         ), happened AS (
            SELECT 1 AS place, id, $12::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', email, 'phone', phone) || $17::text::jsonb AS data
            FROM account JOIN begun ON user_id = id
            UNION ALL
            SELECT 2, id, $13::text::jsonb, jsonb_build_object('user_id', id, 'email', email, 'change', $14::text)
            FROM account JOIN begun ON user_id = id WHERE $14::text IS NOT NULL
         ), kept AS (
            INSERT INTO outbox (exchange, event, leased_until)
            SELECT event ->> 'type', event || jsonb_build_object('subject', id::text, 'data', data),
                now() + make_interval(secs => CASE WHEN {OUTBOX_IS_LONG} THEN 0 ELSE $15::int4 END)
            FROM happened ORDER BY place
            RETURNING event_id, exchange, event, leased_until
         ), released AS MATERIALIZED (
            SELECT release_hash_permit($1::text::jsonb || jsonb_build_object('succeeded', EXISTS (SELECT FROM begun)))
         )
         SELECT jsonb_build_object(
            'session', (SELECT to_jsonb(s) FROM
                (SELECT session_id, user_id, role, roles, email_verified, authentication FROM begun, account) s),
            'event', (SELECT event FROM kept WHERE leased_until > now() AND exchange = $16),
            'events', (SELECT coalesce(jsonb_agg(to_jsonb(kept) - 'leased_until'), '[]')
                       FROM kept WHERE leased_until > now() AND exchange <> $16))
         FROM released",
        proved.spend
    );
    let optional = |value: Option<&str>| value.map_or(ParameterValue::DbNull, text);
    let parameters = [
        text(&release.to_json()),
        ParameterValue::Int64(user_id.get()),
        ParameterValue::Int32(credentials_epoch),
        text(&proved.request.to_string()),
        text(&session.id.to_string()),
        text(&session.refresh_digest),
        ParameterValue::Int32(session.idle_seconds),
        ParameterValue::Int32(session.absolute_seconds),
        optional(session.origin.user_agent.as_deref()),
        optional(session.origin.network.as_deref()),
        text(proved.amr),
        text(&Event::template("/auth-ms", Exchange::UserLogin)),
        text(&Event::template("/users-ms", Exchange::SecondFactorChanged)),
        optional(proved.change.map(SecondFactorChange::name)),
        ParameterValue::Int32(OWN_LEASE_SECONDS),
        text(Exchange::UserLogin.name()),
        text(&details(&session.origin, Some(known_device))),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// Deletes challenges that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<(), Problem> {
    store.delete_in_steps(
        "WITH gone AS (
            DELETE FROM sign_in_challenges WHERE digest IN (
                SELECT digest FROM sign_in_challenges WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
