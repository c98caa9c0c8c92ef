//! A worker: one of `prefetch` consumers of a queue, each of which handles one message at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicRejectOptions};
use lapin::{Acker, BasicProperties, Consumer};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::breaker::{Admission, Health};
use super::dead_letter::{self, DeadLetterRecord, cut};
use super::message::{self, DeliveryCount};
use super::queue::{Failure, Queue};
use super::retry::{Cause, LONGEST_DELAY, Verdict};
use super::session::Session;
use crate::handlers::amqp::Message;

/// How often a message that waits for the end of a pause looks whether it has ended.
const PAUSE_STEP: Duration = Duration::from_secs(1);

/// Why a session is of no more use.
type Lost = String;

/// What has become of a message.
enum Outcome {
    /// It is acknowledged.
    Settled,
    /// It is to be given back after a while.
    Waits(Acker, Duration),
    /// It is to be given back at once, for it is the end, and nothing was done with it.
    Untouched(Acker),
}

/// Handles messages until `stop`, in one session after the other.
pub(super) async fn run(
    queue: Arc<Queue>,
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
        let worker = Worker { queue: &queue, session: &session, stop: &stop, tasks: &tasks };
        match worker.consume().await {
            Ok(()) => return,
            Err(reason) => session.end(reason),
        }
    }
}

/// A worker during one session.
struct Worker<'a> {
    queue: &'a Arc<Queue>,
    session: &'a Arc<Session>,
    stop: &'a CancellationToken,
    tasks: &'a TaskTracker,
}

impl Worker<'_> {
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
                // Another worker has found it out.
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
            let (acker, delay) = match outcome {
                Outcome::Settled => continue,
                Outcome::Waits(acker, delay) => (acker, delay),
                Outcome::Untouched(acker) => {
                    // Not rejected, which would count as a failed delivery.
                    let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
                    acker.nack(options).await.map_err(lost)?;
                    continue;
                }
            };
            if stopping {
                self.give_back(acker, delay).await?;
                continue;
            }
            // The message takes this consumer with it, which gets no other; the worker goes on with a new one. Given back
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

    /// Waits for the end of a pause of the queue; says whether the message is a probe, or nothing at the end of the app.
    async fn admitted(&self) -> Result<Option<bool>, Lost> {
        loop {
            let wait = match self.queue.breaker.admit(Instant::now()) {
                Admission::Go { is_probe } => return Ok(Some(is_probe)),
                Admission::Wait(wait) => wait,
            };
            tokio::select! {
                biased;
                () = self.stop.cancelled() => return Ok(None),
                reason = self.session.ended() => return Err(reason),
                // A probe that succeeds ends the pause early.
                () = tokio::time::sleep(wait.min(PAUSE_STEP)) => {}
            }
        }
    }

    /// Tells the breaker how it went.
    fn record(&self, failure: Option<&Failure>, is_probe: bool) {
        let health = match failure.map(|failure| failure.cause) {
            None => Health::Up,
            Some(Cause::Failed) => Health::Down,
            Some(Cause::Unusable | Cause::Broken) => Health::Unknown,
        };
        if let Some(pause) = self.queue.breaker.record(Instant::now(), health, is_probe) {
            tracing::warn!(queue = self.queue.config.queue, pause_ms = pause.as_millis(), "queue paused");
        }
    }

    /// Handles one delivery.
    async fn handle(&self, mut delivery: Delivery) -> Result<Outcome, Lost> {
        let Some(is_probe) = self.admitted().await? else { return Ok(Outcome::Untouched(delivery.acker)) };
        let config = &self.queue.config;
        let count = DeliveryCount::of(&delivery);
        let message = message::message(&mut delivery, &config.queue, count);
        let Delivery { properties, acker, .. } = delivery;
        let (message, failure) = if count.at_least() > config.retries.most_deliveries() {
            let reason = "its consumers did not survive its deliveries".to_owned();
            (message, Some(Failure { reason, cause: Cause::Unusable }))
        } else {
            self.queue.call(message).await
        };
        self.record(failure.as_ref(), is_probe);
        let Some(failure) = failure else {
            self.settle(&acker).await?;
            return Ok(Outcome::Settled);
        };
        let failed = FailedMessage { message, properties, failure };
        let verdict = config.retries.verdict(count.at_least(), failed.failure.cause);
        if let (Verdict::Retry(delay), DeliveryCount::Known(_)) = (verdict, count) {
            failed.report(config.queue.as_str(), "message will be retried", Some(delay));
            return Ok(Outcome::Waits(acker, delay));
        }
        match self.dead_letter(&failed, count).await {
            Ok(()) => {
                failed.report(config.queue.as_str(), "message dead-lettered", None);
                self.settle(&acker).await?;
                Ok(Outcome::Settled)
            }
            Err(reason) => {
                tracing::error!(queue = config.queue, reason, "a dead letter cannot be kept: the message stays");
                Ok(Outcome::Waits(acker, LONGEST_DELAY))
            }
        }
    }

    async fn dead_letter(&self, failed: &FailedMessage, count: DeliveryCount) -> Result<(), String> {
        let config = &self.queue.config;
        let uncounted = match count {
            DeliveryCount::Known(_) => "",
            DeliveryCount::Unknown => " (the queue does not count deliveries: it is no quorum queue)",
        };
        let reason = format!("{}{uncounted}", cut(&failed.failure.reason));
        let record = DeadLetterRecord {
            reason: &reason,
            deliveries: count.at_least().min(config.retries.most_deliveries()),
            queue: &config.queue,
            exchange: &failed.message.exchange,
            routing_key: &failed.message.routing_key,
        };
        let body = &failed.message.body;
        let confirm_time = self.queue.app.limits.amqp_confirm.0;
        let channel = &self.session.dead_letters;
        dead_letter::publish(channel, &config.dead_letter, body, &failed.properties, &record, confirm_time).await
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

    /// Keeps a message for a while before it is rejected. While there is room for more to wait, the worker does not.
    async fn give_back(&self, acker: Acker, delay: Duration) -> Result<(), Lost> {
        let wait = wait(Arc::clone(self.session), self.stop.clone(), delay);
        match Arc::clone(&self.queue.waiting).try_acquire_owned() {
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
struct FailedMessage {
    message: Message,
    properties: BasicProperties,
    failure: Failure,
}

impl FailedMessage {
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
