//! notification: consumes the queues, sends what they lead to, and only then acknowledges.
//!
//! One component with two triggers: HTTP for the delivery log and the probes, and that of the broker. Redis rings a
//! doorbell, and what a ring says is only "there may be something to do"; what there is to do is in the streams. RabbitMQ's
//! trigger brings the message itself.

#![expect(unsafe_code, reason = "the SDK's macros export the handlers to the host")]

mod amqp;
mod consumer;
mod management;
mod routes;
mod sender;
mod settings;

use spin_sdk::http::{IncomingRequest, ResponseOutparam};
use spin_sdk::{http_component, redis_component};

#[http_component]
async fn handle_request(request: IncomingRequest, out: ResponseOutparam) {
    service_kit::serve(request, out, routes::route).await
}

#[redis_component]
async fn handle_ring(_payload: Vec<u8>) -> anyhow::Result<()> {
    consumer::consume().await;
    // What went wrong is in the log. An error would only be a second line there.
    Ok(())
}
