//! The routes, one file for each thing that they are about.

mod change_user;
mod create_user;
mod current_password;
mod delete_user;
mod export_user;
mod get_user;
mod guard;
mod health;
mod list_users;
mod load_test;
mod maintenance;
mod outbox;
mod reauthenticate;
mod representation;
mod sessions;
mod sign_in;

use identity::UserId;
use problem::{FieldError, Kind, Problem};
use service_kit::{Method, Outcome, Request, method_not_allowed, no_such_route, redirect};

/// The media type of request bodies.
const JSON: &[&str] = &["application/json"];
/// The methods of the path of all users.
const ALL_USERS: &[Method] = &[Method::GET, Method::POST];
/// The methods of the path of one user.
const ONE_USER: &[Method] = &[Method::GET, Method::PUT, Method::PATCH, Method::DELETE];

/// Finds the handler of a request.
pub(crate) async fn route(request: Request) -> Outcome {
    let method = request.method.clone();
    match request.path().as_slice() {
        ["users-ms", "users"] => match method {
            Method::GET | Method::HEAD => list_users::list_users(&request),
            Method::POST => create_user::create_user(&request).await,
            _ => Err(method_not_allowed(ALL_USERS)),
        },
        ["users-ms", "users", id] => match method {
            Method::GET | Method::HEAD => get_user::get_user(&request, user_id(id)?),
            Method::PUT => change_user::replace_user(&request, user_id(id)?).await,
            Method::PATCH => change_user::patch_user(&request, user_id(id)?).await,
            Method::DELETE => delete_user::delete_user(&request, user_id(id)?),
            _ => Err(method_not_allowed(ONE_USER)),
        },
        ["users-ms", "users", id, "export"] => get_only(&method, || export_user::export_user(&request, user_id(id)?)),
        ["users-ms", "users", id, "reauthenticate"] => match method {
            Method::POST => reauthenticate::reauthenticate(&request, user_id(id)?).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["users-ms", "healthcheck"] => get_only(&method, || Ok(service_kit::health::alive())),
        ["users-ms", "readiness"] => get_only(&method, || Ok(health::readiness())),
        ["users-ms", "load-test"] => get_only(&method, || load_test::load_test(&request)),
        ["users-ms", "internal", "outbox"] => get_only(&method, || outbox::show_outbox(&request)),
        ["users-ms", "internal", "outbox", "sweep"] => match method {
            Method::POST => maintenance::run_maintenance(&request),
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["users-ms", "internal", "outbox", event_id] => match method {
            Method::DELETE => outbox::delete_event(&request, event_id),
            _ => Err(method_not_allowed(&[Method::DELETE])),
        },
        ["users-ms", "internal", "sign-in", half @ ("begin" | "end")] => match (method, *half) {
            (Method::POST, "begin") => sign_in::begin_sign_in(&request).await,
            (Method::POST, _) => sign_in::end_sign_in(&request),
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["users-ms", "internal", "sessions", action @ ("rotate" | "end")] => match (method, *action) {
            (Method::POST, "rotate") => sessions::rotate_token(&request),
            (Method::POST, _) => sessions::end_by_token(&request),
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["users-ms", "internal", "sessions", id] => get_only(&method, || sessions::show_session(&request, id)),
        ["users-ms", "internal", "users", id, "sessions"] => match method {
            Method::GET | Method::HEAD => sessions::list_sessions(&request, user_id(id)?),
            Method::DELETE => sessions::end_sessions(&request, user_id(id)?, None),
            _ => Err(method_not_allowed(&[Method::GET, Method::DELETE])),
        },
        ["users-ms", "internal", "users", id, "sessions", session] => match method {
            Method::DELETE => sessions::end_sessions(&request, user_id(id)?, Some(session)),
            _ => Err(method_not_allowed(&[Method::DELETE])),
        },
        ["users", ..] => report_spelling(&request),
        _ => Err(no_such_route()),
    }
}

fn get_only(method: &Method, handle: impl FnOnce() -> Outcome) -> Outcome {
    match *method {
        Method::GET | Method::HEAD => handle(),
        _ => Err(method_not_allowed(&[Method::GET])),
    }
}

/// Leads from the report's other spelling, `/users` or `/users/{id}`, to the path that has the method. The id is checked,
/// so that nothing of the caller's making ends in the header.
fn report_spelling(request: &Request) -> Outcome {
    let (path, methods) = match request.path().as_slice() {
        ["users"] | ["users", ""] => ("/users-ms/users".to_owned(), ALL_USERS),
        ["users", id] => (format!("/users-ms/users/{}", user_id(id)?), ONE_USER),
        _ => return Err(no_such_route()),
    };
    if request.method != Method::HEAD && !methods.contains(&request.method) {
        return Err(method_not_allowed(methods));
    }
    Ok(redirect(&match request.raw_query() {
        "" => path,
        query => format!("{path}?{query}"),
    }))
}

fn user_id(text: &str) -> Result<UserId, Problem> {
    UserId::parse(text).map_err(|error| {
        Problem::new(Kind::InvalidId, error.to_string()).with_error(FieldError::new("id", error.to_string()))
    })
}
