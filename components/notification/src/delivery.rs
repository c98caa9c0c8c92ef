//! The delivery of one message, the same for the consumers of both brokers: render it, send it, and make the entry for the
//! delivery log. What it is acknowledged with is for the consumer to say.

use crate::sender::Sender;
use events::redis::{LoggedDelivery, recipient_digest};
use events::{Event, Queue};
use notification_domain::{LogItem, Message, SendError, render};

/// A message of a queue, rendered for its recipient.
pub(crate) struct Notification {
    queue: Queue,
    event: Event,
    message: Option<Message>,
}

/// A message that can never be sent.
pub(crate) struct Unusable {
    /// The event's id, if it is an event.
    pub(crate) event_id: Option<String>,
    pub(crate) cause: String,
}

impl Notification {
    /// Reads the event and renders the message that the queue makes of it.
    pub(crate) fn prepare(queue: Queue, body: &[u8], sender: &Sender) -> Result<Self, Unusable> {
        let event = Event::from_json(body).map_err(|error| Unusable { event_id: None, cause: error.to_string() })?;
        let message = render(queue, &event)
            .map_err(|error| Unusable { event_id: Some(event.id.to_string()), cause: error.to_string() })?;
        Ok(Self { queue, event, message: message.filter(|message| sender.sends(message.kind)) })
    }

    /// The event's id.
    pub(crate) fn event_id(&self) -> String {
        self.event.id.to_string()
    }

    /// The message; none if the recipient cannot be reached that way. Then nothing is sent, and nothing is logged.
    pub(crate) fn message(&self) -> Option<&Message> {
        self.message.as_ref()
    }

    /// Sends the message as attempt number `attempt`. Returns the entry for the delivery log.
    pub(crate) async fn deliver(
        &self,
        message: &Message,
        sender: &Sender,
        consumer: &str,
        attempt: u64,
    ) -> Result<LoggedDelivery, SendError> {
        sender.send(self.queue, &self.event_id(), message).await?;
        Ok(LoggedDelivery {
            user_id: self.event.payload.user_id(),
            recipient: recipient_digest(&message.to),
            item: LogItem::new(self.queue, &self.event, message, consumer, attempt).to_json(),
        })
    }
}
