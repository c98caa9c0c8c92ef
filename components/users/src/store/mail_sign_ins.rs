//! The statements about sign-ins by mail.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::tickets::template;
use super::{Store, audit};
use ::events::Exchange;
use api::users::SecondFactorTask;
use identity::{AttemptKeys, Email, PasswordHash, Role, UserId};
use problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{
    Attempt, CHALLENGE_SECONDS, MAIL_SIGN_IN_METHOD, NewMailSignIn, RESET_SECONDS, ReleasePermit, ShownChallenge,
    ShownSignIn, Trace,
};

/// The outcome of a request for a mail.
#[derive(Debug, Deserialize)]
pub(crate) struct Requested {
    /// After how many seconds the client may ask again, if it asks too often.
    pub(crate) retry_after: Option<u32>,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Keeps a ticket for the account that has the address, if there is one that is not suspended. A mail too many for the address is
/// not sent.
pub(crate) fn request(
    store: &Store,
    email: &Email,
    client: &Attempt,
    mails: &Attempt,
    new: &NewMailSignIn,
    link: &str,
) -> Result<Requested, Problem> {
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, $4::int4) AS wait
         ), account AS MATERIALIZED (
            SELECT u.id, u.email, u.email_key, u.credentials_epoch FROM admitted, users u
            WHERE wait IS NULL AND u.email_key IN (SELECT jsonb_array_elements_text($1::text::jsonb))
                AND u.suspended_at IS NULL
            ORDER BY u.id LIMIT 1 FOR NO KEY UPDATE OF u
         ), issued AS MATERIALIZED (
            SELECT keep_sign_in_ticket(id, email_key, credentials_epoch, $5::text::jsonb) AS is_kept
            FROM account WHERE admit_request($3::text::jsonb, $4::int4) IS NULL
         ), happened AS (
            SELECT 1 AS place, id, $6::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', email) || $7::text::jsonb AS data
            FROM account, issued WHERE is_kept
         ), {}
         SELECT jsonb_build_object('retry_after', wait, 'events', {ENQUEUED}) FROM admitted",
        enqueue()
    );
    let parameters = [
        text(&email.keys_as_json()),
        text(&client.rate_limits_as_json()),
        text(&mails.rate_limits_as_json()),
        ParameterValue::Int32(RESET_SECONDS),
        text(&new.to_json()),
        template(Exchange::SignInRequested),
        text(&json!({"link": link, "code": new.code}).to_string()),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// What is known before a ticket is spent.
#[derive(Debug, Deserialize)]
pub(crate) struct Found {
    /// After how many seconds the client may try again, if it tries too often.
    pub(crate) retry_after: Option<u32>,
    /// Whose it is; `None` if it is not good.
    pub(crate) known: Option<Known>,
}

/// The account that a ticket signs in to.
#[derive(Debug, Deserialize)]
pub(crate) struct Known {
    pub(crate) user_id: UserId,
    pub(crate) email_key: String,
    pub(crate) role: Role,
    pub(crate) credentials_epoch: i32,
    pub(crate) suspended: bool,
    pub(crate) password_reset_required: bool,
    pub(crate) email_verified: bool,
    pub(crate) has_second_factor: bool,
    pub(crate) has_passkey: bool,
}

/// Finds a ticket, which stays as it is; a wrong code is counted.
pub(crate) fn find(store: &Store, shown: &ShownSignIn, client: &Attempt) -> Result<Found, Problem> {
    const STATEMENT: &str = "
        WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, $3::int4) AS wait
        ), found AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN find_sign_in_ticket($1::text::jsonb) END AS user_id FROM admitted
        )
        SELECT jsonb_build_object('retry_after', wait, 'known', (SELECT to_jsonb(k) FROM (
            SELECT u.id AS user_id, u.email_key, u.role, u.credentials_epoch, u.suspended_at IS NOT NULL AS suspended,
                u.password_reset_required, u.email_verified_at IS NOT NULL AS email_verified,
                (SELECT count(*) FROM totp_factors f WHERE f.user_id = u.id AND f.confirmed_at IS NOT NULL) > 0 AS has_second_factor,
                (SELECT count(*) FROM passkeys p WHERE p.user_id = u.id) > 0 AS has_passkey
            FROM found JOIN users u ON u.id = found.user_id) k))
        FROM admitted";
    let parameters =
        [text(&shown.to_json()), text(&client.rate_limits_as_json()), ParameterValue::Int32(RESET_SECONDS)];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Gives an account whose address nobody has confirmed to whoever reads its mail: `hash`, of a password that nobody knows, replaces that
/// of before. Returns the credentials epoch from then on; `None` if the ticket is not good any more.
pub(crate) fn claim(
    store: &Store,
    shown: &ShownSignIn,
    user_id: UserId,
    hash: &PasswordHash,
    trace: &Trace,
) -> Result<Option<i32>, Problem> {
    let audited = audit::row("password-invalidated", "success", "id", 2, "claimed");
    let statement = format!(
        "WITH before AS MATERIALIZED (
            SELECT id, credentials_epoch FROM users WHERE id = $3
         ), outcome AS MATERIALIZED (
            SELECT id, credentials_epoch AS earlier, claim_unconfirmed_account($1::text::jsonb) AS epoch FROM before
         ), claimed AS (
            SELECT id FROM outcome WHERE epoch > earlier
         ), audited AS ({audited})
         SELECT to_jsonb((SELECT epoch FROM outcome))"
    );
    let mut request: Value = serde_json::from_str(&shown.to_json()).unwrap_or_default();
    request["password_hash"] = hash.expose().into();
    let parameters = [text(&request.to_string()), audit::parameter(trace), ParameterValue::Int64(user_id.get())];
    Ok(store.one(&statement, &parameters)?)
}

/// Spends a ticket and keeps the challenge in the place of a session; releases the permit. False if the ticket is not good any more.
pub(crate) fn challenge(
    store: &Store,
    shown: &ShownSignIn,
    known: &Known,
    task: SecondFactorTask,
    challenge: &ShownChallenge,
    keys: &AttemptKeys,
    release: &ReleasePermit<'_>,
) -> Result<bool, Problem> {
    const STATEMENT: &str = "
        WITH account AS (
            SELECT id, credentials_epoch FROM users
            WHERE id = $2 AND credentials_epoch = $3 AND suspended_at IS NULL FOR NO KEY UPDATE
        ), spent AS MATERIALIZED (
            SELECT spend_sign_in_ticket(id, $4::text::jsonb) AS is_spent FROM account
        ), begun AS MATERIALIZED (
            SELECT keep_sign_in_challenge(id, credentials_epoch, $5::text::jsonb) AS is_kept
            FROM account, spent WHERE is_spent
        ), released AS MATERIALIZED (
            SELECT release_hash_permit(request) FROM (VALUES ($1::text::jsonb)) AS r(request),
                (SELECT count(*) FROM begun) AS after_that
        )
        SELECT to_jsonb(coalesce((SELECT is_kept FROM begun), false)) FROM released";
    let kept = json!({"digest": challenge.digest, "client": challenge.client, "keys": keys, "task": task,
        "first_method": MAIL_SIGN_IN_METHOD, "seconds": CHALLENGE_SECONDS});
    let parameters = [
        text(&release.to_json()),
        ParameterValue::Int64(known.user_id.get()),
        ParameterValue::Int32(known.credentials_epoch),
        text(&shown.to_json()),
        text(&kept.to_string()),
    ];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Deletes tickets that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM sign_in_tickets WHERE digest IN (
                SELECT digest FROM sign_in_tickets WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
