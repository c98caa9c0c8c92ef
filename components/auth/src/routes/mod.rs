//! The routes, one file for each thing that they are about.

mod health;
mod login;

use shell::{Method, Outcome, Request, method_not_allowed, no_such_route};

/// Finds the handler of a request.
pub(crate) async fn route(request: Request) -> Outcome {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    match request.path().as_slice() {
        ["auth-ms", "auth", "login"] => match request.method {
            Method::POST => login::login(&request).await,
            _ => Err(method_not_allowed(&[Method::POST])),
        },
        ["auth-ms", "healthcheck"] if is_read => Ok(shell::health::alive()),
        ["auth-ms", "readiness"] if is_read => health::readiness().await,
        ["auth-ms", "healthcheck" | "readiness"] => Err(method_not_allowed(&[Method::GET])),
        _ => Err(no_such_route()),
    }
}
