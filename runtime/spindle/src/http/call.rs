//! One HTTP request to one component: a new instance, from the request to the end of its work.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::Context;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::BodyExt;
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use super::body::{Outcome, Outgoing};
use super::{headers, problem};
use crate::app::App;
use crate::capability::outbound_http::{Chain, ChainedCall};
use crate::component::Component;
use crate::counters;
use crate::cpu::Watch;
use crate::invoke::{Fault, Invocation};
use crate::state::State;
use crate::telemetry::{HttpRequest, Trace};

/// Why a request has no response.
#[derive(Debug)]
pub(super) enum Failure {
    /// The component has no HTTP handler.
    NoHandler,
    /// The handler trapped, took too long or gave no response. It is in the log already.
    Failed,
}

/// What is called, and how.
pub(super) struct Called<'a> {
    /// The component.
    pub(super) component: &'a Arc<Component>,
    /// Whether the request came by TLS.
    pub(super) is_secure: bool,
    /// How many components have called each other before this one.
    pub(super) depth: usize,
}

/// Calls a component and returns its response as soon as there is one. The instance goes on until its work is done;
/// `guard` is dropped then.
pub(super) async fn run<B>(
    app: &Arc<App>,
    called: Called<'_>,
    mut request: Request<B>,
    guard: impl Send + 'static,
) -> Result<Response<Outgoing>, Failure>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let Called { component, is_secure, depth } = called;
    let Some(handler) = component.http.clone() else {
        return Err(Failure::NoHandler);
    };
    let (send, mut receive) = oneshot::channel();
    let mut span = HttpRequest::executed(&Trace::of(&mut request), component.id());
    let mut invocation = Invocation::prepare(app, component, depth).map_err(|error| {
        tracing::error!(component = component.id(), error, "cannot start an instance");
        Failure::Failed
    })?;
    let trace = span.trace();
    trace.write(request.headers_mut());
    invocation.set_trace(trace);
    let (watch, deadline) = (invocation.watch(), app.limits.http_deadline.0);
    let called = Arc::clone(component);
    let scheme = if is_secure { Scheme::Https } else { Scheme::Http };
    let outcome = Outcome::default();
    let of_work = outcome.clone();
    let work = async move {
        let _guard = guard;
        let call = invocation.run(deadline, |mut store| async move {
            // Dropped before the store, whose end is that of the answer.
            let unfinished = of_work.unless_done();
            let result = handle(&mut store, &handler, scheme, request, send).await;
            if result.is_ok() {
                unfinished.done();
            }
            (result, store)
        });
        match call.await {
            Ok(()) => {}
            Err(Fault::Trap(reason)) => {
                tracing::error!(component = called.id(), reason, "an HTTP handler failed");
            }
            Err(Fault::Deadline(deadline)) => {
                let seconds = deadline.as_secs_f64();
                tracing::error!(component = called.id(), seconds, "an HTTP handler took too long");
            }
        }
    };
    let mut work = Work { future: Some(Box::pin(work)), watch, app };
    // The instance runs on the task of its connection, which saves two switches between threads for each request.
    let response = poll_fn(|context| {
        work.poll(context);
        Pin::new(&mut receive).poll(context)
    });
    let response = response.await;
    if !matches!(response, Ok(Ok(_))) {
        span.fail("no response");
    }
    match response {
        Ok(Ok(response)) => Ok(response.map(|body| Outgoing::of_component(body, outcome))),
        Ok(Err(code)) => {
            tracing::error!(component = component.id(), ?code, "an HTTP handler answered with an error");
            Err(Failure::Failed)
        }
        Err(_) => Err(Failure::Failed),
    }
}

/// The work of an instance. It comes to its end even when nobody waits for it any longer, because the response is
/// there or the client is gone: half a piece of work could be worse than a needless one.
struct Work<'a> {
    /// None when it has ended, or goes on elsewhere.
    future: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    watch: Watch,
    app: &'a App,
}

impl Work<'_> {
    fn poll(&mut self, context: &mut Context<'_>) {
        let Some(future) = &mut self.future else { return };
        if future.as_mut().poll(context).is_ready() {
            self.future = None;
        } else if self.watch.is_long() && !self.app.compute_threads.is_here() {
            self.move_on();
        }
    }

    /// Lets what is left come to its end elsewhere: where calls compute if it has computed for long, else on the shared
    /// runtime.
    fn move_on(&mut self) {
        let Some(future) = self.future.take() else { return };
        let elsewhere = if self.watch.is_long() {
            self.app.counters.moved.add();
            self.app.compute_threads.handle()
        } else {
            &self.app.shared
        };
        elsewhere.spawn(future);
    }
}

impl Drop for Work<'_> {
    fn drop(&mut self) {
        self.move_on();
    }
}

type Sender = oneshot::Sender<Result<Response<HyperOutgoingBody>, ErrorCode>>;

async fn handle<B>(
    store: &mut wasmtime::Store<State>,
    handler: &ProxyPre<State>,
    scheme: Scheme,
    request: Request<B>,
    send: Sender,
) -> wasmtime::Result<()>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let request = store.data_mut().http().new_incoming_request(scheme, request)?;
    let response = store.data_mut().http().new_response_outparam(send)?;
    let instance = handler.instantiate_async(&mut *store).await?;
    instance.wasi_http_incoming_handler().call_handle(store, request, response).await
}

impl Chain for App {
    /// Answers a request that one component makes to another, within the process.
    fn call(self: Arc<Self>, id: String, mut request: Request<WasiBody>, depth: usize) -> ChainedCall {
        Box::pin(async move {
            let component = self.component(&id).ok_or(Error::DestinationNotFound)?;
            headers::strip(request.headers_mut());
            let uri = request.uri().clone();
            headers::internal(request.headers_mut(), &uri);
            match run_chained(&self, &component, request, depth).await {
                Ok(response) => Ok(response),
                Err(Failure::NoHandler) => Err(Error::DestinationNotFound),
                Err(Failure::Failed) => Ok(boxed(problem::failed())),
            }
        })
    }

    fn call_own(self: Arc<Self>, request: Request<WasiBody>, depth: usize) -> ChainedCall {
        match self.own_routes.get().and_then(Weak::upgrade) {
            Some(own) => own.answer_own(request, depth),
            None => Box::pin(std::future::ready(Err(Error::DestinationNotFound))),
        }
    }
}

/// Calls a component for another, in a place for calls of this depth.
pub(super) async fn run_chained(
    app: &Arc<App>,
    component: &Arc<Component>,
    request: Request<WasiBody>,
    depth: usize,
) -> Result<Response<WasiBody>, Failure> {
    let place = match app.chained_places.place(depth).await {
        Ok(place) => place,
        Err(none) => return Ok(boxed(problem::no_place(&none))),
    };
    let guard = (place, app.chained.token());
    let counted = component.counters().request(counters::Sender::Component, request.method());
    let called = if app.compute_threads.is_here() {
        // What the caller has computed is no reason to put off whom it calls.
        let (app, component) = (Arc::clone(app), Arc::clone(component));
        let shared = app.shared.clone();
        let call = async move {
            let called = Called { component: &component, is_secure: false, depth };
            run(&app, called, request, guard).await
        };
        shared.spawn(call).await.unwrap_or(Err(Failure::Failed))
    } else {
        run(app, Called { component, is_secure: false, depth }, request, guard).await
    };
    if !matches!(called, Err(Failure::NoHandler)) {
        counted.answered(called.as_ref().map_or(StatusCode::INTERNAL_SERVER_ERROR, Response::status));
    }
    called.map(boxed)
}

/// A response as components get it.
pub(super) fn boxed(response: Response<Outgoing>) -> Response<WasiBody> {
    response.map(BodyExt::boxed_unsync)
}
