//! The statements about passkeys: what their owner does with them.

use super::outbox::{ENQUEUED, OutboxEvent, enqueue};
use super::preconditions::{self, Acted, account, answer};
use super::{Store, audit};
use crate::not_me;
use crate::store::tickets::template;
use ::events::{Exchange, SecondFactorChange};
use api::users::Passkey;
use identity::{PersonName, UserId};
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::{MAX_PASSKEYS, PASSKEY_CHALLENGE_SECONDS, Precondition, Trace, encode_bytes};
use uuid::Uuid;

/// A passkey `p` as its owner sees it.
const SHOWN: &str = "jsonb_build_object('id', p.id, 'name', p.name, 'backup_eligible', p.backup <> 'none',
    'backed_up', p.backup = 'exists',
    'created_at', to_char(p.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),
    'last_used_at', to_char(p.last_used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))";

/// The passkeys of the user `$1`, the oldest first.
pub(super) fn all_shown() -> String {
    format!(
        "(SELECT coalesce(jsonb_agg({SHOWN} ORDER BY p.created_at, p.id), '[]') FROM passkeys p WHERE p.user_id = $1)"
    )
}

/// The passkeys of a user; `None` if there is no such user.
pub(crate) fn list(store: &Store, id: UserId) -> Result<Option<Vec<Passkey>>, Problem> {
    let statement = format!("SELECT (SELECT {} FROM users WHERE id = $1)", all_shown());
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get())])?)
}

/// An account that gets a passkey.
#[derive(Debug, Deserialize)]
pub(crate) struct Account {
    pub(crate) handle: Uuid,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) surname: String,
    pub(crate) credential_ids: Vec<String>,
}

/// Keeps the digest of a challenge for this session, in the place of an earlier one; `None` if there is no such user.
pub(crate) fn begin(store: &Store, id: UserId, session: Uuid, challenge: &str) -> Result<Option<Account>, Problem> {
    const STATEMENT: &str = "
        WITH account AS (
            SELECT id, email, name, surname FROM users WHERE id = $1 FOR NO KEY UPDATE
        ), known AS (
            INSERT INTO passkey_handles AS h (user_id) SELECT id FROM account
            ON CONFLICT (user_id) DO UPDATE SET user_id = excluded.user_id
            RETURNING h.handle
        ), earlier AS (
            DELETE FROM passkey_challenges WHERE user_id IN (SELECT id FROM account) AND session_id = $2::text::uuid
        ), kept AS (
            INSERT INTO passkey_challenges (digest, user_id, session_id, expires_at)
            SELECT $3, id, $2::text::uuid, now() + make_interval(secs => $4::int4) FROM account
            ON CONFLICT DO NOTHING
        )
        SELECT (SELECT jsonb_build_object('handle', handle, 'email', email, 'name', name, 'surname', surname,
                'credential_ids', (SELECT coalesce(jsonb_agg(credential_id ORDER BY created_at), '[]')
                                   FROM passkeys p WHERE p.user_id = account.id))
            FROM account, known)";
    let parameters = [
        ParameterValue::Int64(id.get()),
        text(&session.to_string()),
        text(challenge),
        ParameterValue::Int32(PASSKEY_CHALLENGE_SECONDS),
    ];
    Ok(store.one(STATEMENT, &parameters)?)
}

/// Whom authenticators know the user as, if a registration by this challenge may go on in this session.
pub(crate) fn find_handle(store: &Store, id: UserId, session: Uuid, challenge: &str) -> Result<Option<Uuid>, Problem> {
    const STATEMENT: &str = "
        SELECT (SELECT to_jsonb(h.handle) FROM passkey_challenges c JOIN passkey_handles h USING (user_id)
                WHERE c.user_id = $1 AND c.session_id = $2::text::uuid AND c.digest = $3 AND c.expires_at > now())";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get()), text(&session.to_string()), text(challenge)])?)
}

/// What came of a new passkey.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Added,
    InvalidChallenge,
    TooMany,
    Taken,
}

/// A change, and the events for the caller to publish.
#[derive(Debug, Deserialize)]
pub(crate) struct Changed<T> {
    pub(crate) outcome: T,
    pub(crate) events: Vec<OutboxEvent>,
}

/// A passkey to add, and what proves it.
pub(crate) struct New<'a> {
    pub(crate) id: Uuid,
    pub(crate) name: &'a PersonName,
    pub(crate) challenge: &'a str,
    pub(crate) session: Uuid,
    pub(crate) passkey: &'a passkeys::Passkey,
}

/// Spends the challenge and adds the passkey, if the account may have it.
pub(crate) fn add(store: &Store, id: UserId, new: &New<'_>, trace: &Trace) -> Result<Changed<Outcome>, Problem> {
    let passkey = new.passkey;
    let request = json!({"challenge": new.challenge, "session": new.session, "id": new.id, "name": new.name.as_str(),
        "credential_id": encode_bytes(&passkey.credential_id), "public_key": encode_bytes(&passkey.public_key),
        "sign_count": passkey.sign_count, "backup": passkey.backup, "most": MAX_PASSKEYS});
    let call = "add_passkey($1, $2::text::jsonb) ->> 'outcome'";
    let happened = "outcome = 'added'";
    change(
        store,
        id,
        (call, happened),
        &request.to_string(),
        ("passkey-added", SecondFactorChange::PasskeyAdded),
        trace,
    )
}

/// Gives a passkey another name; `None` if the user has no such passkey.
pub(crate) fn rename(
    store: &Store,
    id: UserId,
    passkey: Uuid,
    name: &PersonName,
    trace: &Trace,
) -> Result<Option<Passkey>, Problem> {
    let audited = audit::row("passkey-renamed", "success", "$1::int8", 4, "renamed");
    let statement = format!(
        "WITH renamed AS (
            UPDATE passkeys p SET name = $3 WHERE id = $2::text::uuid AND user_id = $1 RETURNING {SHOWN} AS shown
         ), audited AS ({audited})
         SELECT (SELECT shown FROM renamed)"
    );
    let parameters =
        [ParameterValue::Int64(id.get()), text(&passkey.to_string()), text(name.as_str()), audit::parameter(trace)];
    Ok(store.one(&statement, &parameters)?)
}

/// Removes a passkey of a user at a version that is admitted; whether there was one.
pub(crate) fn remove(
    store: &Store,
    id: UserId,
    passkey: Uuid,
    own_session: Option<Uuid>,
    condition: &Precondition,
    trace: &Trace,
) -> Result<Changed<bool>, Problem> {
    let audited = audit::row("passkey-removed", "success", "id", 3, "happened");
    let statement = format!(
        "WITH {}, removed AS MATERIALIZED (
            SELECT a.id, coalesce(remove_passkeys(a.id, $4::text::uuid, $5::text::uuid), 0) > 0 AS was_there
            FROM account a WHERE a.is_admitted
         ), happened AS (
            SELECT 1 AS place, u.id, $6::text::jsonb AS event,
                jsonb_build_object('user_id', u.id, 'email', u.email, 'change', $7::text) || $8::text::jsonb AS data
            FROM removed r JOIN users u USING (id) WHERE r.was_there
         ), {}, audited AS ({audited})
         SELECT {}",
        account(2),
        enqueue(),
        answer(&format!("(SELECT jsonb_build_object('outcome', was_there, 'events', {ENQUEUED}) FROM removed)"))
    );
    let parameters = [
        ParameterValue::Int64(id.get()),
        preconditions::parameter(condition),
        audit::parameter(trace),
        text(&passkey.to_string()),
        own_session.map_or(ParameterValue::DbNull, |session| text(&session.to_string())),
        template(Exchange::SecondFactorChanged),
        text(SecondFactorChange::PasskeyRemoved.name()),
        text(&not_me::members_of_change(id)),
    ];
    store.one::<Acted<Changed<bool>>>(&statement, &parameters)?.into_result()
}

/// Makes a change by an expression; where the condition holds of its outcome, writes it in the audit log and tells the owner.
fn change<T: serde::de::DeserializeOwned>(
    store: &Store,
    id: UserId,
    (call, happened): (&str, &str),
    request: &str,
    (action, change): (&str, SecondFactorChange),
    trace: &Trace,
) -> Result<Changed<T>, Problem> {
    let audited = audit::row(action, "success", "$1::int8", 5, &format!("changed WHERE {happened}"));
    let statement = format!(
        "WITH changed AS MATERIALIZED (
            SELECT {call} AS outcome
         ), audited AS ({audited}), happened AS (
            SELECT 1 AS place, id, $3::text::jsonb AS event,
                jsonb_build_object('user_id', id, 'email', email, 'change', $4::text) || $6::text::jsonb AS data
            FROM changed, users WHERE id = $1 AND {happened}
         ), {}
         SELECT jsonb_build_object('outcome', outcome, 'events', {ENQUEUED}) FROM changed",
        enqueue()
    );
    let parameters = [
        ParameterValue::Int64(id.get()),
        text(request),
        template(Exchange::SecondFactorChanged),
        text(change.name()),
        audit::parameter(trace),
        text(&not_me::members_of_change(id)),
    ];
    Ok(store.one(&statement, &parameters)?)
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
