//! docs: the OpenAPI files, and Swagger UI to read and to try them, at `/docs/`.
//!
//! It serves files that `spin.toml` mounts and reaches nothing else: no service, no variable, no other host. A browser
//! loads nothing from elsewhere either; the page's content security policy sees to that.

#![expect(unsafe_code, reason = "the SDK's macros export the handlers to the host")]

mod files;
mod routes;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle_request(request: IncomingRequest, out: ResponseOutparam) {
    service_kit::serve(request, out, routes::route).await;
}
