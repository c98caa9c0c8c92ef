//! What an application asks for: whoever is signed in decides, or has decided before. auth reads the request and makes the answer; nobody
//! is sent anywhere that it has not said.

use super::account::user;
use super::sign_in_code::text;
use crate::client::{To, accepted};
use crate::context::Context;
use crate::respond::{Outcome, html, see_other};
use account_domain::pages;
use account_domain::{Asked, Authorization, DECISION_SECONDS, ROOT, with_next};
use serde_json::{Value, json};
use service_kit::{Method, Response, StatusCode, now};

/// GET /account/authorize: on to the application if nothing is left to ask; else a sign-in, or the question.
pub(super) async fn show(context: &mut Context<'_>) -> Outcome {
    let query = context.request.query(&["request", "signed_in"])?;
    let encoded = query.get("request").map(String::as_str).unwrap_or_default();
    let signed_in = query.get("signed_in").map(String::as_str);
    let Some(request) = Authorization::read(encoded, signed_in) else { return invalid(context) };
    if !context.is_signed_in() {
        return Ok(sign_in_first(&request));
    }
    if request.asks_for_sign_in() {
        return Ok(see_other(&with_next(&format!("{ROOT}/confirm"), Some(&request.path_after_sign_in()))));
    }
    decide(context, &request, None).await
}

/// POST /account/authorize: the decision about what was shown.
pub(super) async fn submit(context: &mut Context<'_>) -> Outcome {
    let form = context.form(&["asked", "decision"])?;
    let asked: Option<Asked> = context.open(form.get("asked"));
    let asked = asked.filter(|asked| asked.until >= now() && context.session_id() == Some(asked.session.as_str()));
    let request = asked.and_then(|asked| Authorization::read(&asked.request, Some("")));
    let Some(request) = request else { return invalid(context) };
    // Nothing but the button allows.
    decide(context, &request, Some(form.get("decision") == "allow")).await
}

/// Has auth decide, with what somebody has answered, if they were asked.
async fn decide(context: &mut Context<'_>, request: &Authorization, consent: Option<bool>) -> Outcome {
    let mut body = json!({"request": request.query()});
    if let Some(consent) = consent {
        body["consent"] = consent.into();
    }
    let answer = match context.send(To::Auth, Method::POST, "/oauth/decision", Some(&body)).await {
        Ok(answer) => answer,
        // The session has ended.
        Err(_) if !context.is_signed_in() => return Ok(sign_in_first(request)),
        Err(stop) => return Err(stop),
    };
    match accepted(&answer) {
        Ok(decided) => match decided["redirect_to"].as_str() {
            Some(location) => Ok(see_other(location)),
            None => ask(context, request, &decided["consent"]).await,
        },
        Err(refusal) if refusal.slug == "reauthentication-required" => {
            Ok(see_other(&with_next(&format!("{ROOT}/confirm"), Some(&request.path_after_sign_in()))))
        }
        Err(refusal) if refusal.slug == "invalid-value" => invalid(context),
        Err(refusal) => Err(context.refused(&refusal)),
    }
}

/// To the sign-in and back; an application that must not have anybody asked is told that nobody is signed in.
fn sign_in_first(request: &Authorization) -> Response {
    if request.is_silent() {
        return see_other(&request.way_back());
    }
    see_other(&with_next(&format!("{ROOT}/sign-in"), Some(&request.path_after_sign_in())))
}

/// The page with the question.
async fn ask(context: &mut Context<'_>, request: &Authorization, consent: &Value) -> Outcome {
    let user = user(context).await?;
    let session = context.session_id().unwrap_or_default().to_owned();
    let asked = Asked { request: request.encoded().to_owned(), session, until: now() + DECISION_SECONDS };
    let scopes: Vec<String> = serde_json::from_value(consent["scopes"].clone()).unwrap_or_default();
    let (name, origin, email) = (text(consent, "name"), text(consent, "origin"), text(&user, "email"));
    let shown = pages::Consent {
        name: &name,
        origin: &origin,
        scopes: &scopes,
        email: &email,
        asked: &context.seal(&asked),
        page: &request.path(),
    };
    // Only the question is on this page, without ways to elsewhere.
    let page = pages::consent(&context.view()?.alone(), &shown);
    context.leads_to(origin);
    Ok(html(StatusCode::OK, page))
}

fn invalid(context: &Context<'_>) -> Outcome {
    let t = &context.t;
    Err(context.problem_page(StatusCode::BAD_REQUEST, t.fault_title, t.fault_authorization))
}
