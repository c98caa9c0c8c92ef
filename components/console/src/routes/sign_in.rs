//! Signing in by password, and signing out.

use crate::context::Context;
use browser::{Faults, Flow, Refusal};
use browser_kit::client::To;
use browser_kit::respond::{Outcome, html, see_other};
use console_domain::{ROOT, is_own_page, pages};
use serde_json::json;
use service_kit::{Method, Response, StatusCode};

/// GET /console/sign-in
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["next", "done"])?;
    let next = query.get("next").map(String::as_str).filter(|next| is_own_page(next));
    if context.is_signed_in() && next.is_none() {
        return Ok(see_other(ROOT));
    }
    let email = context.flow().email.clone().unwrap_or_default();
    page(context, &email, next, StatusCode::OK, &Faults::default())
}

/// POST /console/sign-in
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["email", "password", "next"])?;
    let next = form.some("next").filter(|next| is_own_page(next));
    let body = json!({
        "username": form.get("email"),
        "password": form.get("password"),
        "device_token": context.device_token(),
    });
    match context.client().json(To::Auth, &Method::POST, "/auth/login", None, Some(&body)).await {
        Ok(tokens) => {
            context.begin_session(&tokens).await?;
            Ok(go_on(next))
        }
        Err(refusal) => refused(context, form.get("email"), next, &refusal),
    }
}

/// Where the browser goes after a sign-in.
pub(super) fn go_on(next: Option<&str>) -> Response {
    see_other(next.filter(|next| is_own_page(next)).unwrap_or(ROOT))
}

/// A sign-in that has to go on elsewhere, or was refused.
pub(super) fn refused(context: &mut Context<'_>, email: &str, next: Option<&str>, refusal: &Refusal) -> Outcome {
    let elsewhere = match refusal.slug.as_str() {
        "mfa-required" => {
            let (email, next) = (Some(email.to_owned()), next.map(str::to_owned));
            context.keep(Flow { email, next, challenge: refusal.challenge.clone(), ..Flow::default() });
            return Ok(see_other(&format!("{ROOT}/sign-in/code")));
        }
        "mfa-enrolment-required" => (
            "A second factor is needed",
            "Your account has none. Sign in to it and add an authenticator app; then sign in here.",
            "/account/sign-in",
        ),
        "email-not-verified" => (
            "Confirm your address first",
            "Your account has an address that is not confirmed. Confirm it; then sign in here.",
            "/account/verify",
        ),
        "password-reset-required" => (
            "Choose a new password first",
            "An administrator requires a new password of you. Choose one; then sign in here.",
            "/account/recover",
        ),
        _ => {
            let (status, faults) = context.faults(refusal, &["email", "password"]);
            return page(context, email, next, status, &faults);
        }
    };
    let (title, text, path) = elsewhere;
    let page = pages::message(&context.frame()?, title, text, Some((path, "To your account")));
    Ok(html(StatusCode::FORBIDDEN, page))
}

/// The page with the form.
pub(super) fn page(
    context: &Context<'_>,
    email: &str,
    next: Option<&str>,
    status: StatusCode,
    faults: &Faults,
) -> Outcome {
    Ok(html(status, pages::sign_in(&context.frame()?, email, next, faults)))
}

/// POST /console/sign-out
pub(super) async fn sign_out(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    context.sign_out().await?;
    Ok(see_other(&format!("{ROOT}/sign-in?done=signed-out")))
}
