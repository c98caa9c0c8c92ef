//! The delivery of one message, the same for the consumers of both brokers: render it, send it, and make the entry for the
//! delivery log. What it is acknowledged with is for the consumer to say.

use crate::sender::Sender;
use events::redis::{LoggedDelivery, recipient_digest};
use events::{Event, Queue};
use notification_domain::{LogItem, Message, RenderError, Renderer, SendError, TemplateError};

/// A message of a queue, rendered for its recipient.
pub(crate) struct Notification {
    queue: Queue,
    event: Event,
    message: Option<Rendered>,
}

/// A message, or why it cannot be put in words until an operator has corrected the templates.
type Rendered = Result<Message, TemplateError>;

/// A message that can never be sent.
pub(crate) struct Unusable {
    /// The event's id, if it is an event.
    pub(crate) event_id: Option<String>,
    pub(crate) cause: String,
}

impl Notification {
    /// Reads the event and renders the message that the queue makes of it.
    pub(crate) fn prepare(queue: Queue, body: &[u8], sender: &Sender, renderer: &Renderer) -> Result<Self, Unusable> {
        let event = Event::from_json(body).map_err(|error| Unusable { event_id: None, cause: error.to_string() })?;
        let message = match renderer.render(queue, &event) {
            Ok(message) => message.filter(|message| sender.sends(message.kind)).map(Ok),
            Err(RenderError::Template(error)) => Some(Err(error)),
            Err(error @ RenderError::WrongEvent) => {
                return Err(Unusable { event_id: Some(event.id.to_string()), cause: error.to_string() });
            }
        };
        Ok(Self { queue, event, message })
    }

    /// The event's id.
    pub(crate) fn event_id(&self) -> String {
        self.event.id.to_string()
    }

    /// The message; none if the recipient cannot be reached that way. Then nothing is sent, and nothing is logged.
    pub(crate) fn message(&self) -> Option<&Rendered> {
        self.message.as_ref()
    }

    /// Sends the message as attempt number `attempt`. Returns the entry for the delivery log.
    pub(crate) async fn deliver(
        &self,
        message: &Rendered,
        sender: &Sender,
        consumer: &str,
        attempt: u64,
    ) -> Result<LoggedDelivery, SendError> {
        let unusable = |error: &TemplateError| SendError::Temporary { cause: error.to_string(), retry_after: None };
        let message = message.as_ref().map_err(unusable)?;
        sender.send(self.queue, &self.event_id(), message).await?;
        Ok(LoggedDelivery {
            user_id: self.event.payload.user_id(),
            recipient: recipient_digest(&message.to),
            item: LogItem::new(self.queue, &self.event, message, consumer, attempt).to_json(),
        })
    }
}
