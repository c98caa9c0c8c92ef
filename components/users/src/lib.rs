//! users: sign-up and the people who signed up. The only service that reaches PostgreSQL.

#![expect(unsafe_code, reason = "the SDK's macros export the handler to the host")]

mod breached;
mod erasure;
mod hashing;
mod not_me;
mod outbox;
mod routes;
mod settings;
mod store;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    service_kit::serve_with_pages(request, out, routes::route).await;
}
