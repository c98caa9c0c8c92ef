//! From a request of Spin to a handler, and its outcome back.

use crate::cors::CrossOrigin;
use crate::response::{finish, problem, send};
use crate::{Request, Response, log};
use http::Method;
use problem::{Kind, Problem};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use std::future::Future;

/// What a handler returns.
pub type HandlerResult = Result<Response, Problem>;

/// Serves one request: reads it, calls `handle`, and answers with whatever comes out. A problem on the service's side
/// is logged with its cause; one on the caller's side is not, nor is that all places to hash in are taken, and no body
/// ever is. What the handler has put off until [after](Request::after) the answer is done then.
pub async fn serve<F>(incoming: IncomingRequest, out: ResponseOutparam, handle: impl FnOnce(Request) -> F)
where
    F: Future<Output = HandlerResult>,
{
    serve_to(incoming, out, |_| None, handle).await;
}

/// Serves one request as [`serve`] does, also one of a web page of another origin that the component variable
/// `allowed_origins` lets in.
pub async fn serve_with_pages<F>(incoming: IncomingRequest, out: ResponseOutparam, handle: impl FnOnce(Request) -> F)
where
    F: Future<Output = HandlerResult>,
{
    serve_to(incoming, out, CrossOrigin::of, handle).await;
}

async fn serve_to<F>(
    incoming: IncomingRequest,
    out: ResponseOutparam,
    page: fn(&Request) -> Option<CrossOrigin>,
    handle: impl FnOnce(Request) -> F,
) where
    F: Future<Output = HandlerResult>,
{
    let request = Request::read(incoming).await;
    trace_context::scope(request.correlation(), answer(request, out, page, handle)).await;
}

async fn answer<F>(
    request: Request,
    out: ResponseOutparam,
    page: fn(&Request) -> Option<CrossOrigin>,
    handle: impl FnOnce(Request) -> F,
) where
    F: Future<Output = HandlerResult>,
{
    let (id, after) = (request.id.clone(), request.work_after());
    let (is_head, streamed) = (request.method == Method::HEAD, request.streamed());
    let page = page(&request);
    let handled = match page.as_ref().and_then(CrossOrigin::preflight) {
        Some(response) => Ok(response),
        None => handle(request).await,
    };
    let mut response = handled.unwrap_or_else(|failure| {
        if is_reported(&failure) {
            let cause = failure.cause().unwrap_or("unknown");
            log::error(
                "a request failed",
                &[("request_id", &id), ("problem", failure.kind().slug()), ("cause", cause)],
            );
        }
        problem(&failure, &id)
    });
    let chunks = streamed.take();
    finish(&mut response, &id, chunks.is_some());
    if let Some(page) = page {
        page.allow(&mut response);
    }
    send(response, chunks.filter(|_| !is_head), out);
    after.run().await;
}

/// Whether an operator is to look at a failure. What is turned off on purpose is none, and anybody can ask for it.
fn is_reported(failure: &Problem) -> bool {
    failure.kind().is_failure_of_ours() && (failure.kind() != Kind::NotConfigured || failure.cause().is_some())
}

/// The problem for a path that no route has.
#[must_use]
pub fn no_such_route() -> Problem {
    Problem::of(Kind::NoSuchRoute)
}

/// The problem for a method that a path does not have (RFC 9110, 15.5.6). What answers to GET answers to HEAD.
#[must_use]
pub fn method_not_allowed(allowed: &[Method]) -> Problem {
    let mut methods = Vec::new();
    for method in allowed {
        methods.push(method.as_str());
        if *method == Method::GET {
            methods.push("HEAD");
        }
    }
    let allowed = methods.join(", ");
    Problem::new(Kind::MethodNotAllowed, format!("Allowed methods: {allowed}.")).with_header("allow", allowed)
}
