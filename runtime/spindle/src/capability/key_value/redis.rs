//! Key-value stores in a Redis database: a key of the store is a key of the database, as Spin has it.

use std::sync::Arc;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisResult};
use tokio::sync::Mutex;

use crate::limits::Limits;

/// A store. Its one connection serves all guests and is opened when it is first needed.
#[derive(Debug)]
pub(super) struct Store {
    client: Client,
    connection: Mutex<Option<MultiplexedConnection>>,
    limits: Arc<Limits>,
}

impl Store {
    pub(super) fn new(url: &str, limits: &Arc<Limits>) -> Result<Self, String> {
        let client = Client::open(url).map_err(|e| e.to_string())?;
        Ok(Self { client, connection: Mutex::default(), limits: Arc::clone(limits) })
    }

    async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, String> {
        let mut connection = self.connect().await.map_err(|e| e.to_string())?;
        match command.query_async(&mut connection).await {
            // All commands here can be repeated without harm.
            Err(error) if error.is_unrecoverable_error() || error.is_connection_dropped() => {
                *self.connection.lock().await = None;
                let mut connection = self.connect().await.map_err(|e| e.to_string())?;
                command.query_async(&mut connection).await.map_err(|e| e.to_string())
            }
            other => other.map_err(|e| e.to_string()),
        }
    }

    async fn connect(&self) -> RedisResult<MultiplexedConnection> {
        let mut connected = self.connection.lock().await;
        if let Some(connection) = &*connected {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.limits.redis_connect.0))
            .set_response_timeout(Some(self.limits.redis_response.0));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(connected.insert(connection).clone())
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
