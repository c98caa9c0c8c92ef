//! Redis: one connection, on which all requests are sent without waiting for each other.

use anyhow::Result;
use events::redis::{Command, Reply};
use redis::aio::MultiplexedConnection;
use redis::{Client, RedisResult, Value};

/// The connection.
#[derive(Clone)]
pub(crate) struct Broker {
    connection: MultiplexedConnection,
}

impl Broker {
    pub(crate) async fn connect(url: &str) -> Result<Self> {
        Ok(Self { connection: Client::open(url)?.get_multiplexed_async_connection().await? })
    }

    /// Runs a command; nested replies become one list, which is how `crates/events` reads them.
    pub(crate) async fn run(&self, command: &Command) -> RedisResult<Vec<Reply>> {
        let mut query = redis::cmd(command.name);
        for argument in &command.arguments {
            query.arg(argument.as_slice());
        }
        let mut replies = Vec::new();
        flatten(query.query_async(&mut self.connection.clone()).await?, &mut replies);
        Ok(replies)
    }
}

fn flatten(value: Value, replies: &mut Vec<Reply>) {
    replies.push(match value {
        Value::Nil => Reply::Nil,
        Value::Int(number) => Reply::Integer(number),
        Value::BulkString(bytes) => Reply::Bytes(bytes),
        Value::SimpleString(text) => Reply::Bytes(text.into_bytes()),
        Value::Okay => Reply::Bytes(b"OK".to_vec()),
        Value::Array(values) => return values.into_iter().for_each(|value| flatten(value, replies)),
        // No command of ours has another kind of reply.
        _ => return,
    });
}
