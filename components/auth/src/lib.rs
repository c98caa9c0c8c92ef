//! auth: sign-in. It has no database; what it needs to know about people it asks users, at each login.

#![expect(unsafe_code, reason = "the SDK's macros export the handler to the host")]

mod keys;
mod login_event;
mod new_session;
mod oauth;
mod origin;
mod routes;
mod settings;
mod users;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    service_kit::serve_with_pages(request, out, routes::route).await;
}
