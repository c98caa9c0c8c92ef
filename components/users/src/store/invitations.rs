//! The statements about invitations.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::tickets::{Issue, remember, template};
use super::{Store, User, audit, roles};
use ::events::Exchange;
use api::users::Invitation;
use identity::{Locale, PasswordHash, UserId};
use problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{Acceptance, Attempt, Invite, Purpose, RESET_SECONDS, ShownTicket, Trace};

/// An invitation that an administrator sends.
pub(crate) struct Sent<'a> {
    pub(crate) invite: &'a Invite,
    /// Who sends it.
    pub(crate) inviter: UserId,
    pub(crate) issue: Issue<'a>,
}

/// The outcome of sending one.
#[derive(Debug, Deserialize)]
pub(crate) struct Outcome {
    /// After how many seconds the administrator may send another one, if they send too many.
    pub(crate) retry_after: Option<u32>,
    /// Whether a user has the address.
    pub(crate) is_taken: bool,
    /// The invitation; `None` if it was not sent.
    pub(crate) invitation: Option<Invitation>,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Makes an invitation in the place of an earlier one to the address; or, of the one with the id `again`, makes link and code anew.
/// Nothing is sent for an address that a user has, nor by somebody who is no administrator any more.
pub(crate) fn send(store: &Store, sent: &Sent<'_>, again: Option<UserId>, trace: &Trace) -> Result<Outcome, Problem> {
    let change = match again {
        None => {
            "INSERT INTO invitations AS i (user_id, email, email_key, email_keys, role, roles, locale, inviter_id,
                digest, code_digest, expires_at)
             SELECT nextval(pg_get_serial_sequence('users', 'id')), a.email, a.email_key, a.email_keys, a.role, a.roles, a.locale,
                inviter.id, a.digest, a.code_digest, a.expires_at
             FROM asked a, inviter WHERE a.again IS NULL
             ON CONFLICT (email_key) DO UPDATE SET email = excluded.email, email_keys = excluded.email_keys,
                role = excluded.role, roles = excluded.roles, locale = excluded.locale, inviter_id = excluded.inviter_id,
                digest = excluded.digest, code_digest = excluded.code_digest, tries_left = DEFAULT,
                expires_at = excluded.expires_at"
        }
        Some(_) => {
            "UPDATE invitations i SET inviter_id = inviter.id, digest = a.digest, code_digest = a.code_digest,
                tries_left = DEFAULT, expires_at = a.expires_at
             FROM asked a, inviter WHERE i.user_id = a.again AND i.email_key = a.email_key AND i.expires_at > now()"
        }
    };
    // The inviter is locked before the invitation.
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($9::text::jsonb, {RESET_SECONDS}) AS wait, is_email_taken($3::text::jsonb, NULL) AS is_taken
         ), inviter AS MATERIALIZED (
            SELECT u.id FROM admitted, users u
            WHERE u.id = $10 AND u.role = 'admin' AND u.suspended_at IS NULL AND wait IS NULL AND NOT is_taken
            FOR KEY SHARE OF u
         ), asked AS (
            SELECT $1::text AS email, $2::text AS email_key, $3::text::jsonb AS email_keys, $4::text AS role,
                $5::text AS locale, {} AS roles, $6::text AS digest, $7::text AS code_digest, $8::int8 AS again,
                now() + make_interval(secs => {}) AS expires_at
         ), invited AS ({change} RETURNING i.user_id AS id, i.email, i.locale, invitation_json(i) AS shown
         ), audited AS ({}), happened AS (
            SELECT 1 AS place, id, $11::text::jsonb AS event, jsonb_strip_nulls(
                jsonb_build_object('user_id', id, 'email', email, 'locale', locale)) || $12::text::jsonb AS data
            FROM invited
         ), {}
         SELECT jsonb_build_object('retry_after', wait, 'is_taken', is_taken, 'invitation', (SELECT shown FROM invited),
            'events', {ENQUEUED}) FROM admitted",
        roles::array(14),
        Purpose::Invitation.seconds(),
        // Not whom: that is nobody yet.
        audit::row("user-invited", "success", "NULL::int8", 13, "invited"),
        enqueue()
    );
    let Sent { invite, inviter, issue } = sent;
    let parameters = [
        text(invite.email.address()),
        text(invite.email.key()),
        text(&invite.email.keys_as_json()),
        text(invite.role.name()),
        invite.locale.as_ref().map(Locale::as_str).map_or(ParameterValue::DbNull, text),
        text(&issue.ticket.digest),
        text(&issue.ticket.code_digest),
        again.map_or(ParameterValue::DbNull, |id| ParameterValue::Int64(id.get())),
        text(&issue.mails.rate_limits_as_json()),
        ParameterValue::Int64(inviter.get()),
        template(Exchange::UserInvited),
        text(&issue.secrets()),
        audit::parameter(trace),
        roles::parameter(&invite.other_roles),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// The invitation with this id.
pub(crate) fn find(store: &Store, id: UserId) -> Result<Option<Invitation>, Problem> {
    const STATEMENT: &str =
        "SELECT (SELECT invitation_json(i) FROM invitations i WHERE user_id = $1 AND expires_at > now())";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get())])?)
}

/// Up to `limit` invitations, newest first, from the one before `before` on.
pub(crate) fn list(store: &Store, before: Option<UserId>, limit: usize) -> Result<Vec<Invitation>, Problem> {
    let statement = format!(
        "SELECT coalesce(jsonb_agg(invitation_json(i) ORDER BY user_id DESC), '[]') FROM (
            SELECT * FROM invitations WHERE expires_at > now() AND user_id < $1 ORDER BY user_id DESC LIMIT {limit}) i"
    );
    Ok(store.one(&statement, &[ParameterValue::Int64(before.map_or(i64::MAX, UserId::get))])?)
}

/// Revokes an invitation, and deletes a mail that waits in the outbox. Returns whether there was one.
pub(crate) fn revoke(store: &Store, id: UserId, trace: &Trace) -> Result<bool, Problem> {
    let statement = format!(
        "WITH revoked AS (
            DELETE FROM invitations WHERE user_id = $1 RETURNING expires_at > now() AS was_good
         ), unpublished AS (
            DELETE FROM outbox WHERE id IN (
                SELECT id FROM outbox
                WHERE event #>> '{{data,user_id}}' = $1::int8::text AND EXISTS (SELECT FROM revoked)
                ORDER BY id FOR UPDATE)
         ), audited AS ({})
         SELECT to_jsonb(coalesce((SELECT was_good FROM revoked), false))",
        audit::row("invitation-revoked", "success", "NULL::int8", 2, "revoked WHERE was_good")
    );
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get()), audit::parameter(trace)])?)
}

/// What is known before a password is hashed.
#[derive(Debug, Deserialize)]
pub(crate) struct Checked {
    /// After how many seconds the client may try again, if it tries too often.
    pub(crate) retry_after: Option<u32>,
    /// The address that is invited; `None` if the invitation is not good.
    pub(crate) email: Option<String>,
}

/// Checks an invitation, which stays as it is; a wrong code is counted.
pub(crate) fn check(store: &Store, shown: &ShownTicket, client: &Attempt) -> Result<Checked, Problem> {
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, {RESET_SECONDS}) AS wait
        ), found AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN find_invitation($1::text::jsonb) END AS id FROM admitted
        )
        SELECT jsonb_build_object('retry_after', wait,
            'email', (SELECT email FROM found JOIN invitations ON user_id = id)) FROM admitted"
    );
    Ok(store.one(&statement, &[text(&shown.to_json()), text(&client.rate_limits_as_json())])?)
}

/// The outcome of an acceptance.
#[derive(Debug, Deserialize)]
pub(crate) struct Accepted {
    /// The user; `None` if the invitation is not good, or not any more.
    pub(crate) user: Option<User>,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Spends an invitation and makes its user. `locale` is the language of messages if the inviter has chosen none.
pub(crate) fn accept(
    store: &Store,
    shown: &ShownTicket,
    acceptance: &Acceptance,
    hash: &PasswordHash,
    locale: Option<&Locale>,
    trace: &Trace,
) -> Result<Accepted, Problem> {
    let statement = format!(
        "WITH accepted AS MATERIALIZED (
            SELECT accept_invitation($1::text::jsonb) AS shown
         ), made AS (
            SELECT (shown ->> 'id')::int8 AS id, shown FROM accepted WHERE shown IS NOT NULL
         ), remembered AS ({}), audited AS ({}), happened AS (
            SELECT 1 AS place, id, $2::text::jsonb AS event, jsonb_build_object('user_id', id, 'email', shown -> 'email',
                'name', shown -> 'name') AS data
            FROM made
         ), {}
         SELECT jsonb_build_object('user', (SELECT shown FROM made), 'events', {ENQUEUED})",
        remember("made"),
        audit::row("sign-up", "success", "id", 3, "made"),
        enqueue()
    );
    let mut request: Value = serde_json::from_str(&shown.to_json()).unwrap_or_default();
    request["name"] = json!(acceptance.name.as_str());
    request["surname"] = json!(acceptance.surname.as_str());
    request["password_hash"] = json!(hash.expose());
    request["locale"] = json!(locale.map(Locale::as_str));
    let parameters = [text(&request.to_string()), template(Exchange::NewUser), audit::parameter(trace)];
    Ok(store.one(&statement, &parameters)?)
}

/// Deletes invitations that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM invitations WHERE user_id IN (
                SELECT user_id FROM invitations WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING user_id)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
