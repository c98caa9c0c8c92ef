//! The consumer of RabbitMQ: handles the message that the AMQP trigger brings. The trigger acknowledges it afterwards,
//! or brings it again, or makes a dead letter of it.

use crate::sender::Sender;
use crate::settings::consumer_name;
use events::redis::{self, Logged};
use events::{Event, Queue};
use exports::concierge::amqp::handler::{Error, Guest, Message};
use notification_domain::{LogItem, SendError, render};
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::log;

wit_bindgen::generate!({ path: "../../wit", world: "concierge:app/amqp-handler" });

struct Handler;

export!(Handler);

impl Guest for Handler {
    fn handle_message(message: Message) -> Result<(), Error> {
        // The words are for the trigger's log and for the dead letter.
        spin_executor::run(handle(&message))
    }
}

/// Sends what a message leads to. The error says why not, and not to whom.
async fn handle(message: &Message) -> Result<(), Error> {
    // A setting can be put right, a message cannot.
    let unknown = |problem: Problem| Error::Failed(problem.cause().unwrap_or("unknown").to_owned());
    let unusable = |cause: &dyn std::fmt::Display| Error::Unusable(cause.to_string());
    let (consumer, sender) = (consumer_name().map_err(unknown)?, Sender::from_config().map_err(unknown)?);
    let queue = Queue::from_name(&message.queue).ok_or_else(|| unusable(&"no queue of this name is known here"))?;
    let event = Event::from_json(&message.body).map_err(|error| unusable(&error))?;
    let Some(rendered) = render(queue, &event).map_err(|error| unusable(&error))? else {
        // There is no way to reach the person: nothing is sent, and nothing is logged.
        return Ok(());
    };
    let id = event.id.to_string();
    let records = Records::open();
    if records.was_sent(queue, &id) {
        return Ok(());
    }
    sender.send(queue, &id, &rendered).await.map_err(|error| match error {
        SendError::Permanent { cause } => Error::Unusable(cause),
        SendError::Temporary { cause, .. } => Error::Failed(cause),
    })?;
    let item = LogItem::new(queue, &event, &rendered, &consumer, message.delivery_count.into());
    let logged = Logged {
        user_id: event.payload.user_id(),
        recipient: redis::recipient_digest(&rendered.to),
        item: item.to_json(),
    };
    records.add(queue, &id, &logged);
    Ok(())
}

/// What was sent, in Redis, if there is one: the delivery log, and the events that are not to be sent again. People are
/// told things whether or not it answers; then an event that was published twice may be sent twice.
struct Records(Option<Redis>);

impl Records {
    fn open() -> Self {
        Self(Redis::find().unwrap_or_else(|error| {
            complain(&error);
            None
        }))
    }

    fn was_sent(&self, queue: Queue, event_id: &str) -> bool {
        let Some(redis) = &self.0 else { return false };
        let answer = redis.run(&redis::look_for(queue, event_id));
        answer.and_then(|replies| Ok(redis::was_sent(&replies)?)).unwrap_or_else(|error| {
            complain(&error);
            false
        })
    }

    fn add(&self, queue: Queue, event_id: &str, logged: &Logged) {
        let Some(redis) = &self.0 else { return };
        if let Err(error) = redis.run(&redis::record(queue, event_id, logged)) {
            complain(&error);
        }
    }
}

fn complain(error: &BrokerError) {
    log::warn("the delivery log does not answer", &[("cause", &error.to_string())]);
}
