//! The bytes of a connection: a client that takes none for too long loses it.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};
use tokio_rustls::server::TlsStream;

use super::activity::Activity;

/// How long a closed connection is read on, so that a client that is still sending sees its answer and not a reset.
const LINGER: Duration = Duration::from_secs(1);

/// A connection, with TLS or without.
#[derive(Debug)]
pub(super) enum Socket {
    /// As it comes.
    Plain(TcpStream),
    /// Within TLS.
    Tls(Box<TlsStream<TcpStream>>),
}

/// A connection that is closed when the client takes nothing for too long.
#[derive(Debug)]
pub(super) struct Guarded {
    socket: Socket,
    activity: Arc<Activity>,
    write_time: Duration,
    /// Runs out when a write has made no progress; made when it is first needed.
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether a write waits.
    waits: bool,
    /// Until when what still comes is thrown away; the connection is closed otherwise.
    lingers: Option<Pin<Box<Sleep>>>,
}

impl Guarded {
    pub(super) fn new(socket: Socket, activity: Arc<Activity>, write_time: Duration) -> Self {
        Self { socket, activity, write_time, timer: None, waits: false, lingers: None }
    }

    /// Counts the time of a write that waits.
    fn guard<T>(&mut self, context: &mut Context<'_>, write: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if write.is_ready() {
            if self.waits {
                self.waits = false;
                self.activity.writing(false);
            }
            return write;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.write_time)));
        if !self.waits {
            self.waits = true;
            self.activity.writing(true);
            timer.as_mut().reset(Instant::now() + self.write_time);
        }
        match timer.as_mut().poll(context) {
            Poll::Ready(()) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
        }
    }

    /// Reads what still comes and throws it away, for a while.
    fn linger(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let timer = self.lingers.get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER)));
        if timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Ok(()));
        }
        let mut space = [0; 4096];
        // As much as a socket holds; then others have their turn.
        for _ in 0..64 {
            let mut buffer = ReadBuf::new(&mut space);
            match ready!(self.socket.poll_read(context, &mut buffer)) {
                Ok(()) if !buffer.filled().is_empty() => {}
                _ => return Poll::Ready(Ok(())),
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Socket {
    fn poll_read(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncRead for Guarded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(self.socket.poll_read(context, buffer))?;
        if buffer.filled().len() > before {
            self.activity.received();
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Guarded {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let write = match &mut self.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        self.guard(context, write)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let write = match &mut self.socket {
            Socket::Plain(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        };
        self.guard(context, write)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Socket::Plain(stream) => stream.is_write_vectored(),
            Socket::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flush = match &mut self.socket {
            // It has no buffer; a write that waits goes on waiting.
            Socket::Plain(_) => return Poll::Ready(Ok(())),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(context),
        };
        self.guard(context, flush)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingers.is_none() {
            let shutdown = match &mut self.socket {
                Socket::Plain(stream) => Pin::new(stream).poll_shutdown(context),
                Socket::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            };
            ready!(self.guard(context, shutdown))?;
            if !self.activity.has_unread() {
                return Poll::Ready(Ok(()));
            }
        }
        self.linger(context)
    }
}
