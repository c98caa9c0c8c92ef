//! Which web pages may call the API from a browser (CORS, of the Fetch standard).
//!
//! A browser lets a page of another origin read a response only if that says so. Nothing here depends on cookies: a page
//! sends the tokens itself, so a page that is not let in gains nothing by a user's visit. Internal operations are for
//! services, and no page is told anything about them.

use crate::response::{empty, set_header};
use crate::{Request, Response, config};
use http::{Method, StatusCode};
use problem::Problem;

/// The methods that operations have.
const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// The request headers that operations read, of those that a page may not send without asking.
const REQUEST_HEADERS: &str =
    "authorization, content-type, idempotency-key, if-match, if-none-match, x-request-id, traceparent";
/// The response headers that a page may read, of those that it may not read without being told so.
const RESPONSE_HEADERS: &str = "allow, content-disposition, etag, idempotent-replayed, link, location, retry-after, www-authenticate, x-request-id";
/// For how long a browser may remember an answer to a preflight, in seconds. Browsers have bounds of their own.
const MAX_AGE: &str = "600";

/// The origins whose pages may call.
#[derive(Debug, PartialEq, Eq)]
enum Origins {
    /// Every origin.
    Any,
    /// These.
    These(Vec<String>),
}

/// A request of a page of another origin that is let in.
#[derive(Debug)]
pub(crate) struct CrossOrigin {
    /// What the response allows: the origin, or all of them.
    allowed: String,
    is_preflight: bool,
}

impl CrossOrigin {
    /// Whether this is such a request. One of an origin that is not let in is served as any other, and the browser keeps
    /// the response from the page.
    pub(crate) fn of(request: &Request) -> Option<Self> {
        let origin = request.header("origin")?;
        let is_internal = request.path().get(1) == Some(&"internal");
        // A component without the variable serves no page; one whose value cannot be read is not ready, and says so there.
        let allowed = allowed_origins().ok()?.allows(origin).filter(|_| !is_internal)?;
        let is_preflight =
            request.method == Method::OPTIONS && request.header("access-control-request-method").is_some();
        Some(Self { allowed, is_preflight })
    }

    /// The answer to a preflight: which requests the page may send.
    pub(crate) fn preflight(&self) -> Option<Response> {
        self.is_preflight.then(|| {
            let mut response = empty(StatusCode::NO_CONTENT);
            set_header(&mut response, "access-control-allow-methods", METHODS);
            set_header(&mut response, "access-control-allow-headers", REQUEST_HEADERS);
            set_header(&mut response, "access-control-max-age", MAX_AGE);
            response
        })
    }

    /// Lets the page read the response.
    pub(crate) fn allow(&self, response: &mut Response) {
        if response.headers().contains_key("access-control-allow-origin") {
            // The operation is open to every page.
            return;
        }
        set_header(response, "access-control-allow-origin", &self.allowed);
        if self.allowed != "*" {
            set_header(response, "vary", "origin");
        }
        if !self.is_preflight {
            set_header(response, "access-control-expose-headers", RESPONSE_HEADERS);
        }
    }
}

impl Origins {
    /// What is allowed to an origin, if anything is.
    fn allows(&self, origin: &str) -> Option<String> {
        match self {
            Self::Any => Some("*".to_owned()),
            Self::These(origins) => origins.iter().find(|allowed| *allowed == origin).cloned(),
        }
    }
}

/// Checks the component variable `allowed_origins`.
///
/// # Errors
/// `internal-error` if it cannot be used.
pub(crate) fn check() -> Result<(), Problem> {
    allowed_origins().map(drop)
}

fn allowed_origins() -> Result<Origins, Problem> {
    parse(&config::text("allowed_origins")?).ok_or_else(|| {
        config::fault("allowed_origins", "must be origins such as https://app.example, separated by commas, or *")
    })
}

fn parse(text: &str) -> Option<Origins> {
    if text.trim() == "*" {
        return Some(Origins::Any);
    }
    let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| is_origin(part).then(|| part.to_owned())).collect::<Option<_>>().map(Origins::These)
}

/// Whether a text is an origin as browsers write it: a scheme, a host and perhaps a port, in lower case.
fn is_origin(text: &str) -> bool {
    let Some((scheme, authority)) = text.split_once("://") else { return false };
    let is_scheme =
        scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+.-".contains(&byte));
    let is_authority = !authority.is_empty()
        && authority
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-._:[]".contains(&byte));
    !scheme.is_empty() && is_scheme && is_authority
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_write_them() {
        let these =
            |origins: &[&str]| Some(Origins::These(origins.iter().map(|origin| (*origin).to_owned()).collect()));
        assert_eq!(parse(""), these(&[]));
        assert_eq!(parse(" * "), Some(Origins::Any));
        assert_eq!(
            parse("https://app.example, http://localhost:5173,capacitor://localhost,http://[::1]:80"),
            these(&["https://app.example", "http://localhost:5173", "capacitor://localhost", "http://[::1]:80"])
        );
        for wrong in [
            "app.example",
            "https://",
            "https://App.example",
            "https://a.example/",
            "https://a.example/path",
            "*,https://a",
            "null",
            "https://u@a.example",
            "https://*.example",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_very_origin_is_let_in() {
        let origins = parse("https://app.example,http://localhost:5173").unwrap();
        assert_eq!(origins.allows("https://app.example").as_deref(), Some("https://app.example"));
        for other in [
            "http://app.example",
            "https://app.example:444",
            "https://app.example.evil",
            "https://evil-app.example",
            "null",
            "",
        ] {
            assert_eq!(origins.allows(other), None, "{other}");
        }
        assert_eq!(parse("").unwrap().allows("https://app.example"), None);
        assert_eq!(Origins::Any.allows("null").as_deref(), Some("*"));
    }
}
