//! One connection to a server.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, ErrorKind, RedisError, Value};

use super::error::message;
use crate::guest_connection::GuestConnection;
use crate::limits::Limits;
use crate::redis_address::Address;

/// A connection that a guest has opened.
#[expect(unreachable_pub, reason = "the generated code has it under another name")]
#[derive(Debug)]
pub struct Connection(pub(super) GuestConnection<Server>);

/// A connection to a server.
#[derive(Debug)]
pub(crate) struct Server {
    connection: MultiplexedConnection,
    open: Arc<AtomicBool>,
}

impl Server {
    pub(super) async fn connect(address: &Address, limits: &Limits) -> Result<Self, String> {
        let connect = async {
            let stream = address.connect().await.map_err(|e| format!("cannot connect: {e}"))?;
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(limits.redis_response.0));
            let (connection, driver) = MultiplexedConnection::new_with_config(address.settings(), stream, config)
                .await
                .map_err(|e| message(&e))?;
            let open = Arc::new(AtomicBool::new(true));
            let flag = Arc::clone(&open);
            tokio::spawn(async move {
                driver.await;
                flag.store(false, Ordering::Release);
            });
            Ok(Self { connection, open })
        };
        tokio::time::timeout(limits.redis_connect.0, connect)
            .await
            .unwrap_or_else(|_| Err("cannot connect: no answer in time".to_owned()))
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.load(Ordering::Acquire)
    }

    /// Runs a command; and says whether the connection is still of use.
    pub(super) async fn run(&mut self, command: &Cmd) -> (Result<Value, RedisError>, bool) {
        let result = command.query_async::<Value>(&mut self.connection).await;
        let is_usable = !matches!(&result, Err(error) if is_broken(error));
        (result, is_usable)
    }
}

/// Whether a connection is of no use after an error: it is, unless the server has said something.
fn is_broken(error: &RedisError) -> bool {
    !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType)
}
