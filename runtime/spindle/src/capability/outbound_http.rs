//! Requests of guests: `wasi:http/outgoing-handler`.
//!
//! A request goes one of three ways: to a component of this app without any network (`<id>.spin.internal`), to the app's
//! own listener (`self.alt`), or out. The first is also an allowed host, and must be listed like any other.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, Scheme};
use http::{Request, Response, Uri};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client as LegacyClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};

use super::outbound::{Denied, Outbound};
use crate::hosts::{Destination, default_port};
use crate::limits::Limits;
use crate::runtime_config::OutboundHttp;

/// The name that stands for the app itself.
const OWN: &str = "self.alt";

/// The end of the names that stand for components of this app.
const INTERNAL: &str = ".spin.internal";

/// What `send_request` answers with: a response, and the work that goes on behind it.
type Answer = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// The client that all components share.
#[derive(Debug, Clone)]
struct Client {
    client: LegacyClient<HttpsConnector<HttpConnector>, WasiBody>,
    /// How long an answer, or the next part of one, may take when the guest does not say.
    answer_time: Duration,
    permits: Option<Arc<Semaphore>>,
}

impl Client {
    /// A client without any connection yet.
    fn new(config: &OutboundHttp, limits: &Limits) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(limits.http_connect.0));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(connector);
        let client = LegacyClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(limits.http_idle.0)
            .pool_max_idle_per_host(if config.connection_pooling { limits.http_idle_connections.0 } else { 0 })
            .build(connector);
        let answer_time = limits.http_response.0;
        Self { client, answer_time, permits: config.max_connections.map(|max| Arc::new(Semaphore::new(max))) }
    }

    async fn send(self, request: Request<WasiBody>, options: RequestOptions) -> Result<Response<WasiBody>, Error> {
        let permit = match self.permits {
            Some(permits) => permits.acquire_owned().await.ok(),
            None => None,
        };
        let wait = options.first_byte_timeout.unwrap_or(self.answer_time);
        let response = match tokio::time::timeout(wait, self.client.request(request)).await {
            Ok(result) => result.map_err(client_error)?,
            Err(_) => return Err(Error::ConnectionReadTimeout),
        };
        let timeout = options.between_bytes_timeout.unwrap_or(self.answer_time);
        Ok(response.map(|body| {
            ResponseBody { body, timeout, timer: Box::pin(tokio::time::sleep(timeout)), _permit: permit }.boxed_unsync()
        }))
    }
}

fn client_error(error: hyper_util::client::legacy::Error) -> Error {
    if error.is_connect() {
        let text = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        return match text {
            text if text.contains("dns") => {
                Error::DnsError { rcode: Some("address not available".to_owned()), info_code: None }
            }
            text if text.contains("deadline") => Error::ConnectionTimeout,
            text if text.contains("certificate") => Error::TlsCertificateError,
            _ => Error::ConnectionRefused,
        };
    }
    Error::HttpProtocolError
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

/// Calls components of the app for each other.
pub(crate) trait Chain: Send + Sync {
    /// Calls the component with this id; without one the destination is not found.
    fn call(self: Arc<Self>, id: String, request: Request<WasiBody>) -> ChainedCall;
}

/// The work of a call from one component to another.
pub(crate) type ChainedCall = Pin<Box<dyn Future<Output = Result<Response<WasiBody>, Error>> + Send>>;

/// What the requests of all components have in common.
#[derive(Debug)]
pub(crate) struct Gateway {
    client: Client,
    own_address: OnceLock<SocketAddr>,
}

impl Gateway {
    pub(crate) fn new(config: &OutboundHttp, limits: &Limits) -> Self {
        Self { client: Client::new(config, limits), own_address: OnceLock::new() }
    }

    /// Where the app itself listens.
    pub(crate) fn own_address(&self) -> Option<SocketAddr> {
        self.own_address.get().copied()
    }

    /// Remembers where the app itself listens.
    pub(crate) fn set_own_address(&self, mut address: SocketAddr) {
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        // The first listener is the one.
        let _ = self.own_address.set(address);
    }
}

/// What wasi-http asks on behalf of one call.
pub(crate) struct Hooks {
    gateway: Arc<Gateway>,
    chain: Arc<dyn Chain>,
    outbound: Arc<Outbound>,
}

impl Hooks {
    pub(crate) fn new(gateway: &Arc<Gateway>, chain: Arc<dyn Chain>, outbound: &Arc<Outbound>) -> Self {
        Self { gateway: Arc::clone(gateway), chain, outbound: Arc::clone(outbound) }
    }

    fn route(&self, request: &mut Request<WasiBody>) -> Result<Route, Error> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("http");
        let Some(authority) = uri.authority() else { return Err(Error::HttpRequestUriInvalid) };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host == OWN {
            self.outbound.check_own(scheme).map_err(denied)?;
            let own = self.gateway.own_address().ok_or(Error::DestinationNotFound)?;
            let own = Authority::try_from(own.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
            let mut parts = uri.clone().into_parts();
            parts.scheme = Some(Scheme::HTTP);
            parts.authority = Some(own.clone());
            *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
            if let Ok(value) = own.as_str().parse() {
                request.headers_mut().insert(http::header::HOST, value);
            }
            return Ok(Route::Outside);
        }
        let port = authority.port_u16().or_else(|| default_port(scheme)).ok_or(Error::HttpRequestUriInvalid)?;
        self.outbound.check(Destination { scheme, host, port }).map_err(denied)?;
        Ok(match host.strip_suffix(INTERNAL) {
            Some(id) => Route::Component(id.to_owned()),
            None => Route::Outside,
        })
    }
}

fn denied(_: Denied) -> Error {
    Error::HttpRequestDenied
}

/// Which way a request goes.
enum Route {
    /// To the component with this id.
    Component(String),
    /// To a server.
    Outside,
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, Error>> + Send> {
        let route = self.route(&mut request);
        let (chain, gateway) = (Arc::clone(&self.chain), Arc::clone(&self.gateway));
        Box::new(async move {
            let response = match route? {
                Route::Component(id) => chain.call(id, request).await?,
                Route::Outside => gateway.client.clone().send(request, options.unwrap_or_default()).await?,
            };
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
        })
    }

    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTP)
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        8
    }
}
