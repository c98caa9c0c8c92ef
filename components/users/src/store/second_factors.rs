//! The statements about second factors: what their owner does with them.

use super::outbox::{ENQUEUED, OWN_LEASE_SECONDS, OutboxEvent, enqueue};
use super::preconditions::{self, Acted, account, answer};
use super::statements::OUTBOX_IS_LONG;
use super::tickets::template;
use super::{Store, audit};
use crate::not_me;
use ::events::{Event, Exchange, SecondFactorChange};
use api::users::SecondFactor;
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use serde_json::json;
use spin_sdk::pg4::ParameterValue;
use users_domain::{ENROLMENT_SECONDS, Precondition, Trace};
use uuid::Uuid;

/// The second factor of the user `u` as they see it.
pub(super) const SHOWN: &str = "jsonb_build_object(
    'totp', (SELECT jsonb_build_object('confirmed_at',
                to_char(confirmed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'))
             FROM totp_factors f WHERE f.user_id = u.id AND confirmed_at IS NOT NULL),
    'recovery_codes_left', (SELECT count(*) FROM recovery_codes c WHERE c.user_id = u.id))";

/// The second factor of a user as they see it; `None` if there is no such user.
pub(crate) fn find(store: &Store, id: UserId) -> Result<Option<SecondFactor>, Problem> {
    let statement = format!("SELECT (SELECT {SHOWN} FROM users u WHERE id = $1)");
    Ok(store.one(&statement, &[ParameterValue::Int64(id.get())])?)
}

/// The outcome of beginning to add an app.
#[derive(Debug, Deserialize)]
pub(crate) struct Enrolled {
    /// The address of the user, which the app shows.
    pub(crate) email: String,
    /// False if the user has an app already.
    pub(crate) is_begun: bool,
}

/// Begins to add an app, in the place of one that was not confirmed; `None` if there is no such user.
pub(crate) fn enrol(
    store: &Store,
    id: UserId,
    factor_id: Uuid,
    sealed_secret: &str,
) -> Result<Option<Enrolled>, Problem> {
    const STATEMENT: &str = "
        WITH account AS (
            SELECT id, email FROM users WHERE id = $1 FOR NO KEY UPDATE
        ), begun AS (
            INSERT INTO totp_factors AS f (user_id, factor_id, sealed_secret)
            SELECT id, $2::text::uuid, $3 FROM account
            ON CONFLICT (user_id) DO UPDATE SET factor_id = excluded.factor_id, sealed_secret = excluded.sealed_secret,
                created_at = now() WHERE f.confirmed_at IS NULL
            RETURNING f.user_id
        )
        SELECT (SELECT jsonb_build_object('email', email, 'is_begun', EXISTS (SELECT FROM begun)) FROM account)";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get()), text(&factor_id.to_string()), text(sealed_secret)])?)
}

/// An app, as it is stored.
#[derive(Debug, Deserialize)]
pub(crate) struct Factor {
    pub(crate) factor_id: Uuid,
    pub(crate) sealed_secret: String,
}

/// The app that a user is adding, if its time is not over.
pub(crate) fn find_unconfirmed(store: &Store, id: UserId) -> Result<Option<Factor>, Problem> {
    const STATEMENT: &str = "
        SELECT (SELECT jsonb_build_object('factor_id', factor_id, 'sealed_secret', sealed_secret) FROM totp_factors
                WHERE user_id = $1 AND confirmed_at IS NULL AND created_at > now() - make_interval(secs => $2::int4))";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get()), ParameterValue::Int32(ENROLMENT_SECONDS)])?)
}

/// What goes on when all sessions of a user end.
#[derive(Clone, Copy, Debug)]
pub(crate) enum GoesOn<'a> {
    /// The session of the request.
    Session(Option<Uuid>),
    /// The challenge with this digest.
    Challenge(&'a str),
}

/// The outcome of a change.
#[derive(Debug, Deserialize)]
pub(crate) struct ChangedFactor<T> {
    /// What it was.
    pub(crate) outcome: T,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Confirms an app by the code of this step, and stores the digests of recovery codes. Answers the new credentials epoch, or
/// nothing if no such app is being added.
pub(crate) fn confirm(
    store: &Store,
    id: UserId,
    factor_id: Uuid,
    last_step: i64,
    codes: &[String],
    goes_on: GoesOn<'_>,
    trace: &Trace,
) -> Result<ChangedFactor<Option<i32>>, Problem> {
    let (session, challenge) = match goes_on {
        GoesOn::Session(session) => (session, None),
        GoesOn::Challenge(challenge) => (None, Some(challenge)),
    };
    let request = json!({"factor_id": factor_id, "valid_seconds": ENROLMENT_SECONDS, "last_step": last_step,
        "codes": codes, "session": session, "challenge": challenge});
    let call = "to_jsonb(confirm_totp_factor($1, $2::text::jsonb))";
    change(store, id, call, &request.to_string(), ("second-factor-added", SecondFactorChange::Added), trace)
}

/// What a removal has removed.
#[derive(Debug, Deserialize)]
pub(crate) struct RemovedFactors {
    /// Whether there was an app.
    pub(crate) app: bool,
    /// Whether there were passkeys, where they go too.
    pub(crate) passkeys: bool,
    /// For the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// Removes the second factor of a user at a version that is admitted: that of the session `own_session` on behalf of its owner, who
/// keeps their passkeys; and without one by an administrator, who removes those too.
pub(crate) fn remove(
    store: &Store,
    id: UserId,
    own_session: Option<Uuid>,
    condition: &Precondition,
    trace: &Trace,
) -> Result<RemovedFactors, Problem> {
    let audited = audit::rows("h.action", "'success'", "h.id", 3, "happened h");
    let statement = format!(
        "WITH {}, removed AS MATERIALIZED (
            SELECT a.id, remove_second_factor(a.id, $4::text::uuid) AS app,
                CASE WHEN $4::text IS NULL THEN coalesce(remove_passkeys(a.id, NULL, NULL), 0) > 0 ELSE false END AS passkeys
            FROM account a WHERE a.is_admitted
         ), happened AS (
            SELECT w.place, u.id, w.action, w.event,
                jsonb_build_object('user_id', u.id, 'email', u.email, 'change', w.change) || $6::text::jsonb AS data
            FROM removed r JOIN users u USING (id), LATERAL (VALUES
                (1, 'second-factor-removed', $5::text::jsonb, $7::text, r.app),
                (2, 'passkey-removed', $9::text::jsonb, $8::text, r.passkeys)) AS w(place, action, event, change, was_done)
            WHERE w.was_done
         ), {}, audited AS ({audited})
         SELECT {}",
        account(2),
        enqueue(),
        answer(&format!(
            "(SELECT jsonb_build_object('app', app, 'passkeys', passkeys, 'events', {ENQUEUED}) FROM removed)"
        ))
    );
    let parameters = [
        ParameterValue::Int64(id.get()),
        preconditions::parameter(condition),
        audit::parameter(trace),
        own_session.map_or(ParameterValue::DbNull, |session| text(&session.to_string())),
        template(Exchange::SecondFactorChanged),
        text(&not_me::members_of_change(id)),
        text(SecondFactorChange::Removed.name()),
        text(SecondFactorChange::PasskeyRemoved.name()),
        // Another event has another id.
        template(Exchange::SecondFactorChanged),
    ];
    store.one::<Acted<RemovedFactors>>(&statement, &parameters)?.into_result()
}

/// Stores the digests of new recovery codes; answers whether the user has a second factor.
pub(crate) fn replace_codes(
    store: &Store,
    id: UserId,
    codes: &[String],
    trace: &Trace,
) -> Result<ChangedFactor<bool>, Problem> {
    let call = "nullif(to_jsonb(replace_recovery_codes($1, $2::text::jsonb)), 'false')";
    let changed: ChangedFactor<Option<bool>> = change(
        store,
        id,
        call,
        &json!(codes).to_string(),
        ("recovery-codes-replaced", SecondFactorChange::RecoveryCodesReplaced),
        trace,
    )?;
    Ok(ChangedFactor { outcome: changed.outcome.unwrap_or_default(), events: changed.events })
}

/// Makes a change by a function of the database; writes it in the audit log and tells its owner, unless the function answers NULL.
fn change<T: serde::de::DeserializeOwned>(
    store: &Store,
    id: UserId,
    call: &str,
    request: &str,
    (action, change): (&str, SecondFactorChange),
    trace: &Trace,
) -> Result<ChangedFactor<T>, Problem> {
    let audited = audit::row(action, "success", "$1::int8", 6, "changed WHERE outcome IS NOT NULL");
    let statement = format!(
        "WITH changed AS MATERIALIZED (
            SELECT {call} AS outcome
         ), audited AS ({audited}), kept AS (
            INSERT INTO outbox (exchange, event, leased_until)
            SELECT event ->> 'type', event || jsonb_build_object('subject', id::text, 'data',
                    jsonb_build_object('user_id', id, 'email', email, 'change', $4::text) || $7::text::jsonb),
                now() + make_interval(secs => CASE WHEN {OUTBOX_IS_LONG} THEN 0 ELSE $5::int4 END)
            FROM changed, users, (VALUES ($3::text::jsonb)) AS e(event) WHERE id = $1 AND outcome IS NOT NULL
            RETURNING event_id, exchange, event, leased_until
         )
         SELECT jsonb_build_object('outcome', outcome,
            'events', (SELECT coalesce(jsonb_agg(to_jsonb(kept) - 'leased_until'), '[]')
                       FROM kept WHERE leased_until > now()))
         FROM changed"
    );
    let parameters = [
        ParameterValue::Int64(id.get()),
        text(request),
        text(&Event::template("/users-ms", Exchange::SecondFactorChanged)),
        text(change.name()),
        ParameterValue::Int32(OWN_LEASE_SECONDS),
        audit::parameter(trace),
        text(&not_me::members_of_change(id)),
    ];
    Ok(store.one(&statement, &parameters)?)
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
