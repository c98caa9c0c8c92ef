//! An incoming request: its parts, decoded and bounded.

use crate::after::After;
use crate::streamed::Streamed;
use crate::{random, trace};
use events::is_request_id;
use http::Method;
use problem::{Kind, MAX_BODY_BYTES, Problem};
use serde::de::DeserializeOwned;
use spin_sdk::http::IncomingRequest;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::future::Future;
use trace_context::{Correlation, TraceContext};

/// The media type of a list with a line for each item, which is read up to [`MAX_LINES_BYTES`].
pub const LINES: &str = "application/x-ndjson";
/// The largest list of lines, in bytes.
pub const MAX_LINES_BYTES: usize = 1024 * 1024;
/// How much of an oversize body is read and discarded, so that the caller gets a response instead of a closed connection.
const MAX_DRAINED_BYTES: usize = 8 * 1024 * 1024;

/// A request that was read to its end. The body is at most [`MAX_BODY_BYTES`] long, or a list of lines, or known to be larger.
#[derive(Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The id that the response, its problem and the log carry.
    pub id: String,
    /// The trace that it belongs to: the caller's if it says a valid one, else a new one.
    trace: TraceContext,
    /// The host that was asked, with its port if it has one of its own: not a header, which hosts keep to themselves.
    pub authority: Option<String>,
    segments: Vec<String>,
    query: String,
    headers: BTreeMap<String, String>,
    body: Result<Vec<u8>, BodyError>,
    after: After,
    streamed: Streamed,
}

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// It is longer than this.
    TooLarge(usize),
    /// The connection ended before the body did.
    Incomplete,
}

impl From<BodyError> for Problem {
    fn from(error: BodyError) -> Self {
        match error {
            BodyError::TooLarge(max) => Problem::body_too_large(max),
            BodyError::Incomplete => Problem::new(Kind::MalformedJson, "The body ended too early."),
        }
    }
}

impl Request {
    /// Reads a request from Spin.
    pub(crate) async fn read(incoming: IncomingRequest) -> Self {
        let method = Method::from_bytes(incoming.method().to_string().as_bytes()).unwrap_or_default();
        let target = incoming.path_with_query().unwrap_or_else(|| "/".to_owned());
        let authority = incoming.authority();
        let headers = merge_headers(incoming.headers().entries());
        let body = if may_have_body(&method, &headers) {
            read_body(incoming, max_bytes(&headers)).await
        } else {
            Ok(Vec::new())
        };
        Self { authority, ..Self::new(method, &target, headers, body) }
    }

    /// A request from its parts.
    pub(crate) fn new(
        method: Method,
        target: &str,
        headers: BTreeMap<String, String>,
        body: Result<Vec<u8>, BodyError>,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let segments = path
            .split('/')
            .skip(1)
            .map(|segment| percent_encoding::percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect();
        let id = headers
            .get("x-request-id")
            .filter(|id| is_request_id(id))
            .cloned()
            .unwrap_or_else(|| random::uuid().to_string());
        let trace = headers.get("traceparent").and_then(|text| TraceContext::parse(text.trim()));
        Self {
            method,
            id,
            trace: trace.unwrap_or_else(trace::begin),
            authority: None,
            segments,
            query: query.to_owned(),
            headers,
            body,
            after: After::default(),
            streamed: Streamed::default(),
        }
    }

    /// What its log lines, calls and events have in common.
    pub(crate) fn correlation(&self) -> Correlation {
        Correlation { trace: self.trace.clone(), request_id: Some(self.id.clone()) }
    }

    /// Runs something after the response has been sent, so that the caller does not wait for it.
    pub fn after(&self, work: impl Future<Output = ()> + 'static) {
        self.after.add(work);
    }

    /// Sends these chunks as the body of the response, which has none of its own: each as soon as it is made. If one is a
    /// problem, the response breaks off there, so that nobody takes it for the whole.
    pub fn stream(&self, chunks: impl Iterator<Item = Result<Vec<u8>, Problem>> + 'static) {
        self.streamed.set(chunks);
    }

    /// What is sent as the body of the response, if it is streamed.
    pub(crate) fn streamed(&self) -> Streamed {
        self.streamed.clone()
    }

    /// What runs after the response.
    pub(crate) fn work_after(&self) -> After {
        self.after.clone()
    }

    /// The path's segments, percent-decoded: `/users-ms/users/7` is `["users-ms", "users", "7"]`.
    #[must_use]
    pub fn path(&self) -> Vec<&str> {
        self.segments.iter().map(String::as_str).collect()
    }

    /// A header's value; `name` is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.trim())
    }

    /// The token of `authorization: Bearer <token>` (RFC 6750, 2.1).
    #[must_use]
    pub fn bearer_token(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The query as sent, without `?`.
    #[must_use]
    pub fn raw_query(&self) -> &str {
        &self.query
    }

    /// The query as sent, with the parameter `name` removed, however it was encoded, and appended with a new value. Other
    /// characters than ASCII are encoded, so that a header can carry it.
    #[must_use]
    pub fn query_with(&self, name: &str, value: &str) -> String {
        let is_other = |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).any(|(known, _)| known != name);
        let mut pairs: Vec<_> = self.query.split('&').filter(is_other).map(str::to_owned).collect();
        pairs.push(format!("{name}={value}"));
        percent_encoding::utf8_percent_encode(&pairs.join("&"), percent_encoding::CONTROLS).to_string()
    }

    /// The query parameters. Only those in `known` are accepted, each once.
    ///
    /// # Errors
    /// `invalid-query`.
    pub fn query(&self, known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
        parameters(self.query.as_bytes(), known)
    }

    /// The fields of a form (`application/x-www-form-urlencoded`). Only those in `known` are accepted, each once.
    ///
    /// # Errors
    /// `unsupported-media-type`, `body-too-large`, `malformed-json` if it is incomplete, or `invalid-query`.
    pub fn form(&self, media_types: &[&str], known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
        let body = self.body_of(media_types)?;
        parameters(body, known)
    }

    /// Decodes a JSON body.
    ///
    /// # Errors
    /// `unsupported-media-type` if `content-type` is not among `media_types`, else as [`problem::decode`].
    pub fn json<T: DeserializeOwned>(&self, media_types: &[&str]) -> Result<T, Problem> {
        problem::decode(self.body_of(media_types)?)
    }

    /// The body as sent; empty if it was too large.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    pub(crate) fn body_of(&self, media_types: &[&str]) -> Result<&[u8], Problem> {
        let body = self.body.as_deref().map_err(|error| *error)?;
        let media_type = self.header("content-type").unwrap_or_default();
        let essence = media_type.split(';').next().unwrap_or_default().trim();
        if media_types.iter().any(|known| known.eq_ignore_ascii_case(essence)) {
            return Ok(body);
        }
        let known = media_types.join(" or ");
        let problem =
            Problem::new(Kind::UnsupportedMediaType, format!("The content-type of this request must be {known}."));
        // PUT has no such header.
        Err(match self.method {
            Method::POST => problem.with_header("accept-post", media_types.join(", ")),
            Method::PATCH => problem.with_header("accept-patch", media_types.join(", ")),
            _ => problem,
        })
    }
}

/// The pairs of a query or a form.
fn parameters(encoded: &[u8], known: &[&str]) -> Result<BTreeMap<String, String>, Problem> {
    let fault = |name: &str, detail: String| Problem::field(Kind::InvalidQuery, name, detail);
    let mut parameters = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(encoded) {
        if !known.contains(&name.as_ref()) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(fault(&name, format!("Unknown parameter. Known here: {known}.")));
        }
        if parameters.insert(name.clone().into_owned(), value.into_owned()).is_some() {
            return Err(fault(&name, "Duplicate parameter.".to_owned()));
        }
    }
    Ok(parameters)
}

/// Headers by their names in lower case. Lines of the same name become one list (RFC 9110, 5.3). Invalid UTF-8 is kept, in
/// replacement characters: an unreadable precondition must not count as an absent one.
fn merge_headers(lines: Vec<(String, Vec<u8>)>) -> BTreeMap<String, String> {
    let mut headers = BTreeMap::<String, String>::new();
    for (mut name, value) in lines {
        name.make_ascii_lowercase();
        let value =
            String::from_utf8(value).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        match headers.entry(name) {
            Entry::Occupied(mut before) => before.get_mut().extend([", ", &value]),
            Entry::Vacant(place) => {
                place.insert(value);
            }
        }
    }
    headers
}

/// Whether to read a body. That of a GET or HEAD has no meaning (RFC 9110, 9.3.1 and 9.3.2) and is rare; if one is
/// announced, it is read to keep the connection usable.
fn may_have_body(method: &Method, headers: &BTreeMap<String, String>) -> bool {
    !matches!(*method, Method::GET | Method::HEAD) || headers.get("content-length").is_some_and(|length| length != "0")
}

/// Reads the body.
async fn read_body(incoming: IncomingRequest, max: usize) -> Result<Vec<u8>, BodyError> {
    use futures::StreamExt;
    let mut stream = std::pin::pin!(incoming.into_body_stream());
    let mut body = Vec::new();
    let mut length = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.map_err(|_| BodyError::Incomplete)?;
        length += chunk.len();
        if length <= max {
            body.extend(chunk);
        } else if length > MAX_DRAINED_BYTES {
            break;
        }
    }
    if length <= max { Ok(body) } else { Err(BodyError::TooLarge(max)) }
}

/// How long the body may be.
fn max_bytes(headers: &BTreeMap<String, String>) -> usize {
    let media_type = headers.get("content-type").map(|value| value.split(';').next().unwrap_or_default().trim());
    if media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case(LINES)) {
        MAX_LINES_BYTES
    } else {
        MAX_BODY_BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(target: &str, headers: &[(&str, &str)], body: &str) -> Request {
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Request::new(Method::POST, target, headers, Ok(body.as_bytes().to_vec()))
    }

    #[test]
    fn the_path_is_split_and_decoded() {
        assert_eq!(request("/users-ms/users/7?x=1", &[], "").path(), ["users-ms", "users", "7"]);
        assert_eq!(request("/a%20b/", &[], "").path(), ["a b", ""]);
    }

    #[test]
    fn a_valid_request_id_is_kept_and_another_replaced() {
        assert_eq!(request("/", &[("x-request-id", "abc-1.2:3_4")], "").id, "abc-1.2:3_4");
        for odd in ["", "a b", "a\nb", "<script>", &"x".repeat(65)] {
            let id = request("/", &[("x-request-id", odd)], "").id;
            assert_ne!(id, odd);
            assert_eq!(id.len(), 36);
        }
    }

    #[test]
    fn lines_of_one_header_become_a_list() {
        let line = |name: &str, value: &[u8]| (name.to_owned(), value.to_vec());
        let headers = merge_headers(vec![
            line("If-Match", b"\"7.1\""),
            line("if-match", b"\"7.2\""),
            line("if-none-match", b"\"\xe9\""),
        ]);
        assert_eq!(headers["if-match"], "\"7.1\", \"7.2\"");
        assert_eq!(headers["if-none-match"], "\"\u{fffd}\"");
    }

    #[test]
    fn a_body_is_read_where_there_may_be_one() {
        let may = |method, length: &str| {
            let headers = [("content-length".to_owned(), length.to_owned())];
            may_have_body(&method, &headers.into_iter().filter(|(_, length)| !length.is_empty()).collect())
        };
        assert!(may(Method::POST, "") && may(Method::DELETE, "") && may(Method::GET, "3"));
        assert!(!may(Method::GET, "") && !may(Method::HEAD, "") && !may(Method::GET, "0"));
    }

    #[test]
    fn a_list_of_lines_may_be_longer_than_another_body() {
        let max = |media_type: &str| max_bytes(&[("content-type".to_owned(), media_type.to_owned())].into());
        assert_eq!(max("Application/X-NDJSON; charset=utf-8"), MAX_LINES_BYTES);
        assert_eq!((max("application/json"), max_bytes(&BTreeMap::new())), (MAX_BODY_BYTES, MAX_BODY_BYTES));
    }

    #[test]
    fn a_bearer_token_is_read() {
        assert_eq!(request("/", &[("authorization", "Bearer abc")], "").bearer_token(), Some("abc"));
        assert_eq!(request("/", &[("authorization", "bearer abc")], "").bearer_token(), Some("abc"));
        assert_eq!(request("/", &[("authorization", "Basic abc")], "").bearer_token(), None);
        assert_eq!(request("/", &[], "").bearer_token(), None);
    }

    #[test]
    fn unknown_and_repeated_query_parameters_are_refused() {
        let query = |target: &str| request(target, &[], "").query(&["limit"]);
        assert_eq!(query("/?limit=5").unwrap()["limit"], "5");
        assert_eq!(query("/?offset=5").unwrap_err().kind(), Kind::InvalidQuery);
        assert_eq!(query("/?limit=5&limit=6").unwrap_err().kind(), Kind::InvalidQuery);
    }

    #[test]
    fn the_response_lists_the_accepted_media_types_where_a_header_exists() {
        for (method, header) in
            [(Method::POST, Some("accept-post")), (Method::PATCH, Some("accept-patch")), (Method::PUT, None)]
        {
            let request = Request::new(method, "/", BTreeMap::new(), Ok(Vec::new()));
            let problem = request.json::<serde_json::Value>(&["application/json"]).unwrap_err();
            assert_eq!(problem.headers().first().map(|(name, _)| *name), header);
        }
    }

    #[test]
    fn a_missing_body_has_the_problem_of_its_reason() {
        for (error, kind) in
            [(BodyError::TooLarge(MAX_BODY_BYTES), Kind::BodyTooLarge), (BodyError::Incomplete, Kind::MalformedJson)]
        {
            let request = Request::new(Method::POST, "/", BTreeMap::new(), Err(error));
            let problem = request.json::<serde_json::Value>(&["application/json"]).unwrap_err();
            assert_eq!(problem.kind(), kind);
        }
    }

    #[test]
    fn a_parameter_is_replaced_however_it_was_encoded() {
        let with = |query: &str| request(&format!("/?{query}"), &[], "").query_with("cursor", "new");
        assert_eq!(with(""), "cursor=new");
        assert_eq!(with("cursor=old&limit=2"), "limit=2&cursor=new");
        assert_eq!(with("limit=2&%63ursor=old&&cursor"), "limit=2&cursor=new");
        assert_eq!(with("name=a+b%26c&cursors=x"), "name=a+b%26c&cursors=x&cursor=new");
        assert_eq!(with("name=Zo\u{eb}"), "name=Zo%C3%AB&cursor=new");
    }

    #[test]
    fn only_known_media_types_are_read() {
        let read = |media_type: &str| {
            request("/", &[("content-type", media_type)], "{}").json::<serde_json::Value>(&["application/json"])
        };
        assert!(read("application/json").is_ok());
        assert!(read("Application/JSON; charset=utf-8").is_ok());
        assert_eq!(read("text/plain").unwrap_err().kind(), Kind::UnsupportedMediaType);
        assert_eq!(read("").unwrap_err().kind(), Kind::UnsupportedMediaType);
    }
}
