//! A mail provider: a small HTTP server that takes messages, or refuses them when it is told to.

use serde_json::Value;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The largest request that it reads, in bytes.
const MAX_BODY: usize = 1024 * 1024;

/// Between two looks at whether it still hangs.
const HANGS: Duration = Duration::from_millis(10);

/// A request that it got.
#[derive(Clone, Debug)]
pub struct Posted {
    /// The request line without the version: `POST /api/v1/send`.
    pub request: String,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body; null if it is not JSON.
    pub body: Value,
    /// The body as it came.
    pub text: String,
    /// When it was taken, or refused.
    pub at: Instant,
}

impl Posted {
    /// A header's value; `name` is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Whom the message is for.
    #[must_use]
    pub fn to(&self) -> &str {
        self.body["To"][0]["Email"].as_str().unwrap_or_default()
    }
}

#[derive(Clone, Debug, Default)]
struct Says {
    accepted: String,
    refused: String,
}

/// The provider. Dropping it closes its door.
#[derive(Debug)]
pub struct MailApi {
    url: String,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    taken: Mutex<Vec<Posted>>,
    /// The status that it refuses with; zero if it does not.
    refuses_with: AtomicU64,
    /// The seconds of `retry-after` of a refusal; none if zero.
    retry_after: AtomicU64,
    /// Whom it has a message for that it always refuses.
    refused_recipient: Mutex<String>,
    under_way: AtomicUsize,
    most_at_once: AtomicUsize,
    begun: AtomicUsize,
    refused_at: Mutex<Vec<Instant>>,
    /// The bodies of what it answers, in the words of its provider; usual ones if empty.
    says: Mutex<Says>,
    is_closed: AtomicBool,
    hangs: AtomicBool,
    take_ms: AtomicU64,
}

impl MailApi {
    /// Opens one on a free port.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                if inside.is_closed.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&inside);
                // A caller that goes away in the middle is no concern of the others.
                std::thread::spawn(move || serve(&shared, connection));
            }
        });
        Self { url: format!("http://{address}"), shared }
    }

    /// Where it is: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it takes connections and requests, and does nothing with them until this ends, as a process that is stopped.
    pub fn hang(&self, is_hanging: bool) {
        self.shared.hangs.store(is_hanging, Ordering::SeqCst);
    }

    /// From now on it answers 500, or no more.
    pub fn fail(&self, is_failing: bool) {
        self.answer(if is_failing { 500 } else { 0 });
    }

    /// From now on it refuses with this status.
    pub fn answer(&self, status: u64) {
        self.answer_with_retry_after(status, 0);
    }

    /// From now on it refuses with this status, and asks to be left alone for some seconds.
    pub fn answer_with_retry_after(&self, status: u64, seconds: u64) {
        self.shared.retry_after.store(seconds, Ordering::SeqCst);
        self.shared.refuses_with.store(status, Ordering::SeqCst);
    }

    /// From now on it accepts messages with this body.
    pub fn accept_with(&self, body: &str) {
        body.clone_into(&mut self.shared.says.lock().unwrap_or_else(PoisonError::into_inner).accepted);
    }

    /// From now on it refuses with this status and body.
    pub fn refuse_with(&self, status: u64, body: &str) {
        body.clone_into(&mut self.shared.says.lock().unwrap_or_else(PoisonError::into_inner).refused);
        self.answer(status);
    }

    /// From now on it answers 500 to whatever is for this recipient.
    pub fn refuse_recipient(&self, to: &str) {
        to.clone_into(&mut self.shared.refused_recipient.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// How many requests it has had in its hands at the same moment, at most.
    #[must_use]
    pub fn most_at_once(&self) -> usize {
        self.shared.most_at_once.load(Ordering::SeqCst)
    }

    /// From now on it takes so many milliseconds for a message, as real ones do.
    pub fn take_ms(&self, milliseconds: u64) {
        self.shared.take_ms.store(milliseconds, Ordering::SeqCst);
    }

    /// How many requests it has read, answered or not.
    #[must_use]
    pub fn begun(&self) -> usize {
        self.shared.begun.load(Ordering::SeqCst)
    }

    /// When it has refused a request, in order.
    #[must_use]
    pub fn refused_at(&self) -> Vec<Instant> {
        self.shared.refused_at.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many requests it has refused.
    #[must_use]
    pub fn refused(&self) -> usize {
        self.refused_at().len()
    }

    /// What it has taken, in order.
    #[must_use]
    pub fn taken(&self) -> Vec<Posted> {
        self.shared.taken.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for MailApi {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for callers.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

/// One request for each connection.
fn serve(shared: &Shared, connection: TcpStream) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let request = line.trim().rsplit_once(' ').map(|(request, _)| request.to_owned()).unwrap_or_default();
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim().split_once(':') {
            Some((name, value)) => headers.push((name.to_ascii_lowercase(), value.trim().to_owned())),
            None => break,
        }
    }
    let posted = Posted { request, headers, body: Value::Null, text: String::new(), at: Instant::now() };
    let bytes = if posted.header("transfer-encoding").is_some() {
        read_chunks(&mut reader)?
    } else {
        let length = posted.header("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut bytes = vec![0; std::cmp::min(length, MAX_BODY)];
        reader.read_exact(&mut bytes)?;
        bytes
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let posted = Posted { body: serde_json::from_slice(&bytes).unwrap_or_default(), text, ..posted };
    let says = shared.says.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let or = |body: String, usual: &str| if body.is_empty() { usual.to_owned() } else { body };
    shared.begun.fetch_add(1, Ordering::SeqCst);
    shared.most_at_once.fetch_max(shared.under_way.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(shared.take_ms.load(Ordering::SeqCst)));
    while shared.hangs.load(Ordering::SeqCst) {
        std::thread::sleep(HANGS);
    }
    shared.under_way.fetch_sub(1, Ordering::SeqCst);
    let nobody = shared.refused_recipient.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let is_for_nobody = !nobody.is_empty() && nobody == posted.to();
    let refused = if is_for_nobody { 500 } else { shared.refuses_with.load(Ordering::SeqCst) };
    let (status, body) = if refused > 0 {
        shared.refused_at.lock().unwrap_or_else(PoisonError::into_inner).push(Instant::now());
        (format!("{refused} No"), or(says.refused, "{}"))
    } else {
        let posted = Posted { at: Instant::now(), ..posted };
        shared.taken.lock().unwrap_or_else(PoisonError::into_inner).push(posted);
        ("200 OK".to_owned(), or(says.accepted, r#"{"ID":"1"}"#))
    };
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\nconnection: close\r\n");
    let retry_after = shared.retry_after.load(Ordering::SeqCst);
    if refused > 0 && retry_after > 0 {
        head.push_str(&format!("retry-after: {retry_after}\r\n"));
    }
    (&connection).write_all(format!("{head}content-length: {}\r\n\r\n{body}", body.len()).as_bytes())
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim(), 16).unwrap_or(0);
        let mut chunk = vec![0; std::cmp::min(length, MAX_BODY) + 2];
        reader.read_exact(&mut chunk)?;
        if length == 0 || body.len() > MAX_BODY {
            return Ok(body);
        }
        body.extend(&chunk[..length]);
    }
}
