//! The statements about recovering an account.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::tickets::{remember, template};
use super::{Store, audit};
use ::events::Exchange;
use identity::{PasswordHash, UserId};
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, Owner, RESET_SECONDS, ShownTicket, Trace};

/// What is known before a password is hashed.
#[derive(Debug, Deserialize)]
pub(crate) struct Checked {
    /// After how many seconds the client may try again, if it tries too often.
    pub(crate) retry_after: Option<u32>,
    /// Whose account it is; `None` if the ticket is not good.
    pub(crate) owner: Option<Owner>,
}

/// Checks a ticket, which stays as it is; a wrong code is counted.
pub(crate) fn check(store: &Store, shown: &ShownTicket, client: &Attempt) -> Result<Checked, Problem> {
    const STATEMENT: &str = "
        WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, $3::int4) AS wait
        ), found AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN find_ticket($1::text::jsonb) END AS user_id FROM admitted
        )
        SELECT jsonb_build_object('retry_after', wait, 'owner', (
            SELECT jsonb_build_object('user_id', u.id, 'email', u.email, 'name', u.name, 'surname', u.surname)
            FROM found JOIN users u ON u.id = user_id))
        FROM admitted";
    let parameters =
        [text(&shown.to_json()), text(&client.rate_limits_as_json()), ParameterValue::Int32(RESET_SECONDS)];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// The outcome of a recovery.
#[derive(Debug, Deserialize)]
pub(crate) struct Recovered {
    /// Whose account it is; `None` if the ticket is not good, or not any more.
    pub(crate) user_id: Option<UserId>,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Spends a ticket and sets the password. All sessions end: the new hash raises the credentials epoch. The failures under
/// `failures` are forgotten, the owner is told with `told`, and the address is confirmed, for its mail was read. If it was not confirmed before, second factor,
/// passkeys and what applications were allowed go, and the phone number is not confirmed: nobody knows whether that was the owner of the address.
pub(crate) fn recover(
    store: &Store,
    shown: &ShownTicket,
    hash: &PasswordHash,
    failures: &[String],
    told: &str,
    trace: &Trace,
) -> Result<Recovered, Problem> {
    let audited = audit::row("password-recovery", "success", "id", 5, "changed");
    let remembered = remember("changed");
    let statement = format!(
        "WITH spent AS MATERIALIZED (
            SELECT spend_ticket($1::text::jsonb) AS user_id
         ), changed AS (
            UPDATE users u SET password_hash = $2, email_verified_at = coalesce(u.email_verified_at, now()),
                phone_verified_at = CASE WHEN u.email_verified_at IS NOT NULL THEN u.phone_verified_at END,
                version = u.version + 1, updated_at = now()
            FROM spent WHERE u.id = spent.user_id RETURNING u.id, u.email
         ), unproved AS (
            -- As the address was before: whoever added a factor under an address that was not theirs keeps nobody out.
            SELECT u.id FROM spent JOIN users u ON u.id = spent.user_id WHERE u.email_verified_at IS NULL
         ), without_factor AS (
            DELETE FROM totp_factors WHERE user_id IN (SELECT id FROM unproved)
         ), without_codes AS (
            DELETE FROM recovery_codes WHERE user_id IN (SELECT id FROM unproved)
         ), without_passkeys AS (
            DELETE FROM passkeys WHERE user_id IN (SELECT id FROM unproved)
         ), without_consents AS (
            DELETE FROM oauth_consents WHERE user_id IN (SELECT id FROM unproved)
         ), ended AS (
            DELETE FROM sessions WHERE user_id IN (SELECT id FROM changed)
         ), forgotten AS (
            UPDATE attempts SET failures = 0, failures_in_a_row = 0
            WHERE key IN (SELECT jsonb_array_elements_text($3::text::jsonb)) AND EXISTS (SELECT FROM changed)
         ), remembered AS ({remembered}), audited AS ({audited}), happened AS (
            SELECT 1 AS place, id, $4::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', email) || $6::text::jsonb AS data
            FROM changed
         ), {}
         SELECT jsonb_build_object('user_id', (SELECT id FROM changed), 'events', {ENQUEUED})",
        enqueue()
    );
    let parameters = [
        text(&shown.to_json()),
        text(hash.expose()),
        text(&json!(failures).to_string()),
        template(Exchange::PasswordChanged),
        audit::parameter(trace),
        text(told),
    ];
    Ok(store.one(&statement, &parameters)?)
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
