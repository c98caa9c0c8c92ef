//! The consumer of Redis: takes the queues in turn, claims a message whenever it may send one more, and sends several
//! concurrently, until nothing is left.

use crate::acknowledgement::acknowledge;
use crate::delivery::{EXPIRED, Notification, Outlets, Unusable};
use crate::round::Round;
use crate::settings::{Settings, outlets};
use crate::webhooks;
use events::redis::{
    self, Acquisition, Claimed, Delivery, ForeignGroup, Nack, Outcome, Preference, ProviderHealth, Reply, Send,
};
use events::{Exchange, FailedAttempt, MAX_CLAIMS, MAX_CRASHES, Queue, RetryDecision};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use notification_domain::SendError;
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::{log, random};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long one call runs before it hands over to the next, which it wakes up: an instance does not live for ever.
const BUDGET: Duration = Duration::from_secs(20);
/// The pause between two claims while there are no messages, but some are being sent or are due soon.
const PAUSE: Duration = Duration::from_millis(100);
/// One claim in so many prefers old messages, so that a busy queue does not starve them.
const OLD_EVERY: u32 = 16;
/// From this length of a stream on, a foreign group that keeps it from being trimmed is logged.
const LONG_STREAM: u64 = 1_000;

/// How long after that it is tried at most to acknowledge what was sent: with the longest send before, less than a runtime gives an
/// instance.
const LAST_ACK: Duration = Duration::from_secs(20);

/// One call of the consumer.
struct Consumer {
    start: Instant,
    broker: Redis,
    settings: Settings,
    outlets: Outlets,
}

/// Runs until the queues are empty or the budget is used up. Errors are logged: there is no caller to return them to.
pub(crate) async fn consume() {
    let start = || -> Result<Consumer, Problem> {
        let outlets = outlets()?;
        Ok(Consumer {
            settings: Settings::from_config(&outlets)?,
            outlets,
            broker: Redis::connect()?,
            start: Instant::now(),
        })
    };
    match start() {
        Ok(consumer) => consumer.run().await,
        Err(problem) => log::error("failed to start the consumer", &[("cause", problem.cause().unwrap_or("unknown"))]),
    }
}

impl Consumer {
    async fn run(&self) {
        let start = self.start;
        let mut round = Round::new(self.outlets.webhooks.is_on());
        let mut sends = FuturesUnordered::new();
        loop {
            let is_over = start.elapsed() >= BUDGET;
            round.is_late = start.elapsed() >= BUDGET.saturating_sub(webhooks::LIMIT);
            let mut is_empty = false;
            while !is_over && !is_empty && sends.len() < self.settings.concurrency * round.in_flight.len() {
                match self.claim(&mut round) {
                    Some((queue, delivery)) => {
                        round.in_flight[usize::from(queue.is_webhook())] += 1;
                        sends.push(self.handle(queue, delivery));
                    }
                    None => is_empty = true,
                }
            }
            if sends.is_empty() {
                // Waits for what is due before the end of the call: the next scheduled wake-up may be a minute away.
                match round.due.filter(|due| !is_over && start.elapsed() + *due < BUDGET) {
                    Some(due) => service_kit::sleep(due.clamp(Duration::from_millis(1), PAUSE)).await,
                    None => break,
                }
            } else {
                // Below the concurrency limit, a new message does not wait for the end of a send.
                let wait = if is_empty { PAUSE } else { BUDGET };
                if let Some(Some((queue, result))) = service_kit::timeout(wait, sends.next()).await {
                    round.in_flight[usize::from(queue.is_webhook())] -= 1;
                    if let Err(error) = result {
                        give_up(&mut round, queue, &error);
                    }
                }
            }
        }
        let has_left_webhooks = round.is_late && self.outlets.webhooks.is_on();
        self.finish(&round, start.elapsed() >= BUDGET || has_left_webhooks);
    }

    /// Claims the next message of the queue whose turn it is, or of one after it.
    fn claim(&self, round: &mut Round) -> Option<(Queue, Delivery)> {
        let preference = if round.claimed.is_multiple_of(OLD_EVERY) { Preference::Old } else { Preference::New };
        let asked = round.asked(self.settings.concurrency);
        round.due = None;
        if asked.is_empty() {
            return None;
        }
        match self.claim_from(&asked, preference) {
            Ok(Claimed::Message(place, delivery)) => round.took(&asked, place).map(|queue| (queue, delivery)),
            Ok(Claimed::Nothing(due)) => {
                round.due = due;
                None
            }
            Err(_) => self.claim_one_by_one(round, &asked, preference),
        }
    }

    /// The same where something is wrong with one of the queues at least. A queue that fails is skipped for a moment; the
    /// others continue.
    fn claim_one_by_one(
        &self,
        round: &mut Round,
        asked: &[Queue],
        preference: Preference,
    ) -> Option<(Queue, Delivery)> {
        for (place, queue) in asked.iter().enumerate() {
            match self.claim_from(&[*queue], preference) {
                Ok(Claimed::Message(_, delivery)) => {
                    return round.took(asked, place).map(|queue| (queue, delivery));
                }
                Ok(Claimed::Nothing(due)) => round.due = round.due.into_iter().chain(due).min(),
                Err(error) => give_up(round, *queue, &error),
            }
        }
        None
    }

    /// Claims from the first of some queues that has a message. Those that do not exist are created.
    fn claim_from(&self, queues: &[Queue], preference: Preference) -> Result<Claimed, BrokerError> {
        let Settings { consumer, policy, .. } = &self.settings;
        let claim = redis::claim(queues, consumer, policy.claim_after, preference);
        let replies = match self.broker.run(&claim) {
            Err(BrokerError::Redis(message)) if redis::is_missing_group(&message) => {
                for queue in queues {
                    // It may be there, and another consumer may create it at the same moment: BUSYGROUP is fine.
                    if self.broker.run(&redis::create_group(*queue)).is_ok() {
                        log::info("queue created", &[("queue", queue.name())]);
                    }
                }
                self.broker.run(&claim)?
            }
            other => other?,
        };
        Ok(Claimed::from_replies(&replies)?)
    }

    /// Handles one message; returns its queue with the outcome.
    async fn handle(&self, queue: Queue, delivery: Delivery) -> (Queue, Result<(), BrokerError>) {
        (queue, self.deliver(queue, &delivery).await)
    }

    /// Delivers one message: sends, then acknowledges.
    async fn deliver(&self, queue: Queue, delivery: &Delivery) -> Result<(), BrokerError> {
        let notification = match Notification::prepare(queue, &delivery.event, &self.outlets) {
            Ok(notification) => notification,
            Err(Unusable { event_id, cause }) => {
                return self.dead_letter(queue, event_id.as_deref(), &self.unsent(queue, delivery), 1, &cause);
            }
        };
        notification.trace(None, self.deliver_event(queue, delivery, &notification)).await
    }

    /// The same for what is an event.
    async fn deliver_event(
        &self,
        queue: Queue,
        delivery: &Delivery,
        notification: &Notification,
    ) -> Result<(), BrokerError> {
        let claimed = Instant::now();
        let id = notification.event_id();
        if delivery.claims > MAX_CLAIMS {
            let cause = "claim limit exceeded: every consumer crashed before it could send the message";
            return self.dead_letter(queue, Some(&id), &self.unsent(queue, delivery), delivery.claims, cause);
        }
        if !notification.is_due() {
            return self.ack_unsent(queue, &id, delivery);
        }
        let begun = match self.acquire(queue, &id, delivery) {
            Ok(Acquisition::Acquired(begun)) => begun,
            Ok(Acquisition::AlreadySent) => return self.ack_unsent(queue, &id, delivery),
            // Another entry has the same event; this one is looked at again once that claim is over.
            Ok(Acquisition::InProgress) => return self.release(queue, delivery, self.settings.policy.claim_after),
            Err(error) => {
                self.release(queue, delivery, PAUSE)?;
                return Err(error);
            }
        };
        let attempt = delivery.failures + begun;
        if notification.is_expired() {
            return self.dead_letter(queue, Some(&id), &self.unsent(queue, delivery), attempt - 1, EXPIRED);
        }
        if begun > MAX_CRASHES || self.settings.policy.max_attempts.is_some_and(|most| attempt > most) {
            let cause = "delivery limit exceeded: every consumer crashed while sending the message";
            return self.dead_letter(queue, Some(&id), &self.unsent(queue, delivery), attempt - 1, cause);
        }
        let consumer = &self.settings.consumer;
        let (delivered, send) = notification.send(&self.outlets, Some(&self.broker), consumer, attempt).await;
        match delivered {
            Ok(logged) => {
                let outcome = self.outcome(queue, delivery, ProviderHealth::Up, Some(&send));
                let command = redis::ack(queue, &id, consumer, &outcome, logged.as_ref());
                // Later another consumer sends it.
                let until = (self.start + BUDGET + LAST_ACK).min(claimed + self.settings.policy.claim_after);
                acknowledge(&self.broker, &command, (queue, &id), until).await
            }
            Err(SendError::Permanent { cause }) => {
                let outcome = self.outcome(queue, delivery, ProviderHealth::Up, Some(&send));
                self.dead_letter(queue, Some(&id), &outcome, attempt, &cause)
            }
            Err(SendError::Temporary { cause, retry_after }) => {
                let (age, expires_in) = (age_of(delivery), notification.expires_in());
                let failed = FailedAttempt { number: attempt, age, retry_after, expires_in };
                let outcome = self.outcome(queue, delivery, ProviderHealth::Down, Some(&send));
                self.nack(queue, &id, &outcome, failed, &cause)
            }
        }
    }

    fn outcome<'a>(
        &self,
        queue: Queue,
        delivery: &'a Delivery,
        health: ProviderHealth,
        send: Option<&'a Send>,
    ) -> Outcome<'a> {
        // Not a queue of webhooks pauses, but each of its endpoints by itself.
        let health = if queue.is_webhook() { ProviderHealth::Unknown } else { health };
        Outcome { delivery, health, pause_after: self.settings.policy.pause_after, send }
    }

    /// The outcome of a message for which nobody was asked.
    fn unsent<'a>(&self, queue: Queue, delivery: &'a Delivery) -> Outcome<'a> {
        self.outcome(queue, delivery, ProviderHealth::Unknown, None)
    }

    fn acquire(&self, queue: Queue, event_id: &str, delivery: &Delivery) -> Result<Acquisition, BrokerError> {
        let acquire = redis::acquire(queue, event_id, &delivery.origin, self.settings.policy.claim_after);
        Ok(Acquisition::from_replies(&self.broker.run(&acquire)?)?)
    }

    fn release(&self, queue: Queue, delivery: &Delivery, delay: Duration) -> Result<(), BrokerError> {
        let Settings { consumer, policy, .. } = &self.settings;
        let outcome = self.unsent(queue, delivery);
        self.broker.run(&redis::release(queue, consumer, &outcome, delay, policy.claim_after)).map(drop)
    }

    fn ack_unsent(&self, queue: Queue, event_id: &str, delivery: &Delivery) -> Result<(), BrokerError> {
        let outcome = self.unsent(queue, delivery);
        self.broker.run(&redis::ack(queue, event_id, &self.settings.consumer, &outcome, None)).map(drop)
    }

    /// After a temporary failure: retries later, until the message has had its time.
    fn nack(
        &self,
        queue: Queue,
        event_id: &str,
        outcome: &Outcome<'_>,
        failed: FailedAttempt,
        cause: &str,
    ) -> Result<(), BrokerError> {
        let FailedAttempt { number: attempt, retry_after, .. } = failed;
        let [jitter] = random::bytes();
        let delay = match self.settings.policy.after_failure(failed, jitter) {
            RetryDecision::DeadLetter => {
                return self.dead_letter(queue, Some(event_id), outcome, attempt, cause);
            }
            RetryDecision::RetryAfter(delay) => delay,
        };
        let nack = Nack { delay, failures: attempt, asked: retry_after.unwrap_or_default(), reason: cause };
        let replies = self.broker.run(&redis::nack(queue, Some(event_id), outcome, &nack))?;
        let retry_in = ("retry_in_ms", delay.as_millis().to_string());
        report("message will be retried", queue, Some(event_id), outcome.delivery, attempt, cause, Some(retry_in));
        report_pause(queue, &replies)
    }

    fn dead_letter(
        &self,
        queue: Queue,
        event_id: Option<&str>,
        outcome: &Outcome<'_>,
        attempts: u64,
        cause: &str,
    ) -> Result<(), BrokerError> {
        let replies = self.broker.run(&redis::dead_letter(queue, event_id, outcome, attempts, cause))?;
        report("message dead-lettered", queue, event_id, outcome.delivery, attempts, cause, None);
        report_pause(queue, &replies)
    }

    /// The end of a call: trims the streams, and wakes up the next call if there is more to do.
    fn finish(&self, round: &Round, is_over: bool) {
        if round.claimed > 0 {
            for exchange in Exchange::ALL {
                let has_webhooks = self.outlets.webhooks.is_on();
                let trimmed = self.broker.run(&redis::trim(exchange, has_webhooks, self.settings.policy.claim_after));
                match trimmed.and_then(|replies| Ok(ForeignGroup::from_replies(&replies)?)) {
                    Ok(Some(group)) if group.length >= LONG_STREAM => {
                        let fields = [
                            ("exchange", exchange.name()),
                            ("group", &group.name),
                            ("length", &group.length.to_string()),
                        ];
                        log::warn("a foreign consumer group keeps a stream from being trimmed", &fields);
                    }
                    Ok(_) => {}
                    Err(error) => {
                        let fields = [("exchange", exchange.name()), ("cause", &error.to_string())];
                        log::error("failed to trim a stream", &fields);
                    }
                }
            }
        }
        if is_over {
            // A consumer serves all queues whichever channel wakes it up, so one wake-up is enough.
            if let Err(error) = self.broker.run(&redis::wake_up(Exchange::UserLogin)) {
                log::error("failed to wake up the next call", &[("cause", &error.to_string())]);
            }
        }
    }
}

/// How long ago the first attempt was.
fn age_of(delivery: &Delivery) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match delivery.first_tried {
        0 => Duration::ZERO,
        first => now.saturating_sub(Duration::from_millis(first)),
    }
}

/// Skips a queue for a moment.
fn give_up(round: &mut Round, queue: Queue, error: &BrokerError) {
    log::error("queue failed", &[("queue", queue.name()), ("cause", &error.to_string())]);
    round.give_up(queue);
}

/// Logs what happened to a message, without its content.
fn report(
    what: &str,
    queue: Queue,
    event_id: Option<&str>,
    delivery: &Delivery,
    attempts: u64,
    cause: &str,
    further: Option<(&str, String)>,
) {
    let attempts = attempts.to_string();
    let mut fields = vec![
        ("queue", queue.name()),
        ("entry", &delivery.origin),
        ("event_id", event_id.unwrap_or("unknown")),
        ("attempts", &attempts),
        ("cause", cause),
    ];
    if let Some((name, value)) = &further {
        fields.push((name, value));
    }
    log::warn(what, &fields);
}

/// Logs that a queue is paused from now on.
fn report_pause(queue: Queue, replies: &[Reply]) -> Result<(), BrokerError> {
    if let Some(pause) = redis::paused_for(replies)? {
        log::warn("queue paused", &[("queue", queue.name()), ("for_ms", &pause.as_millis().to_string())]);
    }
    Ok(())
}
