//! Requests and answers.
//!
//! Whatever a test is about, every answer of a service is held to what holds for all of them ([`Answer::check`]): it has
//! a request id, it is not to be cached or sniffed, a failure is a problem, and no hash of a password is in it. And it is
//! held to the OpenAPI file of its service ([`crate::openapi`]).

use crate::openapi::{self, check::Sent};
use serde_json::{Map, Value};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// For one request.
const LIMIT: Duration = Duration::from_secs(30);
/// What the paths of components begin with; what is elsewhere is the runtime's to answer.
const SERVICES: &[&str] = &["/users-ms/", "/auth-ms/", "/notification-ms/", "/users", "/docs"];
/// What caches may keep, by the beginning of its path, and for how long.
const KEPT: &[(&str, &str)] = &[
    ("/auth-ms/.well-known/jwks.json", "public, max-age=300"),
    ("/docs/swagger-ui/", "public, max-age=3600"),
    ("/docs/", "no-cache"),
];
/// The only route that may show a hash, and the one whose files tell what a hash looks like.
const HASHES: &[&str] = &["/users-ms/internal/sign-in/", "/docs/"];

/// Speaks to one app, each request on a fresh connection.
#[derive(Debug)]
pub struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    /// A client of the app at `base`, `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .allow_non_standard_methods(true)
            .timeout_global(Some(LIMIT))
            .build();
        Self { agent: config.into(), base: base.to_owned() }
    }

    /// A request.
    pub fn request<'a>(&'a self, method: &'a str, path: &str) -> Request<'a> {
        Request { client: self, method, path: path.to_owned(), headers: Vec::new(), body: None }
    }

    /// Sends these very bytes and reads the answer to the end of the connection, which the bytes must ask for
    /// (`connection: close`).
    ///
    /// # Errors
    /// If there is no answer within the limit, or none that can be read.
    ///
    /// # Panics
    /// If the answer is none that its service may give.
    #[track_caller]
    pub fn raw(&self, bytes: &[u8]) -> Result<Answer, String> {
        let address = self.base.trim_start_matches("http://");
        let mut connection = TcpStream::connect(address).map_err(|error| error.to_string())?;
        connection.set_read_timeout(Some(LIMIT)).map_err(|error| error.to_string())?;
        connection.write_all(bytes).map_err(|error| format!("not all could be sent: {error}"))?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).map_err(|error| format!("the answer broke off: {error}"))?;
        // The other side has closed already, or will.
        let _ = connection.shutdown(Shutdown::Both);
        let answer = parse(&answer).ok_or_else(|| format!("no answer: {:?}", String::from_utf8_lossy(&answer)))?;
        hold_to_openapi(bytes, &answer);
        Ok(answer)
    }
}

/// Holds the answer to a request that was made byte by byte to the OpenAPI files.
#[track_caller]
fn hold_to_openapi(request: &[u8], answer: &Answer) {
    let (head, body) = match request.windows(4).position(|window| window == b"\r\n\r\n") {
        Some(end) => (String::from_utf8_lossy(&request[..end]), &request[end + 4..]),
        None => (String::from_utf8_lossy(request), [].as_slice()),
    };
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let content_type = lines.find_map(|line| line.strip_prefix("content-type: "));
    openapi::check::check(&Sent { method, target, content_type, body }, answer);
}

/// Reads an answer whose body ends with the connection, or has a length.
fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer { status, headers, body: bytes[end + 4..].to_vec() };
    if answer.header("transfer-encoding") == Some("chunked") {
        answer.body = unchunked(&answer.body)?;
    }
    Some(answer)
}

fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = bytes.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend(bytes.get(end + 2..end + 2 + length)?);
        bytes = bytes.get(end + 2 + length + 2..)?;
    }
}

/// A request to be sent.
#[derive(Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request<'a> {
    client: &'a Client,
    method: &'a str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<Vec<u8>>,
}

impl Request<'_> {
    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Shows a bearer token.
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Adds a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Adds a body of any kind.
    pub fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self.header("content-type", media_type)
    }

    /// Sends it.
    ///
    /// # Panics
    /// If there is no answer, or it is none that a service may give.
    #[track_caller]
    #[must_use]
    pub fn send(self) -> Answer {
        let request = format!("{} {}", self.method, self.path);
        self.try_send().unwrap_or_else(|error| panic!("{request}: {error}"))
    }

    /// Sends it to an app that may not be there.
    ///
    /// # Errors
    /// If there is no answer.
    ///
    /// # Panics
    /// If the answer is none that a service may give.
    #[track_caller]
    pub fn try_send(self) -> Result<Answer, String> {
        let answer = self.transmit()?;
        answer.check(self.method, &self.path);
        let content_type = self.headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let sent = Sent {
            method: self.method,
            target: &self.path,
            content_type: content_type.map(|(_, value)| value.as_str()),
            body: self.body.as_deref().unwrap_or_default(),
        };
        openapi::check::check(&sent, &answer);
        Ok(answer)
    }

    /// Sends it for the sake of what it does: whatever comes back is as good.
    ///
    /// # Errors
    /// If there is no answer.
    pub fn send_unchecked(self) -> Result<Answer, String> {
        self.transmit()
    }

    fn transmit(&self) -> Result<Answer, String> {
        let mut request = ureq::http::Request::builder().method(self.method);
        request = request.uri(format!("{}{}", self.client.base, self.path));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let sent = match &self.body {
            Some(body) => request.body(body.as_slice()).map(|request| self.client.agent.run(request)),
            None => request.body(()).map(|request| self.client.agent.run(request)),
        };
        let mut response =
            sent.map_err(|error| format!("no request: {error}"))?.map_err(|error| format!("no answer: {error}"))?;
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let body = response.body_mut().read_to_vec().map_err(|error| format!("the answer broke off: {error}"))?;
        Ok(Answer { status: response.status().as_u16(), headers, body })
    }
}

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
    fn check(&self, method: &str, path: &str) {
        if !SERVICES.iter().any(|service| path.starts_with(service)) {
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
        assert!(is_problem || self.status < 400 || is_readiness, "a failure is no problem+json: {}", shown());
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

    /// The answer as a snapshot shows it: status, the headers that matter, and the body, with what differs from run to
    /// run replaced by its name in brackets.
    #[must_use]
    pub fn shown(&self) -> String {
        const SHOWN: &[&str] = &[
            "accept-post",
            "allow",
            "cache-control",
            "content-disposition",
            "content-type",
            "etag",
            "idempotent-replayed",
            "link",
            "location",
            "preference-applied",
            "retry-after",
            "www-authenticate",
            "x-content-type-options",
            "x-request-id",
        ];
        let mut text = self.status.to_string();
        for name in SHOWN {
            for (_, value) in self.headers.iter().filter(|(known, _)| known == name) {
                text.push_str(&format!("\n{name}: {}", redact_header(name, value)));
            }
        }
        match serde_json::from_slice::<Value>(&self.body) {
            Ok(body) => {
                let body = redact("", &body);
                text.push_str(&format!("\n\n{}", serde_json::to_string_pretty(&body).unwrap_or_default()));
            }
            Err(_) if self.body.is_empty() => {}
            Err(_) => text.push_str(&format!("\n\n{}", self.text())),
        }
        text
    }
}

/// A short text without anything that could break a log line.
fn is_request_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

fn redact_header(name: &str, value: &str) -> String {
    match name {
        "x-request-id" if value.len() == 36 => "[uuid]".to_owned(),
        "content-disposition" | "etag" | "location" => without_ids(value),
        "link" => match value.split_once("cursor=") {
            Some((before, after)) => {
                let rest = after.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_".contains(c));
                format!("{before}cursor=[cursor]{rest}")
            }
            None => value.to_owned(),
        },
        _ => value.to_owned(),
    }
}

/// The first number of a text by name.
fn without_ids(text: &str) -> String {
    let Some(start) = text.find(|c: char| c.is_ascii_digit()) else { return text.to_owned() };
    let rest = text[start..].trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}[id]{rest}", &text[..start])
}

/// Replaces what differs from run to run. Objects come out sorted by key.
fn redact(key: &str, value: &Value) -> Value {
    let marked = |name: &str| Value::from(format!("[{name}]"));
    match (key, value) {
        ("id" | "user_id" | "event_id", Value::Number(_)) => marked("id"),
        ("id" | "event_id" | "kept", Value::String(_)) => marked("id"),
        (
            "created_at" | "updated_at" | "delivered_at" | "used_at" | "ends_at" | "exported_at" | "time",
            Value::String(_),
        ) => marked("time"),
        ("instance", Value::String(id)) if id.len() == 36 => marked("uuid"),
        ("access_token" | "refresh_token" | "device_token", Value::String(_)) => marked("token"),
        ("next_cursor", Value::String(_)) => marked("cursor"),
        ("latency_ms", Value::Number(_)) => marked("milliseconds"),
        ("password_hash", Value::String(hash)) => {
            let end = hash.rfind('$').map_or(0, |last| last + 1);
            Value::from(format!("{}[salt and hash]", &hash[..end]))
        }
        (_, Value::Array(items)) => items.iter().map(|item| redact("", item)).collect(),
        (_, Value::Object(members)) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by_key(|(name, _)| name.as_str());
            let members: Map<_, _> = sorted.into_iter().map(|(name, v)| (name.clone(), redact(name, v))).collect();
            Value::Object(members)
        }
        (_, other) => other.clone(),
    }
}
