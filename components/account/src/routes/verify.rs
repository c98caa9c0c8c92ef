//! Confirming an address, after a sign-up or a change, and taking one back.

use super::sign_in::{by_password, go_on, refused};
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages;
use account_domain::{Faults, Flow, ROOT, Refusal, refusal_text, with_next};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// The secret of the link that leads to a page.
pub(super) fn token(context: &Context<'_>) -> Option<String> {
    context.request.query(&["token", "done", "next"]).ok()?.remove("token").filter(|token| !token.is_empty())
}

/// GET /account/verify, with the secret of a link or without.
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    let (view, flow) = (context.view()?, context.flow());
    let page = match token(context) {
        Some(token) => {
            // Where a sign-up was begun its password signs in; elsewhere nobody is asked for one.
            let email = flow.email.as_deref().filter(|_| !context.is_signed_in());
            pages::verify_link(&view, &token, email)
        }
        None => {
            let email = flow.email.as_deref().unwrap_or_default();
            pages::verify(&view, email, flow.next.as_deref(), !context.is_signed_in(), &Faults::default())
        }
    };
    Ok(html(StatusCode::OK, page))
}

/// POST /account/verify
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["token", "email", "code", "username", "password"])?;
    let body = json!({"token": form.some("token"), "email": form.some("email"), "code": form.some("code")});
    match context.once(&form, "/email-verification/confirm", &body).await {
        Ok(_) if context.is_signed_in() => Ok(see_other(&format!("{ROOT}?done=verified"))),
        Ok(_) => verified(context, form.some("email"), form.some("password")).await,
        Err(refusal) if form.some("token").is_some() => invalid_link(context, &refusal, "/verify"),
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["email", "code"]);
            let next = context.flow().next.as_deref();
            let asks = !context.is_signed_in();
            Ok(html(status, pages::verify(&context.view()?, form.get("email"), next, asks, &faults)))
        }
    }
}

/// Signs in whoever has given the password too; else to the sign-in.
async fn verified(context: &mut Context<'_>, email: Option<&str>, password: Option<&str>) -> Outcome {
    let Flow { email: begun_for, next, .. } = context.flow().clone();
    let next = context.applications.destination(next.as_deref());
    // Without anything that was begun here, it was begun elsewhere, or long ago.
    let done = if begun_for.is_some() { "verified" } else { "verified-here" };
    let Some((email, password)) = email.map(str::to_owned).or(begun_for).zip(password) else {
        return Ok(see_other(&with_next(&format!("{ROOT}/sign-in?done={done}"), next.as_deref())));
    };
    match by_password(context, &email, password).await? {
        Ok(()) if next.is_none() => Ok(see_other(&format!("{ROOT}?done=verified"))),
        Ok(()) => go_on(context, next),
        Err(refusal) => {
            context.say(context.t.done_verified);
            refused(context, &email, next, &refusal)
        }
    }
}

/// The page for a link that is not good, with a way to another one.
pub(super) fn invalid_link(context: &Context<'_>, refusal: &Refusal, path: &str) -> Outcome {
    let (status, _) = context.faults(refusal, &[]);
    let t = &context.t;
    let title = if refusal.slug == "invalid-ticket" { t.invalid_link_title } else { t.fault_title };
    let href = format!("{ROOT}{path}");
    let link = Some((href.as_str(), t.send_again)).filter(|_| refusal.slug == "invalid-ticket");
    Ok(html(status, pages::message(&context.view()?, path, title, &refusal_text(refusal, t), link)))
}

/// POST /account/verify/mail
pub(super) async fn send_mail(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["again"])?;
    let email = form.get("again");
    let body = json!({"email": email});
    match context.client().json(To::Users, &Method::POST, "/email-verification", None, Some(&body)).await {
        Ok(_) => {
            let flow = context.flow().clone();
            context.keep(Flow { email: Some(email.to_owned()), ..flow });
            Ok(see_other(&format!("{ROOT}/verify?done=sent")))
        }
        Err(refusal) => {
            let (status, _) = context.faults(&refusal, &[]);
            let faults = Faults::general(match refusal.fields.first() {
                Some(_) => context.t.fault_email.to_owned(),
                None => refusal_text(&refusal, &context.t),
            });
            let next = context.flow().next.as_deref();
            let asks = !context.is_signed_in();
            Ok(html(status, pages::verify(&context.view()?, email, next, asks, &faults)))
        }
    }
}

/// GET /account/email-change
pub(super) fn show_change(context: &mut Context<'_>) -> Outcome {
    let t = &context.t;
    let Some(token) = token(context) else { return Ok(see_other(&format!("{ROOT}/email"))) };
    let view = context.view()?;
    let page = pages::confirm_link(&view, "/email-change", t.new_email_title, t.new_email_button, &token, t.confirm);
    Ok(html(StatusCode::OK, page))
}

/// POST /account/email-change
pub(super) async fn change(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["token"])?;
    let body = json!({"token": form.get("token")});
    match context.once(&form, "/email-change/confirm", &body).await {
        Ok(_) if context.is_signed_in() => Ok(see_other(&format!("{ROOT}/email?done=email"))),
        Ok(_) => Ok(see_other(&format!("{ROOT}/sign-in?done=email"))),
        Err(refusal) => invalid_link(context, &refusal, "/email"),
    }
}

/// GET /account/email-return
pub(super) fn show_return(context: &mut Context<'_>) -> Outcome {
    let t = &context.t;
    let Some(token) = token(context) else { return Ok(see_other(ROOT)) };
    let view = context.view()?;
    let page = pages::confirm_link(&view, "/email-return", t.return_title, t.return_about, &token, t.return_button);
    Ok(html(StatusCode::OK, page))
}

/// POST /account/email-return
pub(super) async fn take_back(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["token"])?;
    let body = json!({"token": form.get("token")});
    match context.once(&form, "/email-return/confirm", &body).await {
        Ok(_) => {
            // Whoever is signed in here is not any more.
            context.forget_session();
            Ok(see_other(&format!("{ROOT}/recover/password?done=returned")))
        }
        Err(refusal) => invalid_link(context, &refusal, "/recover"),
    }
}
