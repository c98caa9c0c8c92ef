//! One HTTP request to one component: a new instance, from the request to the end of its work.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tokio::sync::oneshot;
use wasmtime_wasi_http::p2::bindings::ProxyPre;
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Scheme};
use wasmtime_wasi_http::p2::body::HyperOutgoingBody;
use wasmtime_wasi_http::{Error, WasiBody, WasiHttpView};

use super::headers;
use crate::app::{App, Component};
use crate::failure::describe_trap;
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
    let Some(handler) = component.http.clone() else { return Err(Failure::NoHandler) };
    let (send, receive) = oneshot::channel();
    let (app, called) = (Arc::clone(app), Arc::clone(component));
    tokio::spawn(async move {
        let _guard = guard;
        let deadline = app.limits.http_deadline;
        let (mut store, share) = match app.store(&called) {
            Ok(ready) => ready,
            Err(error) => {
                return tracing::error!(component = called.id, error = format!("{error:#}"), "cannot start an instance");
            }
        };
        let call = async {
            let result = tokio::time::timeout(deadline, handle(&mut store, &handler, request, send)).await;
            match result {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let reason = describe_trap(&error, &store.data().limits);
                    tracing::error!(component = called.id, reason, "an HTTP handler failed");
                }
                Err(_) => {
                    tracing::error!(
                        component = called.id,
                        seconds = deadline.as_secs_f64(),
                        "an HTTP handler took too long"
                    );
                }
            }
        };
        share.run(call).await;
    });
    match receive.await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(code)) => {
            tracing::error!(component = component.id, ?code, "an HTTP handler answered with an error");
            Err(Failure::Failed)
        }
        Err(_) => Err(Failure::Failed),
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

/// Answers a request that one component makes to another, within the process.
pub(crate) async fn chained(
    app: &Arc<App>,
    component: &Arc<Component>,
    mut request: Request<WasiBody>,
) -> Result<Response<WasiBody>, Error> {
    headers::strip(request.headers_mut());
    let uri = request.uri().clone();
    headers::internal(request.headers_mut(), &uri);
    run(app, component, request, ()).await.map_err(|failure| match failure {
        Failure::NoHandler => Error::DestinationNotFound,
        Failure::Failed => Error::HttpResponseIncomplete,
    })
}
