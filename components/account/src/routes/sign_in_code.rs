//! The second step of a sign-in: a code of an authenticator app, or such an app to be added first.

use super::sign_in::{self, go_on};
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages::{self, App};
use account_domain::{Faults, Flow, ROOT, is_begun_for};
use serde_json::{Value, json};
use service_kit::{Method, StatusCode};

/// GET /account/sign-in/code
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    if context.flow().challenge.is_none() {
        return Ok(see_other(&format!("{ROOT}/sign-in")));
    }
    Ok(html(StatusCode::OK, pages::code(&context.view()?, &Faults::default())))
}

/// POST /account/sign-in/code
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["code"])?;
    let flow = context.flow().clone();
    let Some(challenge) = &flow.challenge else { return Ok(see_other(&format!("{ROOT}/sign-in"))) };
    let code: String = form.get("code").chars().filter(|c| !c.is_whitespace()).collect();
    let body = json!({"challenge": challenge, "code": code, "device_token": context.device_token()});
    let path = "/auth/login/second-factor";
    match context.client().json(To::Auth, &Method::POST, path, None, Some(&body)).await {
        Ok(tokens) => {
            let signed_in = context.begin_session(&tokens).await?;
            // After the link of a mail this may be somebody else than who has begun here.
            let is_theirs = flow.request.is_none() || is_begun_for(flow.email.as_deref(), signed_in.as_deref());
            let next = context.applications.destination(flow.next.as_deref().filter(|_| is_theirs));
            let codes: Vec<String> = serde_json::from_value(tokens["recovery_codes"].clone()).unwrap_or_default();
            if codes.is_empty() {
                return go_on(context, next);
            }
            let next = next.unwrap_or_else(|| ROOT.to_owned());
            Ok(html(StatusCode::OK, pages::codes(&context.view()?, "/sign-in/code", &codes, &next)))
        }
        Err(refusal) if refusal.slug == "invalid-challenge" => {
            context.end_flow();
            let (status, faults) = context.faults(&refusal, &[]);
            sign_in::page(context, flow.email.as_deref().unwrap_or_default(), flow.next.as_deref(), status, &faults)
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["code"]);
            let view = context.view()?;
            let page = match &flow.secret {
                Some(secret) => {
                    let app = App { secret, qr_code: None };
                    pages::enrolment(&view, "/sign-in/app", "/sign-in/code", Some(&app), &faults)
                }
                None => pages::code(&view, &faults),
            };
            Ok(html(status, page))
        }
    }
}

/// GET /account/sign-in/app
pub(super) fn show_app(context: &mut Context<'_>) -> Outcome {
    if context.flow().challenge.is_none() {
        return Ok(see_other(&format!("{ROOT}/sign-in")));
    }
    let page = pages::enrolment(&context.view()?, "/sign-in/app", "/sign-in/code", None, &Faults::default());
    Ok(html(StatusCode::OK, page))
}

/// POST /account/sign-in/app
pub(super) async fn add_app(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let flow = context.flow().clone();
    let Some(challenge) = &flow.challenge else { return Ok(see_other(&format!("{ROOT}/sign-in"))) };
    let body = json!({"challenge": challenge});
    match context.client().json(To::Auth, &Method::POST, "/auth/login/enrolment", None, Some(&body)).await {
        Ok(app) => {
            let secret = text(&app, "secret");
            context.keep(Flow { secret: Some(secret.clone()), ..flow });
            let qr_code = text(&app, "qr_code");
            let app = App { secret: &secret, qr_code: Some(&qr_code) };
            let view = context.view()?;
            let page = pages::enrolment(&view, "/sign-in/app", "/sign-in/code", Some(&app), &Faults::default());
            Ok(html(StatusCode::OK, page))
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &[]);
            sign_in::page(context, flow.email.as_deref().unwrap_or_default(), flow.next.as_deref(), status, &faults)
        }
    }
}

/// A text of an answer.
pub(super) fn text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}
