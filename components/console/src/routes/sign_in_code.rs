//! The second step of a sign-in: a code of an authenticator app, or a recovery code.

use super::sign_in::{self, go_on};
use crate::context::Context;
use browser::Faults;
use browser_kit::client::To;
use browser_kit::respond::{Outcome, html, see_other};
use console_domain::{ROOT, pages};
use serde_json::json;
use service_kit::{Method, StatusCode};

/// GET /console/sign-in/code
pub(super) fn show(context: &mut Context<'_>) -> Outcome {
    if context.flow().challenge.is_none() {
        return Ok(see_other(&format!("{ROOT}/sign-in")));
    }
    Ok(html(StatusCode::OK, pages::code(&context.frame()?, &Faults::default())))
}

/// POST /console/sign-in/code
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["code"])?;
    let flow = context.flow().clone();
    let Some(challenge) = &flow.challenge else { return Ok(see_other(&format!("{ROOT}/sign-in"))) };
    let code: String = form.get("code").chars().filter(|c| !c.is_whitespace()).collect();
    let body = json!({"challenge": challenge, "code": code, "device_token": context.device_token()});
    let path = "/auth/login/second-factor";
    match context.client().json(To::Auth, &Method::POST, path, None, Some(&body)).await {
        Ok(tokens) => {
            context.begin_session(&tokens).await?;
            Ok(go_on(flow.next.as_deref()))
        }
        Err(refusal) if refusal.slug == "invalid-challenge" => {
            context.end_flow();
            let (status, faults) = context.faults(&refusal, &[]);
            sign_in::page(context, flow.email.as_deref().unwrap_or_default(), flow.next.as_deref(), status, &faults)
        }
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["code"]);
            Ok(html(status, pages::code(&context.frame()?, &faults)))
        }
    }
}
