//! The statements about confirming addresses.

use super::audit;
use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::tickets::{Issue, remember, template};
use super::{Store, StoreError};
use ::events::Exchange;
use identity::{Locale, PasswordHash, Phone, UserId, ZoneInfo};
use problem::Problem;
use serde::Deserialize;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, RESET_SECONDS, RequestDigests, ShownTicket, SignUp, Trace, VERIFICATION_SECONDS};

/// The outcome of a sign-up with an address that is yet to be confirmed.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SignedUp {
    /// The new user; `None` if the address is taken.
    pub(crate) user_id: Option<UserId>,
    /// For the caller to publish; none if the outbox is so long that they are left to a sweep.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Inserts a user and issues a ticket, or notes that the owner of the address is to be told. Both are the same work. What came
/// under the same idempotency key before is neither.
pub(crate) fn sign_up(
    store: &Store,
    sign_up: &SignUp,
    hash: &PasswordHash,
    request: Option<&RequestDigests>,
    issue: &Issue<'_>,
    trace: &Trace,
) -> Result<SignedUp, Problem> {
    let statement = format!(
        "WITH allowed AS MATERIALIZED (
            SELECT admit_request($10::text::jsonb, $11::int4) IS NULL AS may_mail
         ), new_user AS (
            INSERT INTO users AS u (email, email_key, name, surname, phone, password_hash, locale, zoneinfo)
            SELECT $1, $2, $3, $4, $5, $6, $20, $21
            WHERE NOT is_email_taken($7::text::jsonb, NULL)
            ON CONFLICT (email_key) DO NOTHING
            RETURNING u.id, u.email, u.email_key, u.name, u.credentials_epoch, user_json(u) AS shown
         ), owner AS (
            SELECT id, email FROM users
            WHERE email_key IN (SELECT jsonb_array_elements_text($7::text::jsonb))
                AND NOT EXISTS (SELECT FROM idempotency_keys WHERE key_digest = $8 AND body_digest = $9)
            ORDER BY id LIMIT 1
         ), issued AS (
            INSERT INTO tickets (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
            SELECT $12, 'verification', id, email_key, credentials_epoch, $13, now() + make_interval(secs => $14::int4)
            FROM new_user, allowed WHERE may_mail
            RETURNING user_id
         ), happened AS (
            SELECT 1 AS place, id, $15::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', email, 'name', name, 'awaits_verification', true) AS data
            FROM new_user
            UNION ALL
            SELECT 2, id, $16::text::jsonb, jsonb_build_object('user_id', id, 'email', email) || $17::text::jsonb
            FROM new_user JOIN issued ON user_id = id
            UNION ALL
            SELECT 3, id, $18::text::jsonb, jsonb_build_object('user_id', id, 'email', email)
            FROM owner, allowed WHERE may_mail
         ), {}, remembered AS (
            INSERT INTO idempotency_keys (key_digest, body_digest, user_id, response)
            SELECT $8, $9, id, shown FROM new_user WHERE $8::text IS NOT NULL
         ), audited AS (
            INSERT INTO audit_log (action, result, user_id, actor_kind, actor_id, network, user_agent, request_id)
            SELECT 'sign-up', w.result, w.id, w.actor_kind, w.actor_id, t.network, t.user_agent, t.request_id
            FROM jsonb_to_record($19::text::jsonb)
                    AS t(actor_kind text, actor_id bigint, network text, user_agent text, request_id text),
                LATERAL (
                    SELECT 'success' AS result, id, t.actor_kind, CASE WHEN t.actor_kind = 'self' THEN id ELSE t.actor_id END AS actor_id
                    FROM new_user
                    UNION ALL
                    SELECT 'email-taken', id, CASE WHEN t.actor_kind = 'self' THEN 'nobody' ELSE t.actor_kind END, t.actor_id FROM owner) w
         )
         SELECT jsonb_build_object(
            'user_id', (SELECT id FROM new_user),
            'events', {ENQUEUED})",
        enqueue()
    );
    let parameters = [
        text(sign_up.email.address()),
        text(sign_up.email.key()),
        text(sign_up.name.as_str()),
        text(sign_up.surname.as_str()),
        optional(sign_up.phone.as_ref().map(Phone::as_str)),
        text(hash.expose()),
        text(&sign_up.email.keys_as_json()),
        optional(request.map(|request| request.key.as_str())),
        optional(request.map(|request| request.body.as_str())),
        text(&issue.mails.rate_limits_as_json()),
        ParameterValue::Int32(RESET_SECONDS),
        text(&issue.ticket.digest),
        text(&issue.ticket.code_digest),
        ParameterValue::Int32(VERIFICATION_SECONDS),
        template(Exchange::NewUser),
        template(Exchange::VerificationRequested),
        text(&issue.secrets()),
        template(Exchange::SignUpRepeated),
        audit::parameter(trace),
        optional(sign_up.locale.as_ref().map(Locale::as_str)),
        optional(sign_up.zoneinfo.as_ref().map(ZoneInfo::as_str)),
    ];
    match store.one(&statement, &parameters) {
        // A concurrent request was first, so this one did nothing.
        Err(StoreError::Conflict) => Ok(SignedUp::default()),
        outcome => Ok(outcome?),
    }
}

/// The outcome of an attempt to confirm an address.
#[derive(Debug, Deserialize)]
pub(crate) struct Confirmed {
    /// After how many seconds the client may try again, if it tries too often.
    pub(crate) retry_after: Option<u32>,
    /// Whose address it is; `None` if the ticket is not good.
    pub(crate) user_id: Option<UserId>,
}

/// Spends a ticket and notes that the address is confirmed.
pub(crate) fn confirm(
    store: &Store,
    shown: &ShownTicket,
    client: &Attempt,
    trace: &Trace,
) -> Result<Confirmed, Problem> {
    let audited = audit::row("email-verification", "success", "id", 4, "verified");
    let remembered = remember("verified");
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, $3::int4) AS wait
        ), spent AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN spend_ticket($1::text::jsonb) END AS user_id FROM admitted
        ), verified AS (
            UPDATE users u SET email_verified_at = now() FROM spent WHERE u.id = spent.user_id RETURNING u.id
        ), remembered AS ({remembered}), audited AS ({audited})
        SELECT jsonb_build_object('retry_after', wait, 'user_id', (SELECT id FROM verified)) FROM admitted"
    );
    let parameters = [
        text(&shown.to_json()),
        text(&client.rate_limits_as_json()),
        ParameterValue::Int32(RESET_SECONDS),
        audit::parameter(trace),
    ];
    Ok(store.one(&statement, &parameters)?)
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}

fn optional(value: Option<&str>) -> ParameterValue {
    value.map_or(ParameterValue::DbNull, text)
}
