//! The broker: Redis or RabbitMQ, through Spin. The component variable `broker` selects it. Only this module and
//! notification's consumers know which one is in use.

mod rabbitmq;
mod redis;

use crate::config;
use events::Exchange;
use problem::{Kind, Problem};

pub use redis::Redis;

/// Which broker is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerKind {
    /// Redis Streams.
    Redis,
    /// RabbitMQ: published by MQTT, consumed by the AMQP trigger.
    RabbitMq,
}

impl BrokerKind {
    /// The one that the component variable `broker` names: `redis` or `rabbitmq`.
    ///
    /// # Errors
    /// If it names neither.
    pub fn from_config() -> Result<Self, BrokerError> {
        match config::text("broker").as_deref().map(str::trim) {
            Ok("redis") => Ok(Self::Redis),
            Ok("rabbitmq") => Ok(Self::RabbitMq),
            _ => Err(BrokerError::NotConfigured("broker")),
        }
    }

    /// Whether a confirmed event is on disk. RabbitMQ's quorum queues confirm after writing; Redis replies first and writes
    /// within a second or two.
    #[must_use]
    pub fn confirms_what_is_on_disk(self) -> bool {
        self == Self::RabbitMq
    }
}

/// A connection to the broker, for publishing.
pub enum Broker {
    /// Redis Streams.
    Redis(Redis),
    /// RabbitMQ, by MQTT.
    RabbitMq(rabbitmq::RabbitMq),
}

impl Broker {
    /// Connects. RabbitMQ's connection is established by the first event that is published.
    ///
    /// # Errors
    /// If the broker does not answer, or its variables are missing or invalid.
    pub fn connect() -> Result<Self, BrokerError> {
        match BrokerKind::from_config()? {
            BrokerKind::Redis => Redis::connect().map(Self::Redis),
            BrokerKind::RabbitMq => rabbitmq::RabbitMq::connect().map(Self::RabbitMq),
        }
    }

    /// Checks the component variables that [`connect`](Self::connect) reads.
    ///
    /// # Errors
    /// If one of them is missing or invalid.
    pub fn check_config() -> Result<(), Problem> {
        match BrokerKind::from_config().map_err(|_| config::fault("broker", "must be redis or rabbitmq"))? {
            BrokerKind::Redis => redis::address().map(drop),
            BrokerKind::RabbitMq => rabbitmq::Login::from_config().map(drop),
        }
    }

    /// Publishes an event and waits until the broker has it.
    ///
    /// # Errors
    /// If the broker did not confirm it. It may have it all the same.
    pub fn publish(&self, exchange: Exchange, event: &str) -> Result<(), BrokerError> {
        match self {
            Self::Redis(redis) => redis.publish(exchange, event),
            Self::RabbitMq(rabbitmq) => rabbitmq.publish(exchange, event),
        }
    }

    /// Whether the broker is available and rejected this event, judging by the error. Only Redis reports that; on RabbitMQ
    /// the connection fails.
    #[must_use]
    pub fn has_refused(&self, error: &BrokerError) -> bool {
        match self {
            Self::Redis(redis) => redis.has_refused(error),
            Self::RabbitMq(_) => false,
        }
    }
}

/// Why the broker failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BrokerError {
    /// The component variable is missing or invalid.
    #[error("the variable {0} is not set as it should be")]
    NotConfigured(&'static str),
    /// Redis did not answer, or replied with an error.
    #[error("{0}")]
    Redis(String),
    /// Redis gave a reply of an unexpected shape.
    #[error(transparent)]
    Reply(#[from] events::redis::ReplyError),
    /// RabbitMQ did not confirm.
    #[error("{0}")]
    RabbitMq(String),
}

impl From<BrokerError> for Problem {
    fn from(error: BrokerError) -> Self {
        Problem::of(Kind::BrokerUnavailable).with_header("retry-after", "1").with_cause(error.to_string())
    }
}
