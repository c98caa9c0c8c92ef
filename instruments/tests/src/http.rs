//! Requests. The answer to each is checked against what holds for every answer and against the OpenAPI file of its service.

pub use crate::answer::Answer;

use crate::openapi::{self, check::Sent};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

/// For one request.
const LIMIT: Duration = Duration::from_secs(30);
/// For the head of a request or an answer, in bytes.
const BUFFER: usize = 16 << 10;
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
            // Its buffers are zeroed for each connection; the default of 128 KiB each would cost more than the request.
            .input_buffer_size(BUFFER)
            .output_buffer_size(BUFFER)
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
