//! The consumer of Redis: takes the queues in turn, one message at a time, until there is nothing left.

use crate::sender::Sender;
use crate::settings::Settings;
use events::redis::{self, Command, Delivery, Logged, Pending, Reply, Taken};
use events::{Event, Exchange, Policy, Queue, Verdict};
use notification_domain::{LogItem, render};
use problem::Problem;
use shell::broker::{BrokerError, Redis};
use shell::log;
use std::time::{Duration, Instant};

/// How long one call works before it hands over to the next, which it rings for: an instance does not live for ever.
const BUDGET: Duration = Duration::from_secs(20);
/// How often new messages are looked for while a retry is waited for.
const PAUSE: Duration = Duration::from_millis(100);
/// How many messages that were left lying are tried to be taken over, one after the other, before others have their turn.
const CLAIMS: u32 = 16;
/// After how many messages of a busy queue those that were left lying are looked at.
const LOOK_BACK: u32 = 16;

/// One call of the consumer.
struct Consumer {
    broker: Redis,
    settings: Settings,
    sender: Sender,
    /// When the first of the messages that failed in this call is due again.
    retry_at: Option<Instant>,
}

/// Works until the queues are empty, or the budget is used up.
pub(crate) async fn consume() -> anyhow::Result<()> {
    let configured = Settings::from_config().and_then(|settings| Ok((settings, Sender::from_config()?)));
    let (settings, sender) = configured.map_err(|problem: Problem| {
        anyhow::anyhow!("the consumer cannot start: {}", problem.cause().unwrap_or("unknown"))
    })?;
    let broker = Redis::connect().map_err(|error| anyhow::anyhow!("the broker does not answer: {error}"))?;
    Consumer { broker, settings, sender, retry_at: None }.work().await
}

impl Consumer {
    async fn work(mut self) -> anyhow::Result<()> {
        let start = Instant::now();
        let mut handled = 0;
        loop {
            let mut found = false;
            for queue in Queue::ALL {
                if let Some(delivery) = self.next(queue, handled % LOOK_BACK == 0)? {
                    self.handle(queue, delivery).await?;
                    found = true;
                }
            }
            handled += u32::from(found);
            if start.elapsed() >= BUDGET {
                // All queues of all exchanges are looked at whichever bell rings, so one is enough.
                self.broker.run(&redis::ring(Exchange::UserLogin))?;
                break;
            }
            if !found {
                if self.retry_at.is_none() {
                    break;
                }
                shell::sleep(PAUSE).await;
                self.retry_at = self.retry_at.filter(|at| *at > Instant::now());
            }
        }
        if handled > 0 {
            for exchange in Exchange::ALL {
                self.broker.run(&redis::trim(exchange))?;
            }
        }
        Ok(())
    }

    /// The next message of a queue: a new one, or one that was left lying. The latter are looked at first when
    /// `look_back` says so, lest a busy queue hide them.
    fn next(&self, queue: Queue, look_back: bool) -> Result<Option<Delivery>, BrokerError> {
        if look_back && let Some(delivery) = self.next_pending(queue)? {
            return Ok(Some(delivery));
        }
        let replies = self.run_on(queue, &redis::claim_new(queue, &self.settings.consumer))?;
        match Delivery::from_new(&replies)? {
            Some(delivery) => Ok(Some(delivery)),
            None if look_back => Ok(None),
            None => self.next_pending(queue),
        }
    }

    fn next_pending(&self, queue: Queue) -> Result<Option<Delivery>, BrokerError> {
        let claim_after = self.settings.policy.claim_after;
        for _ in 0..CLAIMS {
            let found = self.run_on(queue, &redis::find_idle(queue, claim_after))?;
            let Some(pending) = Pending::from_replies(&found)? else { return Ok(None) };
            let claim = redis::claim_pending(queue, &self.settings.consumer, claim_after, &pending.entry);
            let claimed = Delivery::from_claimed(&self.broker.run(&claim)?, &pending)?;
            // Another consumer was quicker, or the entry is gone from the stream, and now from the queue: what is
            // behind it need not wait for the next call.
            if claimed.is_some() {
                return Ok(claimed);
            }
        }
        Ok(None)
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

    /// Handles one message: sends, then acknowledges.
    async fn handle(&mut self, queue: Queue, delivery: Delivery) -> Result<(), BrokerError> {
        let event = match Event::from_json(&delivery.event) {
            Ok(event) => event,
            Err(error) => return self.fail(queue, None, &delivery, &error.to_string()),
        };
        let id = event.id.to_string();
        if Policy::is_spent(delivery.deliveries) {
            return self.bury(queue, Some(&id), &delivery, "its consumers died in the middle of it");
        }
        let message = match render(queue, &event) {
            Ok(message) => message,
            Err(error) => return self.fail(queue, Some(&id), &delivery, &error.to_string()),
        };
        let taken = self.broker.run(&redis::take(queue, &id, &delivery.entry, self.settings.policy.claim_after))?;
        match Taken::from_replies(&taken)? {
            Taken::Taken => {}
            Taken::Sent => {
                self.broker.run(&redis::settle(queue, &id, &delivery.entry, None))?;
                return Ok(());
            }
            // Left where it is: once its time is up it is looked at again, and has been sent by then, or not.
            Taken::Busy => return Ok(()),
        }
        if let Err(cause) = self.sender.send(&id, &message).await {
            return self.fail(queue, Some(&id), &delivery, &cause);
        }
        let item = LogItem::new(queue, &event, &message, &self.settings.consumer, delivery.deliveries);
        let logged = Logged {
            user_id: event.payload.user_id(),
            recipient: redis::recipient_digest(&message.to),
            item: item.to_json(),
        };
        self.broker.run(&redis::settle(queue, &id, &delivery.entry, Some(&logged)))?;
        Ok(())
    }

    /// After a failed delivery: again later, or never.
    fn fail(
        &mut self,
        queue: Queue,
        event_id: Option<&str>,
        delivery: &Delivery,
        cause: &str,
    ) -> Result<(), BrokerError> {
        let Policy { claim_after, .. } = self.settings.policy;
        match self.settings.policy.after_failure(delivery.deliveries) {
            Verdict::DeadLetter => self.bury(queue, event_id, delivery, cause),
            Verdict::RetryAfter(delay) => {
                let consumer = &self.settings.consumer;
                self.broker.run(&redis::postpone(queue, consumer, event_id, &delivery.entry, delay, claim_after))?;
                self.report("a message is tried again later", queue, event_id, delivery, cause);
                // A little later than due, so that the broker's clock agrees.
                let at = Instant::now() + delay + PAUSE;
                self.retry_at = Some(self.retry_at.map_or(at, |earlier| earlier.max(at)));
                Ok(())
            }
        }
    }

    fn bury(&self, queue: Queue, event_id: Option<&str>, delivery: &Delivery, why: &str) -> Result<(), BrokerError> {
        self.broker.run(&redis::bury(queue, event_id, delivery, why))?;
        self.report("a message is a dead letter", queue, event_id, delivery, why);
        Ok(())
    }

    /// One line for the log: which message, not what is in it.
    fn report(&self, what: &str, queue: Queue, event_id: Option<&str>, delivery: &Delivery, cause: &str) {
        let fields = [
            ("queue", queue.name()),
            ("entry", &delivery.entry),
            ("event_id", event_id.unwrap_or("unknown")),
            ("deliveries", &delivery.deliveries.to_string()),
            ("cause", cause),
        ];
        log::warn(what, &fields);
    }
}
