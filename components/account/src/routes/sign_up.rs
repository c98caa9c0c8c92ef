//! Signing up, and accepting an invitation.

use super::sign_in::{asked, by_password, go_on, is_half_done};
use super::sign_in_code::text;
use crate::client::{To, accepted};
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use crate::settings;
use account_domain::pages::{self, Person};
use account_domain::{Faults, Flow, ROOT, Refusal, idempotency_key};
use browser_kit::Form;
use serde_json::json;
use service_kit::{Method, StatusCode, config};

/// GET /account/sign-up
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    if !settings::has_sign_up()? {
        let t = &context.t;
        let text = if config::text("sign_up")?.trim() == "invite" { t.sign_up_invite } else { t.sign_up_closed };
        let link = Some((concat!("/account", "/sign-in"), t.sign_in_link));
        return Ok(html(StatusCode::OK, pages::message(&context.view()?, "/sign-up", t.sign_up_not, text, link)));
    }
    let next = asked(context);
    let page = pages::sign_up(&context.view()?, &Person::default(), next.as_deref(), &Faults::default());
    Ok(html(StatusCode::OK, page))
}

fn person(form: &Form) -> Person<'_> {
    Person { name: form.get("name"), surname: form.get("surname"), email: form.get("email") }
}

/// POST /account/sign-up
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["name", "surname", "email", "password", "next"])?;
    let next = context.applications.destination(form.some("next"));
    let (email, password) = (form.get("email"), form.get("password"));
    let body = json!({
        "name": form.get("name"),
        "surname": form.get("surname"),
        "email": email,
        "password": password,
        "locale": context.t.language,
    });
    // A button that was pressed twice is one sign-up: no second mail, and no word that the address is taken.
    let key = idempotency_key(form.token(), &body.to_string());
    let headers = [("idempotency-key", key.as_str())];
    let answer = context.client().send(To::Users, &Method::POST, "/users", None, &headers, Some(&body)).await;
    let answer = match answer {
        Ok(answer) => answer,
        Err(refusal) => return refused(context, &form, &refusal),
    };
    match accepted(&answer) {
        // Nobody is asked to confirm addresses: the account is there.
        Ok(_) if answer.status == 201 => match by_password(context, email, password).await? {
            Ok(()) => go_on(context, next),
            Err(refusal) => super::sign_in::refused(context, email, next, &refusal),
        },
        Ok(_) => {
            context.keep(Flow { email: Some(email.to_owned()), next, ..Flow::default() });
            Ok(see_other(&format!("{ROOT}/verify")))
        }
        Err(refusal) => refused(context, &form, &refusal),
    }
}

fn refused(context: &Context<'_>, form: &Form, refusal: &Refusal) -> Outcome {
    let (status, faults) = context.faults(refusal, &["name", "surname", "email", "password"]);
    let next = context.applications.destination(form.some("next"));
    Ok(html(status, pages::sign_up(&context.view()?, &person(form), next.as_deref(), &faults)))
}

/// GET /account/invitation
pub(super) fn show_invitation(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["token"])?;
    let token = query.get("token").map(String::as_str);
    let page = pages::accept_invitation(&context.view()?, token, &Person::default(), &Faults::default());
    Ok(html(StatusCode::OK, page))
}

/// POST /account/invitation
pub(super) async fn accept_invitation(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["token", "email", "code", "name", "surname", "password"])?;
    let body = json!({
        "token": form.some("token"),
        "email": form.some("email"),
        "code": form.some("code"),
        "name": form.get("name"),
        "surname": form.get("surname"),
        "password": form.get("password"),
    });
    match context.once(&form, "/invitation/accept", &body).await {
        Ok(user) => {
            let email = text(&user, "email");
            match by_password(context, &email, form.get("password")).await? {
                Ok(()) => Ok(see_other(ROOT)),
                Err(refusal) if is_half_done(&refusal) => super::sign_in::refused(context, &email, None, &refusal),
                Err(_) => {
                    context.keep(Flow { email: Some(email), ..Flow::default() });
                    Ok(see_other(&format!("{ROOT}/sign-in?done=accepted")))
                }
            }
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["email", "code", "name", "surname", "password"]);
            let page = pages::accept_invitation(&context.view()?, form.some("token"), &person(&form), &faults);
            Ok(html(status, page))
        }
    }
}
