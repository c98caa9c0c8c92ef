//! The statements about tickets of every purpose.

use super::Store;
use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use ::events::{Event, Exchange};
use identity::{Email, UserId};
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, NewTicket, Purpose, RESET_SECONDS, RETENTION_SECONDS};

/// A ticket to issue, and the link that holds its secret.
pub(crate) struct Issue<'a> {
    pub(crate) ticket: &'a NewTicket,
    pub(crate) link: &'a str,
    /// The limit of mails to the address.
    pub(crate) mails: &'a Attempt,
}

impl Issue<'_> {
    /// What only the event holds.
    pub(super) fn secrets(&self) -> String {
        json!({"link": self.link, "code": self.ticket.code}).to_string()
    }
}

/// The outcome of a request for a mail.
#[derive(Debug, Deserialize)]
pub(crate) struct Requested {
    /// After how many seconds the client may ask again, if it asks too often.
    pub(crate) retry_after: Option<u32>,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Issues a ticket in the place of an earlier one to the account that has the address, if it is one that such a ticket is for.
/// A mail too many for the address is not sent, and the earlier ticket stays. Where nobody is asked for it, nothing is issued.
pub(crate) fn request(
    store: &Store,
    purpose: Purpose,
    email: &Email,
    client: &Attempt,
    issue: &Issue<'_>,
    is_asked_for: bool,
) -> Result<Requested, Problem> {
    let is_for_account = match purpose {
        Purpose::Verification => "u.email_verified_at IS NULL",
        Purpose::Recovery => "u.suspended_at IS NULL",
        // These are issued by other statements.
        Purpose::EmailChange | Purpose::EmailReturn | Purpose::Invitation => "false",
    };
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, $4::int4) AS wait
         ), account AS MATERIALIZED (
            SELECT u.id, u.email, u.email_key, u.credentials_epoch FROM admitted, users u
            WHERE wait IS NULL AND u.email_key IN (SELECT jsonb_array_elements_text($1::text::jsonb))
                AND {is_for_account} AND $10::bool
            ORDER BY u.id LIMIT 1 FOR NO KEY UPDATE OF u
         ), issued AS (
            INSERT INTO tickets AS t (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
            SELECT $5, $11, id, email_key, credentials_epoch, $6, now() + make_interval(secs => $7::int4)
            FROM account WHERE admit_request($3::text::jsonb, $4::int4) IS NULL
            ON CONFLICT (user_id, purpose) WHERE purpose <> 'email_return' DO UPDATE SET digest = excluded.digest, email_key = excluded.email_key,
                credentials_epoch = excluded.credentials_epoch, code_digest = excluded.code_digest,
                tries_left = DEFAULT, expires_at = excluded.expires_at
            RETURNING t.user_id
         ), happened AS (
            SELECT 1 AS place, id, $8::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', email) || $9::text::jsonb AS data
            FROM account JOIN issued ON user_id = id
         ), {}
         SELECT jsonb_build_object('retry_after', wait, 'events', {ENQUEUED}) FROM admitted",
        enqueue()
    );
    let parameters = [
        text(&email.keys_as_json()),
        text(&client.rate_limits_as_json()),
        text(&issue.mails.rate_limits_as_json()),
        ParameterValue::Int32(RESET_SECONDS),
        text(&issue.ticket.digest),
        text(&issue.ticket.code_digest),
        ParameterValue::Int32(purpose.seconds()),
        template(purpose.exchange()),
        text(&issue.secrets()),
        ParameterValue::Boolean(is_asked_for),
        text(purpose.name()),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// The part of a statement that remembers the use of a ticket by the users `id` of `done`, for a repetition of the same request. The
/// first parameter of the statement says the digest of the request.
pub(super) fn remember(done: &str) -> String {
    format!(
        "INSERT INTO used_tickets (digest, user_id)
         SELECT request.digest, {done}.id
         FROM {done}, (SELECT $1::text::jsonb ->> 'request_digest' AS digest) AS request
         WHERE request.digest IS NOT NULL
         ON CONFLICT DO NOTHING"
    )
}

/// Whose ticket the request with this digest has used in the last day.
pub(crate) fn used_by(store: &Store, request_digest: &str) -> Result<Option<UserId>, Problem> {
    const STATEMENT: &str = "
        SELECT (SELECT to_jsonb(user_id) FROM used_tickets
                WHERE digest = $1 AND used_at >= now() - make_interval(secs => $2::int4))";
    Ok(store.one(STATEMENT, &[text(request_digest), ParameterValue::Int32(RETENTION_SECONDS)])?)
}

/// Forgets the uses of tickets that are older than a day.
pub(crate) fn delete_used(store: &Store) -> Result<bool, Problem> {
    store.delete_step(&format!(
        "WITH gone AS (
            DELETE FROM used_tickets WHERE digest IN (
                SELECT digest FROM used_tickets WHERE used_at < now() - make_interval(secs => {RETENTION_SECONDS})
                ORDER BY used_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))"
    ))
}

/// Deletes tickets that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM tickets WHERE digest IN (
                SELECT digest FROM tickets WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

/// An event of this exchange, to which the statement adds subject and data.
pub(super) fn template(exchange: Exchange) -> ParameterValue {
    text(&Event::template("/users-ms", exchange))
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
