//! Responses, with the headers that all of them have.

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use problem::Problem;
use serde::Serialize;

/// A response whose body is there as a whole.
pub type Response = http::Response<Vec<u8>>;

/// A page of a list, as every list of the API shows it.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// What to hand back as `cursor` for the page that follows; null on the last one.
    pub next_cursor: Option<String>,
}

/// A JSON response.
#[must_use]
pub fn json<T: Serialize>(status: StatusCode, body: &T) -> Response {
    match serde_json::to_vec(body) {
        Ok(body) => with_body(status, "application/json", body),
        Err(error) => {
            crate::log::error("a response cannot be encoded", &[("error", &error.to_string())]);
            with_body(StatusCode::INTERNAL_SERVER_ERROR, "application/json", Vec::new())
        }
    }
}

/// A response without a body.
#[must_use]
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::new(Vec::new());
    *response.status_mut() = status;
    response
}

/// A permanent redirection that keeps method and body (308, RFC 9110, 15.4.9).
#[must_use]
pub fn redirect(location: &str) -> Response {
    let mut response = empty(StatusCode::PERMANENT_REDIRECT);
    set_header(&mut response, "location", location);
    response
}

/// A problem as a response.
pub(crate) fn problem(problem: &Problem, request_id: &str) -> Response {
    let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = with_body(status, problem::MEDIA_TYPE, problem.to_json(request_id));
    for (name, value) in problem.headers() {
        set_header(&mut response, name, value);
    }
    response
}

/// What every response has: its id, and that neither caches nor browsers are to make more of it than it is.
pub(crate) fn finish(response: &mut Response, request_id: &str) {
    set_header(response, "x-request-id", request_id);
    set_header(response, "x-content-type-options", "nosniff");
    // Known here, so that hosts need not send it in chunks. A 204 and a 304 have none (RFC 9110, 8.6).
    if !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
        let length = response.body().len().to_string();
        set_header(response, "content-length", &length);
    }
    if !response.headers().contains_key("cache-control") {
        set_header(response, "cache-control", "no-store");
    }
}

/// Sets a header; a value that cannot stand in one is left out.
pub fn set_header(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(HeaderName::from_static(name), value);
    }
}

fn with_body(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set_header(&mut response, "content-type", media_type);
    response
}
