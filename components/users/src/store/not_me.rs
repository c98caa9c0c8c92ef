//! The statements about links by which owners say that it was not they.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::tickets::{Issue, remember, template};
use super::{Store, audit};
use ::events::Exchange;
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::{Attempt, Disowned, NOT_ME_SECONDS, NotMe, Purpose, RESET_SECONDS, Trace};

/// What came of a link.
#[derive(Debug, Deserialize)]
pub(crate) struct Reported {
    /// After how many seconds the client may try again, if it tries too often.
    pub(crate) retry_after: Option<u32>,
    /// Whose account it is; `None` if the link is not good.
    pub(crate) user_id: Option<UserId>,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// The address of the account; `None` if there is none.
pub(crate) fn address(store: &Store, id: UserId) -> Result<Option<String>, Problem> {
    const STATEMENT: &str = "SELECT (SELECT to_jsonb(email) FROM users WHERE id = $1)";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get())])?)
}

/// Counts the client, and uses the link if there is a good one, with its digest: ends what it is about, demands a new password and
/// sends the mail of `recovery`. The use is remembered under the digest of the request.
pub(crate) fn report(
    store: &Store,
    shown: Option<(&NotMe, &str, &Issue<'_>)>,
    request_digest: Option<&str>,
    client: &Attempt,
    trace: &Trace,
) -> Result<Reported, Problem> {
    let statement = format!(
        "WITH admitted AS MATERIALIZED (
            SELECT admit_request($2::text::jsonb, {RESET_SECONDS}) AS wait
         ), outcome AS MATERIALIZED (
            SELECT CASE WHEN wait IS NULL AND $1::text IS NOT NULL THEN report_not_me($1::text::jsonb) END AS done FROM admitted
         ), reported AS (
            SELECT (done ->> 'user_id')::int8 AS id, done FROM outcome WHERE done IS NOT NULL
         ), remembered AS ({}), audited AS ({}), happened AS (
            SELECT 1 AS place, id, $3::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', done -> 'email') || $4::text::jsonb AS data
            FROM reported
         ), {}
         SELECT jsonb_build_object('retry_after', wait, 'user_id', (SELECT id FROM reported), 'events', {ENQUEUED}) FROM admitted",
        remember("reported"),
        audit::row("takeover-reported", "success", "id", 5, "reported"),
        enqueue()
    );
    let request = shown.map(|(not_me, digest, recovery)| {
        let session = match not_me.disowned {
            Disowned::Session(id) => Some(id),
            Disowned::Change(_) => None,
        };
        json!({"digest": digest, "request_digest": request_digest, "user_id": not_me.user_id, "session": session, "issued_at": not_me.issued_at,
            "expires_at": not_me.expires_at(), "added_seconds": NOT_ME_SECONDS, "recovery_digest": recovery.ticket.digest,
            "recovery_code_digest": recovery.ticket.code_digest, "recovery_seconds": Purpose::Recovery.seconds()})
        .to_string()
    });
    let parameters = [
        request.map_or(ParameterValue::DbNull, ParameterValue::Str),
        text(&client.rate_limits_as_json()),
        template(Exchange::RecoveryRequested),
        text(&shown.map_or_else(|| "{}".to_owned(), |(.., recovery)| recovery.secrets())),
        audit::parameter(trace),
    ];
    Ok(store.one(&statement, &parameters)?)
}

/// Forgets links that were used and have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM used_links WHERE digest IN (
                SELECT digest FROM used_links WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
