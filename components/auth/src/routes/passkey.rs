//! /auth-ms/auth/passkey: a sign-in without a password. users, which has the passkeys, verifies them.

use super::Call;
use super::token_keys::{Begun, TokenKeys};
use crate::new_session::SecondFactorSession;
use crate::origin::Origin;
use crate::users::{Users, read};
use api::auth::operation::{BeginPasskeyLogin, LoginWithPasskey};
use api::users::{BeginPasskeyRequest, BeginPasskeyResponse, EndPasskeyRequest, EndPasskeyResponse, PasskeyOutcome};
use auth_domain::{IDLE_SECONDS, RefreshSecret};
use problem::{Kind, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::attempts::{account_locked, too_busy, too_many_attempts};
use service_kit::{
    HandlerResult, StatusCode, client_address, client_user_agent, config, log, random, refuse_idempotency_key,
};
use uuid::Uuid;

/// POST `/options`: what a page asks the browser for.
pub(super) async fn begin_passkey_login(call: &Call<'_, BeginPasskeyLogin>) -> HandlerResult {
    let request = call.request;
    refuse_idempotency_key(request)?;
    let body = BeginPasskeyRequest { client_address: client_address(request)?, user_agent: client_user_agent(request) };
    let users = Users::from_config(request)?;
    let BeginPasskeyResponse { sign_in, retry_after } = ask(&users, "begin", &body).await?;
    Ok(call.ok(&sign_in.ok_or_else(|| too_many_attempts(retry_after.unwrap_or(1)))?))
}

/// POST: lets somebody in by the browser's answer; then publishes `user_login_event`.
pub(super) async fn login_with_passkey(call: &Call<'_, LoginWithPasskey>) -> HandlerResult {
    let request = call.request;
    refuse_idempotency_key(request)?;
    let form = call.body()?;
    let (peppers, origin) = (config::peppers()?, Origin::of(request)?);
    let token_keys = TokenKeys::from_config()?;
    let users = Users::from_config(request)?;
    let refresh = RefreshSecret::new(random::bytes());
    let session = SecondFactorSession { id: Uuid::new_v4(), refresh, idle_seconds: IDLE_SECONDS, origin: &origin };
    let body = EndPasskeyRequest {
        credential: form.credential,
        client_address: client_address(request)?,
        device_token: form.device_token.clone(),
        session: session.to_begin(),
    };
    let ended: EndPasskeyResponse = ask(&users, "end", &body).await?;
    let (outcome, report) = (ended.outcome, ended.report);
    let (Some(session), Some(keys)) = (ended.session, ended.keys) else {
        let problem = refusal(outcome, ended.retry_after);
        let is_flood = matches!(outcome, PasskeyOutcome::Locked | PasskeyOutcome::TooManyAttempts);
        if report || !is_flood {
            log::audit("login-passkey", problem.kind().slug(), &request.id, &[]);
        }
        return Err(problem);
    };
    let device_token = form.device_token.as_deref();
    let begun = Begun { session: &session, refresh, keys: &keys, event: ended.event, device_token };
    Ok(call.ok(&token_keys.issue(request, users, &peppers, begun)?))
}

/// Asks users, which knows whether there is a domain that passkeys could be for.
async fn ask<T: DeserializeOwned>(users: &Users, what: &str, body: &impl Serialize) -> Result<T, Problem> {
    let answer = users.post(&format!("/users-ms/internal/passkeys/{what}"), body).await?;
    if answer.status == StatusCode::NOT_IMPLEMENTED.as_u16() {
        return Err(Problem::new(Kind::NotConfigured, "Passkeys need a domain. Set public_url or passkey_rp_id."));
    }
    read(&answer)
}

/// The problem that an outcome is.
fn refusal(outcome: PasskeyOutcome, retry_after: Option<u32>) -> Problem {
    match outcome {
        PasskeyOutcome::SignedIn | PasskeyOutcome::InvalidPasskey => {
            Problem::field(Kind::InvalidPasskey, "credential", Kind::InvalidPasskey.detail())
        }
        PasskeyOutcome::InvalidChallenge => {
            const DETAIL: &str = "The challenge is not valid, or not any more. Begin again.";
            Problem::field(Kind::InvalidChallenge, "credential", DETAIL)
        }
        PasskeyOutcome::Suspended => Problem::of(Kind::AccountSuspended),
        PasskeyOutcome::PasswordResetRequired => Problem::of(Kind::PasswordResetRequired),
        PasskeyOutcome::EmailNotVerified => Problem::of(Kind::EmailNotVerified),
        PasskeyOutcome::Locked => account_locked(),
        PasskeyOutcome::TooManyAttempts => too_many_attempts(retry_after.unwrap_or(1)),
        PasskeyOutcome::TooBusy => too_busy(),
    }
}
