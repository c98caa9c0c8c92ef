//! One HTTP request to one component: a new instance, from the request to the end of its work.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use super::{body, headers};
use crate::app::App;
use crate::capability::outbound_http::{Chain, ChainedCall};
use crate::component::Component;
use crate::cpu::Watch;
use crate::invoke::{Fault, Invocation};
use crate::state::State;

/// Why a request has no response.
#[derive(Debug)]
pub(super) enum Failure {
    /// The component has no HTTP handler.
    NoHandler,
    /// The handler trapped, took too long or gave no response. It is in the log already.
    Failed,
}

/// Calls a component and returns its response as soon as there is one. The instance goes on until its work is done;
/// `guard` is dropped then.
pub(super) async fn run<B>(
    app: &Arc<App>,
    component: &Arc<Component>,
    request: Request<B>,
    guard: impl Send + 'static,
) -> Result<Response<HyperOutgoingBody>, Failure>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let Some(handler) = component.http.clone() else {
        return Err(Failure::NoHandler);
    };
    let (send, mut receive) = oneshot::channel();
    let invocation = Invocation::prepare(app, component).map_err(|error| {
        tracing::error!(component = component.id(), error, "cannot start an instance");
        Failure::Failed
    })?;
    let (watch, deadline) = (invocation.watch(), app.limits.http_deadline.0);
    let called = Arc::clone(component);
    let work = async move {
        let _guard = guard;
        let call = invocation.run(deadline, |mut store| async move {
            let result = handle(&mut store, &handler, request, send).await;
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
    match response.await {
        Ok(Ok(response)) => Ok(response),
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
        let elsewhere = if self.watch.is_long() { self.app.compute_threads.handle() } else { &self.app.shared };
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
    request: Request<B>,
    send: Sender,
) -> wasmtime::Result<()>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Error>,
{
    let request = store.data_mut().http().new_incoming_request(Scheme::Http, request)?;
    let response = store.data_mut().http().new_response_outparam(send)?;
    let instance = handler.instantiate_async(&mut *store).await?;
    instance.wasi_http_incoming_handler().call_handle(store, request, response).await
}

impl Chain for App {
    /// Answers a request that one component makes to another, within the process.
    fn call(self: Arc<Self>, id: String, mut request: Request<WasiBody>) -> ChainedCall {
        Box::pin(async move {
            let component = self.component(&id).ok_or(Error::DestinationNotFound)?;
            headers::strip(request.headers_mut());
            let uri = request.uri().clone();
            headers::internal(request.headers_mut(), &uri);
            let token = self.chained.token();
            let called = if self.compute_threads.is_here() {
                // What the caller has computed is no reason to put off whom it calls.
                let (app, component) = (Arc::clone(&self), Arc::clone(&component));
                let called = self.shared.spawn(async move { run(&app, &component, request, token).await });
                called.await.unwrap_or(Err(Failure::Failed))
            } else {
                run(&self, &component, request, token).await
            };
            match called {
                Ok(response) => Ok(response),
                Err(Failure::NoHandler) => Err(Error::DestinationNotFound),
                Err(Failure::Failed) => Ok(body::empty(StatusCode::INTERNAL_SERVER_ERROR)),
            }
        })
    }
}
