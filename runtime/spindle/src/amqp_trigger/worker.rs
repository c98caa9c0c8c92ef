//! A worker: one of `prefetch` consumers of a queue, each of which handles one message at a time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::{Acker, BasicProperties, Consumer};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::breaker::{Admission, Health};
use super::dead_letter::{DeadLetter, cut};
use super::hold::{Held, Room, Until, left};
use super::message::{self, DeliveryCount};
use super::panic::caught;
use super::queue::Queue;
use super::retry::Cause;
use super::session::{Lost, Session};
use super::verdict::{Failure, Verdict, refusal, verdict};
use crate::handlers::amqp::Message;

/// How often a message that waits for the end of a pause looks whether it has ended.
const PAUSE_STEP: Duration = Duration::from_secs(1);

/// What has become of a message.
enum Outcome {
    /// It is acknowledged.
    Settled,
    /// It is acknowledged or given back later.
    Held(Held),
    /// It is to be given back at once, for nothing was done with it.
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
        match caught(worker.consume()).await.flatten() {
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
                Some(delivery) => delivery.map_err(|error| error.to_string())?,
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
            let held = match outcome {
                Outcome::Settled => continue,
                Outcome::Held(held) => held,
                Outcome::Untouched(acker) => {
                    self.session.give_back(&acker).await?;
                    continue;
                }
            };
            if stopping {
                self.hold(held).await?;
                continue;
            }
            // The message takes this consumer with it, which gets no other; the worker goes on with a new one. Given back
            // before, it would make room for a message that nobody looks at.
            self.session.cancel(&consumer).await?;
            self.hold(held).await?;
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
            consumer = self.session.consume() => consumer.map(Some),
        }
    }

    /// Waits for the end of a pause of the queue; says whether the message is a probe. Nothing if it is the end of the app, or
    /// if the message could not be handled any more while the broker bears that it is unacknowledged.
    async fn admitted(&self, since: Instant) -> Result<Option<bool>, Lost> {
        let deadline = self.queue.app.limits.message_deadline.0;
        loop {
            let wait = match self.queue.breaker.admit(Instant::now()) {
                Admission::Go { is_probe } => return Ok(Some(is_probe)),
                Admission::Wait(wait) => wait,
            };
            if left(since.elapsed()) < deadline {
                return Ok(None);
            }
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
        let (since, counters) = (Instant::now(), &self.queue.counters);
        counters.delivered.add();
        let Some(is_probe) = self.admitted(since).await? else { return Ok(Outcome::Untouched(delivery.acker)) };
        let (queue, retries) = (self.queue.config.queue.as_str(), &self.queue.config.retries);
        let count = DeliveryCount::of(&delivery);
        let refusal = refusal(count, &delivery.properties, retries);
        let message = message::message(&mut delivery, queue, count);
        let Delivery { properties, acker, .. } = delivery;
        let (message, failure) = match refusal {
            Some(failure) => (message, Some(failure)),
            None => self.queue.call(message).await,
        };
        self.record(failure.as_ref(), is_probe);
        match verdict(count, failure.as_ref().map_or(Ok(()), Err), retries) {
            Verdict::Acknowledge => {
                self.session.acknowledge(&acker).await?;
                counters.acknowledged.add();
                Ok(Outcome::Settled)
            }
            Verdict::Retry(delay) => {
                counters.requeued.add();
                let (id, delivery, reason) = (id(&message), message.delivery_count, reason(failure.as_ref()));
                let delay_ms = delay.as_millis();
                tracing::warn!(queue, message_id = id, delivery, delay_ms, reason, "message will be retried");
                Ok(Outcome::Held(Held { acker, until: Until::Delay(delay), since, size: 0 }))
            }
            Verdict::DeadLetter(reason) => {
                let size = message.body.len();
                let mut safe = Box::pin(dead_letter(Arc::clone(self.queue), message, properties, reason));
                tokio::select! {
                    biased;
                    () = &mut safe => {
                        self.session.acknowledge(&acker).await?;
                        Ok(Outcome::Settled)
                    }
                    // Others are not to wait for it.
                    () = self.queue.dead_letters.stalled() => {
                        Ok(Outcome::Held(Held { acker, until: Until::DeadLetter(safe), since, size }))
                    }
                }
            }
        }
    }

    /// Holds a message. While there is room for more, the worker does not wait with it.
    async fn hold(&self, held: Held) -> Result<(), Lost> {
        let Some(room) = held.room(self.queue) else { return held.settle(self.session, self.stop).await };
        let (session, stop) = (Arc::clone(self.session), self.stop.clone());
        self.tasks.spawn(async move {
            let _room: Room = room;
            let settled = caught(held.settle(&session, &stop)).await.flatten();
            settled.unwrap_or_else(|reason| session.end(reason));
        });
        Ok(())
    }
}

/// Publishes a message to the dead letters, and says so.
async fn dead_letter(queue: Arc<Queue>, message: Message, properties: BasicProperties, reason: String) {
    let config = &queue.config;
    let (id, delivery) = (id(&message).to_owned(), message.delivery_count);
    let letter = DeadLetter {
        body: message.body,
        properties,
        reason,
        deliveries: delivery.min(config.retries.most_deliveries()),
        queue: message.queue,
        exchange: message.exchange,
        routing_key: message.routing_key,
    };
    let reason = cut(&letter.reason).to_owned();
    queue.dead_letters.keep(letter).await;
    queue.counters.dead_lettered.add();
    tracing::error!(queue = config.queue, message_id = id, delivery, reason, "message dead-lettered");
}

/// What a message is called in the log, which does not show what is in it.
fn id(message: &Message) -> &str {
    message.message_id.as_deref().unwrap_or("none")
}

fn reason(failure: Option<&Failure>) -> &str {
    failure.map_or("", |failure| cut(&failure.reason))
}
