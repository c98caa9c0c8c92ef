//! One connection, from its first byte to its end.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::activity::{Activity, Expiry};
use super::admission::Peer;
use super::guarded::{Guarded, Socket};
use super::headers;
use super::streams::Streams;
use super::trigger::{Caller, HttpTrigger};

/// What all connections have in common.
pub(super) struct Server {
    pub(super) trigger: Arc<HttpTrigger>,
    tls: Option<TlsAcceptor>,
    builder: Builder<Streams>,
    stop: CancellationToken,
}

impl Server {
    pub(super) fn new(trigger: Arc<HttpTrigger>, tls: Option<TlsAcceptor>, stop: CancellationToken) -> Self {
        let limits = &trigger.app.limits;
        // What is larger than it may be, but not by far, has an answer of ours.
        let head = limits.request_head.0.saturating_mul(2);
        let streams = Streams { runtime: trigger.app.shared.clone(), write_time: limits.write_time.0 };
        let mut builder = Builder::new(streams);
        builder
            .http1()
            // The time for a head is counted by `activity`, for both protocols.
            .header_read_timeout(None)
            .max_buf_size(head.max(8192))
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(u32::try_from(limits.streams.0).unwrap_or(u32::MAX))
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
            .max_send_buf_size(64 * 1024)
            .keep_alive_interval(limits.head_time.0)
            .adaptive_window(true);
        Self { trigger, tls, builder, stop }
    }

    /// Serves a connection to its end.
    pub(super) async fn serve(&self, stream: TcpStream, address: SocketAddr, peer: Arc<Peer>) {
        let limits = &self.trigger.app.limits;
        let activity = Activity::new(limits.head_time.0, limits.idle_time.0);
        // A connection that cannot have it is slower, no more.
        let _ = stream.set_nodelay(true);
        let socket = match &self.tls {
            None => Socket::Plain(stream),
            Some(tls) => {
                let handshake = tokio::time::timeout(limits.head_time.0, tls.accept(stream));
                let secure = tokio::select! {
                    () = self.stop.cancelled() => return,
                    secure = handshake => secure,
                };
                match secure {
                    Ok(Ok(stream)) => Socket::Tls(Box::new(stream)),
                    Ok(Err(error)) => return tracing::debug!(%error, "a TLS handshake has failed"),
                    Err(_) => return tracing::debug!("a TLS handshake took too long"),
                }
            }
        };
        let is_secure = self.tls.is_some();
        let client = headers::client(address);
        let caller = Arc::new(Caller { client, peer, activity: Arc::clone(&activity), is_secure });
        let socket = TokioIo::new(Guarded::new(socket, Arc::clone(&activity), limits.write_time.0));
        let service = service_fn(|request| {
            let (trigger, caller) = (Arc::clone(&self.trigger), Arc::clone(&caller));
            async move { Ok::<_, Infallible>(trigger.answer(request, &caller).await) }
        });
        let mut connection = std::pin::pin!(self.builder.serve_connection(socket, service));
        tokio::select! {
            biased;
            result = connection.as_mut() => return ended(result),
            expiry = activity.expired() => if expiry == Expiry::Abuse {
                return tracing::debug!(client = %address, "a client has cancelled too much");
            },
            () = self.stop.cancelled() => {}
        }
        // What is under way is finished, and nothing begins.
        connection.as_mut().graceful_shutdown();
        tokio::select! {
            biased;
            result = connection.as_mut() => ended(result),
            () = activity.quiet() => {}
        }
    }
}

fn ended<E: std::fmt::Display>(result: Result<(), E>) {
    if let Err(error) = result {
        tracing::debug!(%error, "a connection has broken");
    }
}
