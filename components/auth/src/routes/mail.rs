//! /auth-ms/auth/mail: a sign-in by a link or a code that goes to the address of an account. users, which has the accounts, sends and
//! verifies them.

use super::Call;
use super::token_keys::{Begun, TokenKeys};
use crate::new_session::SecondFactorSession;
use crate::origin::Origin;
use crate::users::{Users, read};
use api::auth::LoginResponse;
use api::auth::operation::{ConfirmMailLogin, RequestMailLogin, ShowMailLoginPage, SubmitMailLoginPage};
use api::users::{
    BeginMailSignInRequest, BeginMailSignInResponse, EndMailSignInRequest, EndMailSignInResponse, MailSignInOutcome,
};
use auth_domain::{Challenge, IDLE_SECONDS, RefreshSecret, mail_login_form};
use identity::Email;
use problem::{Kind, Problem};
use serde::Serialize;
use serde::de::DeserializeOwned;
use service_kit::attempts::{account_locked, too_busy, too_many_attempts};
use service_kit::{
    HandlerResult, Request, StatusCode, client_address, config, json, log, page, random, refuse_idempotency_key,
};
use uuid::Uuid;

/// What somebody shows to be let in.
#[derive(Default)]
struct Shown {
    token: Option<String>,
    request: Option<String>,
    code: Option<String>,
    device_token: Option<String>,
}

/// POST: has a mail sent, if the address has an account.
pub(super) async fn request_mail_login(call: &Call<'_, RequestMailLogin>) -> HandlerResult {
    let request = call.request;
    refuse_idempotency_key(request)?;
    let email = Email::parse(&call.body()?.email)
        .map_err(|error| Problem::field(Kind::InvalidEmail, "email", error.to_string()))?;
    let body = BeginMailSignInRequest { email: email.address().to_owned(), client_address: client_address(request)? };
    let BeginMailSignInResponse { accepted, retry_after } = ask(&Users::from_config(request)?, "begin", &body).await?;
    let accepted = accepted.ok_or_else(|| too_many_attempts(retry_after.unwrap_or(1)))?;
    Ok(json(StatusCode::ACCEPTED, &accepted))
}

/// POST `/confirm`: lets somebody in by a link or a code; then publishes `user_login_event`.
pub(super) async fn confirm_mail_login(call: &Call<'_, ConfirmMailLogin>) -> HandlerResult {
    refuse_idempotency_key(call.request)?;
    let body = call.body()?;
    let missing = |field: &str| Problem::field(Kind::MissingField, field, "Send the token, or request and code.");
    match (&body.token, &body.request, &body.code) {
        (Some(_), None, None) | (None, Some(_), Some(_)) => {}
        (None, None, None) => return Err(missing("token")),
        (None, None, Some(_)) => return Err(missing("request")),
        (None, Some(_), None) => return Err(missing("code")),
        (Some(_), ..) => {
            const DETAIL: &str = "Send the token, or request and code; not both.";
            return Err(Problem::field(Kind::InvalidValue, "token", DETAIL));
        }
    }
    let shown = Shown { token: body.token, request: body.request, code: body.code, device_token: body.device_token };
    Ok(call.ok(&sign_in(call.request, shown).await?))
}

/// GET `/page`: the page with the button. It signs nobody in.
pub(super) fn show_mail_login_page(call: &Call<'_, ShowMailLoginPage>) -> HandlerResult {
    let token = call.query.get("token").map(String::as_str).unwrap_or_default();
    Ok(page(StatusCode::OK, mail_login_form(token)))
}

/// POST `/page`: lets somebody in by the form of the page.
pub(super) async fn submit_mail_login_page(call: &Call<'_, SubmitMailLoginPage>) -> HandlerResult {
    let mut form = call.form(&["token"])?;
    let token = Some(form.remove("token").unwrap_or_default());
    Ok(call.ok(&sign_in(call.request, Shown { token, ..Shown::default() }).await?))
}

async fn sign_in(request: &Request, shown: Shown) -> Result<LoginResponse, Problem> {
    let (peppers, origin) = (config::peppers()?, Origin::of(request)?);
    let token_keys = TokenKeys::from_config()?;
    let users = Users::from_config(request)?;
    let refresh = RefreshSecret::new(random::bytes());
    let challenge = Challenge::new(random::bytes(), origin.user_agent.as_deref(), &peppers);
    let body = EndMailSignInRequest {
        token: shown.token,
        request: shown.request,
        code: shown.code,
        client_address: client_address(request)?,
        device_token: shown.device_token.clone(),
        session: SecondFactorSession { id: Uuid::new_v4(), refresh, idle_seconds: IDLE_SECONDS, origin: &origin }
            .to_begin(),
        challenge_digest: challenge.digest.clone(),
        client_digest: challenge.client.clone(),
    };
    let ended: EndMailSignInResponse = ask(&users, "end", &body).await?;
    let (Some(session), Some(keys)) = (&ended.session, &ended.keys) else {
        let problem = refusal(&ended, challenge);
        let is_flood = matches!(ended.outcome, MailSignInOutcome::Locked | MailSignInOutcome::TooManyAttempts);
        if ended.report || !is_flood {
            log::audit("login-mail", problem.kind().slug(), &request.id, &[]);
        }
        return Err(problem);
    };
    let device_token = shown.device_token.as_deref();
    let begun = Begun { session, refresh, keys, event: ended.event.clone(), device_token };
    token_keys.issue(request, users, &peppers, begun)
}

/// Asks users, which knows whether it is on.
async fn ask<T: DeserializeOwned>(users: &Users, what: &str, body: &impl Serialize) -> Result<T, Problem> {
    let answer = users.post(&format!("/users-ms/internal/mail-sign-in/{what}"), body).await?;
    if answer.status == StatusCode::NOT_IMPLEMENTED.as_u16() {
        return Err(Problem::new(Kind::NotConfigured, "Sign-in by mail is off. Set sign_in_by_mail."));
    }
    read(&answer)
}

/// The problem that an outcome is.
fn refusal(ended: &EndMailSignInResponse, challenge: Challenge) -> Problem {
    match (ended.outcome, ended.task, ended.expires_in) {
        (MailSignInOutcome::MfaRequired, Some(task), Some(expires_in)) => challenge.required(task, expires_in),
        (MailSignInOutcome::Suspended, ..) => Problem::of(Kind::AccountSuspended),
        (MailSignInOutcome::PasswordResetRequired, ..) => Problem::of(Kind::PasswordResetRequired),
        (MailSignInOutcome::Locked, ..) => account_locked(),
        (MailSignInOutcome::TooManyAttempts, ..) => too_many_attempts(ended.retry_after.unwrap_or(1)),
        (MailSignInOutcome::TooBusy, ..) => too_busy(),
        (MailSignInOutcome::SignedIn | MailSignInOutcome::MfaRequired | MailSignInOutcome::InvalidTicket, ..) => {
            Problem::of(Kind::InvalidTicket)
        }
    }
}
