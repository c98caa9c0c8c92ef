//! Answers, and what holds for every one of them.
//!
//! Whatever a test is about ([`Answer::check`]): an answer has a request id, it is not to be cached or sniffed, a failure is a
//! problem, and no hash of a password is in it.

use crate::runtime::{RuntimeKind, runtime};
use serde_json::Value;

/// What the paths of components begin with; what is elsewhere is the runtime's to answer.
const SERVICES: &[&str] = &["/users-ms/", "/auth-ms/", "/notification-ms/", "/users", "/account", "/console", "/docs"];
/// What caches may keep, by the beginning of its path, and for how long.
const KEPT: &[(&str, &str)] = &[
    ("/auth-ms/.well-known/", "public, max-age=300"),
    ("/docs/swagger-ui/", "public, max-age=3600"),
    ("/docs/", "no-cache"),
    ("/account/assets/logo.svg", "public, max-age=3600"),
    ("/account/assets/", "public, max-age=31536000, immutable"),
    ("/console/assets/logo.svg", "public, max-age=3600"),
    ("/console/assets/", "public, max-age=31536000, immutable"),
];
/// The only route that may show a hash, and the one whose files tell what a hash looks like.
const HASHES: &[&str] =
    &["/users-ms/internal/sign-in/", "/users-ms/import", "/users-ms/export?hashes=include", "/docs/"];

/// An answer, read wholly.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// What holds for every answer of a service, whatever it is about.
    ///
    /// # Panics
    /// If it does not.
    pub(crate) fn check(&self, method: &str, path: &str) {
        if !SERVICES.iter().any(|service| path.starts_with(service)) || self.is_of_the_runtime() {
            return;
        }
        let shown = || format!("{method} {path} -> {}\n{:?}\n{}", self.status, self.headers, self.text());
        let id = self.header("x-request-id");
        assert!(id.is_some_and(is_request_id), "a request id is missing: {}", shown());
        assert_eq!(self.header("x-content-type-options"), Some("nosniff"), "{}", shown());
        // Only what is public may be kept.
        let kept =
            KEPT.iter().find(|(public, _)| path.starts_with(public)).filter(|_| matches!(self.status, 200 | 304));
        let cached = kept.map_or("no-store", |(_, cached)| cached);
        assert_eq!(self.header("cache-control"), Some(cached), "{}", shown());
        let is_problem = self.header("content-type") == Some("application/problem+json");
        let is_readiness = path.ends_with("/readiness");
        let is_page = self.header("content-type") == Some("text/html; charset=utf-8");
        // Clients of the OpenID Connect provider are answered as RFC 6749 has it.
        let is_standard = ["/auth-ms/oauth/token", "/auth-ms/oauth/revoke"].contains(&path) && self.status < 403;
        assert!(
            is_problem || self.status < 400 || is_readiness || is_page || is_standard,
            "a failure is no problem+json: {}",
            shown()
        );
        if is_problem && !self.body.is_empty() {
            let problem = self.json();
            assert_eq!(problem["status"], self.status, "{}", shown());
            assert_eq!(problem["instance"].as_str(), id, "{}", shown());
            assert!(problem["type"].as_str().is_some_and(|t| t.starts_with("urn:concierge:problem:")), "{}", shown());
        }
        if !HASHES.iter().any(|known| path.starts_with(known)) {
            let text = self.text();
            let has_hash =
                ["$2a$", "$2b$", "$2y$", "v1:$", "v2:", "password_hash"].iter().any(|part| text.contains(part));
            assert!(!has_hash, "a hash is shown: {}", shown());
        }
    }

    /// Whether Spindle has answered by itself and no service: a problem without a type of ours. Spin answers without a body.
    #[must_use]
    pub fn is_of_the_runtime(&self) -> bool {
        runtime() == RuntimeKind::Spindle
            && self.header("content-type") == Some("application/problem+json")
            && self.header("x-request-id").is_none()
            && self.json()["type"] == "about:blank"
    }

    /// A header's value; `name` is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("no JSON ({error}): {}", self.text()))
    }

    /// The slug of the problem that it tells of: the last part of its type. Empty if it tells of none.
    #[must_use]
    pub fn problem(&self) -> String {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        body["type"].as_str().and_then(|t| t.strip_prefix("urn:concierge:problem:")).unwrap_or_default().to_owned()
    }

    /// The status, and the slug of the problem.
    #[must_use]
    pub fn outcome(&self) -> (u16, String) {
        (self.status, self.problem())
    }

    /// The JSON pointers of the faults that a problem names.
    #[must_use]
    pub fn pointers(&self) -> Vec<String> {
        let body: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let errors = body["errors"].as_array().cloned().unwrap_or_default();
        errors.iter().filter_map(|error| error["pointer"].as_str().map(str::to_owned)).collect()
    }

    /// Fails the test unless the status is this one.
    ///
    /// # Panics
    /// If it is another.
    #[track_caller]
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A short text without anything that could break a log line.
fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}
