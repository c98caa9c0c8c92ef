//! Senders: how a message leaves. Which one is a matter of the variable `sender`.

mod http;
mod simulate;

use notification_domain::Message;
use problem::Problem;
use shell::config;

/// A way to send messages.
pub(crate) enum Sender {
    /// Takes the time of a send and sends nothing: the report's countdown.
    Simulate(simulate::Simulate),
    /// A JSON mail API.
    Http(http::Http),
}

impl Sender {
    /// The sender that the component variable `sender` names.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        match config::text("sender")?.trim() {
            "simulate" => simulate::Simulate::from_config().map(Sender::Simulate),
            "http" => http::Http::from_config().map(Sender::Http),
            _ => Err(config::fault("sender", "must be simulate or http")),
        }
    }

    /// Sends a message. `event_id` lets a provider that looks at it recognise a repeated one. The error is for the
    /// log: it names no recipient.
    pub(crate) async fn send(&self, event_id: &str, message: &Message) -> Result<(), String> {
        match self {
            Sender::Simulate(sender) => sender.send().await,
            Sender::Http(sender) => sender.send(event_id, message).await,
        }
    }
}
