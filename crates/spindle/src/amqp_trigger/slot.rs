//! A slot: one of the `prefetch` places in which messages of a queue are handled, one after the other.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicRejectOptions};
use lapin::{Acker, BasicProperties, Consumer};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::dead_letter::{self, Obituary, cut};
use super::message::{self, DeliveryCount};
use super::session::Session;
use super::{LONGEST_DELAY, Listener};
use crate::bindings::amqp::{Error as GuestError, Message};
use crate::failure::describe_trap;

/// Why a session is of no more use.
type Lost = String;

/// Why a message was not handled.
#[derive(Debug)]
struct Failure {
    reason: String,
    /// Whether a further delivery would be the same.
    is_final: bool,
}

/// What has become of a message.
enum Outcome {
    /// It is acknowledged.
    Settled,
    /// It is to be given back after a while.
    Waits(Acker, Duration),
}

/// Handles messages until `stop`, in one session after the other.
pub(super) async fn run(
    listener: Arc<Listener>,
    mut sessions: watch::Receiver<Option<Arc<Session>>>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    loop {
        let session = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            session = sessions.wait_for(|session| session.as_ref().is_some_and(|session| !session.has_ended())) => {
                match session.as_deref() {
                    Ok(Some(session)) => Arc::clone(session),
                    _ => return,
                }
            }
        };
        let slot = Slot { listener: &listener, session: &session, stop: &stop, tasks: &tasks };
        match slot.consume().await {
            Ok(()) => return,
            Err(reason) => session.end(reason),
        }
    }
}

/// A slot during one session.
struct Slot<'a> {
    listener: &'a Arc<Listener>,
    session: &'a Arc<Session>,
    stop: &'a CancellationToken,
    tasks: &'a TaskTracker,
}

impl Slot<'_> {
    /// Handles messages until `stop`.
    async fn consume(&self) -> Result<(), Lost> {
        let Some(mut consumer) = self.new_consumer().await? else { return Ok(()) };
        let mut stopping = false;
        loop {
            let next = tokio::select! {
                biased;
                () = self.stop.cancelled(), if !stopping => {
                    // A session that is lost ends the stream of messages as well.
                    let _ = self.session.cancel(&consumer).await;
                    stopping = true;
                    continue;
                }
                next = consumer.next() => next,
                // Another slot has found it out.
                reason = self.session.ended() => return Err(reason),
            };
            let delivery = match next {
                Some(delivery) => delivery.map_err(lost)?,
                // All that had come before the end was handled.
                None if stopping => return Ok(()),
                None => return Err("the broker has ended the consumer: the queue was deleted".to_owned()),
            };
            let work = self.handle(delivery);
            tokio::pin!(work);
            let outcome = loop {
                tokio::select! {
                    biased;
                    () = self.stop.cancelled(), if !stopping => {
                        // Now and not afterwards: the acknowledgement would be answered with a further message.
                        let _ = self.session.cancel(&consumer).await;
                        stopping = true;
                    }
                    outcome = &mut work => break outcome?,
                }
            };
            let Outcome::Waits(acker, delay) = outcome else { continue };
            if stopping {
                self.give_back(acker, delay).await?;
                continue;
            }
            // The message takes this consumer with it, which gets no other; the slot goes on with a new one. Given back
            // before, it would make room for a message that nobody looks at.
            self.session.cancel(&consumer).await.map_err(lost)?;
            self.give_back(acker, delay).await?;
            match self.new_consumer().await? {
                Some(next) => consumer = next,
                None => return Ok(()),
            }
        }
    }

    /// A new consumer, unless it is the end.
    async fn new_consumer(&self) -> Result<Option<Consumer>, Lost> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Ok(None),
            reason = self.session.ended() => Err(reason),
            consumer = self.session.consume() => consumer.map(Some).map_err(lost),
        }
    }

    /// Handles one delivery.
    async fn handle(&self, mut delivery: Delivery) -> Result<Outcome, Lost> {
        let config = &self.listener.config;
        let count = DeliveryCount::of(&delivery);
        let message = message::message(&mut delivery, &config.queue, count);
        let Delivery { properties, acker, .. } = delivery;
        let (message, failure) = if count.at_least() > config.max_deliveries {
            let reason = "its consumers did not survive its deliveries".to_owned();
            (message, Some(Failure { reason, is_final: true }))
        } else {
            self.listener.call(message).await
        };
        let Some(failure) = failure else {
            self.settle(&acker).await?;
            return Ok(Outcome::Settled);
        };
        let letter = Letter { message, properties, failure };
        let last = count.at_least() >= config.max_deliveries || count == DeliveryCount::Unknown;
        if !last && !letter.failure.is_final {
            let delay = self.listener.delay(count.at_least());
            letter.report(config.queue.as_str(), "a message is tried again later", Some(delay));
            return Ok(Outcome::Waits(acker, delay));
        }
        match self.bury(&letter, count).await {
            Ok(()) => {
                letter.report(config.queue.as_str(), "a message is a dead letter", None);
                self.settle(&acker).await?;
                Ok(Outcome::Settled)
            }
            Err(reason) => {
                tracing::error!(queue = config.queue, reason, "a dead letter cannot be kept: the message stays");
                Ok(Outcome::Waits(acker, LONGEST_DELAY))
            }
        }
    }

    async fn bury(&self, letter: &Letter, count: DeliveryCount) -> Result<(), String> {
        let config = &self.listener.config;
        let uncounted = match count {
            DeliveryCount::Known(_) => "",
            DeliveryCount::Unknown => " (the queue does not count deliveries: it is no quorum queue)",
        };
        let reason = format!("{}{uncounted}", cut(&letter.failure.reason));
        let obituary = Obituary {
            reason: &reason,
            deliveries: count.at_least().min(config.max_deliveries),
            queue: &config.queue,
            exchange: &letter.message.exchange,
            routing_key: &letter.message.routing_key,
        };
        let body = &letter.message.body;
        dead_letter::publish(&self.session.burying, &config.dead_letter, body, &letter.properties, &obituary).await
    }

    /// Acknowledges a message.
    async fn settle(&self, acker: &Acker) -> Result<(), Lost> {
        match acker.ack(BasicAckOptions::default()).await {
            Ok(true) => Ok(()),
            // The broker delivers it again: it was handled, and may be handled twice.
            Ok(false) => Err("it was lost before a message could be acknowledged, which comes again".to_owned()),
            Err(error) => Err(lost(error)),
        }
    }

    /// Keeps a message for a while before it is rejected. While there is room for more to wait, the slot does not.
    async fn give_back(&self, acker: Acker, delay: Duration) -> Result<(), Lost> {
        let wait = wait(Arc::clone(self.session), self.stop.clone(), delay);
        match Arc::clone(&self.listener.waiting).try_acquire_owned() {
            Ok(permit) => {
                self.tasks.spawn(async move {
                    let _permit: OwnedSemaphorePermit = permit;
                    if let Some(session) = wait.await {
                        let rejected = reject(&acker).await;
                        rejected.unwrap_or_else(|reason| session.end(reason));
                    }
                });
            }
            Err(_) => {
                if wait.await.is_some() {
                    reject(&acker).await?;
                }
            }
        }
        Ok(())
    }
}

/// A message that was not handled, and why.
struct Letter {
    message: Message,
    properties: BasicProperties,
    failure: Failure,
}

impl Letter {
    /// One line for the log: which message, not what is in it.
    fn report(&self, queue: &str, what: &str, delay: Option<Duration>) {
        let (message, reason) = (&self.message, cut(&self.failure.reason));
        let (message_id, delivery) = (message.message_id.as_deref().unwrap_or("none"), message.delivery_count);
        match delay {
            Some(delay) => {
                tracing::warn!(queue, message_id, delivery, delay_ms = delay.as_millis(), reason, "{what}");
            }
            None => tracing::error!(queue, message_id, delivery, reason, "{what}"),
        }
    }
}

/// Waits for the next delivery of a message; gives the session in which it has to be rejected, if it still lives. At
/// the end nothing waits: others may take the message now.
async fn wait(session: Arc<Session>, stop: CancellationToken, delay: Duration) -> Option<Arc<Session>> {
    tokio::select! {
        _ = session.ended() => return None,
        () = stop.cancelled() => {}
        () = tokio::time::sleep(delay) => {}
    }
    Some(session)
}

/// Gives a message back. By `reject` and not by `nack`: RabbitMQ counts only the former since 4.3.
async fn reject(acker: &Acker) -> Result<(), Lost> {
    acker.reject(BasicRejectOptions { requeue: true }).await.map(drop).map_err(lost)
}

#[expect(clippy::needless_pass_by_value, reason = "it is for `map_err`")]
fn lost(error: lapin::Error) -> Lost {
    error.to_string()
}

impl Listener {
    /// Calls the component with a message, which comes back with what was wrong, if anything was.
    async fn call(&self, message: Message) -> (Message, Option<Failure>) {
        let again = |reason: String| Some(Failure { reason, is_final: false });
        let (mut store, share) = match self.app.store(&self.component) {
            Ok(ready) => ready,
            Err(error) => return (message, again(format!("cannot start an instance: {error:#}"))),
        };
        let deadline = self.app.limits.message_deadline;
        let handler = self.handler.clone();
        // The message is needed whatever becomes of the call.
        let message = Arc::new(message);
        let given = Arc::clone(&message);
        let work = async move {
            let call = async {
                let instance = handler.instantiate_async(&mut store).await?;
                instance.concierge_amqp_handler().call_handle_message(&mut store, &given).await
            };
            let result = tokio::time::timeout(deadline, call).await;
            drop(given);
            (result, store)
        };
        // On a task of its own: a panic in the engine is then a failure like others.
        let failure = match tokio::spawn(share.run(work)).await {
            Ok((Ok(Ok(Ok(()))), _)) => None,
            Ok((Ok(Ok(Err(GuestError::Failed(reason)))), _)) => again(reason),
            Ok((Ok(Ok(Err(GuestError::Unusable(reason)))), _)) => Some(Failure { reason, is_final: true }),
            Ok((Ok(Err(error)), store)) => again(format!("a trap: {}", describe_trap(&error, &store.data().limits))),
            Ok((Err(_), _)) => again(format!("it took longer than {} s", deadline.as_secs_f64())),
            Err(error) => again(format!("the runtime failed: {error}")),
        };
        let message = Arc::try_unwrap(message).unwrap_or_else(|shared| Message::clone(&shared));
        (message, failure)
    }
}
