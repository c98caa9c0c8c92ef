//! The broker: Redis or RabbitMQ, through Spin. The component variable `broker` says which; nothing but this module and
//! whoever consumes knows.

mod rabbitmq;
mod redis;

use crate::config;
use events::Exchange;
use problem::{Kind, Problem};

pub use redis::Redis;

/// Which broker there is.
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

    /// Whether what it has confirmed is on disk. RabbitMQ's quorum queues confirm what they have written; Redis answers
    /// first and writes within a second or two.
    #[must_use]
    pub fn confirms_what_is_on_disk(self) -> bool {
        self == Self::RabbitMq
    }
}

/// Whoever takes events.
pub enum Broker {
    /// Redis Streams.
    Redis(Redis),
    /// RabbitMQ, by MQTT.
    RabbitMq(rabbitmq::RabbitMq),
}

impl Broker {
    /// Connects, as far as that is done before something is published.
    ///
    /// # Errors
    /// If the broker does not answer, or the component is not told which it is and where.
    pub fn connect() -> Result<Self, BrokerError> {
        match BrokerKind::from_config()? {
            BrokerKind::Redis => Redis::connect().map(Self::Redis),
            BrokerKind::RabbitMq => rabbitmq::RabbitMq::connect().map(Self::RabbitMq),
        }
    }

    /// Reads the component variables that say which broker there is and where, as whoever connects does.
    ///
    /// # Errors
    /// If one of them cannot be used.
    pub fn check_config() -> Result<(), Problem> {
        match BrokerKind::from_config().map_err(|_| config::fault("broker", "must be redis or rabbitmq"))? {
            BrokerKind::Redis => redis::address().map(drop),
            BrokerKind::RabbitMq => rabbitmq::Login::from_config().map(drop),
        }
    }

    /// Publishes an event. Once this has returned, the broker has it.
    ///
    /// # Errors
    /// If the broker does not have it, or may not.
    pub fn publish(&self, exchange: Exchange, event: &str) -> Result<(), BrokerError> {
        match self {
            Self::Redis(redis) => redis.publish(exchange, event),
            Self::RabbitMq(rabbitmq) => rabbitmq.publish(exchange, event),
        }
    }

    /// Whether the broker is there and has refused this one event, by the error that it gave. It says so of itself on
    /// Redis alone; on RabbitMQ what fails is the connection.
    #[must_use]
    pub fn has_refused(&self, error: &BrokerError) -> bool {
        match self {
            Self::Redis(redis) => redis.has_refused(error),
            Self::RabbitMq(_) => false,
        }
    }
}

/// Why the broker did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BrokerError {
    /// The component has no such variable, or one that cannot be used.
    #[error("the variable {0} is not set as it should be")]
    NotConfigured(&'static str),
    /// Redis did not answer, or with an error.
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
