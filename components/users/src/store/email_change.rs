//! The statements about changing the address of an account, and about taking it back.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::tickets::{Issue, remember, template};
use super::{Store, audit};
use ::events::Exchange;
use identity::{Email, PasswordHash, UserId};
use problem::Problem;
use serde::Deserialize;
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, NewTicket, Purpose, RESET_SECONDS, ShownTicket, Trace};
use uuid::Uuid;

/// A change of an address that waits until the new one is confirmed.
pub(crate) struct Pending<'a> {
    /// The new address.
    pub(crate) email: &'a Email,
    /// The ticket, whose mail goes there.
    pub(crate) issue: Issue<'a>,
    /// The session in which it was asked for.
    pub(crate) session: Option<Uuid>,
}

/// Parts of the statement that changes a user, `changed`: the ticket, and what `happened`. Whoever has the address already is told
/// in place of that, which is the same work. Too many mails are not sent.
pub(super) fn request(pending: &Pending<'_>, parameters: &mut Vec<ParameterValue>) -> (String, String) {
    let Pending { email, issue, session } = pending;
    let new = json!({"address": email.address(), "key": email.key(), "keys": email.keys()});
    let mut parameter = |value: ParameterValue| {
        parameters.push(value);
        format!("${}", parameters.len())
    };
    let new = parameter(text(&new.to_string()));
    let limits = parameter(text(&issue.mails.rate_limits_as_json()));
    let digest = parameter(text(&issue.ticket.digest));
    let code_digest = parameter(text(&issue.ticket.code_digest));
    let session = parameter(session.map_or(ParameterValue::DbNull, |session| text(&session.to_string())));
    let (requested, repeated) = (Exchange::EmailChangeRequested, Exchange::SignUpRepeated);
    let (requested, repeated) = (parameter(template(requested)), parameter(template(repeated)));
    let secrets = parameter(text(&issue.secrets()));
    let seconds = Purpose::EmailChange.seconds();
    let parts = format!(
        ", allowed AS MATERIALIZED (
            SELECT id, email_key, credentials_epoch, is_email_taken({new}::text::jsonb -> 'keys', id) AS is_taken
            FROM changed WHERE admit_request({limits}::text::jsonb, {RESET_SECONDS}) IS NULL
         ), issued AS (
            INSERT INTO tickets AS t (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at,
                new_email, session_id)
            SELECT {digest}, 'email_change', id, email_key, credentials_epoch, {code_digest},
                now() + make_interval(secs => {seconds}), {new}::text::jsonb, {session}::text::uuid
            FROM allowed WHERE NOT is_taken
            ON CONFLICT (user_id, purpose) WHERE purpose <> 'email_return' DO UPDATE SET digest = excluded.digest,
                email_key = excluded.email_key, credentials_epoch = excluded.credentials_epoch,
                code_digest = excluded.code_digest, tries_left = DEFAULT, expires_at = excluded.expires_at,
                new_email = excluded.new_email, session_id = excluded.session_id
            RETURNING t.user_id
         )"
    );
    let happened = format!(
        "SELECT 2, user_id, {requested}::text::jsonb,
            jsonb_build_object('user_id', user_id, 'email', {new}::text::jsonb -> 'address') || {secrets}::text::jsonb
         FROM issued
         UNION ALL
         (SELECT 3, u.id, {repeated}::text::jsonb, jsonb_build_object('user_id', u.id, 'email', u.email)
          FROM allowed a JOIN users u ON u.email_key IN (SELECT jsonb_array_elements_text({new}::text::jsonb -> 'keys'))
          WHERE is_taken AND u.id <> a.id ORDER BY u.id LIMIT 1)"
    );
    (parts, happened)
}

/// What happened when an administrator has changed the address of a user: the one of before is told, if it was confirmed.
pub(super) fn told_of_administrator(parameters: &mut Vec<ParameterValue>) -> String {
    parameters.push(template(Exchange::EmailChanged));
    format!(
        "SELECT 4, o.id, ${}::text::jsonb, jsonb_build_object('user_id', o.id, 'email', o.email)
         FROM changed c JOIN users o ON o.id = c.id WHERE o.email_verified_at IS NOT NULL AND o.email_key <> c.email_key",
        parameters.len()
    )
}

/// The outcome of an attempt to change an address, or to take it back.
#[derive(Debug, Deserialize)]
pub(crate) struct Spent {
    /// After how many seconds the client may try again, if it tries too often.
    #[serde(default)]
    pub(crate) retry_after: Option<u32>,
    /// Whose address it is; `None` if the ticket is not good.
    pub(crate) user_id: Option<UserId>,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Spends a ticket and changes the address. The one of before is told: with `link`, whose ticket is `way_back`, if it was confirmed.
pub(crate) fn change(
    store: &Store,
    shown: &ShownTicket,
    client: &Attempt,
    way_back: &NewTicket,
    link: &str,
    trace: &Trace,
) -> Result<Spent, Problem> {
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, {RESET_SECONDS}) AS wait
         ), outcome AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN change_email($1::text::jsonb) END AS done FROM admitted
         ), spent AS (
            SELECT (done ->> 'user_id')::int8 AS id, done FROM outcome WHERE done IS NOT NULL
         ), remembered AS ({}), audited AS ({}), happened AS (
            SELECT 1 AS place, id, $3::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', done -> 'email', 'link', $4::text) AS data
            FROM spent WHERE (done ->> 'may_return')::bool
         ), {}
         SELECT jsonb_build_object('retry_after', wait, 'user_id', (SELECT id FROM spent), 'events', {ENQUEUED}) FROM admitted",
        remember("spent"),
        audit::row("email-changed", "success", "id", 5, "spent"),
        enqueue()
    );
    let more = json!({"return_digest": way_back.digest, "return_seconds": Purpose::EmailReturn.seconds()});
    let parameters = [
        text(&with(shown, more)),
        text(&client.rate_limits_as_json()),
        template(Exchange::EmailChanged),
        text(link),
        audit::parameter(trace),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// What is known before an address is taken back.
#[derive(Debug, Deserialize)]
pub(crate) struct Checked {
    /// After how many seconds the client may try again, if it tries too often.
    pub(crate) retry_after: Option<u32>,
    /// The address; `None` if the ticket is not good.
    pub(crate) email: Option<String>,
}

/// Checks a ticket that takes an address back, which stays as it is.
pub(crate) fn check_return(store: &Store, shown: &ShownTicket, client: &Attempt) -> Result<Checked, Problem> {
    const STATEMENT: &str = "
        WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, $3::int4) AS wait
        ), found AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL THEN find_ticket($1::text::jsonb) END AS user_id FROM admitted
        )
        SELECT jsonb_build_object('retry_after', wait, 'email', (
            SELECT t.new_email -> 'address' FROM found JOIN tickets t USING (user_id)
            WHERE t.digest = $1::text::jsonb ->> 'digest'))
        FROM admitted";
    let parameters =
        [text(&shown.to_json()), text(&client.rate_limits_as_json()), ParameterValue::Int32(RESET_SECONDS)];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Spends a ticket and takes the address back. The password becomes `hash`, one that nobody knows, all sessions end, and the mail of
/// `recovery` goes to the address.
pub(crate) fn take_back(
    store: &Store,
    shown: &ShownTicket,
    hash: &PasswordHash,
    recovery: &Issue<'_>,
    trace: &Trace,
) -> Result<Spent, Problem> {
    let statement = format!(
        "WITH outcome AS MATERIALIZED (
            SELECT return_email($1::text::jsonb) AS done
         ), spent AS (
            SELECT (done ->> 'user_id')::int8 AS id, done FROM outcome WHERE done IS NOT NULL
         ), remembered AS ({}), audited AS ({}), happened AS (
            SELECT 1 AS place, id, $2::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', done -> 'email') || $3::text::jsonb AS data
            FROM spent
         ), {}
         SELECT jsonb_build_object('user_id', (SELECT id FROM spent), 'events', {ENQUEUED})",
        remember("spent"),
        audit::row("email-returned", "success", "id", 4, "spent"),
        enqueue()
    );
    let more = json!({
        "password_hash": hash.expose(), "recovery_digest": recovery.ticket.digest,
        "recovery_code_digest": recovery.ticket.code_digest, "recovery_seconds": Purpose::Recovery.seconds(),
        // What is as young before the change as the way back is after it goes, too: a takeover may begin with a factor.
        "return_seconds": 2 * Purpose::EmailReturn.seconds(),
    });
    let parameters = [
        text(&with(shown, more)),
        template(Exchange::RecoveryRequested),
        text(&recovery.secrets()),
        audit::parameter(trace),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// What a function of the database takes: a ticket that is shown, and more.
fn with(shown: &ShownTicket, more: Value) -> String {
    let mut request: Value = serde_json::from_str(&shown.to_json()).unwrap_or_default();
    if let (Some(request), Value::Object(mut more)) = (request.as_object_mut(), more) {
        request.append(&mut more);
    }
    request.to_string()
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
