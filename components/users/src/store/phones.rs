//! The statements about confirming phone numbers.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::tickets::template;
use super::{Store, audit};
use ::events::Exchange;
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, NewPhoneCode, PHONE_CODE_SECONDS, RESET_SECONDS, SmsLimits, Trace};

/// What came of a request for a code.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    /// A code is on its way.
    Sent,
    /// The number gets no more SMS today, which nobody is told: it may be other accounts' too.
    Silent,
    /// The number is confirmed already.
    Verified,
    /// The account has had its codes of the day.
    TooMany,
    /// The account has no number.
    NoPhone,
    /// There is no such user, or they are suspended.
    #[default]
    Gone,
}

/// The outcome of a request for a code.
#[derive(Debug, Deserialize)]
pub(crate) struct Issued {
    /// After how many seconds the client may ask again, if it asks too often.
    pub(crate) retry_after: Option<u32>,
    /// What came of it, unless it has to wait.
    #[serde(default)]
    pub(crate) outcome: Outcome,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Issues a code in the place of an earlier one, if the user has a number that is not confirmed.
pub(crate) fn issue(
    store: &Store,
    id: UserId,
    code: &NewPhoneCode,
    client: &Attempt,
    limits: SmsLimits,
    trace: &Trace,
) -> Result<Issued, Problem> {
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, {RESET_SECONDS}) AS wait
         ), done AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN issue_phone_code($1, $3::text::jsonb) END AS answer FROM admitted
         ), sent AS (
            SELECT $1::int8 AS id, answer FROM done WHERE answer ->> 'outcome' = 'sent'
         ), audited AS ({}), happened AS (
            SELECT 1 AS place, id, $4::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', answer -> 'email', 'phone', answer -> 'phone', 'code', $5::text) AS data
            FROM sent
         ), {}
         SELECT jsonb_strip_nulls(jsonb_build_object('retry_after', wait, 'outcome', answer -> 'outcome'))
            || jsonb_build_object('events', {ENQUEUED}) FROM admitted, done",
        audit::row("phone-verification", "requested", "id", 6, "sent"),
        enqueue()
    );
    let request = json!({"code_digest": code.digest, "seconds": PHONE_CODE_SECONDS,
        "per_number": limits.per_number, "per_account": limits.per_account});
    let parameters = [
        ParameterValue::Int64(id.get()),
        text(&client.rate_limits_as_json()),
        text(&request.to_string()),
        template(Exchange::PhoneVerificationRequested),
        text(&code.code),
        audit::parameter(trace),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// The outcome of an attempt to confirm a number.
#[derive(Debug, Deserialize)]
pub(crate) struct Confirmed {
    /// After how many seconds the client may try again, if it tries too often.
    pub(crate) retry_after: Option<u32>,
    /// Whether the code was good. It is not any more.
    pub(crate) is_good: bool,
}

/// Spends the code with this digest and notes that the number is the user's; a wrong one is counted.
pub(crate) fn confirm(
    store: &Store,
    id: UserId,
    digest: &str,
    client: &Attempt,
    trace: &Trace,
) -> Result<Confirmed, Problem> {
    let result = "CASE WHEN is_good THEN 'success' ELSE 'invalid-code' END";
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, {RESET_SECONDS}) AS wait
         ), done AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN confirm_phone($1, $3) END AS is_good FROM admitted
         ), audited AS ({})
         SELECT jsonb_build_object('retry_after', wait, 'is_good', coalesce(is_good, false)) FROM admitted, done",
        audit::rows("'phone-verification'", result, "$1::int8", 4, "done WHERE is_good IS NOT NULL"),
    );
    let parameters =
        [ParameterValue::Int64(id.get()), text(&client.rate_limits_as_json()), text(digest), audit::parameter(trace)];
    Ok(store.one(&statement, &parameters)?)
}

/// Deletes codes that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM phone_codes WHERE user_id IN (
                SELECT user_id FROM phone_codes WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING user_id)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

/// Deletes counts of days that are over.
pub(crate) fn delete_past_counts(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM sms_counts WHERE (key, day) IN (
                SELECT key, day FROM sms_counts WHERE day < (now() AT TIME ZONE 'UTC')::date
                LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING key)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
