//! The pages, one file for each subject.

mod account;
mod activity;
mod address;
mod applications;
mod authorize;
mod confirm;
mod data;
mod health;
mod mail_sign_in;
mod not_me;
mod passkey_sign_in;
mod passkeys;
mod phone;
mod recover;
mod second_factor;
mod sessions;
mod sign_in;
mod sign_in_code;
mod sign_up;
mod verify;

use crate::assets;
use crate::context::Context;
use crate::respond::{Outcome, Stop, protect, see_other};
use account_domain::ROOT;
use problem::{Kind, Problem};
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
    let mut outcome = page(&mut context).await;
    if let Some((next, action)) = context.interrupted() {
        outcome = confirm::page(&mut context, &next, Some(&action)).await;
    }
    let mut response = match outcome {
        Ok(response) => response,
        Err(Stop::With(response)) => *response,
        Err(Stop::Problem(problem)) => match problem_page(&context, &problem) {
            Stop::With(response) => *response,
            Stop::Problem(problem) => return Err(problem),
        },
    };
    context.finish(&mut response);
    protect(&mut response, &context.form_targets(), context.is_tls());
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
    let t = &context.t;
    match problem.kind() {
        Kind::NoSuchRoute => context.problem_page(status, t.not_found_title, t.not_found),
        kind if kind.is_failure_of_ours() => context.problem_page(status, t.fault_title, t.fault_unavailable),
        _ => context.problem_page(status, t.fault_title, t.fault_form),
    }
}

/// The handler of a page.
async fn page(context: &mut Context<'_>) -> Outcome {
    let request = context.request;
    let method = if is_read(&request.method) { &Method::GET } else { &request.method };
    let path = request.path().get(1..).unwrap_or_default().join("/");
    run(context, method.as_str(), &path).await
}

/// The handler of a page, or of a form that goes on: by method and path below the root.
async fn run(context: &mut Context<'_>, method: &str, path: &str) -> Outcome {
    let path: Vec<_> = path.split('/').collect();
    match (method, path.as_slice()) {
        ("GET", [""]) => account::overview(context).await,
        ("GET", ["sign-in"]) => sign_in::show(context),
        ("POST", ["sign-in"]) => sign_in::submit(context).await,
        ("GET", ["sign-in", "code"]) => sign_in_code::show(context),
        ("POST", ["sign-in", "code"]) => sign_in_code::submit(context).await,
        ("GET", ["sign-in", "app"]) => sign_in_code::show_app(context),
        ("POST", ["sign-in", "app"]) => sign_in_code::add_app(context).await,
        ("GET", ["sign-in", "mail"]) => mail_sign_in::show(context),
        ("POST", ["sign-in", "mail"]) => mail_sign_in::send_mail(context).await,
        ("GET", ["sign-in", "mail", "code"]) => mail_sign_in::show_code(context),
        ("POST", ["sign-in", "mail", "code"]) => mail_sign_in::submit_code(context).await,
        ("POST", ["sign-in", "mail", "link"]) => mail_sign_in::submit_link(context).await,
        ("POST", ["sign-in", "passkey", "options"]) => passkey_sign_in::options(context).await,
        ("POST", ["sign-in", "passkey"]) => passkey_sign_in::submit(context).await,
        ("POST", ["sign-out"]) => sign_in::sign_out(context).await,
        ("GET", ["sign-up"]) => sign_up::show(context),
        ("POST", ["sign-up"]) => sign_up::submit(context).await,
        ("GET", ["invitation"]) => sign_up::show_invitation(context),
        ("POST", ["invitation"]) => sign_up::accept_invitation(context).await,
        ("GET", ["verify"]) => verify::show(context),
        ("POST", ["verify"]) => verify::submit(context).await,
        ("POST", ["verify", "mail"]) => verify::send_mail(context).await,
        ("GET", ["email-change"]) => verify::show_change(context),
        ("POST", ["email-change"]) => verify::change(context).await,
        ("GET", ["email-return"]) => verify::show_return(context),
        ("POST", ["email-return"]) => verify::take_back(context).await,
        ("GET", ["recover"]) => recover::show(context),
        ("POST", ["recover"]) => recover::send_mail(context).await,
        ("GET", ["recover", "password"]) => recover::show_password(context),
        ("POST", ["recover", "password"]) => recover::submit(context).await,
        ("GET", ["confirm"]) => confirm::show(context).await,
        ("POST", ["confirm"]) => confirm::submit(context).await,
        ("GET", ["profile"]) => account::profile(context).await,
        ("POST", ["profile"]) => account::change_profile(context).await,
        ("POST", ["profile", "phone", "code"]) => phone::send_code(context).await,
        ("POST", ["profile", "phone"]) => phone::confirm(context).await,
        ("GET", ["password"]) => account::password(context).await,
        ("POST", ["password"]) => account::change_password(context).await,
        ("GET", ["email"]) => address::show(context).await,
        ("POST", ["email"]) => address::change(context).await,
        ("GET", ["second-factor"]) => second_factor::show(context).await,
        ("POST", ["second-factor", "add"]) => second_factor::add(context).await,
        ("POST", ["second-factor", "confirm"]) => second_factor::confirm(context).await,
        ("POST", ["second-factor", "codes"]) => second_factor::new_codes(context).await,
        ("POST", ["second-factor", "remove"]) => second_factor::remove(context).await,
        ("GET", ["passkeys"]) => passkeys::show(context).await,
        ("POST", ["passkeys", "add", "options"]) => passkeys::options(context).await,
        ("POST", ["passkeys", "add", "start"]) => passkeys::start(context).await,
        ("POST", ["passkeys", "add"]) => passkeys::add(context).await,
        ("POST", ["passkeys", "rename"]) => passkeys::rename(context).await,
        ("POST", ["passkeys", "remove"]) => passkeys::remove(context).await,
        ("GET", ["sessions"]) => sessions::show(context).await,
        ("POST", ["sessions", "end"]) => sessions::end(context).await,
        ("POST", ["sessions", "end-others"]) => sessions::end_others(context).await,
        ("POST", ["sessions", "end-all"]) => sessions::end_all(context).await,
        ("GET", ["applications"]) => applications::show(context).await,
        ("POST", ["applications", "disconnect"]) => applications::disconnect(context).await,
        ("GET", ["authorize"]) => authorize::show(context).await,
        ("POST", ["authorize"]) => authorize::submit(context).await,
        ("GET", ["not-me"]) => not_me::show(context),
        ("POST", ["not-me"]) => not_me::report(context).await,
        ("GET", ["activity"]) => activity::show(context).await,
        ("GET", ["data"]) => data::show(context).await,
        ("POST", ["data", "export"]) => data::export(context).await,
        ("POST", ["data", "export", "start"]) => data::start_export(context).await,
        ("GET", ["data", "export"]) => data::started_export(context).await,
        ("POST", ["data", "remove"]) => data::remove(context).await,
        // A form that was sent and is loaded again, or typed in.
        ("GET", [section @ ("passkeys" | "profile" | "sessions" | "second-factor" | "applications" | "data"), _]) => {
            Ok(see_other(&format!("{ROOT}/{section}")))
        }
        _ => Err(Problem::of(Kind::NoSuchRoute).into()),
    }
}
