//! Files as responses.

use docs_domain::{Asset, accepts_gzip, etag, is_known};
use problem::Problem;
use service_kit::{HandlerResult, Request, Response, StatusCode, empty};
use std::fs;

/// What the page may load, and from where: its own scripts, styles and data. An image may be in line, for the icons of
/// Swagger UI's style sheet are. Nobody may frame it, and no form of it is sent.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'";

/// Sends a file, or says that the caller has it already.
pub(crate) fn send(request: &Request, asset: &Asset) -> HandlerResult {
    request.query(asset.parameters)?;
    let is_compressed = asset.is_vendored && accepts_gzip(request.header("accept-encoding"));
    let path = if is_compressed { format!("{}.gz", asset.file) } else { asset.file.to_owned() };
    let content = fs::read(&path).map_err(|error| Problem::internal(format!("{path}: {error}")))?;
    let tag = etag(&content);
    let mut response = if is_known(request.header("if-none-match"), &tag) {
        empty(StatusCode::NOT_MODIFIED)
    } else {
        let mut response = Response::new(content);
        set(&mut response, "content-type", asset.media_type);
        if is_compressed {
            set(&mut response, "content-encoding", "gzip");
        }
        response
    };
    set(&mut response, "etag", &tag);
    set(&mut response, "cache-control", asset.cache_control());
    set(&mut response, "content-security-policy", POLICY);
    set(&mut response, "referrer-policy", "no-referrer");
    if asset.is_vendored {
        set(&mut response, "vary", "accept-encoding");
    }
    Ok(response)
}

fn set(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = value.parse() {
        response.headers_mut().insert(name, value);
    }
}
