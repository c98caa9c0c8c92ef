//! Requests of guests: `wasi:http/outgoing-handler`.
//!
//! A request goes one of three ways: to a component of this app without any network (`<id>.spin.internal`), to the app's
//! own listener (`self.alt`), or out. The first is also an allowed host, and must be listed like any other.

mod client;

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use http::uri::{Authority, Scheme};
use http::{HeaderName, Request, Response, Uri};
use wasmtime_wasi_http::{DEFAULT_FORBIDDEN_HEADERS, Error, RequestOptions, WasiBody, WasiHttpHooks};

use self::client::Client;
use super::outbound::{Denied, Outbound};
use crate::counters::Outgoing;
use crate::hosts::{Destination, default_port};
use crate::limits::Limits;
use crate::runtime_config::OutboundHttp;
use crate::telemetry::{HttpRequest, Trace};

/// The name that stands for the app itself.
const OWN: &str = "self.alt";

/// How much of an answer that nobody takes waits in memory: a component is done with a shorter one.
const BUFFERED_CHUNKS: usize = 15;
const CHUNK: usize = 128 * 1024;

/// The end of the names that stand for components of this app.
const INTERNAL: &str = ".spin.internal";

/// The headers that a guest neither sees nor sets: the default, which wasi-http would make anew for each header it looks at.
static FORBIDDEN_HEADERS: [HeaderName; 9] = DEFAULT_FORBIDDEN_HEADERS;

/// What `send_request` answers with: a response, and the work that goes on behind it.
type Answer = (Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// Calls components of the app for each other.
pub(crate) trait Chain: Send + Sync {
    /// Calls the component with this id; without one the destination is not found. `depth` is how many components have called
    /// each other with this call.
    fn call(self: Arc<Self>, id: String, request: Request<WasiBody>, depth: usize) -> ChainedCall;

    /// Answers a request to the app itself, by its routes.
    fn call_own(self: Arc<Self>, request: Request<WasiBody>, depth: usize) -> ChainedCall;
}

/// What an app serves.
pub(crate) trait OwnRoutes: Send + Sync {
    /// Answers a request of one of the app's own components.
    fn answer_own(self: Arc<Self>, request: Request<WasiBody>, depth: usize) -> ChainedCall;
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
    /// How many components have called each other before this call.
    depth: usize,
    /// What the call is a part of.
    pub(crate) trace: Trace,
}

impl Hooks {
    pub(crate) fn new(gateway: &Arc<Gateway>, chain: Arc<dyn Chain>, outbound: &Arc<Outbound>, depth: usize) -> Self {
        let (gateway, outbound) = (Arc::clone(gateway), Arc::clone(outbound));
        Self { gateway, chain, outbound, depth, trace: Trace::default() }
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
            return Ok(Route::Own);
        }
        let port = authority.port_u16().or_else(|| default_port(scheme)).ok_or(Error::HttpRequestUriInvalid)?;
        self.outbound.check(Destination { scheme, host, port }).map_err(denied)?;
        // Names of hosts are the same in capitals; those of components have none.
        let name = host.to_ascii_lowercase();
        Ok(match name.strip_suffix(INTERNAL) {
            Some(_) => Route::Component(host[..host.len() - INTERNAL.len()].to_owned()),
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
    /// To the app itself.
    Own,
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
        let mut span = HttpRequest::sent(&self.trace, request.method(), request.uri());
        let route = self.route(&mut request);
        let trace = span.trace();
        // Who is outside learns of it what the component says itself: a provider is not to join what is done for many.
        if !matches!(route, Ok(Route::Outside)) || Trace::is_told(request.headers()) {
            trace.write(request.headers_mut());
        }
        if let Ok(route) = &route {
            self.outbound.counters().asked(match route {
                Route::Component(_) | Route::Own => Outgoing::Component,
                Route::Outside => Outgoing::Http,
            });
        }
        let (chain, gateway, depth) = (Arc::clone(&self.chain), Arc::clone(&self.gateway), self.depth + 1);
        Box::new(async move {
            let response = match route {
                Ok(Route::Component(id)) => {
                    trace.send_along(&mut request);
                    chain.call(id, request, depth).await
                }
                Ok(Route::Own) => {
                    trace.send_along(&mut request);
                    chain.call_own(request, depth).await
                }
                Ok(Route::Outside) => gateway.client.clone().send(request, options.unwrap_or_default()).await,
                Err(error) => Err(error),
            };
            let response = response.inspect_err(|_| span.fail("no answer"))?;
            HttpRequest::answered(&mut span, response.status());
            Ok((response, Box::new(std::future::ready(Ok(()))) as Box<_>))
        })
    }

    fn is_forbidden_header(&mut self, name: &HeaderName) -> bool {
        FORBIDDEN_HEADERS.contains(name)
    }

    fn default_scheme(&mut self) -> Option<Scheme> {
        Some(Scheme::HTTP)
    }

    fn p2_outgoing_body_buffer_chunks(&mut self) -> usize {
        BUFFERED_CHUNKS
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        CHUNK
    }
}
