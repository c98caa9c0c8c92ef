//! The pages, one file for each subject.

mod actions;
mod audit;
mod confirm;
mod experiments;
mod health;
mod messages;
mod overview;
mod passkey_sign_in;
mod people;
mod person;
mod sign_in;
mod sign_in_code;

use crate::assets;
use crate::context::Context;
use browser_kit::respond::{Outcome, Stop, protect};
use problem::{Kind, Problem};
use serde_json::Value;
use service_kit::{HandlerResult, Method, Request, StatusCode, json, log};

/// Finds the handler of a request. What it refuses becomes a page.
pub(crate) async fn route(request: Request) -> HandlerResult {
    let path = request.path();
    match path.get(1..).unwrap_or_default() {
        ["healthcheck"] => return Ok(json(StatusCode::OK, &service_kit::health::alive())),
        ["readiness"] => return Ok(health::readiness().await),
        ["assets", name] if is_read(&request.method) => return assets::send(name),
        _ => {}
    }
    let mut context = Context::of(&request)?;
    let outcome = page(&mut context).await;
    let mut response = match outcome {
        Ok(response) => response,
        Err(Stop::With(response)) => *response,
        Err(Stop::Problem(problem)) => match problem_page(&context, &problem) {
            Stop::With(response) => *response,
            Stop::Problem(problem) => return Err(problem),
        },
    };
    context.finish(&mut response);
    protect(&mut response, &[], context.is_tls());
    Ok(response)
}

fn is_read(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD)
}

/// A problem as a page.
fn problem_page(context: &Context<'_>, problem: &Problem) -> Stop {
    if problem.kind().is_failure_of_ours() {
        let cause = problem.cause().unwrap_or("unknown");
        log::error("a request failed", &[("request_id", &context.request.id), ("cause", cause)]);
    }
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (title, text) = match problem.kind() {
        Kind::NoSuchRoute => ("Not found", "There is no such page."),
        kind if kind.is_failure_of_ours() => ("This did not work", "Try again shortly."),
        _ => ("This did not work", "Something in the request cannot be accepted."),
    };
    context.problem_page(status, title, text)
}

/// The handler of a page.
async fn page(context: &mut Context<'_>) -> Outcome {
    let request = context.request;
    let path = request.path();
    let method = if is_read(&request.method) { &Method::GET } else { &request.method };
    let route = (method.as_str(), path.get(1..).unwrap_or_default());
    // What signs in and out is for everybody.
    match route {
        ("GET", ["sign-in"]) => return sign_in::show(context),
        ("POST", ["sign-in"]) => return sign_in::submit(context).await,
        ("GET", ["sign-in", "code"]) => return sign_in_code::show(context),
        ("POST", ["sign-in", "code"]) => return sign_in_code::submit(context).await,
        ("POST", ["sign-in", "passkey", "options"]) => return passkey_sign_in::options(context).await,
        ("POST", ["sign-in", "passkey"]) => return passkey_sign_in::submit(context).await,
        ("POST", ["sign-out"]) => return sign_in::sign_out(context).await,
        _ => {}
    }
    context.require_administrator().await?;
    match route {
        ("GET", [] | [""]) => overview::show(context).await,
        ("GET", ["live"]) => overview::live(context).await,
        ("GET", ["messages"]) => messages::show(context).await,
        ("GET", ["messages", "dead", queue]) => messages::dead(context, queue).await,
        ("GET", ["messages", "dead", queue, letter, action]) => messages::confirm(context, queue, letter, action),
        ("POST", ["messages", "dead", queue, letter, action]) => messages::submit(context, queue, letter, action).await,
        ("GET", ["confirm"]) => confirm::show(context),
        ("POST", ["confirm"]) => confirm::submit(context).await,
        ("GET", ["people"]) => people::show(context).await,
        ("GET", ["people", id]) => person::show(context, id).await,
        ("GET", ["people", id, action]) => actions::show(context, id, action).await,
        ("POST", ["people", id, action]) => actions::submit(context, id, action).await,
        ("GET", ["audit"]) => audit::show(context).await,
        ("GET", ["experiments"]) => experiments::show(context).await,
        ("GET", ["experiments", "live"]) => experiments::live().await,
        ("POST", ["experiments"]) => experiments::start(context).await,
        ("GET", ["experiments", name, "plot"]) => experiments::plot(name).await,
        _ => Err(Problem::of(Kind::NoSuchRoute).into()),
    }
}

/// A text of an answer.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The items of a list.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}
