//! The second factor of whoever is signed in.

use super::sign_in_code::text;
use crate::client::To;
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages::{self, App};
use account_domain::{Faults, Flow, ROOT, Refusal};
use serde_json::{Value, json};
use service_kit::{Method, StatusCode};

/// The path of an operation about it.
async fn path(context: &mut Context<'_>, rest: &str) -> Result<String, crate::respond::Stop> {
    Ok(format!("/users/{}/second-factor{rest}", context.user_id().await?))
}

/// GET /account/second-factor
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    page(context, StatusCode::OK, &Faults::default()).await
}

async fn page(context: &mut Context<'_>, status: StatusCode, faults: &Faults) -> Outcome {
    let path = path(context, "").await?;
    let factor = context.get(To::Users, &path).await?;
    let left = factor["recovery_codes_left"].as_u64().unwrap_or_default();
    Ok(html(status, pages::second_factor(&context.view()?, !factor["totp"].is_null(), left, faults)))
}

async fn refused(context: &mut Context<'_>, refusal: &Refusal) -> Outcome {
    let (status, faults) = context.faults(refusal, &[]);
    page(context, status, &faults).await
}

/// POST /account/second-factor/add
pub(super) async fn add(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let path = path(context, "/totp").await?;
    match context.call(To::Users, Method::POST, &path, None).await? {
        Ok(app) => {
            let (secret, qr_code) = (text(&app, "secret"), text(&app, "qr_code"));
            context.keep(Flow { secret: Some(secret.clone()), ..Flow::default() });
            enrolment(context, StatusCode::OK, &secret, Some(&qr_code), &Faults::default())
        }
        Err(refusal) => refused(context, &refusal).await,
    }
}

fn enrolment(
    context: &Context<'_>,
    status: StatusCode,
    secret: &str,
    qr_code: Option<&str>,
    faults: &Faults,
) -> Outcome {
    let app = App { secret, qr_code };
    let view = context.view()?;
    Ok(html(status, pages::enrolment(&view, "/second-factor", "/second-factor/confirm", Some(&app), faults)))
}

/// POST /account/second-factor/confirm
pub(super) async fn confirm(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["code"])?;
    let code: String = form.get("code").chars().filter(|c| !c.is_whitespace()).collect();
    let path = path(context, "/totp/confirm").await?;
    match context.call(To::Users, Method::POST, &path, Some(&json!({"code": code}))).await? {
        Ok(codes) => {
            context.end_flow();
            context.say(context.t.done_added);
            show_codes(context, &codes)
        }
        Err(refusal) if refusal.slug == "second-factor-not-found" => refused(context, &refusal).await,
        Err(refusal) => {
            let (status, faults) = context.faults(&refusal, &["code"]);
            let secret = context.flow().secret.clone().unwrap_or_default();
            enrolment(context, status, &secret, None, &faults)
        }
    }
}

fn show_codes(context: &Context<'_>, codes: &Value) -> Outcome {
    let codes: Vec<String> = serde_json::from_value(codes["recovery_codes"].clone()).unwrap_or_default();
    let next = format!("{ROOT}/second-factor");
    Ok(html(StatusCode::OK, pages::codes(&context.view()?, "/second-factor", &codes, &next)))
}

/// POST /account/second-factor/codes
pub(super) async fn new_codes(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let path = path(context, "/recovery-codes").await?;
    match context.call(To::Users, Method::POST, &path, None).await? {
        Ok(codes) => show_codes(context, &codes),
        Err(refusal) => refused(context, &refusal).await,
    }
}

/// POST /account/second-factor/remove
pub(super) async fn remove(context: &mut Context<'_>) -> Outcome {
    context.form(&[])?;
    let path = path(context, "").await?;
    match context.call(To::Users, Method::DELETE, &path, None).await? {
        Ok(_) => Ok(see_other(&format!("{ROOT}/second-factor?done=removed"))),
        Err(refusal) => refused(context, &refusal).await,
    }
}
