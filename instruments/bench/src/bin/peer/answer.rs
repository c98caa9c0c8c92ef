//! What every request and every answer have, as `crates/service-kit` does it for components.

use axum::body::Body;
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, Response, StatusCode};
use problem::{Kind, Problem};
use serde::Serialize;
use uuid::Uuid;

pub(crate) type Answer = Response<Body>;
pub(crate) type Outcome = Result<Answer, Problem>;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's request id if it is sane, else a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    let sane = |id: &&str| {
        (1..=64).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b':'))
    };
    let id = headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(sane);
    id.map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// The token of `authorization: Bearer <token>`.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A JSON answer.
pub(crate) fn json<T: Serialize>(status: StatusCode, body: &T) -> Answer {
    with_body(status, "application/json", serde_json::to_vec(body).unwrap_or_default())
}

/// An answer out of an outcome, with the headers that all answers have.
pub(crate) fn finish(id: &str, outcome: Outcome) -> Answer {
    let mut answer = outcome.unwrap_or_else(|problem| {
        if problem.status() >= 500 {
            eprintln!("a request failed: {}", problem.cause().unwrap_or("unknown"));
        }
        let status = StatusCode::from_u16(problem.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut answer = with_body(status, problem::MEDIA_TYPE, problem.to_json(id));
        for (name, value) in problem.headers() {
            if let Ok(value) = HeaderValue::from_str(value) {
                answer.headers_mut().insert(*name, value);
            }
        }
        answer
    });
    let headers = answer.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

fn with_body(status: StatusCode, media_type: &'static str, body: Vec<u8>) -> Answer {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

/// What a token gets that opens nothing.
pub(crate) fn invalid_token() -> Problem {
    Problem::new(Kind::InvalidToken, "The access token is invalid or expired. Sign in again.")
        .with_header("www-authenticate", "Bearer realm=\"concierge\", error=\"invalid_token\"")
}
