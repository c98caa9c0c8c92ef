//! Signing in by password, and signing out.

use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, Stop, html, see_other, set};
use crate::settings;
use account_domain::pages::{self, SignIn};
use account_domain::{Authorization, Faults, Flow, ROOT, Refusal, with_next};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// GET /account/sign-in
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    let next = asked(context);
    if context.is_signed_in() && next.is_none() {
        return Ok(see_other(ROOT));
    }
    let hint = next.as_deref().and_then(Authorization::at).and_then(|request| request.login_hint());
    let email = hint.or_else(|| context.flow().email.clone()).unwrap_or_default();
    page(context, &email, next.as_deref(), StatusCode::OK, &Faults::default())
}

/// Where the browser wants to go afterwards, if it may: `next` for our own pages, `return_to` for applications.
pub(super) fn asked(context: &Context<'_>) -> Option<String> {
    let query = context.request.query(&["next", "return_to", "done", "token"]).ok()?;
    let asked = query.get("return_to").or_else(|| query.get("next"))?;
    context.applications.destination(Some(asked))
}

/// POST /account/sign-in
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["email", "password", "next"])?;
    let next = context.applications.destination(form.some("next"));
    match by_password(context, form.get("email"), form.get("password")).await? {
        Ok(()) => go_on(context, next),
        Err(refusal) => refused(context, form.get("email"), next, &refusal),
    }
}

/// Signs in with an address and its password, with all that auth asks for: after a form that had both, there is no need for another.
pub(super) async fn by_password(
    context: &mut Context<'_>,
    email: &str,
    password: &str,
) -> Result<Result<(), Refusal>, Stop> {
    let body = json!({"username": email, "password": password, "device_token": context.device_token()});
    match context.client().json(To::Auth, &Method::POST, "/auth/login", None, Some(&body)).await {
        Ok(tokens) => {
            context.begin_session(&tokens).await?;
            Ok(Ok(()))
        }
        Err(refusal) => Ok(Err(refusal)),
    }
}

/// Whether a sign-in that was refused goes on with something else.
pub(super) fn is_half_done(refusal: &Refusal) -> bool {
    matches!(refusal.slug.as_str(), "mfa-required" | "mfa-enrolment-required" | "password-reset-required")
}

/// Whether an address is that of what an application asks for.
pub(super) fn is_on_the_way(next: Option<&str>) -> bool {
    next.is_some_and(|next| Authorization::at(next).is_some())
}

/// Where the browser goes after a sign-in.
pub(super) fn go_on(context: &Context<'_>, next: Option<String>) -> Outcome {
    let next = next.unwrap_or_else(|| ROOT.to_owned());
    if !is_on_the_way(Some(&next)) {
        return Ok(see_other(&next));
    }
    // Browsers hold all redirections that follow a form against the policy of its page, which does not know the application. So this one
    // is a page, from which it goes on by itself.
    let (t, link) = (&context.t, (next.as_str(), context.t.go_on));
    let page = pages::message(&context.view()?, "/signed-in", t.signed_in_title, t.signed_in, Some(link));
    let mut response = html(StatusCode::OK, page);
    set(&mut response, "refresh", &format!("0; url={next}"));
    Ok(response)
}

/// A sign-in that has to go on elsewhere, or was refused.
pub(super) fn refused(context: &mut Context<'_>, email: &str, next: Option<String>, refusal: &Refusal) -> Outcome {
    let flow = Flow { email: Some(email.to_owned()), next: next.clone(), ..Flow::default() };
    let path = match refusal.slug.as_str() {
        "mfa-required" => {
            context.keep(Flow { challenge: refusal.challenge.clone(), ..flow });
            "/sign-in/code"
        }
        "mfa-enrolment-required" => {
            context.keep(Flow { challenge: refusal.challenge.clone(), ..flow });
            "/sign-in/app"
        }
        "email-not-verified" => {
            context.keep(flow);
            "/verify?done=verify-first"
        }
        "password-reset-required" => {
            context.keep(flow);
            "/recover?done=recover-first"
        }
        _ => {
            let (status, faults) = context.faults(refusal, &["email", "password"]);
            return page(context, email, next.as_deref(), status, &faults);
        }
    };
    Ok(see_other(&format!("{ROOT}{path}")))
}

/// The page with the form.
pub(super) fn page(
    context: &Context<'_>,
    email: &str,
    next: Option<&str>,
    status: StatusCode,
    faults: &Faults,
) -> Outcome {
    let shown = SignIn { email, next, has_mail: settings::has_mail()?, has_sign_up: settings::has_sign_up()? };
    Ok(html(status, pages::sign_in(&context.view()?, &shown, faults)))
}

/// POST /account/sign-out
pub(super) async fn sign_out(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["next"])?;
    let next = context.applications.destination(form.some("next"));
    context.sign_out().await?;
    Ok(see_other(&with_next(&format!("{ROOT}/sign-in?done=signed-out"), next.as_deref())))
}
