//! account: the pages on which people sign up, sign in and look after their account.
//!
//! It is a client of auth and users like any other, with no credential of its own. What it adds is a browser's side of things: the
//! tokens stay in a sealed cookie that no script can read, and what a form sends is accepted from its own pages alone.

#![expect(unsafe_code, reason = "the SDK's macros export the handler to the host")]

mod assets;
mod context;
mod routes;
mod settings;

use browser_kit::{client, respond};
use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::http_component;

#[http_component]
async fn handle(request: IncomingRequest, out: ResponseOutparam) {
    service_kit::serve(request, out, routes::route).await;
}
