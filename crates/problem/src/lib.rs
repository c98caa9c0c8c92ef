//! What a caller is told when a request fails: `application/problem+json`, RFC 9457.
//!
//! Every failure of a service is a [`Problem`]. It has two sides. The *external* side goes to the caller: a stable
//! `type` to branch on, a title, a sentence that says what to do, and for a bad body one entry per fault with a JSON
//! pointer. The *internal* side, [`Problem::cause`], goes to the log and nowhere else: a database's own words or the
//! reason why another service did not answer. Neither side ever carries a password, a token or a body.
//!
//! [`decode`] is the one way from a request body to a type, with one set of limits.

mod decode;
mod kind;

pub use decode::{MAX_BODY_BYTES, decode};
pub use kind::Kind;

use serde::Serialize;
use std::str::FromStr;

/// The media type of a [`Problem`] on the wire (RFC 9457, section 3).
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What all problem types begin with; the [`Kind::slug`] follows.
pub const TYPE_PREFIX: &str = "urn:concierge:problem:";

/// Reads an integer from a path or a query: decimal digits and nothing else.
#[must_use]
pub fn decimal<T: FromStr>(text: &str) -> Option<T> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// One fault in a request body or query.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldError {
    /// Where: a JSON pointer (RFC 6901) into the body, such as `/email`; empty for the body as a whole.
    pub pointer: String,
    /// What is wrong and what would be right, in words that do not repeat the value.
    pub detail: String,
}

impl FieldError {
    /// A fault of the top-level field `name`.
    #[must_use]
    pub fn new(name: &str, detail: impl Into<String>) -> Self {
        Self { pointer: format!("/{}", name.replace('~', "~0").replace('/', "~1")), detail: detail.into() }
    }
}

/// A failed request, as its caller and as the log see it.
#[derive(Clone, Debug)]
pub struct Problem {
    kind: Kind,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(&'static str, String)>,
    challenge: Option<Box<Challenge>>,
    cause: Option<String>,
}

/// What a sign-in continues with that needs more than the password.
#[derive(Clone, Serialize)]
struct Challenge {
    challenge: String,
    expires_in: i64,
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Challenge(..)")
    }
}

impl Problem {
    /// A problem of this kind. `detail` is a sentence for the caller.
    #[must_use]
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), errors: Vec::new(), headers: Vec::new(), challenge: None, cause: None }
    }

    /// A problem of this kind, in the words that it mostly has.
    #[must_use]
    pub fn of(kind: Kind) -> Self {
        Self::new(kind, kind.detail())
    }

    /// The problem for the fault of one field, parameter or header.
    #[must_use]
    pub fn field(kind: Kind, name: &str, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self::new(kind, detail.clone()).with_error(FieldError::new(name, detail))
    }

    /// The problem for a mistake of the service's own. The cause goes to the log.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        Self::of(Kind::Internal).with_cause(cause)
    }

    /// The problem for `errors` found in the values of a body. A single fault gives the type of its own field
    /// (`invalid-email`), several give `validation-failed`.
    #[must_use]
    pub fn validation(errors: Vec<(Kind, FieldError)>) -> Self {
        let kind = match errors.as_slice() {
            [(kind, _)] => *kind,
            _ => Kind::ValidationFailed,
        };
        let detail = match errors.as_slice() {
            [(_, error)] => error.detail.clone(),
            _ => "Several fields are not acceptable; see errors.".to_owned(),
        };
        Self { errors: errors.into_iter().map(|(_, error)| error).collect(), ..Self::new(kind, detail) }
    }

    /// The problem for a caller whose token is valid and who may not do this (RFC 6750, 3.1).
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, detail)
            .with_header("www-authenticate", "Bearer realm=\"concierge\", error=\"insufficient_scope\"")
    }

    /// Adds one fault.
    #[must_use]
    pub fn with_error(mut self, error: FieldError) -> Self {
        self.errors.push(error);
        self
    }

    /// Adds a response header, such as `allow` or `retry-after`.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds what the sign-in continues with, good for so many seconds: extension members of the problem (RFC 9457, 3.2).
    #[must_use]
    pub fn with_challenge(mut self, challenge: impl Into<String>, expires_in: i64) -> Self {
        self.challenge = Some(Box::new(Challenge { challenge: challenge.into(), expires_in }));
        self
    }

    /// What a sign-in continues with that needs more than the password.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        self.challenge.as_deref().map(|challenge| challenge.challenge.as_str())
    }

    /// Adds the internal side: why it happened, for the log alone.
    #[must_use]
    pub fn with_cause(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Which problem it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What the caller reads about it.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The faults of the body or the query, where there are any.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.errors
    }

    /// The HTTP status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.kind.status()
    }

    /// Headers that go with the response, beside `content-type`.
    #[must_use]
    pub fn headers(&self) -> &[(&'static str, String)] {
        &self.headers
    }

    /// Why it happened, for the log alone.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// The body: `type`, `title`, `status`, `detail`, `instance` (the request id) and, where there are any, `errors` or
    /// `challenge` and `expires_in`.
    #[must_use]
    pub fn to_json(&self, request_id: &str) -> Vec<u8> {
        #[derive(Serialize)]
        struct Body<'a> {
            r#type: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            instance: &'a str,
            #[serde(skip_serializing_if = "<[_]>::is_empty")]
            errors: &'a [FieldError],
            #[serde(flatten)]
            challenge: Option<&'a Challenge>,
        }
        let body = Body {
            r#type: format!("{TYPE_PREFIX}{}", self.kind.slug()),
            title: self.kind.title(),
            status: self.kind.status(),
            detail: &self.detail,
            instance: request_id,
            errors: &self.errors,
            challenge: self.challenge.as_deref(),
        };
        serde_json::to_vec(&body).expect("strings and integers always serialise")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(problem: &Problem) -> serde_json::Value {
        serde_json::from_slice(&problem.to_json("r-1")).unwrap()
    }

    #[test]
    fn a_problem_has_the_members_of_rfc_9457() {
        let body = json(&Problem::new(Kind::UserNotFound, "No user has this id."));
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:concierge:problem:user-not-found",
                "title": "User not found",
                "status": 404,
                "detail": "No user has this id.",
                "instance": "r-1",
            })
        );
    }

    #[test]
    fn one_fault_names_its_field_and_several_do_not() {
        let email = (Kind::InvalidEmail, FieldError::new("email", "bad"));
        let name = (Kind::InvalidName, FieldError::new("name", "worse"));
        let one = Problem::validation(vec![email.clone()]);
        assert_eq!(one.kind(), Kind::InvalidEmail);
        let two = Problem::validation(vec![email, name]);
        assert_eq!(two.kind(), Kind::ValidationFailed);
        assert_eq!(json(&two)["errors"][1]["pointer"], "/name");
    }

    #[test]
    fn a_challenge_is_sent_and_not_printed() {
        let problem = Problem::of(Kind::MfaRequired).with_challenge("abc", 300);
        assert_eq!((&json(&problem)["challenge"], &json(&problem)["expires_in"]), (&"abc".into(), &300.into()));
        assert!(!format!("{problem:?}").contains("abc"));
        assert!(json(&Problem::of(Kind::MfaRequired)).get("challenge").is_none());
    }

    #[test]
    fn the_cause_is_never_sent() {
        let problem = Problem::new(Kind::Internal, "Try again.").with_cause("relation missing");
        assert!(!String::from_utf8(problem.to_json("r")).unwrap().contains("relation"));
        assert_eq!(problem.cause(), Some("relation missing"));
    }

    #[test]
    fn a_decimal_has_digits_only() {
        assert_eq!(decimal::<u8>("7"), Some(7));
        for text in ["", "7.0", "+7", "-7", " 7", "7e0", "0x7", "256", "\u{667}"] {
            assert_eq!(decimal::<u8>(text), None, "{text:?}");
        }
    }

    #[test]
    fn pointers_are_escaped() {
        assert_eq!(FieldError::new("a/b~c", "").pointer, "/a~1b~0c");
    }
}
