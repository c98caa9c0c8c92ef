//! Responses, with the headers that all of them have.

use crate::request::LINES;
use crate::streamed::Chunks;
use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use problem::Problem;
use serde::Serialize;
use spin_sdk::http::{Headers, OutgoingBody, OutgoingResponse, ResponseOutparam};
use wasi::io::streams::{OutputStream, StreamError};

/// A response whose body is there as a whole.
pub type Response = http::Response<Vec<u8>>;

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

/// The head of a response with a line of JSON for each item, which is [streamed](crate::Request::stream).
#[must_use]
pub fn lines() -> Response {
    with_body(StatusCode::OK, LINES, Vec::new())
}

/// Metrics, for what collects them.
#[must_use]
pub fn exposition(exposition: metrics::Exposition) -> Response {
    with_body(StatusCode::OK, metrics::MEDIA_TYPE, exposition.into_text().into_bytes())
}

/// A page for people.
#[must_use]
pub fn page(status: StatusCode, html: String) -> Response {
    let mut response = with_body(status, "text/html; charset=utf-8", html.into_bytes());
    set_header(&mut response, "content-security-policy", pages::CONTENT_SECURITY_POLICY);
    set_header(&mut response, "referrer-policy", "no-referrer");
    response
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
pub(crate) fn finish(response: &mut Response, request_id: &str, is_streamed: bool) {
    set_header(response, "x-request-id", request_id);
    set_header(response, "x-content-type-options", "nosniff");
    // Known here, so that hosts need not send it in chunks. A 204 and a 304 have none (RFC 9110, 8.6).
    if !is_streamed && !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
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

/// Hands a response to the host, in as few calls as it takes.
pub(crate) fn send(response: Response, chunks: Option<Chunks>, out: ResponseOutparam) {
    let (head, body) = response.into_parts();
    let lines: Vec<_> =
        head.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect();
    let headers = match Headers::from_list(&lines) {
        Ok(headers) => headers,
        Err(error) => {
            crate::log::error("a response has a header that the host refuses", &[("error", &error.to_string())]);
            return;
        }
    };
    let outgoing = OutgoingResponse::new(headers);
    if head.status != StatusCode::OK && outgoing.set_status_code(head.status.as_u16()).is_err() {
        crate::log::error("a response has a status that the host refuses", &[("status", head.status.as_str())]);
        return;
    }
    let stream = if body.is_empty() && chunks.is_none() { None } else { outgoing.body().ok() };
    out.set(outgoing);
    if let Some(stream) = stream
        && write_all(&stream, &body, chunks).is_ok()
    {
        // Whoever is gone by now is not told anything.
        let _ = OutgoingBody::finish(stream, None);
    }
}

/// Writes the whole of a body. After an error it is not finished, so that the client sees that it broke off.
fn write_all(body: &OutgoingBody, bytes: &[u8], chunks: Option<Chunks>) -> Result<(), StreamError> {
    let Ok(stream) = body.write() else { return Err(StreamError::Closed) };
    write(&stream, bytes)?;
    for chunk in chunks.into_iter().flatten() {
        let chunk = chunk.map_err(|problem| {
            crate::log::error("a response broke off", &[("cause", problem.cause().unwrap_or_default())]);
            StreamError::Closed
        })?;
        write(&stream, &chunk)?;
    }
    Ok(())
}

/// Writes all of these bytes. An error is a client that has gone.
fn write(stream: &OutputStream, mut bytes: &[u8]) -> Result<(), StreamError> {
    while !bytes.is_empty() {
        let allowed = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX).min(bytes.len());
        if allowed == 0 {
            stream.subscribe().block();
        }
        let (now, later) = bytes.split_at(allowed);
        if !now.is_empty() {
            stream.write(now)?;
        }
        bytes = later;
    }
    Ok(())
}

fn with_body(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    set_header(&mut response, "content-type", media_type);
    response
}
