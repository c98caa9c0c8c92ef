//! The delivery of one message, the same for the consumers of both brokers: render it, send it, and make the entry for the
//! delivery log. What it is acknowledged with is for the consumer to say.

use crate::sender::Sender;
use crate::webhooks::{Attempt, Webhooks};
use events::redis::{LoggedDelivery, Send, SendResult, recipient_digest};
use events::{Event, Queue};
use notification_domain::{LogItem, Message, RenderError, Renderer, SendError, TemplateError};
use service_kit::broker::Redis;
use service_kit::trace::{Span, SpanKind};
use std::future::Future;
use std::time::{Duration, Instant};
use time::OffsetDateTime;
use trace_context::{Correlation, TraceContext};

/// Why a message was given up in which nothing is good any more.
pub(crate) const EXPIRED: &str = "expired: the link or the code in the message is not valid any more";

/// The name of this service in traces.
const SERVICE: &str = "notification";

/// What messages are made with and sent by.
pub(crate) struct Outlets {
    pub(crate) sender: Sender,
    pub(crate) renderer: Renderer,
    pub(crate) webhooks: Webhooks,
}

/// A message of a queue, ready for its recipient.
pub(crate) struct Notification {
    queue: Queue,
    event: Event,
    content: Option<Content>,
}

/// What is sent.
enum Content {
    /// A message to a person, or why it cannot be put in words until an operator has corrected the templates.
    Message(Result<Message, TemplateError>),
    /// An event to the endpoints that want it.
    Webhook(String),
}

/// A message that can never be sent.
pub(crate) struct Unusable {
    /// The event's id, if it is an event.
    pub(crate) event_id: Option<String>,
    pub(crate) cause: String,
}

impl Notification {
    /// Reads the event and makes the message that the queue is for.
    pub(crate) fn prepare(queue: Queue, body: &[u8], outlets: &Outlets) -> Result<Self, Unusable> {
        let event = Event::from_json(body).map_err(|error| Unusable { event_id: None, cause: error.to_string() })?;
        let wrong = |error: RenderError| Unusable { event_id: Some(event.id.to_string()), cause: error.to_string() };
        let content = if queue.is_webhook() {
            let webhook = Some(&event).filter(|event| event.payload.exchange() == queue.exchange());
            let webhook = webhook.and_then(Event::to_webhook).ok_or_else(|| wrong(RenderError::WrongEvent))?;
            outlets.webhooks.wants(queue.exchange()).then_some(Content::Webhook(webhook))
        } else {
            match outlets.renderer.render(queue, &event) {
                Ok(message) => message
                    .filter(|message| outlets.sender.sends(message.kind))
                    .map(|message| Content::Message(Ok(message))),
                Err(RenderError::Template(error)) => Some(Content::Message(Err(error))),
                Err(error @ RenderError::WrongEvent) => return Err(wrong(error)),
            }
        };
        Ok(Self { queue, event, content })
    }

    /// Does `work` in the trace of the event, in a span of its own. A message of RabbitMQ says by its headers which span it
    /// was delivered in. An event without a trace has none: nobody waits for what becomes of it.
    pub(crate) async fn trace<T>(&self, delivered_in: Option<TraceContext>, work: impl Future<Output = T>) -> T {
        let Some(known) = &self.event.correlation else { return work.await };
        let trace = delivered_in.unwrap_or_else(|| known.trace.clone());
        let correlation = Correlation { trace, request_id: known.request_id.clone() };
        let (name, event_id) = (format!("{} process", self.queue.name()), self.event_id());
        let attributes = [
            ("messaging.operation", "process"),
            ("messaging.destination.name", self.queue.name()),
            ("messaging.message.id", &event_id),
        ];
        let span = Span { service: SERVICE, name: &name, kind: SpanKind::Consumer, attributes: &attributes };
        trace_context::scope(correlation, span.trace(work, |_| None)).await
    }

    /// The event's id.
    pub(crate) fn event_id(&self) -> String {
        self.event.id.to_string()
    }

    /// For how long the message is of use, if it is for something that expires. A webhook is a report, and has no secret.
    pub(crate) fn expires_in(&self) -> Option<Duration> {
        let expires_at = self.event.expires_at().filter(|_| !self.queue.is_webhook())?;
        Some((expires_at - OffsetDateTime::now_utc()).try_into().unwrap_or_default())
    }

    /// Whether nothing in the message is good any more. Then it is a dead letter, for [`EXPIRED`].
    pub(crate) fn is_expired(&self) -> bool {
        self.expires_in().is_some_and(|left| left.is_zero())
    }

    /// Whether there is something to send. There is not if the recipient cannot be reached that way, and if no endpoint wants
    /// the event; then nothing is logged either.
    pub(crate) fn is_due(&self) -> bool {
        self.content.is_some()
    }

    /// Who is asked to send it, by the name of an API.
    pub(crate) fn provider<'a>(&self, outlets: &'a Outlets) -> &'a str {
        match &self.content {
            Some(Content::Message(Ok(message))) => outlets.sender.provider(message.kind),
            Some(Content::Webhook(_)) => "webhook",
            // Nobody is.
            Some(Content::Message(Err(_))) | None => "none",
        }
    }

    /// Sends the message as [`Notification::deliver`] does, and says how the send is to be counted.
    pub(crate) async fn send(
        &self,
        outlets: &Outlets,
        state: Option<&Redis>,
        consumer: &str,
        attempt: u64,
    ) -> (Result<Option<LoggedDelivery>, SendError>, Send) {
        let start = Instant::now();
        let provider = self.provider(outlets);
        let name = match &self.content {
            Some(Content::Webhook(_)) => "send webhook",
            _ => "send message",
        };
        let attributes = [("concierge.provider", provider)];
        let span = Span { service: SERVICE, name, kind: SpanKind::Client, attributes: &attributes };
        let failed = |delivered: &Result<_, SendError>| delivered.as_ref().err().map(|_| "not sent");
        let delivered = span.trace(self.deliver(outlets, state, consumer, attempt), failed).await;
        let result = match &delivered {
            Ok(_) => SendResult::Sent,
            Err(SendError::Temporary { .. }) => SendResult::Temporary,
            Err(SendError::Permanent { .. }) => SendResult::Permanent,
        };
        (delivered, Send { provider: provider.to_owned(), result, took: start.elapsed() })
    }

    /// Sends the message as attempt number `attempt`. Returns the entry for the delivery log, in which webhooks are not.
    async fn deliver(
        &self,
        outlets: &Outlets,
        state: Option<&Redis>,
        consumer: &str,
        attempt: u64,
    ) -> Result<Option<LoggedDelivery>, SendError> {
        let message = match &self.content {
            None => return Ok(None),
            Some(Content::Webhook(body)) => {
                let event_id = self.event_id();
                let attempt = Attempt { queue: self.queue, event_id: &event_id, body, number: attempt };
                return outlets.webhooks.deliver(&attempt, state).await.map(|()| None);
            }
            Some(Content::Message(message)) => message,
        };
        let unusable = |error: &TemplateError| SendError::Temporary { cause: error.to_string(), retry_after: None };
        let message = message.as_ref().map_err(unusable)?;
        outlets.sender.send(self.queue, &self.event_id(), message).await?;
        Ok(Some(LoggedDelivery {
            user_id: self.event.payload.user_id(),
            recipient: recipient_digest(&message.to),
            item: LogItem::new(self.queue, &self.event, message, consumer, attempt).to_json(),
        }))
    }
}
