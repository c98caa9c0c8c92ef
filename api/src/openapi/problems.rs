//! Responses that are problems, from the catalogue of kinds.

use crate::description::header::{self, Header};
use problem::{Kind, MEDIA_TYPE, TYPE_PREFIX};
use serde_json::{Map, Value, json};

/// How an operation puts a kind: which fields, parameters and media types it has.
pub(super) struct Words<'a> {
    pub(super) query: Vec<&'a str>,
    pub(super) first_field: Option<&'a str>,
    pub(super) media_types: &'a [&'a str],
    pub(super) own: &'a dyn Fn(Kind) -> Option<&'static str>,
}

impl Words<'_> {
    fn detail(&self, kind: Kind) -> String {
        if let Some(detail) = (self.own)(kind) {
            return detail.to_owned();
        }
        match (kind, self.first_field) {
            (Kind::InvalidQuery, _) if !self.query.is_empty() => {
                format!("Unknown parameter. Known here: {}.", self.query.join(", "))
            }
            (Kind::MissingField, Some(field)) => format!("The field {field} is required."),
            (Kind::UnsupportedMediaType, _) if !self.media_types.is_empty() => {
                format!("The content-type of this request must be {}.", self.media_types.join(" or "))
            }
            _ => kind.detail().to_owned(),
        }
    }

    fn pointer(&self, kind: Kind) -> Option<String> {
        let of_field = matches!(kind, Kind::MissingField | Kind::DuplicateField | Kind::WrongType);
        match self.first_field.filter(|_| of_field) {
            Some(field) => Some(format!("/{field}")),
            None => kind.example_pointer().map(str::to_owned),
        }
    }
}

/// The challenge of an example.
const CHALLENGE: &str = "VGhpcyBpcyBub3QgYSBjaGFsbGVuZ2UgYnV0IGFuIGU";

/// The response with this status, which may be any of these kinds.
pub(super) fn response(status: u16, kinds: &[Kind], method: &http::Method, words: &Words<'_>) -> (Vec<Header>, Value) {
    let headers = headers(kinds, method);
    let description = kinds.iter().map(|kind| kind.description()).collect::<Vec<_>>().join(" ");
    let types: Vec<_> = kinds.iter().map(|kind| format!("{TYPE_PREFIX}{}", kind.slug())).collect();
    let examples: Map<_, _> =
        kinds.iter().map(|kind| (kind.slug().to_owned(), json!({"value": example(*kind, words)}))).collect();
    let content = json!({
        "schema": {
            "allOf": [
                {"$ref": "#/components/schemas/Problem"},
                {"properties": {"type": {"enum": types}, "status": {"const": status}}},
            ],
        },
        "examples": examples,
    });
    (headers, json!({"description": description, "content": {MEDIA_TYPE: content}}))
}

fn example(kind: Kind, words: &Words<'_>) -> Value {
    let detail = words.detail(kind);
    let mut example = json!({
        "type": format!("{TYPE_PREFIX}{}", kind.slug()),
        "title": kind.title(),
        "status": kind.status(),
        "detail": detail,
        "instance": "0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e10",
    });
    if let Some(pointer) = words.pointer(kind) {
        let detail = if kind == Kind::ValidationFailed { Kind::InvalidName.detail().to_owned() } else { detail };
        example["errors"] = json!([{"pointer": pointer, "detail": detail}]);
    }
    if matches!(kind, Kind::MfaRequired | Kind::MfaEnrolmentRequired) {
        example["challenge"] = CHALLENGE.into();
        example["expires_in"] = 300.into();
    }
    if kind == Kind::ValidationFailed {
        let second = json!({"pointer": "/password", "detail": Kind::InvalidPassword.detail()});
        example["errors"].as_array_mut().into_iter().for_each(|errors| errors.push(second.clone()));
    }
    example
}

/// The headers that go with these kinds. Where a header belongs to some of them only, it is optional.
fn headers(kinds: &[Kind], method: &http::Method) -> Vec<Header> {
    let mut headers = Vec::new();
    if kinds.iter().all(|kind| matches!(kind.status(), 429 | 503)) {
        headers.push(header::RETRY_AFTER);
    }
    for kind in kinds {
        headers.extend(match kind {
            Kind::InvalidToken => Some(header::TOKEN_CHALLENGE),
            Kind::InvalidServiceToken | Kind::InvalidCredentials => Some(header::CHALLENGE),
            Kind::Forbidden if kinds.len() == 1 => Some(header::SCOPE_CHALLENGE),
            Kind::Forbidden => Some(header::SCOPE_CHALLENGE.optional("OptionalScopeChallenge")),
            Kind::MethodNotAllowed => Some(header::ALLOW),
            Kind::UnsupportedMediaType if method == http::Method::POST => Some(header::ACCEPT_POST),
            Kind::UnsupportedMediaType if method == http::Method::PATCH => Some(header::ACCEPT_PATCH),
            _ => None,
        });
    }
    headers
}

/// The schema of every problem.
pub(super) fn schemas() -> [(&'static str, Value); 2] {
    let problem = json!({
        "type": "object",
        "description": "Why a request failed (RFC 9457). Branch on `type`: it is stable, and a new meaning gets a new one.",
        "required": ["type", "title", "status", "detail", "instance"],
        "additionalProperties": false,
        "properties": {
            "type": {
                "type": "string",
                "format": "uri",
                "pattern": "^urn:concierge:problem:[a-z-]+$",
                "description": "Which problem it is.",
            },
            "title": {"type": "string", "description": "A few words that are the same for every occurrence."},
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "The status code."},
            "detail": {"type": "string", "description": "This occurrence. It repeats no value of the request."},
            "instance": {"type": "string", "description": "The request id."},
            "errors": {
                "type": "array",
                "minItems": 1,
                "description": "The faults of the body, the query, the path or the headers, if there are any to name.",
                "items": {"$ref": "#/components/schemas/FieldError"},
            },
            "challenge": {
                "type": "string",
                "description": "With `mfa-required` and `mfa-enrolment-required`: what the sign-in continues with.",
            },
            "expires_in": {"type": "integer", "minimum": 1, "description": "For how many seconds the challenge is valid."},
        },
    });
    let field_error = json!({
        "type": "object",
        "required": ["pointer", "detail"],
        "additionalProperties": false,
        "properties": {
            "pointer": {
                "type": "string",
                "description": "Where the fault is: a JSON pointer (RFC 6901) into the body, or `/` and the name of a \
                                parameter or header; empty for the body as a whole.",
            },
            "detail": {"type": "string", "description": "What is wrong, and what is right."},
        },
    });
    [("Problem", problem), ("FieldError", field_error)]
}
