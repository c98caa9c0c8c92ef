//! The routes, one file for each thing that they are about.

mod health;
mod introspect;
mod jwks;
mod login;
mod refresh;
mod sessions;

use service_kit::{Method, Outcome, Request, method_not_allowed, no_such_route};

/// Finds the handler of a request.
pub(crate) async fn route(request: Request) -> Outcome {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    match request.path().as_slice() {
        ["auth-ms", "auth", "login"] => match request.method {
            Method::POST => login::login(&request).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["auth-ms", "auth", "refresh"] => match request.method {
            Method::POST => refresh::refresh(&request).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["auth-ms", "auth", "logout"] => match request.method {
            Method::POST => refresh::logout(&request).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["auth-ms", "auth", "introspect"] => match request.method {
            Method::POST => introspect::introspect(&request).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["auth-ms", "auth", "sessions"] => match request.method {
            Method::GET | Method::HEAD => sessions::list_sessions(&request).await,
            Method::DELETE => sessions::end_sessions(&request, None).await,
            _ => Err(method_not_allowed(&[Method::GET, Method::DELETE])),
        },
        ["auth-ms", "auth", "sessions", id] => match request.method {
            Method::DELETE => sessions::end_sessions(&request, Some(id)).await,
            _ => Err(method_not_allowed(&[Method::DELETE])),
        },
        ["auth-ms", ".well-known", "jwks.json"] if is_read => jwks::show_keys(&request),
        ["auth-ms", ".well-known", "jwks.json"] => Err(method_not_allowed(&[Method::GET])),
        ["auth-ms", "healthcheck"] if is_read => Ok(service_kit::health::alive()),
        ["auth-ms", "readiness"] if is_read => health::readiness(&request).await,
        ["auth-ms", "healthcheck" | "readiness"] => Err(method_not_allowed(&[Method::GET])),
        _ => Err(no_such_route()),
    }
}
