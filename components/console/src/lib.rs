//! console: the pages for administrators.
//!
//! It is a client of the services like any other, with no credential of its own: whatever an administrator does here is done with
//! their own token, so the audit log names them.

#![expect(unsafe_code, reason = "the SDK's macros export the handler to the host")]

mod assets;
mod context;
mod routes;
mod settings;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    service_kit::serve(request, out, routes::route).await;
}
