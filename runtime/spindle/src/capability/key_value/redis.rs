//! Key-value stores in a Redis database: a key of the store is a key of the database, as Spin has it.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Cmd, FromRedisValue};
use tokio::runtime::Handle;

use crate::limits::Limits;
use crate::redis_address::Address;

/// A store. Its one connection serves all guests, and is opened when it is first needed.
#[derive(Debug)]
pub(super) struct Store {
    address: Address,
    limits: Arc<Limits>,
    /// Where the connection is driven: a guest's thread may be busy.
    runtime: Handle,
    current: Mutex<Current>,
}

/// An attempt to connect, which all who wait for it share.
type Attempt = Shared<BoxFuture<'static, Result<MultiplexedConnection, String>>>;

/// The newest attempt, and which one it is.
#[derive(Debug, Default)]
struct Current {
    attempt: Option<Attempt>,
    number: u64,
}

impl Store {
    pub(super) fn new(url: &str, limits: &Arc<Limits>) -> Result<Self, String> {
        let (limits, runtime) = (Arc::clone(limits), Handle::current());
        Ok(Self { address: Address::parse(url)?, limits, runtime, current: Mutex::default() })
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, String> {
        let (mut connection, number) = self.connect().await?;
        match command.query_async(&mut connection).await {
            // All commands here can be repeated without harm.
            Err(error) if error.is_unrecoverable_error() || error.is_connection_dropped() => {
                self.forget(number);
                let (mut connection, _) = self.connect().await?;
                command.query_async(&mut connection).await.map_err(|e| e.to_string())
            }
            other => other.map_err(|e| e.to_string()),
        }
    }

    /// The connection, and the number of its attempt.
    async fn connect(&self) -> Result<(MultiplexedConnection, u64), String> {
        let (attempt, number) = {
            let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
            if current.attempt.is_none() {
                current.number += 1;
            }
            let attempt = current.attempt.get_or_insert_with(|| self.attempt()).clone();
            (attempt, current.number)
        };
        match attempt.await {
            Ok(connection) => Ok((connection, number)),
            Err(error) => {
                self.forget(number);
                Err(error)
            }
        }
    }

    /// Lets the next one connect anew, unless somebody does already.
    fn forget(&self, number: u64) {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.number == number {
            current.attempt = None;
        }
    }

    fn attempt(&self) -> Attempt {
        let (address, limits) = (self.address.clone(), Arc::clone(&self.limits));
        let connect = self.runtime.spawn(async move {
            let connect = async {
                let stream = address.connect().await.map_err(|e| format!("cannot connect: {e}"))?;
                let config = AsyncConnectionConfig::new().set_response_timeout(Some(limits.redis_response.0));
                let made = MultiplexedConnection::new_with_config(address.settings(), stream, config).await;
                let (connection, driver) = made.map_err(|e| e.to_string())?;
                tokio::spawn(driver);
                Ok(connection)
            };
            tokio::time::timeout(limits.redis_connect.0, connect)
                .await
                .unwrap_or_else(|_| Err("cannot connect: no answer in time".to_owned()))
        });
        async move { connect.await.unwrap_or_else(|error| Err(error.to_string())) }.boxed().shared()
    }

    pub(super) async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, String> {
        self.run(&Cmd::get(key)).await
    }

    pub(super) async fn set(&self, key: &str, value: &[u8]) -> Result<(), String> {
        self.run(&Cmd::set(key, value)).await
    }

    pub(super) async fn delete(&self, key: &str) -> Result<(), String> {
        self.run(&Cmd::del(key)).await
    }

    pub(super) async fn exists(&self, key: &str) -> Result<bool, String> {
        self.run(&Cmd::exists(key)).await
    }

    /// Goes through the database in steps: `KEYS` would stop the server for everybody.
    pub(super) async fn keys(&self) -> Result<Vec<String>, String> {
        let mut keys = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let mut command = redis::cmd("SCAN");
            command.arg(cursor).arg("COUNT").arg(1000);
            let (next, page): (u64, Vec<String>) = self.run(&command).await?;
            keys.extend(page);
            if next == 0 {
                // A key may come more than once while the database grows or shrinks.
                keys.sort_unstable();
                keys.dedup();
                return Ok(keys);
            }
            cursor = next;
        }
    }
}
