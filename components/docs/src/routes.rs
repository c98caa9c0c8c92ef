//! The routes: the page, and the files that it is made of.

use crate::files::send;
use docs_domain::Asset;
use service_kit::{HandlerResult, Method, Request, method_not_allowed, no_such_route, redirect};

/// Finds the handler of a request.
pub(crate) async fn route(request: Request) -> HandlerResult {
    let is_read = matches!(request.method, Method::GET | Method::HEAD);
    match request.path().as_slice() {
        ["docs", ..] if !is_read => Err(method_not_allowed(&[Method::GET])),
        // The page's links are relative to the slash.
        ["docs"] => Ok(redirect("/docs/")),
        ["docs", path @ ..] => send(&request, Asset::find(path).ok_or_else(no_such_route)?),
        _ => Err(no_such_route()),
    }
}
