//! Senders: how messages are sent, by the variable `sender`.

mod api;
mod simulate;

pub(crate) use api::Apis;

use events::Queue;
use notification_domain::{Message, MessageKind, SendError};
use problem::Problem;
use service_kit::config;
use std::time::Duration;

/// A way to send messages.
pub(crate) enum Sender {
    /// Takes the time of a send and sends nothing: the report's simulation.
    Simulate(simulate::Simulate),
    /// The APIs of providers.
    Apis(Apis),
}

impl Sender {
    /// The sender that the component variable `sender` names.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        match config::text("sender")?.trim() {
            "simulate" => simulate::Simulate::from_config().map(Sender::Simulate),
            "http" => Apis::from_config().map(Sender::Apis),
            _ => Err(config::fault("sender", "must be simulate or http")),
        }
    }

    /// How long a send may take.
    pub(crate) fn limit(&self) -> Duration {
        match self {
            Sender::Simulate(sender) => sender.takes(),
            Sender::Apis(_) => api::LIMIT,
        }
    }

    /// Whether it sends messages of this kind.
    pub(crate) fn sends(&self, kind: MessageKind) -> bool {
        match self {
            Sender::Simulate(_) => true,
            Sender::Apis(apis) => apis.sends(kind),
        }
    }

    /// Who sends messages of this kind: the name of an API, or `simulate`.
    pub(crate) fn provider(&self, kind: MessageKind) -> &str {
        match self {
            Sender::Simulate(_) => "simulate",
            Sender::Apis(apis) => apis.provider(kind),
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
            Sender::Apis(apis) => apis.send(&format!("{event_id}:{}", queue.name()), message).await,
        }
    }
}
