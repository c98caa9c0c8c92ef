//! Guests' standard output and error, line by line.
//!
//! Lines of all guests go through one bounded channel to one thread that writes them: a line is never mixed with another,
//! and a slow terminal never holds up a request. When the channel is full lines are dropped and counted.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

/// The most bytes that are written at once.
const LARGEST_WRITE: usize = 64 * 1024;

enum Message {
    Line(Arc<Mutex<Sink>>, Vec<u8>),
    Flush(SyncSender<()>),
}

enum Sink {
    Nowhere,
    Stdout,
    Stderr,
    File(File),
}

/// The thread that writes.
#[derive(Clone)]
pub(crate) struct Writer {
    sender: SyncSender<Message>,
    dropped: Arc<AtomicU64>,
    /// A longer line is broken into several.
    longest_line: usize,
}

impl Writer {
    /// Starts the thread. So many lines may wait to be written, and a line may have so many bytes.
    ///
    /// # Errors
    /// When no thread can be started.
    pub(crate) fn start(most_lines: usize, longest_line: usize) -> std::io::Result<Self> {
        let (sender, receiver) = mpsc::sync_channel(most_lines);
        std::thread::Builder::new().name("spindle-output".to_owned()).spawn(move || {
            let mut batch = Batch::default();
            while let Ok(message) = receiver.recv() {
                batch.take(message);
                // What has come meanwhile is written in one go.
                while let Ok(message) = receiver.try_recv() {
                    batch.take(message);
                }
                batch.write();
            }
        })?;
        Ok(Self { sender, dropped: Arc::default(), longest_line })
    }

    /// Waits until what was sent so far is written, but not for long.
    pub(crate) fn flush(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.sender.try_send(Message::Flush(done)).is_ok() {
            // The answer is that the other side is dropped.
            let _ = wait.recv_timeout(Duration::from_secs(1));
        }
        let dropped = self.dropped.swap(0, Ordering::Relaxed);
        if dropped > 0 {
            tracing::warn!(dropped, "lines of guests' output were dropped");
        }
    }

    fn line(&self, sink: &Arc<Mutex<Sink>>, line: Vec<u8>) {
        if self.sender.try_send(Message::Line(Arc::clone(sink), line)).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Lines for one sink that are not written yet.
#[derive(Default)]
struct Batch {
    sink: Option<Arc<Mutex<Sink>>>,
    lines: Vec<u8>,
}

impl Batch {
    fn take(&mut self, message: Message) {
        match message {
            Message::Line(sink, line) => {
                let is_same = self.sink.as_ref().is_some_and(|held| Arc::ptr_eq(held, &sink));
                if !is_same || self.lines.len() + line.len() > LARGEST_WRITE {
                    self.write();
                    self.sink = Some(sink);
                }
                self.lines.extend_from_slice(&line);
            }
            Message::Flush(done) => {
                self.write();
                drop(done);
            }
        }
    }

    fn write(&mut self) {
        if let Some(sink) = self.sink.take() {
            // There is nowhere to report a failure to write to.
            let _ = sink.lock().unwrap_or_else(PoisonError::into_inner).write(&self.lines);
            self.lines.clear();
        }
    }
}

impl Sink {
    fn write(&mut self, line: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Nowhere => Ok(()),
            Self::Stdout => std::io::stdout().lock().write_all(line),
            Self::Stderr => std::io::stderr().lock().write_all(line),
            Self::File(file) => file.write_all(line),
        }
    }
}

/// Where the output of one component goes.
#[derive(Clone)]
pub(crate) struct Output {
    writer: Writer,
    stdout: Arc<Mutex<Sink>>,
    stderr: Arc<Mutex<Sink>>,
    prefix: Arc<str>,
}

impl Output {
    /// To Spindle's own output, each line after the component's id.
    #[must_use]
    pub(crate) fn inherit(writer: &Writer, component: &str) -> Self {
        Self {
            writer: writer.clone(),
            stdout: Arc::new(Mutex::new(Sink::Stdout)),
            stderr: Arc::new(Mutex::new(Sink::Stderr)),
            prefix: format!("{component}: ").into(),
        }
    }

    /// To nowhere.
    #[must_use]
    pub(crate) fn discard(writer: &Writer) -> Self {
        let sink = Arc::new(Mutex::new(Sink::Nowhere));
        Self { writer: writer.clone(), stdout: Arc::clone(&sink), stderr: sink, prefix: "".into() }
    }

    /// To `<component>_stdout.txt` and `<component>_stderr.txt` in a directory.
    ///
    /// # Errors
    /// When the directory or a file cannot be made.
    pub(crate) fn files(writer: &Writer, component: &str, dir: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(dir)?;
        let open = |name: &str| {
            let path = dir.join(format!("{component}_{name}.txt"));
            let file = OpenOptions::new().append(true).create(true).open(path)?;
            Ok::<_, std::io::Error>(Arc::new(Mutex::new(Sink::File(file))))
        };
        Ok(Self { writer: writer.clone(), stdout: open("stdout")?, stderr: open("stderr")?, prefix: "".into() })
    }

    /// The standard output of a new instance.
    #[must_use]
    pub(crate) fn stdout(&self) -> Stream {
        self.stream(&self.stdout)
    }

    /// The standard error of a new instance.
    #[must_use]
    pub(crate) fn stderr(&self) -> Stream {
        self.stream(&self.stderr)
    }

    fn stream(&self, sink: &Arc<Mutex<Sink>>) -> Stream {
        Stream(Arc::new(Lines {
            writer: self.writer.clone(),
            sink: Arc::clone(sink),
            prefix: Arc::clone(&self.prefix),
            partial: Mutex::new(Vec::new()),
        }))
    }
}

/// One output stream of one instance.
#[derive(Clone)]
pub(crate) struct Stream(Arc<Lines>);

struct Lines {
    writer: Writer,
    sink: Arc<Mutex<Sink>>,
    prefix: Arc<str>,
    partial: Mutex<Vec<u8>>,
}

impl Lines {
    fn add(&self, mut bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            let (part, ends) = match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => (&bytes[..at], true),
                None => (bytes, false),
            };
            let part = &part[..part.len().min(self.writer.longest_line.saturating_sub(partial.len()))];
            if partial.is_empty() {
                partial.extend_from_slice(self.prefix.as_bytes());
            }
            partial.extend_from_slice(part);
            let ended = ends && bytes.get(part.len()) == Some(&b'\n');
            bytes = &bytes[part.len() + usize::from(ended)..];
            if ended || partial.len() >= self.writer.longest_line {
                partial.push(b'\n');
                self.writer.line(&self.sink, std::mem::take(&mut *partial));
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let mut partial = std::mem::take(self.partial.get_mut().unwrap_or_else(PoisonError::into_inner));
        if !partial.is_empty() {
            partial.push(b'\n');
            self.writer.line(&self.sink, partial);
        }
    }
}

impl IsTerminal for Stream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stream {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.0.add(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(64 * 1024)
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl tokio::io::AsyncWrite for Stream {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.0.add(bytes);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_many_instances_are_never_mixed() {
        let dir = std::env::temp_dir().join(format!("spindle-stdio-{}", std::process::id()));
        let writer = Writer::start(1000, 1024).unwrap();
        let output = Output::files(&writer, "c", &dir).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|n| {
                let stream = output.stdout();
                std::thread::spawn(move || {
                    for _ in 0..100 {
                        for piece in [&n.to_string().repeat(20), "\n"] {
                            stream.0.add(piece.as_bytes());
                        }
                    }
                    stream.0.add(b"end");
                })
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        writer.flush();
        let text = std::fs::read_to_string(dir.join("c_stdout.txt")).unwrap();
        std::fs::remove_dir_all(&dir).unwrap();
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 404);
        assert!(
            lines.iter().all(|line| *line == "end"
                || (line.len() == 20 && line.bytes().all(|b| Some(&b) == line.as_bytes().first())))
        );
    }
}
