//! What Spindle answers by itself: problem documents (RFC 9457), so that a client need not know who answered.

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Response, StatusCode};

use super::body::Outgoing;
use crate::chained::NoPlace;

/// The media type of problem documents.
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/problem+json");

/// The methods of what Spindle serves by itself.
const READING: HeaderValue = HeaderValue::from_static("GET, HEAD");

/// When to come back to a server that is busy, in seconds.
const SOON: HeaderValue = HeaderValue::from_static("1");

/// A problem that has no type but its status.
pub(super) fn problem(status: StatusCode, detail: &str) -> Response<Outgoing> {
    let title = status.canonical_reason().unwrap_or_default();
    let document =
        serde_json::json!({"type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail});
    let mut response = Response::new(Outgoing::fixed(document.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// The server has too much to do.
pub(super) fn busy() -> Response<Outgoing> {
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "The server is busy. Try again shortly.");
    response.headers_mut().insert(RETRY_AFTER, SOON);
    response
}

/// Another method than GET and HEAD where Spindle serves something by itself.
pub(super) fn only_for_reading() -> Response<Outgoing> {
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, "This resource can only be read.");
    response.headers_mut().insert(ALLOW, READING);
    response
}

/// The component has no answer. The log says why.
pub(super) fn failed() -> Response<Outgoing> {
    problem(StatusCode::INTERNAL_SERVER_ERROR, "The server failed to answer this request.")
}

/// A component cannot be called by another one.
pub(super) fn no_place(none: &NoPlace) -> Response<Outgoing> {
    match none {
        NoPlace::Busy => busy(),
        NoPlace::TooDeep => problem(StatusCode::LOOP_DETECTED, "Too many components have called each other."),
    }
}

/// No route has the path.
pub(super) fn not_found() -> Response<Outgoing> {
    problem(StatusCode::NOT_FOUND, "Nothing is served at this path.")
}
