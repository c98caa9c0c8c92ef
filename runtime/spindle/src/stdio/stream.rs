//! One output stream of one instance, which makes lines of what is written.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use super::Writer;
use super::sink::Sink;

/// One output stream of one instance.
#[derive(Clone)]
pub(crate) struct Stream(pub(super) Arc<Lines>);

pub(super) struct Lines {
    writer: Writer,
    sink: Arc<Sink>,
    partial: Mutex<Vec<u8>>,
}

impl Stream {
    pub(super) fn new(writer: &Writer, sink: &Arc<Sink>) -> Self {
        Self(Arc::new(Lines { writer: writer.clone(), sink: Arc::clone(sink), partial: Mutex::default() }))
    }

    /// Writes bytes, as a guest does.
    #[cfg(test)]
    pub(crate) fn add(&self, bytes: &[u8]) {
        self.0.add(bytes);
    }

    /// Ends the line that has begun, if there is one.
    pub(crate) fn end_line(&self) {
        let mut partial = self.0.partial.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.end_line(std::mem::take(&mut *partial));
    }
}

impl Lines {
    fn end_line(&self, mut partial: Vec<u8>) {
        if !partial.is_empty() {
            partial.push(b'\n');
            self.writer.line(&self.sink, partial);
        }
    }

    pub(super) fn add(&self, mut bytes: &[u8]) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        while !bytes.is_empty() {
            let (part, ends) = match bytes.iter().position(|byte| *byte == b'\n') {
                Some(at) => (&bytes[..at], true),
                None => (bytes, false),
            };
            let part = &part[..part.len().min(self.writer.limits.line.saturating_sub(partial.len()))];
            partial.extend_from_slice(part);
            let ended = ends && bytes.get(part.len()) == Some(&b'\n');
            bytes = &bytes[part.len() + usize::from(ended)..];
            if ended || partial.len() >= self.writer.limits.line {
                partial.push(b'\n');
                self.writer.line(&self.sink, std::mem::take(&mut *partial));
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        let partial = std::mem::take(self.partial.get_mut().unwrap_or_else(PoisonError::into_inner));
        self.end_line(partial);
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
