//! The statements about sign-ins.

use super::outbox::OWN_LEASE_SECONDS;
use super::{Store, statements};
use crate::not_me;
use ::events::{Event, Exchange};
use api::users::{Credentials, EndSignInResponse};
use identity::{Email, UserId, device_name};
use problem::Problem;
use serde::Deserialize;
use serde_json::Value;
use spin_sdk::pg4::ParameterValue;
use users_domain::{
    Acquired, Attempt, AuditEntry, Disowned, EndSignIn, NoticeTerms, Origin, ReleasePermit, Renewal, Trace, Verdict,
};
use uuid::Uuid;

/// The outcome of a request to begin a sign-in.
#[derive(Deserialize)]
pub(crate) struct Begun {
    /// A permit, or why there is none.
    pub(crate) acquired: Acquired,
    /// With a permit: the credentials, if the account exists.
    pub(crate) credentials: Option<Credentials>,
    /// A hash that another system made, if there are any.
    pub(crate) foreign_hash: Option<String>,
}

/// Asks for a permit by this `AcquirePermit`; if there is one, reads the credentials.
pub(crate) fn begin(store: &Store, request: &str, email: Option<&Email>) -> Result<Begun, Problem> {
    Ok(store.one(statements::BEGIN_SIGN_IN, &[text(request), optional(email.map(Email::keys_as_json).as_deref())])?)
}

/// Releases the permit, counts the attempt and writes it in the audit log; after a success, begins the session, renews the hash and enqueues the
/// event.
pub(crate) fn end(
    store: &Store,
    sign_in: &EndSignIn,
    attempt: &Attempt,
    terms: NoticeTerms,
    trace: Trace,
) -> Result<EndSignInResponse, Problem> {
    let (succeeded, session) = match &sign_in.verdict {
        Verdict::Succeeded(session) => (Some(true), Some(session)),
        Verdict::Failed => (Some(false), None),
        Verdict::Unverified => (None, None),
    };
    let renewal = session.and_then(|session| session.renewal.as_ref());
    let int = |value: Option<i32>| value.map_or(ParameterValue::DbNull, ParameterValue::Int32);
    let user_id = session.map(|session| session.user_id).or(sign_in.user_id);
    // A success that begins no session is none.
    let result = sign_in.refusal.clone().unwrap_or_else(|| "invalid-credentials".to_owned());
    let entry = AuditEntry { action: "login", result, user_id, proves: true, trace };
    let request = ReleasePermit::new(&sign_in.permit, attempt, succeeded, user_id).audited(Some(entry)).to_json();
    let parameters =
        [
            text(&request),
            optional(session.map(|session| session.id.to_string()).as_deref()),
            session.map_or(ParameterValue::DbNull, |session| ParameterValue::Int64(session.user_id.get())),
            optional(session.map(|session| session.email.keys_as_json()).as_deref()),
            int(session.map(|session| session.credentials_epoch)),
            optional(session.map(|session| session.digest.as_str())),
            int(session.map(|session| session.idle_seconds)),
            int(session.map(|session| session.absolute_seconds)),
            optional(renewal.map(|Renewal { previous, .. }| previous.expose())),
            optional(renewal.map(|Renewal { renewed, .. }| renewed.expose())),
            text(Exchange::UserLogin.name()),
            text(&Event::template("/auth-ms", Exchange::UserLogin)),
            ParameterValue::Int32(OWN_LEASE_SECONDS),
            optional(session.and_then(|session| session.origin.user_agent.as_deref())),
            optional(session.and_then(|session| session.origin.network.as_deref())),
            text(&session.map_or_else(
                || "{}".to_owned(),
                |session| details(&session.origin, terms, session.user_id, session.id),
            )),
        ];
    Ok(store.one(statements::END_SIGN_IN, &parameters)?)
}

/// What the event says of the sign-in beside whose it was, and `sms_per_day`, which the statement takes out.
pub(super) fn details(origin: &Origin, terms: NoticeTerms, user_id: UserId, session: Uuid) -> String {
    let mut details = serde_json::Map::new();
    let Origin { user_agent, network } = origin;
    let device = user_agent.as_deref().and_then(device_name);
    let known: [(&str, Option<Value>); 5] = [
        ("known_device", terms.known_device.map(Value::from)),
        ("device", device.map(Value::from)),
        ("network", network.clone().map(Value::from)),
        ("sms_per_day", terms.sms_per_day.map(Value::from)),
        ("link", not_me::link(user_id, Disowned::Session(session)).map(Value::from)),
    ];
    details.extend(known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Value::Object(details).to_string()
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}

fn optional(value: Option<&str>) -> ParameterValue {
    value.map_or(ParameterValue::DbNull, text)
}
