//! Redis: `fermyon:spin/redis@2.0.0`.
//!
//! Spin opens a connection for each `open`; here they come from a pool for each component and address. A guest has its
//! connection to itself until it drops it. A connection whose session the guest has changed (`MULTI`, `SELECT`, ...),
//! or on which a command did not get its answer, is closed instead of handed on.

mod bindings;
mod client;
mod error;
mod reply;

use std::sync::Arc;

use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, Value};
use wasmtime::component::{Linker, Resource};

use self::bindings::{Error as GuestError, Host, HostConnection, RedisParameter, RedisResult};
use self::client::{Connection, Server};
use self::error::message;
use self::reply::{flatten, keeps_session_clean};
use super::outbound::Outbound;
use super::view::{Provides, View, ViewOf};
use crate::counters::Outgoing;
use crate::guest_connection::GuestConnection;
use crate::hosts::Destination;
use crate::limits::Limits;
use crate::pool::{LeaseError, Pool, Pools, Usage};
use crate::redis_address::Address;
use crate::telemetry::Redis;

/// A component's access to servers.
#[derive(Debug)]
pub(crate) struct Access {
    outbound: Arc<Outbound>,
    limits: Arc<Limits>,
    pools: Pools<String, Arc<Pool<Server>>>,
}

impl Access {
    pub(crate) fn new(outbound: &Arc<Outbound>, limits: &Arc<Limits>) -> Self {
        Self {
            outbound: Arc::clone(outbound),
            limits: Arc::clone(limits),
            pools: Pools::new(limits.pools.0, limits.outbound_connections.0),
        }
    }

    /// How the connections are used.
    pub(crate) fn usage(&self) -> Usage {
        self.pools.usage(|pool| pool.idle_connections())
    }

    async fn open(&self, address: &str) -> Result<Connection, GuestError> {
        let server = Address::parse(address).map_err(|_| GuestError::InvalidAddress)?;
        let limits = &self.limits;
        let pool = self.pools.find(address, |total| {
            self.outbound.check(Destination { scheme: server.scheme(), host: &server.host, port: server.port })?;
            Ok(Pool::new(limits.redis_connections.0, limits.pool_idle.0, total))
        });
        let pool = pool.map_err(|_: super::outbound::Denied| GuestError::InvalidAddress)?;
        let connect = Server::connect(&server, limits);
        match pool.lease_or_connect(limits.redis_wait.0, Server::is_open, connect).await {
            Ok(lease) => Ok(Connection(GuestConnection::new(lease))),
            Err(LeaseError::Exhausted) => Err(GuestError::TooManyConnections),
            Err(LeaseError::Connect(error)) => Err(GuestError::Other(error)),
        }
    }
}

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub(crate) fn link<T: Provides<Access>>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, ViewOf<Access>>(linker, T::view)
}

impl Host for View<'_, Access> {}

impl View<'_, Access> {
    /// Runs a command, and takes the connection away from the guest unless an answer came.
    async fn run<R: FromRedisValue>(
        &mut self,
        connection: &Resource<Connection>,
        command: &Cmd,
        keeps_clean: bool,
        name: impl FnOnce() -> String,
    ) -> wasmtime::Result<Result<R, GuestError>> {
        let Connection(connection) = self.table.get_mut(connection)?;
        connection.is_clean &= keeps_clean;
        let Some(mut lease) = connection.take() else { return Ok(Err(closed())) };
        let Some(server) = lease.connection() else { return Ok(Err(closed())) };
        let span = Redis::run(self.trace, name);
        self.context.outbound.counters().asked(Outgoing::Redis);
        let (result, is_usable) = server.run(command).await;
        span.end(&result, "refused");
        if is_usable {
            connection.put_back(lease);
        }
        Ok(result.and_then(|value| R::from_redis_value(value).map_err(RedisError::from)).map_err(|error| {
            match error.kind() {
                ErrorKind::UnexpectedReturnType => GuestError::TypeError,
                _ => GuestError::Other(message(&error)),
            }
        }))
    }
}

fn closed() -> GuestError {
    GuestError::Other("the connection is closed".to_owned())
}

impl HostConnection for View<'_, Access> {
    async fn open(&mut self, address: String) -> wasmtime::Result<Result<Resource<Connection>, GuestError>> {
        let span = Redis::open(self.trace);
        let opened = self.context.open(&address).await;
        span.end(&opened, "no connection");
        Ok(match opened {
            Ok(connection) => Ok(self.table.push(connection)?),
            Err(error) => Err(error),
        })
    }

    async fn publish(
        &mut self,
        connection: Resource<Connection>,
        channel: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), GuestError>> {
        Ok(self
            .run::<i64>(&connection, &Cmd::publish(&channel, payload), true, || format!("PUBLISH {channel}"))
            .await?
            .map(drop))
    }

    async fn get(
        &mut self,
        connection: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, GuestError>> {
        self.run(&connection, &Cmd::get(&key), true, || format!("GET {key}")).await
    }

    async fn set(
        &mut self,
        connection: Resource<Connection>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), GuestError>> {
        self.run(&connection, &Cmd::set(&key, value), true, || format!("SET {key}")).await
    }

    async fn incr(
        &mut self,
        connection: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<i64, GuestError>> {
        self.run(&connection, &Cmd::incr(&key, 1), true, || format!("INCRBY {key} 1")).await
    }

    async fn del(
        &mut self,
        connection: Resource<Connection>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<u32, GuestError>> {
        self.run(&connection, &Cmd::del(&keys), true, || format!("DEL {}", keys.join(" "))).await
    }

    async fn sadd(
        &mut self,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, GuestError>> {
        self.run(&connection, &Cmd::sadd(&key, values), true, || format!("SADD {key}")).await
    }

    async fn smembers(
        &mut self,
        connection: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<Vec<String>, GuestError>> {
        self.run(&connection, &Cmd::smembers(&key), true, || format!("SMEMBERS {key}")).await
    }

    async fn srem(
        &mut self,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, GuestError>> {
        self.run(&connection, &Cmd::srem(&key, values), true, || format!("SREM {key}")).await
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        command: String,
        arguments: Vec<RedisParameter>,
    ) -> wasmtime::Result<Result<Vec<RedisResult>, GuestError>> {
        let clean = keeps_session_clean(&command, &arguments);
        let mut cmd = redis::cmd(&command);
        for argument in arguments {
            match argument {
                RedisParameter::Int64(number) => cmd.arg(number),
                RedisParameter::Binary(bytes) => cmd.arg(bytes),
            };
        }
        let reply = self.run::<Value>(&connection, &cmd, clean, || command).await?;
        Ok(reply.and_then(|value| {
            let mut flat = Vec::new();
            flatten(value, &mut flat).map_err(GuestError::Other)?;
            Ok(flat)
        }))
    }

    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}
