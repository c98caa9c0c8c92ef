//! Senders: how messages are sent, by the variable `sender`.

mod http;
mod simulate;

pub(crate) use http::Http;

use events::Queue;
use notification_domain::{Message, SendError};
use problem::Problem;
use service_kit::config;
use std::time::Duration;

/// A way to send messages.
pub(crate) enum Sender {
    /// Takes the time of a send and sends nothing: the report's simulation.
    Simulate(simulate::Simulate),
    /// A JSON mail API.
    Http(Http),
}

impl Sender {
    /// The sender that the component variable `sender` names.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        match config::text("sender")?.trim() {
            "simulate" => simulate::Simulate::from_config().map(Sender::Simulate),
            "http" => Http::from_config().map(Sender::Http),
            _ => Err(config::fault("sender", "must be simulate or http")),
        }
    }

    /// How long a send may take.
    pub(crate) fn limit(&self) -> Duration {
        match self {
            Sender::Simulate(sender) => sender.takes(),
            Sender::Http(_) => http::LIMIT,
        }
    }

    /// Sends the message of this queue about this event.
    pub(crate) async fn send(&self, queue: Queue, event_id: &str, message: &Message) -> Result<(), SendError> {
        match self {
            Sender::Simulate(sender) => {
                sender.send().await;
                Ok(())
            }
            // The mail and the SMS about one event are two deliveries.
            Sender::Http(sender) => sender.send(&format!("{event_id}:{}", queue.name()), message).await,
        }
    }
}
