//! The files that pages load: style sheet, script, logo.

use crate::respond::set;
use crate::settings;
use account_domain::ROOT;
use account_domain::pages::Assets;
use problem::Problem;
use service_kit::{HandlerResult, Response, log, no_such_route};
use std::hash::{DefaultHasher, Hasher};

const STYLE: &str = include_str!("../assets/style.css");
const SCRIPT: &str = include_str!("../assets/passkey.js");
/// The logo, in a folder that the manifest mounts, so that another one can be put there.
const LOGO: &str = "/theme/logo.svg";
/// For how long browsers keep what has another address when it changes: a year, the longest that there is (RFC 9111).
const FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For how long they keep the logo, whose address stays.
const AN_HOUR: &str = "public, max-age=3600";

/// The addresses.
pub(crate) fn addresses() -> Result<Assets, Problem> {
    let of = |name: &str, content: &str| format!("{ROOT}/assets/{name}?v={:016x}", hash(content));
    Ok(Assets {
        style: of("style.css", &style()?),
        script: of("passkey.js", SCRIPT),
        logo: format!("{ROOT}/assets/logo.svg"),
    })
}

/// A file.
pub(crate) fn send(name: &str) -> HandlerResult {
    match name {
        "style.css" => Ok(file("text/css; charset=utf-8", FOR_EVER, style()?.into_bytes())),
        "passkey.js" => Ok(file("text/javascript; charset=utf-8", FOR_EVER, SCRIPT.as_bytes().to_vec())),
        "logo.svg" => std::fs::read(LOGO).map(|logo| file("image/svg+xml", AN_HOUR, logo)).map_err(|error| {
            log::error("the logo cannot be read", &[("cause", &error.to_string())]);
            no_such_route()
        }),
        _ => Err(no_such_route()),
    }
}

/// The style sheet, with the operator's colour before it.
fn style() -> Result<String, Problem> {
    Ok(settings::theme()?.css() + STYLE)
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
