//! The HTTP trigger: the server, and what it answers by itself.

mod body;
pub(crate) mod call;
mod headers;
pub(crate) mod route;

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Version};
use hyper::body::Incoming;
use hyper::rt::Executor;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::GracefulShutdown;
use serde::Deserialize;
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;

use self::route::{Route, RouteError, Table};
use crate::app::App;
use crate::component::Component;
use crate::trigger::{self, TriggerError};

/// The trigger's type in a manifest.
pub(crate) const TRIGGER_TYPE: &str = "http";

/// How long to wait after the system refused to accept a connection, for want of file descriptors say.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// An HTTP trigger that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum HttpTriggerError {
    /// A trigger's table.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// A route.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// Another process has the address.
    #[error("{0} is in use: stop what listens there, choose another with --listen, or pass --find-free-port")]
    InUse(SocketAddr),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerConfig {
    route: RouteConfig,
    component: Option<String>,
    static_response: Option<StaticResponse>,
    executor: Option<ExecutorConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum RouteConfig {
    Path(String),
    Private { private: bool },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecutorConfig {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct StaticResponse {
    #[serde(default = "ok")]
    status_code: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
}

fn ok() -> u16 {
    200
}

/// What a route leads to.
enum Target {
    Component(Arc<Component>),
    Static(Box<Response<String>>),
}

/// The app's HTTP side.
pub(crate) struct HttpTrigger {
    app: Arc<App>,
    routes: Table<Target>,
    requests: Arc<Semaphore>,
}

impl HttpTrigger {
    /// Reads the app's `http` triggers.
    ///
    /// # Errors
    /// When one is malformed, or two have the same route.
    pub(crate) fn new(app: &Arc<App>) -> Result<Self, HttpTriggerError> {
        let mut routes = Table::default();
        for trigger in trigger::tables::<TriggerConfig>(&app.locked, TRIGGER_TYPE)? {
            if let Some(executor) = trigger.table.executor.as_ref().filter(|executor| executor.kind != "http") {
                return Err(trigger
                    .error(format!(
                        "executor `{}` is not supported by Spindle: build the component for `wasi:http`",
                        executor.kind
                    ))
                    .into());
            }
            let target = match (&trigger.table.component, &trigger.table.static_response) {
                (Some(id), None) => {
                    let component =
                        app.component(id).ok_or_else(|| trigger.error(format!("there is no component `{id}`")))?;
                    if component.http.is_none() {
                        let reason = format!("component `{id}` does not export wasi:http/incoming-handler@0.2");
                        return Err(trigger.error(reason).into());
                    }
                    Target::Component(component)
                }
                (None, Some(response)) => {
                    Target::Static(Box::new(response.build().map_err(|reason| trigger.error(reason))?))
                }
                _ => return Err(trigger.error("either `component` or `static_response` must be there").into()),
            };
            match &trigger.table.route {
                RouteConfig::Path(path) => routes.add(Route::parse(path)?, target)?,
                RouteConfig::Private { private: true } => {}
                RouteConfig::Private { private: false } => {
                    return Err(trigger.error("route = { private = false } says nothing").into());
                }
            }
        }
        let requests = Arc::new(Semaphore::new(app.limits.requests.0));
        Ok(Self { app: Arc::clone(app), routes, requests })
    }

    /// The lines that tell what is served where.
    #[must_use]
    pub(crate) fn describe_routes(&self, address: SocketAddr) -> Vec<String> {
        let line = |(route, target): (&Route, &Target)| {
            let id = match target {
                Target::Component(component) => component.id(),
                Target::Static(_) => "(static response)",
            };
            let wildcard = if route.is_wildcard() { " (wildcard)" } else { "" };
            format!("{id}: http://{address}{}{wildcard}", route.prefix())
        };
        self.routes.iter().map(line).collect()
    }

    /// Serves until `stop`; then lets what is under way come to its end.
    pub(crate) async fn serve(self: Arc<Self>, listener: TcpListener, stop: CancellationToken) {
        let limits = Arc::clone(&self.app.limits);
        let (head, head_time) = (limits.request_head.0, limits.head_time.0);
        let mut builder = Builder::new(OnShared(self.app.shared.clone()));
        builder
            .http1()
            .timer(TokioTimer::new())
            .header_read_timeout(head_time)
            .max_buf_size(head)
            .http2()
            .timer(TokioTimer::new())
            .max_concurrent_streams(u32::try_from(limits.streams.0).unwrap_or(u32::MAX))
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
            .keep_alive_interval(head_time)
            .adaptive_window(true);
        let builder = Arc::new(builder);
        let connections = Arc::new(Semaphore::new(limits.connections.0));
        let graceful = GracefulShutdown::new();
        loop {
            let permit = tokio::select! {
                () = stop.cancelled() => break,
                Ok(permit) = Arc::clone(&connections).acquire_owned() => permit,
            };
            let (stream, peer) = tokio::select! {
                () = stop.cancelled() => break,
                accepted = listener.accept() => match accepted {
                    Ok(accepted) => accepted,
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                        continue;
                    }
                },
            };
            let (trigger, builder, watcher) = (Arc::clone(&self), Arc::clone(&builder), graceful.watcher());
            let stop = stop.clone();
            let served = self.app.connection_threads.serve(stream, move |stream| async move {
                let _permit = permit;
                // A connection on which nothing comes at all.
                let ready = tokio::select! {
                    () = stop.cancelled() => return,
                    ready = tokio::time::timeout(head_time, readable(&stream)) => ready,
                };
                if !matches!(ready, Ok(Ok(()))) {
                    return;
                }
                let client = headers::client(peer);
                let service = hyper::service::service_fn(move |request| {
                    let (trigger, client) = (Arc::clone(&trigger), client.clone());
                    async move { Ok::<_, Infallible>(trigger.answer(request, client).await) }
                });
                let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(error, "a connection has broken");
                }
            });
            if let Err(error) = served {
                tracing::warn!(%error, "a connection could not be accepted");
            }
        }
        drop(listener);
        graceful.shutdown().await;
        // Instances may go on after their response.
        let all = u32::try_from(limits.requests.0).unwrap_or(u32::MAX);
        drop(self.requests.acquire_many(all).await);
    }

    async fn answer(
        self: Arc<Self>,
        mut request: Request<Incoming>,
        client: HeaderValue,
    ) -> Response<HyperOutgoingBody> {
        let uri = request.uri().clone();
        match uri.path() {
            "/.well-known/spin/health" => return text("OK"),
            "/.well-known/spin/info" => return self.info(),
            // The rest of the prefix is Spin's, and no component's.
            path if path.starts_with("/.well-known/spin/") => return body::empty(StatusCode::NOT_FOUND),
            _ => {}
        }
        if headers::check_host(request.headers(), &uri).is_err() {
            return body::empty(StatusCode::BAD_REQUEST);
        }
        let Some(found) = self.routes.find(uri.path()) else { return body::empty(StatusCode::NOT_FOUND) };
        let component = match found.target {
            Target::Component(component) => component,
            Target::Static(response) => return response.as_ref().clone().map(body::full),
        };
        if uri.authority().is_none() && !request.headers().contains_key(HOST) {
            if request.version() == Version::HTTP_11 {
                return body::empty(StatusCode::BAD_REQUEST);
            }
            // HTTP/1.0 has no need of it, but components do.
            if let Some(Ok(host)) = self.app.gateway.own_address().map(|own| HeaderValue::from_str(&own.to_string())) {
                request.headers_mut().insert(HOST, host);
            }
        }
        let limit = self.app.limits.request_body.0 as u64;
        let length = request.headers().get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit) {
            return body::empty(StatusCode::PAYLOAD_TOO_LARGE);
        }
        headers::strip(request.headers_mut());
        headers::by_route(request.headers_mut(), &uri, &found, &client);
        // The semaphore is never closed.
        let Ok(guard) = Arc::clone(&self.requests).acquire_owned().await else {
            return body::empty(StatusCode::SERVICE_UNAVAILABLE);
        };
        let request = request.map(|body| body::Limited::new(body, limit));
        match call::run(&self.app, component, request, guard).await {
            Ok(response) => response,
            Err(_) => body::empty(StatusCode::INTERNAL_SERVER_ERROR),
        }
    }

    fn info(&self) -> Response<HyperOutgoingBody> {
        let metadata = &self.app.locked.metadata;
        let info = serde_json::json!({"name": metadata.name, "version": metadata.version});
        let mut response = Response::new(body::full(info.to_string()));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response
    }
}

impl StaticResponse {
    fn build(&self) -> Result<Response<String>, String> {
        let mut response = Response::new(self.body.clone());
        *response.status_mut() = StatusCode::from_u16(self.status_code).map_err(|e| e.to_string())?;
        for (name, value) in &self.headers {
            let name = HeaderName::try_from(name.as_str()).map_err(|e| format!("header {name:?}: {e}"))?;
            let value = HeaderValue::try_from(value.as_str()).map_err(|e| format!("header `{name}`: {e}"))?;
            response.headers_mut().append(name, value);
        }
        Ok(response)
    }
}

/// Runs the streams of an HTTP/2 connection: one connection may carry all that a proxy has, too much for one thread.
#[derive(Debug, Clone)]
struct OnShared(Handle);

impl<F> Executor<F> for OnShared
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.0.spawn(stream);
    }
}

fn text(body: &'static str) -> Response<HyperOutgoingBody> {
    Response::new(body::full(body))
}

/// Waits until there is something to read, with the connection's settings made.
async fn readable(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.readable().await
}

/// Listens on an address, or with `find_free_port` on the next one that is free.
///
/// # Errors
/// When the address is in use or cannot be had.
pub(crate) async fn listen(mut address: SocketAddr, find_free_port: bool) -> Result<TcpListener, HttpTriggerError> {
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return Ok(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => match address.port().checked_add(1) {
                Some(next) if find_free_port => address.set_port(next),
                _ => return Err(HttpTriggerError::InUse(address)),
            },
            Err(error) => return Err(HttpTriggerError::Listen(address, error)),
        }
    }
}
