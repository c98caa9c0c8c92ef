//! The consumer of Redis: takes the queues in turn, claims one message as a place comes free, and sends several at once,
//! until there is nothing left.

use crate::sender::Sender;
use crate::settings::Settings;
use events::redis::{
    self, Claimed, Command, Delivery, First, ForeignGroup, Health, Logged, Outcome, Reply, Retry, Taken,
};
use events::{Event, Exchange, MAX_CLAIMS, MAX_DEATHS, Queue, Try, Verdict};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use notification_domain::{LogItem, Message, SendError, render};
use problem::Problem;
use service_kit::broker::{BrokerError, Redis};
use service_kit::{log, random};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long one call works before it hands over to the next, which it rings for: an instance does not live for ever.
const BUDGET: Duration = Duration::from_secs(20);
/// How often is looked for messages while there are none, and others are being sent or are due soon.
const PAUSE: Duration = Duration::from_millis(100);
/// After how many messages of a busy queue those that were left lying are looked at first.
const LOOK_BACK: u32 = 16;
/// From how many entries of a stream on it is told that a foreign group keeps it from being trimmed.
const LONG_STREAM: u64 = 1_000;

/// One call of the consumer.
struct Consumer {
    broker: Redis,
    settings: Settings,
    sender: Sender,
}

/// What one call knows of the queues.
struct Round {
    /// The queue whose turn it is.
    turn: usize,
    /// The queues that this call has given up.
    failed: [bool; Queue::ALL.len()],
    /// How many messages were claimed.
    claimed: u32,
    /// In what time there is something to do again, as far as is known.
    due: Option<Duration>,
}

/// Works until the queues are empty, or the budget is used up. Whatever goes wrong is logged: nobody is told otherwise.
pub(crate) async fn consume() {
    let start = || -> Result<Consumer, Problem> {
        let sender = Sender::from_config()?;
        Ok(Consumer { settings: Settings::from_config(&sender)?, sender, broker: Redis::connect()? })
    };
    match start() {
        Ok(consumer) => consumer.work().await,
        Err(problem) => log::error("the consumer cannot start", &[("cause", problem.cause().unwrap_or("unknown"))]),
    }
}

impl Consumer {
    async fn work(&self) {
        let start = Instant::now();
        let mut round = Round { turn: 0, failed: [false; Queue::ALL.len()], claimed: 0, due: None };
        let mut sends = FuturesUnordered::new();
        loop {
            let is_over = start.elapsed() >= BUDGET;
            let mut is_empty = false;
            while !is_over && !is_empty && sends.len() < self.settings.concurrency {
                match self.claim(&mut round) {
                    Some((queue, delivery)) => sends.push(self.handle(queue, delivery)),
                    None => is_empty = true,
                }
            }
            if sends.is_empty() {
                // What is due before the end of the call is waited for: the schedule that rings may be a minute away.
                match round.due.filter(|due| !is_over && start.elapsed() + *due < BUDGET) {
                    Some(due) => service_kit::sleep(due.clamp(Duration::from_millis(1), PAUSE)).await,
                    None => break,
                }
            } else {
                // While there is a place, a new message is not kept waiting for the end of a send.
                let wait = if is_empty { PAUSE } else { BUDGET };
                if let Some(Some((queue, Err(error)))) = service_kit::timeout(wait, sends.next()).await {
                    give_up(&mut round, queue, &error);
                }
            }
        }
        self.clear_away(&round, start.elapsed() >= BUDGET);
    }

    /// Claims the next message of the queue whose turn it is, or of one after it. A queue that fails is left alone for
    /// the rest of the call; the others go on.
    fn claim(&self, round: &mut Round) -> Option<(Queue, Delivery)> {
        let first = if round.claimed.is_multiple_of(LOOK_BACK) { First::Old } else { First::New };
        round.due = None;
        for step in 0..Queue::ALL.len() {
            let index = (round.turn + step) % Queue::ALL.len();
            if round.failed[index] {
                continue;
            }
            let queue = Queue::ALL[index];
            let due = match self.claim_from(queue, first) {
                Ok(Claimed::Message(delivery)) => {
                    round.turn = index + 1;
                    round.claimed += 1;
                    return Some((queue, delivery));
                }
                Ok(Claimed::Nothing(due)) => due,
                Ok(Claimed::Paused(left)) => Some(left),
                Err(error) => {
                    give_up(round, queue, &error);
                    None
                }
            };
            round.due = round.due.into_iter().chain(due).min();
        }
        None
    }

    fn claim_from(&self, queue: Queue, first: First) -> Result<Claimed, BrokerError> {
        let Settings { consumer, policy, .. } = &self.settings;
        let replies = self.run_on(queue, &redis::claim(queue, consumer, policy.claim_after, first))?;
        Ok(Claimed::from_replies(&replies)?)
    }

    /// Runs a command on a queue, which is made if it is not there yet.
    fn run_on(&self, queue: Queue, command: &Command) -> Result<Vec<Reply>, BrokerError> {
        match self.broker.run(command) {
            Err(BrokerError::Redis(message)) if redis::is_missing_group(&message) => {
                // Another consumer may make it at the same moment: BUSYGROUP is as good.
                let made = self.broker.run(&redis::create_group(queue));
                if made.is_ok() {
                    log::info("a queue was made", &[("queue", queue.name())]);
                }
                self.broker.run(command)
            }
            other => other,
        }
    }

    /// Handles one message, and says of which queue it was.
    async fn handle(&self, queue: Queue, delivery: Delivery) -> (Queue, Result<(), BrokerError>) {
        (queue, self.deliver(queue, &delivery).await)
    }

    /// Delivers one message: sends, then acknowledges.
    async fn deliver(&self, queue: Queue, delivery: &Delivery) -> Result<(), BrokerError> {
        let event = match Event::from_json(&delivery.event) {
            Ok(event) => event,
            Err(error) => return self.bury(queue, None, delivery, Health::Unknown, 1, &error.to_string()),
        };
        let id = event.id.to_string();
        if delivery.claims > MAX_CLAIMS {
            let why = "its consumers died before they could send it";
            return self.bury(queue, Some(&id), delivery, Health::Unknown, delivery.claims, why);
        }
        let unsent = self.outcome(delivery, Health::Unknown);
        let message = match render(queue, &event) {
            Ok(Some(message)) => message,
            // There is no way to reach the person: nothing was sent, and nothing is logged.
            Ok(None) => return self.broker.run(&redis::settle(queue, &id, &unsent, None)).map(drop),
            Err(error) => return self.bury(queue, Some(&id), delivery, Health::Unknown, 1, &error.to_string()),
        };
        let begun = match self.take(queue, &id, delivery) {
            Ok(Taken::Taken(begun)) => begun,
            Ok(Taken::Sent) => return self.broker.run(&redis::settle(queue, &id, &unsent, None)).map(drop),
            // Another entry has the same event: once its time is up this one is looked at again.
            Ok(Taken::Busy) => return self.give_back(queue, delivery, self.settings.policy.claim_after),
            Err(error) => {
                self.give_back(queue, delivery, PAUSE)?;
                return Err(error);
            }
        };
        let tries = delivery.failures + begun;
        if begun > MAX_DEATHS || self.settings.policy.max_attempts.is_some_and(|most| tries > most) {
            let why = "its consumers died in the middle of it";
            return self.bury(queue, Some(&id), delivery, Health::Unknown, tries - 1, why);
        }
        match self.sender.send(queue, &id, &message).await {
            Ok(()) => self.settle(queue, &event, &message, delivery, tries),
            Err(SendError::Permanent { cause }) => self.bury(queue, Some(&id), delivery, Health::Up, tries, &cause),
            Err(SendError::Temporary { cause, retry_after }) => {
                self.fail(queue, &id, delivery, tries, &cause, retry_after)
            }
        }
    }

    fn outcome<'a>(&self, delivery: &'a Delivery, health: Health) -> Outcome<'a> {
        Outcome { delivery, health, pause_after: self.settings.policy.pause_after }
    }

    fn take(&self, queue: Queue, event_id: &str, delivery: &Delivery) -> Result<Taken, BrokerError> {
        let take = redis::take(queue, event_id, delivery, self.settings.policy.claim_after);
        Ok(Taken::from_replies(&self.broker.run(&take)?)?)
    }

    fn give_back(&self, queue: Queue, delivery: &Delivery, delay: Duration) -> Result<(), BrokerError> {
        let Settings { consumer, policy, .. } = &self.settings;
        let outcome = self.outcome(delivery, Health::Unknown);
        self.broker.run(&redis::give_back(queue, consumer, &outcome, delay, policy.claim_after)).map(drop)
    }

    fn settle(
        &self,
        queue: Queue,
        event: &Event,
        message: &Message,
        delivery: &Delivery,
        tries: u64,
    ) -> Result<(), BrokerError> {
        let logged = Logged {
            user_id: event.payload.user_id(),
            recipient: redis::recipient_digest(&message.to),
            item: LogItem::new(queue, event, message, &self.settings.consumer, tries).to_json(),
        };
        let outcome = self.outcome(delivery, Health::Up);
        self.broker.run(&redis::settle(queue, &event.id.to_string(), &outcome, Some(&logged))).map(drop)
    }

    /// After a temporary failure: again later, until the message has had its time.
    fn fail(
        &self,
        queue: Queue,
        event_id: &str,
        delivery: &Delivery,
        tries: u64,
        cause: &str,
        retry_after: Option<Duration>,
    ) -> Result<(), BrokerError> {
        let failed = Try { number: tries, age: age_of(delivery), retry_after };
        let [jitter] = random::bytes();
        let delay = match self.settings.policy.after_failure(failed, jitter) {
            Verdict::DeadLetter => return self.bury(queue, Some(event_id), delivery, Health::Down, tries, cause),
            Verdict::RetryAfter(delay) => delay,
        };
        let retry = Retry { delay, failures: tries, asked: retry_after.unwrap_or_default(), reason: cause };
        let outcome = self.outcome(delivery, Health::Down);
        let replies = self.broker.run(&redis::retry_later(queue, Some(event_id), &outcome, &retry))?;
        let again = ("again_in_ms", delay.as_millis().to_string());
        report("a message is tried again later", queue, Some(event_id), delivery, tries, cause, Some(again));
        report_pause(queue, &replies)
    }

    fn bury(
        &self,
        queue: Queue,
        event_id: Option<&str>,
        delivery: &Delivery,
        health: Health,
        tries: u64,
        why: &str,
    ) -> Result<(), BrokerError> {
        let replies = self.broker.run(&redis::bury(queue, event_id, &self.outcome(delivery, health), tries, why))?;
        report("a message is a dead letter", queue, event_id, delivery, tries, why, None);
        report_pause(queue, &replies)
    }

    /// The end of a call: what is handled is dropped from the streams, and the next call is rung for if there is more.
    fn clear_away(&self, round: &Round, is_over: bool) {
        if round.claimed > 0 {
            for exchange in Exchange::ALL {
                let trimmed = self.broker.run(&redis::trim(exchange, self.settings.policy.claim_after));
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
                        log::error("a stream could not be trimmed", &fields);
                    }
                }
            }
        }
        if is_over {
            // All queues of all exchanges are looked at whichever bell rings, so one is enough.
            if let Err(error) = self.broker.run(&redis::ring(Exchange::UserLogin)) {
                log::error("the next call could not be rung for", &[("cause", &error.to_string())]);
            }
        }
    }
}

/// How long ago a message was tried first.
fn age_of(delivery: &Delivery) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    match delivery.first_tried {
        0 => Duration::ZERO,
        first => now.saturating_sub(Duration::from_millis(first)),
    }
}

/// Leaves a queue alone for the rest of the call.
fn give_up(round: &mut Round, queue: Queue, error: &BrokerError) {
    log::error("a queue has failed", &[("queue", queue.name()), ("cause", &error.to_string())]);
    for (index, known) in Queue::ALL.iter().enumerate() {
        round.failed[index] |= *known == queue;
    }
}

/// One line for the log: which message, not what is in it.
fn report(
    what: &str,
    queue: Queue,
    event_id: Option<&str>,
    delivery: &Delivery,
    tries: u64,
    cause: &str,
    further: Option<(&str, String)>,
) {
    let tries = tries.to_string();
    let mut fields = vec![
        ("queue", queue.name()),
        ("entry", &delivery.origin),
        ("event_id", event_id.unwrap_or("unknown")),
        ("deliveries", &tries),
        ("cause", cause),
    ];
    if let Some((name, value)) = &further {
        fields.push((name, value));
    }
    log::warn(what, &fields);
}

/// One line for the log if a queue pauses from now on.
fn report_pause(queue: Queue, replies: &[Reply]) -> Result<(), BrokerError> {
    if let Some(pause) = redis::paused_for(replies)? {
        log::warn("a queue pauses", &[("queue", queue.name()), ("for_ms", &pause.as_millis().to_string())]);
    }
    Ok(())
}
