//! The broker: Redis, through Spin.

use crate::config;
use events::Exchange;
use events::redis::{Command, Reply};
use problem::{Kind, Problem};
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

/// A connection to the broker. Each is a TCP connection of its own on Spin, so a request opens one at most.
pub struct Broker {
    connection: Connection,
}

impl Broker {
    /// Connects to the address in the component variable `redis_url`.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub fn connect() -> Result<Self, BrokerError> {
        let address = config::text("redis_url").map_err(|_| BrokerError::NotConfigured)?;
        Ok(Self { connection: Connection::open(&address)? })
    }

    /// Runs a command.
    ///
    /// # Errors
    /// If Redis does not answer, or answers with an error of its own.
    pub fn run(&self, command: &Command) -> Result<Vec<Reply>, BrokerError> {
        let arguments: Vec<_> = command.arguments.iter().cloned().map(RedisParameter::Binary).collect();
        let results = self.connection.execute(command.name, &arguments)?;
        Ok(results.into_iter().map(reply).collect())
    }

    /// Publishes an event. Once it is on the stream it is published; a ring of the doorbell that fails is not an
    /// error.
    ///
    /// # Errors
    /// If the event is not on the stream, or may not be.
    pub fn publish(&self, exchange: Exchange, event: &str) -> Result<(), BrokerError> {
        let [add, ring] = events::redis::publish(exchange, event);
        self.run(&add)?;
        if self.run(&ring).is_err() {
            crate::log::warn("a doorbell was not rung", &[("exchange", exchange.name())]);
        }
        Ok(())
    }

    /// Whether it answers.
    #[must_use]
    pub fn is_alive() -> bool {
        Self::connect().is_ok_and(|broker| broker.connection.execute("PING", &[]).is_ok())
    }
}

fn reply(result: RedisResult) -> Reply {
    match result {
        RedisResult::Nil => Reply::Nil,
        RedisResult::Int64(number) => Reply::Integer(number),
        RedisResult::Status(status) => Reply::Bytes(status.into_bytes()),
        RedisResult::Binary(bytes) => Reply::Bytes(bytes),
    }
}

/// Why the broker did not do it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum BrokerError {
    /// The component has no `redis_url`.
    #[error("the variable redis_url is not set")]
    NotConfigured,
    /// Redis did not answer, or with an error.
    #[error("{0}")]
    Redis(String),
    /// Redis gave a reply of an unexpected shape.
    #[error(transparent)]
    Reply(#[from] events::redis::ReplyError),
}

impl From<Error> for BrokerError {
    fn from(error: Error) -> Self {
        BrokerError::Redis(match error {
            Error::InvalidAddress => "the address is not allowed or not valid".to_owned(),
            Error::TooManyConnections => "too many connections".to_owned(),
            Error::TypeError => "a value has another type".to_owned(),
            Error::Other(message) => message,
        })
    }
}

impl From<BrokerError> for Problem {
    fn from(error: BrokerError) -> Self {
        Problem::new(Kind::BrokerUnavailable, "The message broker does not answer; try again in a moment.")
            .with_header("retry-after", "1")
            .with_cause(error.to_string())
    }
}
