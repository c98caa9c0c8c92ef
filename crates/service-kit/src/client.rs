//! Calls to other services.

use crate::timeout;
use http::Method;
use spin_sdk::http::conversions::TryFromIncomingResponse;
use spin_sdk::http::{HeaderValue, IncomingResponse, Request, Response};
use std::time::Duration;

/// A service that did not answer as it should: for the log, without addresses' query strings or bodies.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CallError {
    /// No answer within the limit.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The call failed on its way.
    #[error("the call failed: {0}")]
    Transport(String),
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers whose values are text, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Calls `url`, and gives up after `limit`.
///
/// # Errors
/// If there is no answer. Any status is an answer.
pub async fn call(
    method: &Method,
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
    limit: Duration,
) -> Result<Answer, CallError> {
    let response: Response = send(request(method, url, headers, body), limit).await?;
    let text = |(name, value): (&str, &HeaderValue)| Some((name.to_ascii_lowercase(), value.as_str()?.to_owned()));
    let headers = response.headers().filter_map(text).collect();
    Ok(Answer { status: *response.status(), headers, body: response.into_body() })
}

/// Posts to `url` of somebody who is not trusted, and gives up after `limit`. The body of the answer is not read, however
/// long it is.
///
/// # Errors
/// If there is no answer. Any status is an answer.
pub async fn post_without_reading(
    url: &str,
    headers: &[(&str, &str)],
    body: Vec<u8>,
    limit: Duration,
) -> Result<Answer, CallError> {
    let response: IncomingResponse = send(request(&Method::POST, url, headers, body), limit).await?;
    let text = |(name, value): (String, Vec<u8>)| Some((name.to_ascii_lowercase(), String::from_utf8(value).ok()?));
    let headers = response.headers().entries().into_iter().filter_map(text).collect();
    Ok(Answer { status: response.status(), headers, body: Vec::new() })
}

fn request(method: &Method, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Request {
    let method = match method.as_str() {
        "GET" => spin_sdk::http::Method::Get,
        "PUT" => spin_sdk::http::Method::Put,
        "PATCH" => spin_sdk::http::Method::Patch,
        "DELETE" => spin_sdk::http::Method::Delete,
        _ => spin_sdk::http::Method::Post,
    };
    let mut request = Request::builder();
    request.method(method).uri(url);
    for (name, value) in headers {
        request.header(*name, *value);
    }
    // Without it the body goes out in chunks, which not every server reads.
    request.header("content-length", body.len().to_string());
    request.body(body).build()
}

async fn send<T>(request: Request, limit: Duration) -> Result<T, CallError>
where
    T: TryFromIncomingResponse,
    T::Error: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    timeout(limit, spin_sdk::http::send(request))
        .await
        .ok_or(CallError::Timeout(limit))?
        .map_err(|error| CallError::Transport(error.to_string()))
}
