//! The statements about challenges: a sign-in between the right password and the code.

use super::outbox::{OWN_LEASE_SECONDS, OutboxEvent};
use super::second_factors::Factor;
use super::sign_in::details;
use super::{Store, sign_in_statements as statements};
use ::events::{Event, Exchange, SecondFactorChange};
use api::users::{SecondFactorTask, StartedSession};
use identity::{AttemptKeys, UserId};
use problem::Problem;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{
    Attempt, AuditEntry, CHALLENGE_SECONDS, MAIL_SIGN_IN_METHOD, NewChallenge, NoticeTerms, ReleasePermit,
    SessionStart, ShownChallenge,
};
use uuid::Uuid;

/// Releases the permit of a sign-in whose password was right, and keeps its challenge; false if the credentials have changed.
pub(crate) fn begin(store: &Store, new: &NewChallenge, attempt: &Attempt, entry: AuditEntry) -> Result<bool, Problem> {
    let challenge = json!({"digest": new.challenge.digest, "client": new.challenge.client, "keys": new.keys,
        "task": new.task, "seconds": CHALLENGE_SECONDS});
    let hash = |hash: Option<&str>| hash.map_or(ParameterValue::DbNull, text);
    let parameters = [
        text(&ReleasePermit::new(&new.permit, attempt, None, None).audited(Some(entry)).to_json()),
        ParameterValue::Int64(new.user_id.get()),
        ParameterValue::Int32(new.credentials_epoch),
        text(&challenge.to_string()),
        hash(new.renewal.as_ref().map(|renewal| renewal.previous.expose())),
        hash(new.renewal.as_ref().map(|renewal| renewal.renewed.expose())),
    ];
    Ok(store.one(statements::BEGIN_CHALLENGE, &parameters)?)
}

/// A challenge that can be answered.
#[derive(Debug, Deserialize)]
pub(crate) struct OpenChallenge {
    pub(crate) user_id: UserId,
    pub(crate) keys: AttemptKeys,
    pub(crate) task: SecondFactorTask,
    /// What the sign-in has begun with (RFC 8176).
    pub(crate) first_method: String,
}

/// The challenge, if it can be answered.
pub(crate) fn find(store: &Store, shown: &ShownChallenge) -> Result<Option<OpenChallenge>, Problem> {
    Ok(store.one(&statements::find_challenge(), &[text(&shown.digest), text(&shown.client)])?)
}

/// A challenge whose try was counted.
#[derive(Debug, Deserialize)]
pub(crate) struct Tried {
    pub(crate) credentials_epoch: i32,
    /// The app that its code is of; `None` if there is none (any more).
    pub(crate) factor: Option<Factor>,
}

/// Counts a try, before anybody looks at the code; `None` if the challenge cannot be answered any more.
pub(crate) fn count_try(store: &Store, shown: &ShownChallenge) -> Result<Option<Tried>, Problem> {
    Ok(store.one(&statements::count_try(), &[text(&shown.digest), text(&shown.client)])?)
}

/// A code that is right.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(crate) enum Code {
    /// Of the app.
    Totp {
        factor_id: Uuid,
        step: i64,
        /// The secret, sealed by the key of today.
        sealed_secret: Option<String>,
    },
    /// A recovery code, by its digest.
    Recovery { recovery_code: String },
}

/// What the end of a sign-in began.
#[derive(Debug, Deserialize)]
pub(crate) struct Ended {
    /// The session; `None` if the code was used before, or the account has changed.
    pub(crate) session: Option<StartedSession>,
    /// The event of the sign-in, for auth to publish.
    pub(crate) event: Option<Value>,
    /// Events for the caller to publish.
    pub(crate) events: Vec<OutboxEvent>,
}

/// What a sign-in has proved.
#[derive(Debug)]
pub(crate) struct Proved {
    /// The function of the database that spends it, and the challenge; it answers whether they were good.
    pub(crate) spend: &'static str,
    /// What that is asked.
    pub(crate) request: Value,
    /// The methods (RFC 8176).
    pub(crate) amr: &'static str,
    /// What the owner is told of.
    pub(crate) change: Option<SecondFactorChange>,
}

impl Proved {
    /// A code that answers this challenge.
    pub(crate) fn by_code(code: &Code, challenge: &str, first_method: &str) -> Self {
        let mut request = json!(code);
        request["challenge"] = json!(challenge);
        let is_by_mail = first_method == MAIL_SIGN_IN_METHOD;
        let (amr, change) = match code {
            // By mail, both are passwords that are good once.
            Code::Totp { .. } => (if is_by_mail { "otp mfa" } else { "pwd otp mfa" }, None),
            Code::Recovery { .. } => {
                (if is_by_mail { "otp mfa" } else { "pwd mfa" }, Some(SecondFactorChange::RecoveryCodeUsed))
            }
        };
        Self { spend: "spend_second_factor", request, amr, change }
    }
}

/// Spends what was proved and the challenge, and begins the session; releases the permit. Nothing begins if one of them was used
/// before: that counts as a failure. Of the rest see `END_SIGN_IN`.
pub(crate) fn end(
    store: &Store,
    session: &SessionStart,
    user_id: UserId,
    credentials_epoch: i32,
    proved: &Proved,
    terms: NoticeTerms,
    release: &ReleasePermit<'_>,
) -> Result<Ended, Problem> {
    let optional = |value: Option<&str>| value.map_or(ParameterValue::DbNull, text);
    let parameters = [
        text(&release.to_json()),
        ParameterValue::Int64(user_id.get()),
        ParameterValue::Int32(credentials_epoch),
        text(&proved.request.to_string()),
        text(&session.id.to_string()),
        text(&session.refresh_digest),
        ParameterValue::Int32(session.idle_seconds),
        ParameterValue::Int32(session.absolute_seconds),
        optional(session.origin.user_agent.as_deref()),
        optional(session.origin.network.as_deref()),
        text(proved.amr),
        text(&Event::template("/auth-ms", Exchange::UserLogin)),
        text(&Event::template("/users-ms", Exchange::SecondFactorChanged)),
        optional(proved.change.map(SecondFactorChange::name)),
        ParameterValue::Int32(OWN_LEASE_SECONDS),
        text(Exchange::UserLogin.name()),
        text(&details(&session.origin, terms, user_id, session.id)),
    ];
    Ok(store.one(&statements::end_challenge(proved.spend), &parameters)?)
}

/// Deletes challenges that have expired.
pub(crate) fn delete_expired(store: &Store) -> Result<bool, Problem> {
    store.delete_step(
        "WITH gone AS (
            DELETE FROM sign_in_challenges WHERE digest IN (
                SELECT digest FROM sign_in_challenges WHERE expires_at < now()
                ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED)
            RETURNING digest)
         SELECT to_jsonb((SELECT count(*) FROM gone))",
    )
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
