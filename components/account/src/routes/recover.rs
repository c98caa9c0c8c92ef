//! A new password for whoever has forgotten theirs.

use super::sign_in::{asked, by_password, go_on, is_half_done, refused};
use super::verify::invalid_link;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages;
use account_domain::{Faults, Flow, ROOT, with_next};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// The page that a recovery ends on.
const PASSKEYS: &str = "/account/passkeys";

/// GET /account/recover
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    let email = context.flow().email.clone().unwrap_or_default();
    let next = asked(context).or_else(|| context.flow().next.clone());
    Ok(html(StatusCode::OK, pages::recover(&context.view()?, &email, next.as_deref(), &Faults::default())))
}

/// POST /account/recover
pub(super) async fn send_mail(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["email", "next"])?;
    let next = context.applications.destination(form.some("next"));
    let body = json!({"email": form.get("email")});
    match context.client().json(To::Users, &Method::POST, "/password-recovery", None, Some(&body)).await {
        Ok(_) => {
            context.keep(Flow { email: Some(form.get("email").to_owned()), next, ..Flow::default() });
            Ok(see_other(&format!("{ROOT}/recover/password")))
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["email"]);
            Ok(html(status, pages::recover(&context.view()?, form.get("email"), next.as_deref(), &faults)))
        }
    }
}

/// GET /account/recover/password, with the secret of a link or without.
pub(super) fn show_password(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["token", "done"])?;
    let email = context.flow().email.clone().unwrap_or_default();
    let token = query.get("token").map(String::as_str).filter(|token| !token.is_empty());
    Ok(html(StatusCode::OK, pages::new_password(&context.view()?, token, &email, &Faults::default())))
}

/// POST /account/recover/password
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["token", "email", "code", "password"])?;
    let body = json!({
        "token": form.some("token"),
        "email": form.some("email"),
        "code": form.some("code"),
        "password": form.get("password"),
    });
    match context.once(&form, "/password-recovery/confirm", &body).await {
        Ok(_) => recovered(context, form.some("email"), form.get("password")).await,
        Err(refusal) if refusal.slug == "invalid-ticket" && form.some("token").is_some() => {
            invalid_link(context, &refusal, "/recover")
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["email", "code", "password"]);
            let page = pages::new_password(&context.view()?, form.some("token"), form.get("email"), &faults);
            Ok(html(status, page))
        }
    }
}

/// Signs in with the new password, where the address is known, by the code or since the mail was asked for in this browser; else to the
/// sign-in. A link alone does not say whose it is.
async fn recovered(context: &mut Context<'_>, email: Option<&str>, password: &str) -> Outcome {
    let Flow { email: asked_for, next, .. } = context.flow().clone();
    let next = context.applications.destination(next.as_deref());
    let is_begun_here = asked_for.is_some();
    if let Some(email) = email.map(str::to_owned).or(asked_for) {
        match by_password(context, &email, password).await? {
            // Whoever was in the account may have left a passkey, and who forgets passwords may want one.
            Ok(()) => match next {
                Some(next) => return go_on(context, Some(next)),
                None => return Ok(see_other(&format!("{PASSKEYS}?done=recovered-in"))),
            },
            Err(refusal) if is_half_done(&refusal) => {
                context.forget_session();
                return refused(context, &email, next.or_else(|| Some(PASSKEYS.to_owned())), &refusal);
            }
            Err(_) => {}
        }
    }
    // All sessions have ended, that of this browser too.
    context.forget_session();
    let done = if is_begun_here { "recovered" } else { "recovered-here" };
    Ok(see_other(&with_next(&format!("{ROOT}/sign-in?done={done}"), next.as_deref())))
}
