//! Signing in by mail, where `sign_in_by_mail` is on.

use super::sign_in::{asked, go_on, is_half_done, refused};
use super::sign_in_code::text;
use super::verify::{invalid_link, token};
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages;
use account_domain::{Faults, Flow, ROOT, Refusal, is_begun_for};
use serde_json::json;
use service_kit::{Method, Response, StatusCode};

/// GET /account/sign-in/mail, with the secret of a link or without.
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    let (view, t) = (context.view()?, &context.t);
    let page = match token(context) {
        Some(token) => {
            let path = "/sign-in/mail/link";
            pages::confirm_link(&view, path, t.sign_in_mail, t.sign_in_mail_button, &token, t.sign_in)
        }
        None => {
            let email = context.flow().email.as_deref().unwrap_or_default();
            pages::mail(&view, email, asked(context).as_deref(), &Faults::default())
        }
    };
    Ok(html(StatusCode::OK, page))
}

/// POST /account/sign-in/mail
pub(super) async fn send_mail(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["email", "next"])?;
    let next = context.applications.destination(form.some("next"));
    let email = form.get("email").to_owned();
    match context.client().json(To::Auth, &Method::POST, "/auth/mail", None, Some(&json!({"email": email}))).await {
        Ok(accepted) => {
            let request = Some(text(&accepted, "request"));
            context.keep(Flow { email: Some(email), request, next, ..Flow::default() });
            Ok(see_other(&format!("{ROOT}/sign-in/mail/code")))
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["email"]);
            Ok(html(status, pages::mail(&context.view()?, &email, next.as_deref(), &faults)))
        }
    }
}

/// GET /account/sign-in/mail/code
pub(super) fn show_code(context: &mut Context<'_>) -> Outcome {
    if context.flow().request.is_none() {
        return Ok(see_other(&format!("{ROOT}/sign-in/mail")));
    }
    Ok(html(StatusCode::OK, pages::mail_code(&context.view()?, &Faults::default())))
}

/// POST /account/sign-in/mail/code
pub(super) async fn submit_code(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["code"])?;
    let code: String = form.get("code").chars().filter(|c| !c.is_whitespace()).collect();
    let request = context.flow().request.clone().unwrap_or_default();
    match sign_in(context, json!({"request": request, "code": code})).await? {
        Ok(response) => Ok(response),
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["code"]);
            Ok(html(status, pages::mail_code(&context.view()?, &faults)))
        }
    }
}

/// POST /account/sign-in/mail/link
pub(super) async fn submit_link(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["token"])?;
    match sign_in(context, json!({"token": form.get("token")})).await? {
        Ok(response) => Ok(response),
        Err(refusal) => invalid_link(context, &refusal, "/sign-in/mail"),
    }
}

/// Signs in, or goes on where more is needed.
async fn sign_in(
    context: &mut Context<'_>,
    mut shown: serde_json::Value,
) -> Result<Result<Response, Refusal>, crate::respond::Stop> {
    shown["device_token"] = context.device_token().into();
    // What was begun here goes on here, for whoever has begun it. A link is good in any browser, and may be another person's.
    let is_link = shown["token"].is_string();
    let Flow { email, request, next, .. } = context.flow().clone();
    let next = context.applications.destination(next.filter(|_| request.is_some()).as_deref());
    match context.client().json(To::Auth, &Method::POST, "/auth/mail/confirm", None, Some(&shown)).await {
        Ok(tokens) => {
            let signed_in = context.begin_session(&tokens).await?;
            if request.is_none() || is_link && !is_begun_for(email.as_deref(), signed_in.as_deref()) {
                return Ok(Ok(see_other(&format!("{ROOT}?done=signed-in-here"))));
            }
            go_on(context, next).map(Ok)
        }
        Err(refusal) if is_half_done(&refusal) => {
            let page = refused(context, &email.unwrap_or_default(), next, &refusal);
            if is_link {
                // Whose link it was is known after the second factor.
                let flow = context.flow().clone();
                context.keep(Flow { request, ..flow });
            }
            page.map(Ok)
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}
