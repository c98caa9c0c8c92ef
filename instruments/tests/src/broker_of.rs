//! The broker of a backend, whichever it is: what the tests of its promises do with it and ask it.

use crate::backend::Backend;
use crate::broker::{Broker, DeadLetter, LOGINS, QUEUES, SIGN_UPS, WELCOME};
use crate::poll;
use std::time::Duration;

/// Until a consumer has made its queues: on Spin the trigger is a process of its own.
const QUEUES_MADE: Duration = Duration::from_secs(20);

fn exchange_of(queue: &str) -> &'static str {
    if queue == WELCOME { SIGN_UPS } else { LOGINS }
}

impl Backend {
    /// A connection to this backend's Redis.
    ///
    /// # Panics
    /// If it does not answer.
    #[must_use]
    pub fn broker(&self) -> Broker {
        Broker::connect(&self.redis.url())
    }

    /// Waits until nothing that is published can get lost. Redis keeps it until there are queues; RabbitMQ's have to be
    /// there.
    ///
    /// # Panics
    /// If they are not made in time.
    pub fn wait_for_queues(&self) {
        if let Some(rabbit) = &self.rabbit {
            poll::until(QUEUES_MADE, "the queues are there", || QUEUES.iter().all(|queue| rabbit.has_queue(queue)));
        }
    }

    /// How many triggers listen for wake-ups, where they are heard on Redis.
    pub(crate) fn subscribers(&self) -> u64 {
        if self.rabbit.is_some() { 0 } else { self.broker().subscribers() }
    }

    /// Publishes a message, and tells the consumers.
    ///
    /// # Panics
    /// If the broker does not take it.
    pub fn publish(&self, exchange: &str, message: &str) {
        match &self.rabbit {
            Some(rabbit) => rabbit.publish(exchange, message),
            None => {
                let mut broker = self.broker();
                broker.add(exchange, message);
                broker.wake_consumers();
            }
        }
    }

    /// Publishes a message that is large, and tells the consumers.
    ///
    /// # Panics
    /// If the broker does not take it.
    pub fn publish_large(&self, exchange: &str, message: &str) {
        match &self.rabbit {
            Some(rabbit) => rabbit.publish_by_mqtt(exchange, message.as_bytes()),
            None => self.publish(exchange, message),
        }
    }

    /// Waits until every message of a queue is acknowledged.
    ///
    /// # Panics
    /// If one is not within some seconds.
    #[track_caller]
    pub fn wait_until_acknowledged(&self, queue: &str) {
        match &self.rabbit {
            Some(rabbit) => rabbit.wait_for_length(queue, 0),
            None => {
                let mut broker = self.broker();
                poll::until(QUEUES_MADE, &format!("{queue} is acknowledged"), || {
                    broker.pending(exchange_of(queue), queue).is_empty()
                });
            }
        }
    }

    /// How many dead letters a queue has.
    #[must_use]
    pub fn dead_letter_count(&self, queue: &str) -> u64 {
        let dead = format!("{queue}.dead");
        match &self.rabbit {
            Some(rabbit) => rabbit.length(&dead).unwrap_or_default(),
            None => self.broker().length(&dead),
        }
    }

    /// The dead letters of a queue. RabbitMQ has to give them away to show them.
    #[must_use]
    pub fn take_dead_letters(&self, queue: &str) -> Vec<DeadLetter> {
        match &self.rabbit {
            Some(rabbit) => rabbit.take_dead_letters(queue),
            None => self.broker().dead_letters(queue),
        }
    }

    /// Ends the broker's process by SIGKILL.
    pub fn kill_broker(&self) {
        match &self.rabbit {
            Some(rabbit) => rabbit.server.kill(),
            None => self.redis.kill(),
        }
    }
}
