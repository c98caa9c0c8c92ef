//! Requests of guests: `wasi:http/outgoing-handler`.
//!
//! A request goes one of three ways: to a component of this app without any network (`<id>.spin.internal`), to the app's
//! own listener (`self.alt`), or out. The first is also an allowed host, and must be listed like any other.

use std::pin::Pin;
use std::sync::Arc;
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

use crate::app::{App, Component};
use crate::hosts::{Destination, default_port};
use crate::http::call;
use crate::runtime_config::OutboundHttp;

/// How long a connection may take to come about.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long an answer, or the next part of one, may take when the guest does not say; the same as in WASI's reference.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(600);

/// How long an unused connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// The name that stands for the app itself.
const OWN: &str = "self.alt";

/// The end of the names that stand for components of this app.
const INTERNAL: &str = ".spin.internal";

/// What `send_request` answers with: a response, and the work that goes on behind it.
type Answer = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// The client that all components share.
#[derive(Debug, Clone)]
pub struct Client {
    client: LegacyClient<HttpsConnector<HttpConnector>, WasiBody>,
    permits: Option<Arc<Semaphore>>,
}

impl Client {
    /// A client without any connection yet.
    #[must_use]
    pub fn new(config: &OutboundHttp) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_nodelay(true);
        connector.enforce_http(false);
        let connector =
            HttpsConnectorBuilder::new().with_webpki_roots().https_or_http().enable_http1().wrap_connector(connector);
        let client = LegacyClient::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_max_idle_per_host(if config.connection_pooling { 64 } else { 0 })
            .build(connector);
        Self { client, permits: config.max_connections.map(|max| Arc::new(Semaphore::new(max))) }
    }

    async fn send(self, request: Request<WasiBody>, options: RequestOptions) -> Result<Response<WasiBody>, Error> {
        let permit = match self.permits {
            Some(permits) => permits.acquire_owned().await.ok(),
            None => None,
        };
        let wait = options.first_byte_timeout.unwrap_or(DEFAULT_TIMEOUT);
        let response = match tokio::time::timeout(wait, self.client.request(request)).await {
            Ok(result) => result.map_err(client_error)?,
            Err(_) => return Err(Error::ConnectionReadTimeout),
        };
        let timeout = options.between_bytes_timeout.unwrap_or(DEFAULT_TIMEOUT);
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

/// What wasi-http asks on behalf of one call.
pub(crate) struct Hooks {
    app: Arc<App>,
    component: Arc<Component>,
}

impl Hooks {
    pub(crate) fn new(app: Arc<App>, component: Arc<Component>) -> Self {
        Self { app, component }
    }

    fn route(&self, request: &mut Request<WasiBody>) -> Result<Way, Error> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or("http");
        let Some(authority) = uri.authority() else { return Err(Error::HttpRequestUriInvalid) };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host == OWN {
            if !self.component.hosts.allows_own(scheme) {
                return Err(self.deny("self"));
            }
            let own = self.app.own_address().ok_or(Error::DestinationNotFound)?;
            let own = Authority::try_from(own.to_string()).map_err(|_| Error::HttpRequestUriInvalid)?;
            let mut parts = uri.clone().into_parts();
            parts.scheme = Some(Scheme::HTTP);
            parts.authority = Some(own.clone());
            *request.uri_mut() = Uri::from_parts(parts).map_err(|_| Error::HttpRequestUriInvalid)?;
            if let Ok(value) = own.as_str().parse() {
                request.headers_mut().insert(http::header::HOST, value);
            }
            return Ok(Way::Outside);
        }
        let port = authority.port_u16().or_else(|| default_port(scheme)).ok_or(Error::HttpRequestUriInvalid)?;
        if !self.component.hosts.allows(Destination { scheme, host, port }) {
            return Err(self.deny(&format!("{scheme}://{host}:{port}")));
        }
        match host.strip_suffix(INTERNAL) {
            Some(id) => self.app.component(id).map(Way::Inside).ok_or(Error::DestinationNotFound),
            None => Ok(Way::Outside),
        }
    }

    fn deny(&self, denied: &str) -> Error {
        tracing::warn!(
            component = self.component.id,
            denied,
            "a request was denied: it is not in allowed_outbound_hosts"
        );
        Error::HttpRequestDenied
    }
}

enum Way {
    Inside(Arc<Component>),
    Outside,
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        mut request: Request<WasiBody>,
        options: Option<RequestOptions>,
        _sent: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Answer, Error>> + Send> {
        let way = self.route(&mut request);
        let app = Arc::clone(&self.app);
        Box::new(async move {
            let response = match way? {
                Way::Inside(component) => call::chained(&app, &component, request).await?,
                Way::Outside => app.client.clone().send(request, options.unwrap_or_default()).await?,
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
