//! Whether an answer is one that the OpenAPI files describe, and, if it is a success, whether the request was one that
//! they allow.

use super::operation::{Found, Operation, Response, find};
use super::{Node, answers};
use crate::answer::Answer;
use serde_json::Value;
use url::form_urlencoded;

/// Headers that belong to the transfer and are not described.
const TRANSFER: &[&str] = &["connection", "content-length", "content-type", "date", "transfer-encoding"];
/// What a browser is told about pages of other origins, as the Fetch standard has it: the files say it once, in words.
const FOR_PAGES: &[&str] = &["access-control-allow-origin", "access-control-expose-headers", "vary"];
const LINES: &str = "application/x-ndjson";
/// Media types of texts that are no JSON: pages and metrics.
const TEXTS: [&str; 2] = ["text/html", "application/openmetrics-text"];
const FORM: &str = "application/x-www-form-urlencoded";

/// What was sent, as far as it is described.
#[derive(Debug)]
pub(crate) struct Sent<'a> {
    /// The method.
    pub(crate) method: &'a str,
    /// The path with its query.
    pub(crate) target: &'a str,
    /// The value of `content-type`.
    pub(crate) content_type: Option<&'a str>,
    /// The body; empty without one.
    pub(crate) body: &'a [u8],
}

/// Holds an answer against the files, and notes it.
///
/// # Panics
/// If it is not as they describe it.
#[track_caller]
pub(crate) fn check(sent: &Sent<'_>, answer: &Answer) {
    if sent.method == "OPTIONS" && answer.header("access-control-allow-methods").is_some() {
        assert!((answer.status, answer.body.len()) == (204, 0), "a preflight is answered with {answer:?}");
        return;
    }
    if answer.is_of_the_runtime() {
        return;
    }
    let path = sent.target.split('?').next().unwrap_or_default();
    let (operation, responses) = match find(sent.method, path) {
        Found::Operation(operation) => (Some(operation), operation.responses()),
        Found::General(responses) => (None, responses),
        Found::Elsewhere => return,
    };
    let faults = faults(sent, answer, operation, &responses);
    let what = operation.map_or("no path and method of the OpenAPI files", Operation::id);
    assert!(
        faults.is_empty(),
        "{} {} -> {} is not as documented for {what}:\n- {}\n{:?}\n{}",
        sent.method,
        sent.target,
        answer.status,
        faults.join("\n- "),
        answer.headers,
        answer.text()
    );
    // What HEAD shows is half of it.
    if let Some(operation) = operation.filter(|_| sent.method != "HEAD") {
        answers::note(operation, answer);
    }
}

fn faults(
    sent: &Sent<'_>,
    answer: &Answer,
    operation: Option<&Operation<'_>>,
    responses: &[Response<'_>],
) -> Vec<String> {
    let Some(response) = responses.iter().find(|response| response.status == answer.status) else {
        let known: Vec<_> = responses.iter().map(|response| response.status.to_string()).collect();
        return vec![format!("the status is none of {}", known.join(", "))];
    };
    let mut faults = body_faults(sent, answer, response);
    faults.extend(header_faults(answer, response));
    if let Some(operation) = operation.filter(|_| (200..300).contains(&answer.status)) {
        faults.extend(query_faults(sent, operation));
        faults.extend(request_body_faults(sent, operation));
    }
    faults
}

fn body_faults(sent: &Sent<'_>, answer: &Answer, response: &Response<'_>) -> Vec<String> {
    let bodies = response.bodies();
    let Some(content_type) = answer.header("content-type") else {
        return if bodies.is_empty() && answer.body.is_empty() {
            vec![]
        } else {
            vec!["a content-type is missing".into()]
        };
    };
    match media_type(&bodies, content_type) {
        None => vec![format!("{content_type} is no media type of this response")],
        Some(_) if sent.method == "HEAD" => vec![],
        Some(body) if TEXTS.contains(&essence(content_type).as_str()) => {
            body.get("schema").map_or_else(Vec::new, |schema| schema.faults(&answer.text().into()))
        }
        Some(body) if essence(content_type) == LINES => {
            let schema = body.get("schema");
            let lines = answer.body.split_inclusive(|byte| *byte == b'\n');
            lines.flat_map(|line| line_faults(line, schema.as_ref())).collect()
        }
        Some(body) => match (serde_json::from_slice(&answer.body), body.get("schema")) {
            (Ok(value), Some(schema)) => schema.faults(&value),
            (Err(error), _) => vec![format!("the body is no JSON: {error}")],
            (_, None) => vec![format!("{} has no schema", body.pointer)],
        },
    }
}

fn line_faults(line: &[u8], schema: Option<&Node<'_>>) -> Vec<String> {
    if !line.ends_with(b"\n") {
        return vec!["the last line has no end".into()];
    }
    match (serde_json::from_slice(line), schema) {
        (Ok(value), Some(schema)) => schema.faults(&value),
        (Err(error), _) => vec![format!("a line is no JSON: {error}")],
        (_, None) => vec!["the lines have no schema".into()],
    }
}

fn header_faults(answer: &Answer, response: &Response<'_>) -> Vec<String> {
    let described = response.node.get("headers").map(|headers| headers.members()).unwrap_or_default();
    let mut faults = Vec::new();
    for (name, header) in &described {
        match (answer.header(name), header.get("schema")) {
            (Some(value), Some(schema)) => {
                let faults_of = schema.faults(&typed(value, &schema));
                faults.extend(faults_of.into_iter().map(|fault| format!("header {name}: {fault}")));
            }
            (None, _) if header.value["required"] == true => faults.push(format!("the header {name} is missing")),
            _ => {}
        }
    }
    let is_for_pages = answer.header("access-control-allow-origin").is_some();
    let is_known = |name: &str| {
        TRANSFER.contains(&name)
            || is_for_pages && FOR_PAGES.contains(&name)
            || described.iter().any(|(known, _)| *known == name)
    };
    let unknown = answer.headers.iter().filter(|(name, _)| !is_known(name));
    faults.extend(unknown.map(|(name, _)| format!("the header {name} is not described")));
    faults
}

fn query_faults(sent: &Sent<'_>, operation: &Operation<'_>) -> Vec<String> {
    let query = sent.target.split_once('?').map_or("", |(_, query)| query);
    let given: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let described: Vec<_> = operation.parameters().iter().filter(|parameter| parameter.text("in") == "query").collect();
    let mut faults = Vec::new();
    for (name, value) in &given {
        match described.iter().find(|parameter| parameter.text("name") == name).and_then(|known| known.get("schema")) {
            Some(schema) => {
                let faults_of = schema.faults(&typed(value, &schema));
                faults.extend(faults_of.into_iter().map(|fault| format!("the parameter {name} was accepted: {fault}")));
            }
            None => faults.push(format!("the parameter {name} was accepted and is not described")),
        }
    }
    let required = described.iter().filter(|parameter| parameter.value["required"] == true);
    let missing = required.filter(|parameter| !given.iter().any(|(name, _)| name == parameter.text("name")));
    faults.extend(missing.map(|parameter| format!("the parameter {} was not needed", parameter.text("name"))));
    faults
}

fn request_body_faults(sent: &Sent<'_>, operation: &Operation<'_>) -> Vec<String> {
    let bodies = operation.request_bodies();
    if bodies.is_empty() {
        return vec![];
    }
    let content_type = sent.content_type.unwrap_or_default();
    let Some((essence, body)) = media_type(&bodies, content_type).map(|body| (essence(content_type), body)) else {
        return vec![format!("a request of the media type \"{content_type}\" was accepted, which is not described")];
    };
    if essence == LINES {
        // Each line is answered by itself.
        return vec![];
    }
    let value = if essence == FORM {
        Ok(form_urlencoded::parse(sent.body).into_owned().map(|(name, value)| (name, Value::from(value))).collect())
    } else {
        serde_json::from_slice(sent.body)
    };
    match (value, body.get("schema")) {
        (Ok(value), Some(schema)) => {
            schema.faults(&value).into_iter().map(|fault| format!("the request was accepted: {fault}")).collect()
        }
        (Err(error), _) => vec![format!("a request that is no JSON was accepted: {error}")],
        (_, None) => vec![format!("{} has no schema", body.pointer)],
    }
}

fn media_type<'a>(bodies: &[(&str, Node<'a>)], content_type: &str) -> Option<Node<'a>> {
    let essence = essence(content_type);
    bodies.iter().find(|(known, _)| *known == essence).map(|(_, body)| body.clone())
}

/// A media type without its parameters.
fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// The text of a header or of a parameter, as the type that its schema asks for.
fn typed(text: &str, schema: &Node<'_>) -> Value {
    match schema.text("type") {
        "integer" => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        _ => text.into(),
    }
}
