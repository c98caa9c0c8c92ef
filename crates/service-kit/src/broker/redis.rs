//! Redis through Spin: a broker, and the store of the delivery log.

use super::{BrokerError, BrokerKind};
use crate::config;
use events::Exchange;
use events::redis::{Command, Reply};
use problem::Problem;
use spin_sdk::redis::{Connection, Error, RedisParameter, RedisResult};

/// A connection to Redis. On Spin each opens a TCP connection, so a request opens at most one.
pub struct Redis {
    connection: Connection,
}

impl Redis {
    /// Connects to the address in the component variable `redis_url`.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub fn connect() -> Result<Self, BrokerError> {
        let address = address().map_err(|_| BrokerError::NotConfigured("redis_url"))?;
        Ok(Self { connection: Connection::open(&address)? })
    }

    /// Connects if there is a Redis: beside RabbitMQ it is optional, and `redis_url` is empty without one.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub fn find() -> Result<Option<Self>, BrokerError> {
        let is_none = BrokerKind::from_config()? == BrokerKind::RabbitMq
            && config::text("redis_url").is_ok_and(|address| address.is_empty());
        if is_none { Ok(None) } else { Self::connect().map(Some) }
    }

    /// Runs a command.
    ///
    /// # Errors
    /// If Redis does not answer, or replies with an error.
    pub fn run(&self, command: &Command) -> Result<Vec<Reply>, BrokerError> {
        let arguments: Vec<_> = command.arguments.iter().cloned().map(RedisParameter::Binary).collect();
        let results = self.connection.execute(command.name, &arguments)?;
        Ok(results.into_iter().map(reply).collect())
    }

    /// Publishes an event by adding it to the stream. A failed wake-up is not an error: a schedule wakes the consumers.
    ///
    /// # Errors
    /// If Redis did not confirm the entry. The stream may have it all the same.
    pub(super) fn publish(&self, exchange: Exchange, event: &str) -> Result<(), BrokerError> {
        let [add, wake_up] = events::redis::publish(exchange, event);
        self.run(&add)?;
        if self.run(&wake_up).is_err() {
            crate::log::warn("failed to publish a wake-up", &[("exchange", exchange.name())]);
        }
        Ok(())
    }

    /// The id of the server process, which changes with each restart.
    ///
    /// # Errors
    /// If Redis does not answer, or reports no id.
    pub fn run_id(&self) -> Result<String, BrokerError> {
        Ok(events::redis::run_id(&self.run(&events::redis::server_info())?)?)
    }

    /// Whether so many replicas have all that was written before: each of them can be the primary after the next failover.
    ///
    /// # Errors
    /// If Redis does not answer.
    pub fn has_replicated(&self, wanted: u32) -> Result<bool, BrokerError> {
        if wanted == 0 {
            return Ok(true);
        }
        let [write, wait] = events::redis::replicated(wanted);
        self.run(&write)?;
        Ok(events::redis::replicas(&self.run(&wait)?)? >= u64::from(wanted))
    }

    /// Whether Redis rejected a command that it will reject again, while it accepts others. A Redis that is full, a replica
    /// or unable to write rejects every write.
    #[must_use]
    pub fn has_refused(&self, error: &BrokerError) -> bool {
        const REFUSES_ALL: &[&str] =
            &["OOM", "READONLY", "ReadOnly", "MISCONF", "LOADING", "MASTERDOWN", "NOREPLICAS", "CLUSTERDOWN", "BUSY"];
        let BrokerError::Redis(message) = error else { return false };
        !REFUSES_ALL.iter().any(|code| message.contains(code)) && self.connection.execute("PING", &[]).is_ok()
    }

    /// Whether Redis answers.
    #[must_use]
    pub fn is_alive() -> bool {
        Self::connect().is_ok_and(|redis| redis.connection.execute("PING", &[]).is_ok())
    }
}

/// The component variable `redis_url`.
pub(super) fn address() -> Result<String, Problem> {
    config::address("redis_url", &["redis", "rediss"])
}

fn reply(result: RedisResult) -> Reply {
    match result {
        RedisResult::Nil => Reply::Nil,
        RedisResult::Int64(number) => Reply::Integer(number),
        RedisResult::Status(status) => Reply::Bytes(status.into_bytes()),
        RedisResult::Binary(bytes) => Reply::Bytes(bytes),
    }
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
