//! The files that pages load.

use crate::respond::set;
use service_kit::{HandlerResult, Response, log, no_such_route};
use std::hash::{DefaultHasher, Hasher};

/// The logo, in a folder that the manifest mounts, so that another one can be put there.
const LOGO: &str = "/theme/logo.svg";
/// For how long browsers keep what has another address when it changes: a year, the longest that there is (RFC 9111).
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For how long they keep the logo, whose address stays.
const AN_HOUR: &str = "public, max-age=3600";

/// The address of a file, which changes with its content.
pub fn address(root: &str, name: &str, content: &str) -> String {
    format!("{root}/assets/{name}?v={:016x}", hash(content))
}

/// A style sheet.
pub fn style(content: String) -> Response {
    file("text/css; charset=utf-8", FOR_EVER, content.into_bytes())
}

/// A script.
pub fn script(content: &str) -> Response {
    file("text/javascript; charset=utf-8", FOR_EVER, content.as_bytes().to_vec())
}

/// The logo.
///
/// # Errors
/// If it cannot be read.
pub fn logo() -> HandlerResult {
    std::fs::read(LOGO).map(|logo| file("image/svg+xml", AN_HOUR, logo)).map_err(|error| {
        log::error("the logo cannot be read", &[("cause", &error.to_string())]);
        no_such_route()
    })
}

fn file(media_type: &str, kept: &str, content: Vec<u8>) -> Response {
    let mut response = Response::new(content);
    set(&mut response, "content-type", media_type);
    set(&mut response, "cache-control", kept);
    // An SVG may have scripts, and is a document of its own where it is opened as one.
    set(&mut response, "content-security-policy", "default-src 'none'; style-src 'unsafe-inline'; sandbox");
    set(&mut response, "cross-origin-resource-policy", "same-origin");
    response
}

/// Tells versions apart; nobody gains anything by making two that collide.
fn hash(content: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(content.as_bytes());
    hasher.finish()
}
