//! notification: consumes the queues, sends their messages, and only then acknowledges.
//!
//! One component with two triggers: HTTP for the delivery log and the probes, and that of the broker. Redis sends a wake-up,
//! which says only that there may be something to do; the messages are in the streams. RabbitMQ's trigger delivers the
//! message itself.

#![expect(unsafe_code, reason = "the SDK's macros export the handlers to the host")]

mod acknowledgement;
mod amqp;
mod consumer;
mod delivery;
mod management;
mod round;
mod routes;
mod sender;
mod settings;
mod templates;
mod webhooks;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, redis_component};

#[http_component]
async fn handle_request(request: IncomingRequest, out: ResponseOutparam) {
    service_kit::serve_with_pages(request, out, routes::route).await;
}

#[redis_component]
async fn handle_wake_up(_payload: Vec<u8>) -> anyhow::Result<()> {
    consumer::consume().await;
    // Errors are logged already; returning one would only log it twice.
    Ok(())
}
