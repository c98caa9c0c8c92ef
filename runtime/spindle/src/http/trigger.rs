//! The HTTP trigger: what becomes of a request.

use std::collections::HashSet;
use std::sync::Arc;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderValue};
use http::uri::{Parts, Scheme};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::{Body, Incoming};
use wasmtime_wasi_http::WasiBody;

use super::activity::Activity;
use super::admission::{Admission, Busy, Kind, Peer};
use super::body::{BodyFault, BodyLimits, Outgoing, Received};
use super::call::{self, Called};
use super::config::{self, Target};
use super::error::HttpTriggerError;
use super::route::{Route, Table};
use super::{conditional, headers, host, problem, streams};
use crate::app::App;
use crate::capability::outbound_http::{ChainedCall, OwnRoutes};
use crate::component::Component;
use crate::counters::{Refused, Sender};
use crate::telemetry::HttpRequest;

/// What a header costs beside its name and value (RFC 9113, section 6.5.2).
const HEADER_OVERHEAD: usize = 32;

/// The path of Spin's own probe; the rest of the prefix is no component's either.
const HEALTH: &str = "/.well-known/spin/health";
const INFO: &str = "/.well-known/spin/info";
const RESERVED: &str = "/.well-known/spin/";

/// Who calls when it is the app itself.
const OWN_CLIENT: HeaderValue = HeaderValue::from_static("127.0.0.1:0");

/// Who sends the requests of one connection.
pub(super) struct Caller {
    /// Its address, as components are told it.
    pub(super) client: HeaderValue,
    /// What it has taken.
    pub(super) peer: Arc<Peer>,
    /// What happens on the connection.
    pub(super) activity: Arc<Activity>,
    /// Whether the connection has TLS.
    pub(super) is_secure: bool,
}

/// The app's HTTP side.
pub(crate) struct HttpTrigger {
    pub(super) app: Arc<App>,
    pub(super) admission: Arc<Admission>,
    routes: Table<Target>,
    /// Paths that are answered even when all places are taken.
    probes: HashSet<String>,
}

impl HttpTrigger {
    /// Reads the app's `http` triggers. Requests for the paths of `probes` have places of their own.
    ///
    /// # Errors
    /// When one is malformed, or two have the same route.
    pub(crate) fn new(app: &Arc<App>, probes: Vec<String>) -> Result<Self, HttpTriggerError> {
        let routes = config::routes(app)?;
        let admission = Admission::new(&app.limits);
        Ok(Self { app: Arc::clone(app), admission, routes, probes: probes.into_iter().collect() })
    }

    /// Places that requests have with components, how many there are, and requests that wait for one.
    pub(crate) fn places(&self) -> [usize; 3] {
        self.admission.places()
    }

    /// Open connections.
    pub(crate) fn connections(&self) -> usize {
        self.admission.connections()
    }

    /// The lines that tell what is served where, with the scheme and address that it is served on.
    #[must_use]
    pub(crate) fn describe_routes(&self, base: &str) -> Vec<String> {
        let line = |(route, target): (&Route, &Target)| {
            let id = match target {
                Target::Component(component) => component.id(),
                Target::Static(_) => "(static response)",
            };
            let wildcard = if route.is_wildcard() { " (wildcard)" } else { "" };
            format!("{id}: {base}{}{wildcard}", route.prefix())
        };
        self.routes.iter().map(line).collect()
    }

    /// Answers one request.
    pub(super) async fn answer(&self, request: Request<Incoming>, caller: &Caller) -> Response<Outgoing> {
        let is_http2 = request.version() == Version::HTTP_2;
        if !request.body().is_end_stream() {
            caller.activity.leave_unread(true);
        }
        let mut open = caller.activity.open(is_http2);
        let Some(held) = caller.peer.take(Kind::Requests, 1) else {
            open.answered();
            self.app.counters.refused(Refused::Requests);
            return self.own(request.method(), problem::busy());
        };
        let mut response = match self.refuse(request.method(), request.uri(), request.headers(), request.version()) {
            Some(refusal) => self.own(request.method(), refusal),
            None => self.respond(request, caller).await,
        };
        open.answered();
        response.body_mut().keep_open(open, held, is_http2);
        streams::wait_for_client();
        response
    }

    /// Counts what the app answers without a component.
    fn own<B>(&self, method: &Method, response: Response<B>) -> Response<B> {
        self.app.counters.own.request(Sender::Client, method).answered(response.status());
        response
    }

    /// What is wrong with the head of a request, whatever it asks for; or the answer to what is about the server as a whole.
    fn refuse(&self, method: &Method, uri: &Uri, headers: &HeaderMap, version: Version) -> Option<Response<Outgoing>> {
        let bad = |detail| Some(problem::problem(StatusCode::BAD_REQUEST, detail));
        if size(uri, headers) > self.app.limits.request_head.0 {
            let detail = "The head of the request is too large.";
            return Some(problem::problem(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, detail));
        }
        if let Err(fault) = host::check(headers, uri) {
            return bad(fault.detail());
        }
        // Also for the absolute form (RFC 9112, section 3.2).
        if version == Version::HTTP_11 && !headers.contains_key(HOST) {
            return bad("The Host header is missing.");
        }
        if method == Method::CONNECT {
            return Some(problem::problem(StatusCode::NOT_IMPLEMENTED, "This server is no proxy."));
        }
        if uri.path() == "*" {
            // It asks about the server as a whole (RFC 9110, section 9.3.7).
            return match *method {
                Method::OPTIONS => {
                    let mut response = Response::new(Outgoing::fixed(""));
                    *response.status_mut() = StatusCode::NO_CONTENT;
                    Some(response)
                }
                _ => bad("Only OPTIONS has this target."),
            };
        }
        None
    }

    async fn respond(&self, mut request: Request<Incoming>, caller: &Caller) -> Response<Outgoing> {
        let uri = request.uri().clone();
        if uri.path().starts_with(RESERVED) {
            let response = self.reserved(request.method(), uri.path());
            return self.own(request.method(), conditional::evaluate(request.method(), request.headers(), response));
        }
        let Some(found) = self.routes.find(uri.path()) else {
            return self.own(request.method(), problem::not_found());
        };
        let component = match found.target {
            Target::Component(component) => component,
            Target::Static(response) => {
                let response = response.as_ref().clone().map(Outgoing::fixed);
                return self
                    .own(request.method(), conditional::evaluate(request.method(), request.headers(), response));
            }
        };
        let counted = component.counters().request(Sender::Client, request.method());
        if uri.authority().is_none() && !request.headers().contains_key(HOST) {
            // HTTP/1.0 has no need of it, but components do.
            if let Some(Ok(host)) = self.app.gateway.own_address().map(|own| HeaderValue::from_str(&own.to_string())) {
                request.headers_mut().insert(HOST, host);
            }
        }
        let uri = if caller.is_secure { secure(uri.clone(), request.headers()) } else { uri.clone() };
        headers::strip(request.headers_mut());
        headers::by_route(request.headers_mut(), &uri, &found, &caller.client);
        let mut span = HttpRequest::served(&request, found.route.raw(), caller.is_secure);
        let response = match self.receive(request, caller).await {
            Ok(mut request) => {
                span.trace().send_along(&mut request);
                self.call(request, component, caller).await
            }
            Err(fault) => {
                if matches!(fault, BodyFault::NoRoom) {
                    self.app.counters.refused(Refused::Bodies);
                }
                refusal(&fault)
            }
        };
        HttpRequest::answered(&mut span, response.status());
        counted.answered(response.status());
        response
    }

    /// Reads the body of a request, before it takes a place from others.
    async fn receive(&self, request: Request<Incoming>, caller: &Caller) -> Result<Request<Received>, BodyFault> {
        let (head, body) = request.into_parts();
        if body.is_end_stream() {
            return Ok(Request::from_parts(head, Received::default()));
        }
        let app = &self.app.limits;
        let limits = BodyLimits { length: app.request_body.0, time: app.body_time.0, pause: app.body_pause.0 };
        let length = head.headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        // Before the client is told to go on with it (RFC 9110, section 10.1.1).
        if length.is_some_and(|length| length > limits.length as u64) {
            return Err(BodyFault::TooLarge);
        }
        let room = caller.peer.take(Kind::Bodies, 0).ok_or(BodyFault::NoRoom)?;
        let received = Received::read(body, room, limits).await?;
        caller.activity.leave_unread(false);
        Ok(Request::from_parts(head, received))
    }

    async fn call(
        &self,
        request: Request<Received>,
        component: &Arc<Component>,
        caller: &Caller,
    ) -> Response<Outgoing> {
        let is_probe = self.probes.contains(request.uri().path());
        let place = if is_probe { caller.peer.place_of_probe().await } else { caller.peer.place().await };
        let place = match place {
            Ok(place) => place,
            Err(busy) => {
                self.app.counters.refused(match busy {
                    Busy::Full => Refused::QueueFull,
                    Busy::Late => Refused::QueueTime,
                });
                return problem::busy();
            }
        };
        let called = Called { component, is_secure: caller.is_secure, depth: 0 };
        match call::run(&self.app, called, request, place).await {
            Ok(response) => response,
            Err(_) => problem::failed(),
        }
    }

    /// What is Spin's, and no component's.
    fn reserved(&self, method: &Method, path: &str) -> Response<Outgoing> {
        let (media_type, body) = match path {
            HEALTH => ("text/plain", "OK".to_owned()),
            INFO => {
                let metadata = &self.app.locked.metadata;
                let info = serde_json::json!({"name": metadata.name, "version": metadata.version});
                ("application/json", info.to_string())
            }
            _ => return problem::not_found(),
        };
        if ![Method::GET, Method::HEAD].contains(method) {
            return problem::only_for_reading();
        }
        let mut response = Response::new(Outgoing::fixed(body));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    }
}

impl OwnRoutes for HttpTrigger {
    fn answer_own(self: Arc<Self>, mut request: Request<WasiBody>, depth: usize) -> ChainedCall {
        Box::pin(async move {
            let uri = request.uri().clone();
            if uri.path().starts_with(RESERVED) {
                return Ok(call::boxed(self.reserved(request.method(), uri.path())));
            }
            let Some(found) = self.routes.find(uri.path()) else { return Ok(call::boxed(problem::not_found())) };
            let component = match found.target {
                Target::Component(component) => component,
                Target::Static(response) => return Ok(call::boxed(response.as_ref().clone().map(Outgoing::fixed))),
            };
            headers::strip(request.headers_mut());
            headers::by_route(request.headers_mut(), &uri, &found, &OWN_CLIENT);
            let response = call::run_chained(&self.app, component, request, depth).await;
            Ok(response.unwrap_or_else(|_| call::boxed(problem::failed())))
        })
    }
}

/// Why a request's body is not taken.
fn refusal(fault: &BodyFault) -> Response<Outgoing> {
    match fault {
        BodyFault::TooLarge => problem::problem(StatusCode::PAYLOAD_TOO_LARGE, "The body of the request is too large."),
        BodyFault::TooSlow => {
            problem::problem(StatusCode::REQUEST_TIMEOUT, "The body of the request did not come in time.")
        }
        BodyFault::NoRoom => problem::busy(),
    }
}

/// How large the head of a request is, as RFC 9113 counts it.
fn size(uri: &Uri, headers: &HeaderMap) -> usize {
    let fields = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD).sum::<usize>();
    let target = uri.path_and_query().map_or(0, |path| path.as_str().len());
    fields + target + uri.authority().map_or(0, |authority| authority.as_str().len())
}

/// A target as it is on a connection with TLS.
fn secure(uri: Uri, headers: &HeaderMap) -> Uri {
    if uri.scheme().is_some() {
        return uri;
    }
    let authority = headers.get(HOST).and_then(|host| host.as_bytes().try_into().ok());
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = authority;
    parts.path_and_query = uri.path_and_query().cloned();
    Uri::from_parts(parts).unwrap_or(uri)
}
