//! The broker of an experiment: either of the two, looked at and broken in the same words.

use anyhow::Result;
use blackbox::backend::Backend;
use blackbox::broker::{DeadLetter, LOGIN_EMAIL, LOGIN_SMS, LOGINS, WELCOME};
use clap::ValueEnum;
use std::sync::Arc;

/// The brokers by the names that the command line has for them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    Redis,
    Rabbitmq,
}

impl Kind {
    /// A backend with this broker.
    pub(crate) fn backend(self) -> Arc<Backend> {
        match self {
            Self::Redis => Backend::new(),
            Self::Rabbitmq => Backend::with_own_rabbitmq(),
        }
    }

    /// The name, for the file of a plot.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Redis => "redis",
            Self::Rabbitmq => "rabbitmq",
        }
    }
}

/// The queues that an experiment's people fill.
pub(crate) const QUEUES: [&str; 3] = [LOGIN_EMAIL, LOGIN_SMS, WELCOME];

/// Ends the broker's process by SIGKILL.
pub(crate) fn kill(backend: &Backend) {
    match &backend.rabbit {
        Some(rabbit) => rabbit.server.kill(),
        None => backend.redis.kill(),
    }
}

/// Starts it again.
pub(crate) fn start_again(backend: &Backend) -> Result<()> {
    match &backend.rabbit {
        Some(rabbit) => rabbit.server.start_again()?,
        None => backend.redis.start_again()?,
    }
    Ok(())
}

/// Publishes something to the exchange of logins that no publisher of the app would.
pub(crate) fn publish(backend: &Backend, message: &str) {
    match &backend.rabbit {
        Some(rabbit) => rabbit.publish(LOGINS, message),
        None => {
            let mut redis = backend.broker();
            redis.add(LOGINS, message);
            redis.wake_consumers();
        }
    }
}

/// The dead letters of a queue; those of RabbitMQ are taken out of it.
pub(crate) fn dead_letters(backend: &Backend, queue: &str) -> Vec<DeadLetter> {
    match &backend.rabbit {
        Some(rabbit) => rabbit.take_dead_letters(queue),
        None => backend.broker().dead_letters(queue),
    }
}

/// Whether RabbitMQ has the queues: what is published before is lost to whoever is not there yet.
pub(crate) fn has_queues(backend: &Backend) -> bool {
    let Some(rabbit) = &backend.rabbit else { return true };
    QUEUES.iter().all(|queue| rabbit.has_queue(queue))
}

/// Whether RabbitMQ says that nothing waits or is in flight. Its figures are some seconds old.
pub(crate) fn is_empty(backend: &Backend) -> bool {
    let Some(rabbit) = &backend.rabbit else { return false };
    QUEUES.iter().all(|queue| rabbit.length(queue) == Some(0))
}
