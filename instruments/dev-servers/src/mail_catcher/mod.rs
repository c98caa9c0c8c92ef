//! A mail catcher: it takes mails by Mailpit's send API, keeps the last of them in memory and shows them, so that nobody
//! needs a provider to see what is sent.
//!
//! | request | answer |
//! |---|---|
//! | `POST /api/v1/send` | takes a mail |
//! | `GET /api/v1/messages` | those it has, newest first, as JSON |
//! | `GET /` | the same as a page |
//!
//! It listens on 127.0.0.1 alone, and answers only under a name of this machine, so that no web page of elsewhere reads it.

mod mail;
mod page;
mod request;

use std::collections::VecDeque;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mail::Mail;
use request::Request;
use serde_json::{Value, json};

use crate::{Error, Result};

/// The port that Mailpit has.
pub const USUAL_PORT: u16 = 8025;
/// How many mails it keeps.
const MAX_MAILS: usize = 200;
/// How many connections it serves at the same time. Others wait.
const MAX_CONNECTIONS: usize = 32;
/// How long a caller may take to send the next bytes, or to read them.
const PATIENCE: Duration = Duration::from_secs(5);
/// Nothing but the page's own style: no script, no picture, nothing from elsewhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// A running mail catcher. Dropping it ends it.
#[derive(Debug)]
pub struct MailCatcher {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    mails: Mutex<VecDeque<Mail>>,
    taken: AtomicUsize,
    connections: AtomicUsize,
    is_closed: AtomicBool,
}

impl MailCatcher {
    /// Listens on `port` of 127.0.0.1, or on a free one if that is taken.
    ///
    /// # Errors
    /// If no port is free.
    pub fn start(port: u16) -> Result<Self> {
        let bind = |port| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
        let no_port = |error: std::io::Error| Error::Advice(format!("the mail catcher cannot listen: {error}"));
        let listener = bind(port).or_else(|_| bind(0)).map_err(no_port)?;
        let address = listener.local_addr().map_err(no_port)?;
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        std::thread::spawn(move || accept(&inside, &listener));
        Ok(Self { address, shared })
    }

    /// Where it is: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for MailCatcher {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for callers.
        let _ = TcpStream::connect_timeout(&self.address, PATIENCE);
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    for connection in listener.incoming() {
        if shared.is_closed.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else {
            // Such as too many open files: it may pass.
            std::thread::sleep(Duration::from_millis(50));
            continue;
        };
        while shared.connections.load(Ordering::SeqCst) >= MAX_CONNECTIONS {
            std::thread::sleep(Duration::from_millis(5));
        }
        shared.connections.fetch_add(1, Ordering::SeqCst);
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            // A caller that goes away in the middle is no concern of the others.
            let _ = serve(&shared, &connection);
            shared.connections.fetch_sub(1, Ordering::SeqCst);
        });
    }
}

/// One request for each connection.
fn serve(shared: &Shared, mut connection: &TcpStream) -> std::io::Result<()> {
    connection.set_read_timeout(Some(PATIENCE))?;
    connection.set_write_timeout(Some(PATIENCE))?;
    let answer = match Request::read(connection)? {
        Ok(request) => shared.answer(&request),
        Err(status) => Answer::empty(status),
    };
    let Answer { status, content_type, body } = answer;
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\nconnection: close\r\n\
         cache-control: no-store\r\nx-content-type-options: nosniff\r\nreferrer-policy: no-referrer\r\n\
         content-security-policy: {POLICY}\r\n\r\n",
        body.len()
    );
    connection.write_all(head.as_bytes())?;
    connection.write_all(body.as_bytes())
}

struct Answer {
    status: &'static str,
    content_type: &'static str,
    body: String,
}

impl Answer {
    fn empty(status: &'static str) -> Self {
        Self { status, content_type: "text/plain", body: String::new() }
    }

    fn json(status: &'static str, body: &Value) -> Self {
        Self { status, content_type: "application/json", body: body.to_string() }
    }
}

impl Shared {
    fn answer(&self, request: &Request) -> Answer {
        if !request.is_for_this_machine() {
            return Answer::empty("421 Misdirected Request");
        }
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", "/api/v1/send") => self.take(request),
            ("GET", "/api/v1/messages") => {
                let mails = self.mails();
                let messages: Vec<_> = mails.iter().map(Mail::to_json).collect();
                Answer::json("200 OK", &json!({"total": mails.len(), "messages": messages}))
            }
            ("GET", "/") => {
                let page = page::page(&self.mails(), MAX_MAILS);
                Answer { status: "200 OK", content_type: "text/html; charset=utf-8", body: page }
            }
            _ => Answer::empty("404 Not Found"),
        }
    }

    /// Newest first.
    fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().cloned().collect()
    }

    fn take(&self, request: &Request) -> Answer {
        // A form of a foreign page has another type.
        if !request.is_json {
            return Answer::empty("415 Unsupported Media Type");
        }
        let id = (self.taken.fetch_add(1, Ordering::SeqCst) + 1).to_string();
        let Some(mail) = Mail::from_json(&id, &request.body) else {
            return Answer::json("400 Bad Request", &json!({"Error": "no recipient"}));
        };
        let mut mails = self.mails.lock().unwrap_or_else(PoisonError::into_inner);
        mails.push_back(mail);
        while mails.len() > MAX_MAILS {
            mails.pop_front();
        }
        Answer::json("200 OK", &json!({"ID": id}))
    }
}

#[cfg(test)]
mod tests;
