//! The client for guests' requests to the outside: one for all components, with a pool of connections.

use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use hyper_util::client::legacy::connect::{HttpConnector, capture_connection};
use hyper_util::client::legacy::{Client as LegacyClient, Error as ClientError};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep, timeout};
use tower_service::Service;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody};

use crate::limits::Limits;
use crate::outgoing_socket;
use crate::runtime_config::OutboundHttp;
use crate::tls;

/// The client.
#[derive(Debug, Clone)]
pub(super) struct Client {
    client: LegacyClient<HttpsConnector<HttpConnector<Resolver>>, WasiBody>,
    /// How long an answer, or the next part of one, may take when the guest does not say.
    answer_time: Duration,
    permits: Option<Arc<Semaphore>>,
}

impl Client {
    /// A client without any connection yet.
    pub(super) fn new(config: &OutboundHttp, limits: &Limits) -> Self {
        let mut connector = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        connector.set_connect_timeout(Some(limits.http_connect.0));
        connector.set_nodelay(true);
        connector.set_keepalive(Some(outgoing_socket::KEEPALIVE_IDLE));
        connector.set_keepalive_interval(Some(outgoing_socket::KEEPALIVE_INTERVAL));
        connector.set_keepalive_retries(Some(outgoing_socket::KEEPALIVE_RETRIES));
        #[cfg(target_os = "linux")]
        connector.set_tcp_user_timeout(Some(outgoing_socket::USER_TIMEOUT));
        connector.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls::client())
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let client = LegacyClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.http_idle.0)
            .pool_max_idle_per_host(if config.connection_pooling { limits.http_idle_connections.0 } else { 0 })
            .build(connector);
        let answer_time = limits.http_response.0;
        Self { client, answer_time, permits: config.max_connections.map(|max| Arc::new(Semaphore::new(max))) }
    }

    /// Sends a request, and returns the response as soon as its head is there.
    pub(super) async fn send(
        self,
        request: Request<WasiBody>,
        options: RequestOptions,
    ) -> Result<Response<WasiBody>, Error> {
        let permit = match self.permits {
            Some(permits) => permits.acquire_owned().await.ok(),
            None => None,
        };
        let wait = options.first_byte_timeout.unwrap_or(self.answer_time);
        let answer = connect_in_time(&self.client, request, options.connect_timeout);
        let response = timeout(wait, answer).await.map_err(|_| Error::ConnectionReadTimeout)??;
        let timeout = options.between_bytes_timeout.unwrap_or(self.answer_time);
        Ok(response.map(|body| {
            ResponseBody { body, timeout, timer: Box::pin(tokio::time::sleep(timeout)), _permit: permit }.boxed_unsync()
        }))
    }
}

/// Sends a request for which there has to be a connection within a time, if the guest has said so.
async fn connect_in_time(
    client: &LegacyClient<HttpsConnector<HttpConnector<Resolver>>, WasiBody>,
    mut request: Request<WasiBody>,
    connect_time: Option<Duration>,
) -> Result<Response<Incoming>, Error> {
    let Some(connect_time) = connect_time else {
        return client.request(request).await.map_err(|error| client_error(&error));
    };
    let mut captured = capture_connection(&mut request);
    let mut answer = pin!(client.request(request));
    tokio::select! {
        biased;
        answer = &mut answer => return answer.map_err(|error| client_error(&error)),
        connected = timeout(connect_time, captured.wait_for_connection_metadata()) => {
            connected.map(drop).map_err(|_| Error::ConnectionTimeout)?;
        }
    }
    answer.await.map_err(|error| client_error(&error))
}

/// Looks up names as the system does. Its errors have a type of their own, by which they are known again.
#[derive(Debug, Clone)]
struct Resolver(GaiResolver);

/// A name that could not be looked up.
#[derive(Debug, thiserror::Error)]
#[error("cannot look up the name: {0}")]
struct LookupError(io::Error);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = LookupError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, LookupError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), LookupError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let lookup = self.0.call(name);
        Box::pin(async move { Ok(lookup.await.map_err(LookupError)?.collect::<Vec<_>>().into_iter()) })
    }
}

/// What a guest is told, by what is behind an error.
fn client_error(error: &ClientError) -> Error {
    if !error.is_connect() {
        return Error::HttpProtocolError;
    }
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        if error.is::<LookupError>() {
            return Error::DnsError { rcode: Some("address not available".to_owned()), info_code: None };
        }
        let mut io = error.downcast_ref::<io::Error>();
        while let Some(error) = io {
            if error.kind() == io::ErrorKind::TimedOut {
                return Error::ConnectionTimeout;
            }
            let inner = error.get_ref();
            match inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(rustls::Error::InvalidCertificate(_)) => return Error::TlsCertificateError,
                Some(_) => return Error::TlsProtocolError,
                None => io = inner.and_then(|inner| inner.downcast_ref()),
            }
        }
        cause = error.source();
    }
    Error::ConnectionRefused
}

/// The body of a response from outside, with a limit on each wait for more of it.
struct ResponseBody {
    body: Incoming,
    timeout: Duration,
    timer: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                let next = Instant::now() + self.timeout;
                self.timer.as_mut().reset(next);
                Poll::Ready(frame.map(|frame| frame.map_err(Error::from)))
            }
            Poll::Pending => self.timer.as_mut().poll(context).map(|()| Some(Err(Error::ConnectionReadTimeout))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use http_body_util::Empty;

    use super::*;

    async fn get(url: &str, options: RequestOptions) -> Error {
        let client = Client::new(&OutboundHttp::default(), &Limits::default());
        let body: WasiBody = Empty::new().map_err(|never| match never {}).boxed_unsync();
        client.send(Request::get(url).body(body).unwrap(), options).await.err().unwrap()
    }

    #[tokio::test]
    async fn a_guest_may_say_how_long_it_waits_for_a_connection() {
        // A queue that is full takes no further connection, and does not refuse it either.
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let address = listener.local_addr().unwrap();
        let short = Duration::from_millis(200);
        let waiting: Vec<_> = (0..9).map_while(|_| TcpStream::connect_timeout(&address, short).ok()).collect();
        assert!(waiting.len() < 9, "the queue takes all");
        let options = RequestOptions { connect_timeout: Some(short), ..RequestOptions::default() };
        let start = std::time::Instant::now();
        assert!(matches!(get(&format!("http://{address}/"), options).await, Error::ConnectionTimeout));
        assert!(start.elapsed() < Duration::from_secs(3));
    }

    #[tokio::test]
    async fn errors_are_told_apart_by_what_is_behind_them() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(matches!(
            get(&format!("http://{address}/"), RequestOptions::default()).await,
            Error::ConnectionRefused
        ));
        let unknown = get("http://name.invalid/", RequestOptions::default()).await;
        assert!(matches!(unknown, Error::DnsError { .. }), "{unknown:?}");
    }
}
