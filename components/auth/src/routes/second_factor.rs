//! /auth-ms/auth/login/second-factor and .../enrolment: a sign-in goes on after the right password.

use super::Call;
use super::token_keys::{Begun, TokenKeys, record};
use crate::new_session::SecondFactorSession;
use crate::origin::Origin;
use crate::users::Users;
use api::auth::SecondFactorResponse;
use api::auth::operation::{EnrolAtLogin, LoginWithSecondFactor};
use api::users::{EndSecondFactorResponse, SecondFactorOutcome, StartedSession};
use auth_domain::{Challenge, IDLE_SECONDS, RefreshSecret, invalid_challenge, invalid_code};
use identity::{AttemptKeys, Peppers};
use problem::Problem;
use service_kit::attempts::{account_locked, too_busy, too_many_attempts};
use service_kit::{HandlerResult, Request, config, log, random, refuse_idempotency_key};
use uuid::Uuid;

/// Lets somebody in who has shown the password before, and now a code; then publishes `user_login_event`.
pub(super) async fn login_with_second_factor(call: &Call<'_, LoginWithSecondFactor>) -> HandlerResult {
    let request = call.request;
    refuse_idempotency_key(request)?;
    let form = call.body()?;
    let (peppers, token_keys) = (config::peppers()?, TokenKeys::from_config()?);
    let users = Users::from_config(request)?;
    let admitted = admit(request, &users, (form.challenge, form.code), &peppers, IDLE_SECONDS).await?;
    let Admitted { session, refresh, keys, response } = admitted;
    let device_token = form.device_token.as_deref();
    let begun = Begun { session: &session, refresh, keys: &keys, event: response.event, device_token };
    let tokens = token_keys.issue(request, users, &peppers, begun)?;
    Ok(call.ok(&SecondFactorResponse { tokens, recovery_codes: response.recovery_codes }))
}

/// Somebody whose session has begun.
struct Admitted {
    session: StartedSession,
    refresh: RefreshSecret,
    keys: AttemptKeys,
    response: EndSecondFactorResponse,
}

/// Lets somebody in by a challenge and a code, for so many seconds without a refresh, and gives them no tokens; then publishes
/// `user_login_event`.
pub(super) async fn admit_with_code(
    request: &Request,
    challenge: String,
    code: String,
    peppers: &Peppers,
    idle_seconds: i32,
) -> Result<StartedSession, Problem> {
    let users = Users::from_config(request)?;
    let Admitted { session, keys, response, .. } =
        admit(request, &users, (challenge, code), peppers, idle_seconds).await?;
    record(request, users, &session, &keys, response.event);
    Ok(session)
}

async fn admit(
    request: &Request,
    users: &Users,
    (challenge, code): (String, String),
    peppers: &Peppers,
    idle_seconds: i32,
) -> Result<Admitted, Problem> {
    let origin = Origin::of(request)?;
    let challenge = Challenge::read(challenge, origin.user_agent.as_deref(), peppers)?;
    let refresh = RefreshSecret::new(random::bytes());
    let session = SecondFactorSession { id: Uuid::new_v4(), refresh, idle_seconds, origin: &origin };
    let ended = users.end_second_factor(&challenge, code, &session).await?;
    let (outcome, report) = (ended.outcome, ended.report);
    let signed_in = SignedIn::of(ended).inspect_err(|problem| {
        let is_flood = matches!(outcome, SecondFactorOutcome::Locked | SecondFactorOutcome::TooManyAttempts);
        if report || !is_flood {
            log::audit("login-second-factor", problem.kind().slug(), &request.id, &[]);
        }
    })?;
    let SignedIn { mut response, keys } = signed_in;
    let session = response.session.take().ok_or_else(invalid_code)?;
    Ok(Admitted { session, refresh, keys, response })
}

/// Adds an authenticator app to an account that must have one.
pub(super) async fn enrol_at_login(call: &Call<'_, EnrolAtLogin>) -> HandlerResult {
    let request = call.request;
    refuse_idempotency_key(request)?;
    let origin = Origin::of(request)?;
    let challenge = Challenge::read(call.body()?.challenge, origin.user_agent.as_deref(), &config::peppers()?)?;
    let enrolment = Users::from_config(request)?.enrol_at_sign_in(&challenge).await?.ok_or_else(invalid_challenge)?;
    Ok(call.ok(&enrolment))
}

/// Somebody who was let in.
struct SignedIn {
    response: EndSecondFactorResponse,
    keys: AttemptKeys,
}

impl SignedIn {
    /// What came of a code, or the problem that it is.
    fn of(ended: EndSecondFactorResponse) -> Result<Self, Problem> {
        match (ended.outcome, ended.keys.clone()) {
            (SecondFactorOutcome::SignedIn, Some(keys)) => Ok(Self { response: ended, keys }),
            (SecondFactorOutcome::SignedIn | SecondFactorOutcome::WrongCode, _) => Err(invalid_code()),
            (SecondFactorOutcome::InvalidChallenge, _) => Err(invalid_challenge()),
            (SecondFactorOutcome::Locked, _) => Err(account_locked()),
            (SecondFactorOutcome::TooManyAttempts, _) => Err(too_many_attempts(ended.retry_after.unwrap_or(1))),
            (SecondFactorOutcome::TooBusy, _) => Err(too_busy()),
        }
    }
}
