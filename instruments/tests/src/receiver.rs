//! Somebody's endpoint for webhooks: a small HTTP server that notes what it gets, and answers as it is told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The largest body that it reads, in bytes.
const MAX_BODY: usize = 1024 * 1024;
/// How long it says nothing when it hangs.
const HANGS: Duration = Duration::from_secs(60);

/// What it got.
#[derive(Clone, Debug)]
pub struct Received {
    /// The request line without the version: `POST /hook`.
    pub request: String,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
    /// When.
    pub at: Instant,
    /// Whether it was answered with 2xx.
    pub is_accepted: bool,
}

impl Received {
    /// A header's value, or nothing; `name` is in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as JSON; null if it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// How it answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answers {
    /// With this status, and these lines among the headers.
    With(u16, String),
    /// Not at all.
    Never,
    /// With 200, and a body that does not end.
    WithoutEnd,
}

/// The endpoint. Dropping it closes its door.
#[derive(Debug)]
pub struct Receiver {
    origin: String,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    received: Mutex<Vec<Received>>,
    answers: Mutex<Answers>,
    is_closed: AtomicBool,
}

impl Receiver {
    /// Opens one on a free port that accepts everything.
    ///
    /// # Panics
    /// If no port is free.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
        let origin = format!("http://{}", listener.local_addr().expect("a listener has an address"));
        let answers = Mutex::new(Answers::With(200, String::new()));
        let shared = Arc::new(Shared { received: Mutex::default(), answers, is_closed: AtomicBool::new(false) });
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
        Self { origin, shared }
    }

    /// Its origin: `http://127.0.0.1:<port>`.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// How it answers from now on.
    pub fn answer(&self, answers: Answers) {
        *self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner) = answers;
    }

    /// With which status it answers from now on.
    pub fn status(&self, status: u16) {
        self.answer(Answers::With(status, String::new()));
    }

    /// What it got, in order.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What it got and accepted, in order.
    #[must_use]
    pub fn accepted(&self) -> Vec<Received> {
        self.received().into_iter().filter(|received| received.is_accepted).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for callers.
        let _ = TcpStream::connect(self.origin.trim_start_matches("http://"));
    }
}

/// One request for each connection.
fn serve(shared: &Shared, mut connection: TcpStream) -> std::io::Result<()> {
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
    let answers = shared.answers.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let is_accepted = matches!(answers, Answers::With(200..300, _) | Answers::WithoutEnd);
    let mut received = Received { request, headers, body: String::new(), at: Instant::now(), is_accepted };
    let length = received.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; std::cmp::min(length, MAX_BODY)];
    reader.read_exact(&mut body)?;
    received.body = String::from_utf8_lossy(&body).into_owned();
    shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    match answers {
        Answers::With(status, lines) => {
            let head = format!("HTTP/1.1 {status} Status\r\n{lines}content-length: 2\r\nconnection: close\r\n\r\n");
            connection.write_all(format!("{head}{{}}").as_bytes())
        }
        Answers::Never => {
            let start = Instant::now();
            while start.elapsed() < HANGS && !shared.is_closed.load(Ordering::SeqCst) {
                std::thread::sleep(Duration::from_millis(50));
            }
            Ok(())
        }
        Answers::WithoutEnd => {
            connection.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
            let part = [b'x'; 64 * 1024];
            // Ends when the other side has closed the connection, or no longer reads.
            connection.set_write_timeout(Some(Duration::from_secs(5)))?;
            while !shared.is_closed.load(Ordering::SeqCst) {
                connection.write_all(&part)?;
            }
            Ok(())
        }
    }
}
