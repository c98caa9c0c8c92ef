//! Redis: `fermyon:spin/redis@2.0.0`.
//!
//! Spin opens a connection for each `open`; here they come from a pool for each component and address. A guest has its
//! connection to itself until it drops it. A connection whose session the guest has changed (`MULTI`, `SELECT`, ...),
//! or on which a command did not get its answer, is closed instead of handed on.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, FromRedisValue, IntoConnectionInfo,
    RedisError, ServerErrorKind, Value,
};
use tokio::net::TcpStream;
use wasmtime::component::{Linker, Resource};

use super::HasState;
use crate::bindings::redis::{self as guest, Error as GuestError, Host, HostConnection, RedisParameter, RedisResult};
use crate::hosts::Destination;
use crate::pool::{Exhausted, Lease, Pool};
use crate::state::State;

/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long an answer may take.
pub const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long `open` waits for a free connection.
const LEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// The most connections of one component to one address, unless configured.
pub const DEFAULT_MAX_CONNECTIONS: usize = 128;

/// The most addresses that one component's pools are kept for.
const MAX_POOLS: usize = 16;

/// Commands that change the session, or that hold it.
const UNCLEAN: [&str; 31] = [
    "ASKING",
    "AUTH",
    "BLMOVE",
    "BLMPOP",
    "BLPOP",
    "BRPOP",
    "BRPOPLPUSH",
    "BZMPOP",
    "BZPOPMAX",
    "BZPOPMIN",
    "CLIENT",
    "DISCARD",
    "EXEC",
    "HELLO",
    "MONITOR",
    "MULTI",
    "PSUBSCRIBE",
    "PSYNC",
    "PUNSUBSCRIBE",
    "QUIT",
    "READONLY",
    "READWRITE",
    "RESET",
    "SELECT",
    "SSUBSCRIBE",
    "SUBSCRIBE",
    "SYNC",
    "UNSUBSCRIBE",
    "UNWATCH",
    "WAIT",
    "WATCH",
];

/// The pools of one component.
#[derive(Debug)]
pub struct Pools {
    max_connections: usize,
    pools: Mutex<HashMap<String, Arc<Pool<Server>>>>,
}

impl Pools {
    /// Pools of at most so many connections each.
    #[must_use]
    pub fn new(max_connections: Option<usize>) -> Self {
        Self { max_connections: max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS), pools: Mutex::default() }
    }

    fn pool(&self, address: &str) -> Arc<Pool<Server>> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = pools.get(address) {
            return Arc::clone(pool);
        }
        let pool = Pool::new(self.max_connections);
        // An app that makes up addresses gets a pool that nobody will find again.
        if pools.len() < MAX_POOLS {
            pools.insert(address.to_owned(), Arc::clone(&pool));
        }
        pool
    }
}

/// A connection to a server.
#[derive(Debug)]
struct Server {
    connection: MultiplexedConnection,
    open: Arc<AtomicBool>,
}

impl Server {
    async fn connect(info: &ConnectionInfo, host: &str, port: u16) -> Result<Self, String> {
        let connect = async {
            let stream = TcpStream::connect((host, port)).await.map_err(|e| format!("cannot connect: {e}"))?;
            stream.set_nodelay(true).map_err(|e| e.to_string())?;
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(RESPONSE_TIMEOUT));
            let settings = info.redis_settings().clone().set_skip_set_lib_name();
            let (connection, driver) =
                MultiplexedConnection::new_with_config(&settings, stream, config).await.map_err(|e| message(&e))?;
            let open = Arc::new(AtomicBool::new(true));
            let flag = Arc::clone(&open);
            tokio::spawn(async move {
                driver.await;
                flag.store(false, Ordering::Release);
            });
            Ok(Self { connection, open })
        };
        tokio::time::timeout(CONNECT_TIMEOUT, connect)
            .await
            .unwrap_or_else(|_| Err("cannot connect: no answer in time".to_owned()))
    }
}

/// A connection that a guest has opened.
#[derive(Debug)]
pub struct Connection {
    /// None after a command that got no answer.
    lease: Option<Lease<Server>>,
    clean: bool,
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(lease) = self.lease.take()
            && self.clean
        {
            lease.give_back();
        }
    }
}

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    guest::add_to_linker::<_, HasState>(linker, |state| state)
}

impl Host for State {}

impl State {
    /// Runs a command, and takes the connection away from the guest unless an answer came.
    async fn redis<T: FromRedisValue>(
        &mut self,
        connection: &Resource<Connection>,
        command: &Cmd,
        clean: bool,
    ) -> wasmtime::Result<Result<T, GuestError>> {
        let connection = self.table.get_mut(connection)?;
        connection.clean &= clean;
        let Some(mut lease) = connection.lease.take() else {
            return Ok(Err(GuestError::Other("the connection is closed".to_owned())));
        };
        let Some(server) = lease.connection() else {
            return Ok(Err(GuestError::Other("the connection is closed".to_owned())));
        };
        let result = command.query_async::<Value>(&mut server.connection).await;
        if !matches!(&result, Err(error) if is_broken(error)) {
            connection.lease = Some(lease);
        }
        Ok(result.and_then(|value| T::from_redis_value(value).map_err(RedisError::from)).map_err(|error| {
            match error.kind() {
                ErrorKind::UnexpectedReturnType => GuestError::TypeError,
                _ => GuestError::Other(message(&error)),
            }
        }))
    }
}

/// Whether a connection is of no use after an error: it is, unless the server has said something.
fn is_broken(error: &RedisError) -> bool {
    !matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType)
}

/// An error in the server's own words, if they are the server's.
fn message(error: &RedisError) -> String {
    match (error.kind(), error.code(), error.detail()) {
        (ErrorKind::Server(ServerErrorKind::ResponseError), None, Some(detail)) => format!("ERR {detail}"),
        (_, Some(code), Some(detail)) => format!("{code} {detail}"),
        (_, Some(code), None) => code.to_owned(),
        _ => error.to_string(),
    }
}

impl HostConnection for State {
    async fn open(&mut self, address: String) -> wasmtime::Result<Result<Resource<Connection>, GuestError>> {
        let Ok(info) = address.as_str().into_connection_info() else {
            return Ok(Err(GuestError::InvalidAddress));
        };
        let ConnectionAddr::Tcp(host, port) = info.addr() else {
            return Ok(Err(GuestError::InvalidAddress));
        };
        if !self.component.hosts.allows(Destination { scheme: "redis", host, port: *port }) {
            let denied = format!("redis://{host}:{port}");
            tracing::warn!(
                component = self.component.id,
                denied,
                "a connection was denied: it is not in allowed_outbound_hosts"
            );
            return Ok(Err(GuestError::InvalidAddress));
        }
        let pool = self.component.redis.pool(&address);
        let mut lease = match pool.lease(LEASE_TIMEOUT, |server| server.open.load(Ordering::Acquire)).await {
            Ok(lease) => lease,
            Err(Exhausted) => return Ok(Err(GuestError::TooManyConnections)),
        };
        if lease.connection().is_none() {
            match Server::connect(&info, host, *port).await {
                Ok(server) => lease.fill(server),
                Err(error) => return Ok(Err(GuestError::Other(error))),
            }
        }
        Ok(Ok(self.table.push(Connection { lease: Some(lease), clean: true })?))
    }

    async fn publish(
        &mut self,
        connection: Resource<Connection>,
        channel: String,
        payload: Vec<u8>,
    ) -> wasmtime::Result<Result<(), GuestError>> {
        Ok(self.redis::<i64>(&connection, &Cmd::publish(channel, payload), true).await?.map(drop))
    }

    async fn get(
        &mut self,
        connection: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, GuestError>> {
        self.redis(&connection, &Cmd::get(key), true).await
    }

    async fn set(
        &mut self,
        connection: Resource<Connection>,
        key: String,
        value: Vec<u8>,
    ) -> wasmtime::Result<Result<(), GuestError>> {
        self.redis(&connection, &Cmd::set(key, value), true).await
    }

    async fn incr(
        &mut self,
        connection: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<i64, GuestError>> {
        self.redis(&connection, &Cmd::incr(key, 1), true).await
    }

    async fn del(
        &mut self,
        connection: Resource<Connection>,
        keys: Vec<String>,
    ) -> wasmtime::Result<Result<u32, GuestError>> {
        self.redis(&connection, &Cmd::del(keys), true).await
    }

    async fn sadd(
        &mut self,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, GuestError>> {
        self.redis(&connection, &Cmd::sadd(key, values), true).await
    }

    async fn smembers(
        &mut self,
        connection: Resource<Connection>,
        key: String,
    ) -> wasmtime::Result<Result<Vec<String>, GuestError>> {
        self.redis(&connection, &Cmd::smembers(key), true).await
    }

    async fn srem(
        &mut self,
        connection: Resource<Connection>,
        key: String,
        values: Vec<String>,
    ) -> wasmtime::Result<Result<u32, GuestError>> {
        self.redis(&connection, &Cmd::srem(key, values), true).await
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
        let reply = self.redis::<Value>(&connection, &cmd, clean).await?;
        Ok(reply.and_then(|value| {
            let mut flat = Vec::new();
            flatten(value, &mut flat).map_err(GuestError::Other)?;
            Ok(flat)
        }))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

/// Whether a command leaves the session as it was, and answers at once.
fn keeps_session_clean(command: &str, arguments: &[RedisParameter]) -> bool {
    let command = command.trim();
    if UNCLEAN.iter().any(|unclean| command.eq_ignore_ascii_case(unclean)) {
        return false;
    }
    let reads_stream = command.eq_ignore_ascii_case("XREAD") || command.eq_ignore_ascii_case("XREADGROUP");
    let blocks = |argument: &RedisParameter| matches!(argument, RedisParameter::Binary(bytes) if bytes.eq_ignore_ascii_case(b"BLOCK"));
    !(command.contains(' ') || (reads_stream && arguments.iter().any(blocks)))
}

/// Makes one flat list of a reply, as Spin does.
fn flatten(value: Value, flat: &mut Vec<RedisResult>) -> Result<(), String> {
    flat.push(match value {
        Value::Nil => RedisResult::Nil,
        Value::Int(number) => RedisResult::Int64(number),
        Value::BulkString(bytes) => RedisResult::Binary(bytes),
        Value::SimpleString(text) => RedisResult::Status(text),
        Value::Okay => RedisResult::Status("OK".to_owned()),
        Value::Double(number) => RedisResult::Binary(number.to_string().into_bytes()),
        Value::BigNumber(digits) => RedisResult::Binary(digits),
        Value::Boolean(boolean) => RedisResult::Int64(boolean.into()),
        Value::VerbatimString { text, .. } => RedisResult::Binary(text.into_bytes()),
        Value::Array(values) | Value::Set(values) => {
            return values.into_iter().try_for_each(|value| flatten(value, flat));
        }
        Value::ServerError(error) => return Err(message(&error.into())),
        other => return Err(format!("a reply of this kind is not supported: {}", kind(&other))),
    });
    Ok(())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Map(_) => "map",
        Value::Attribute { .. } => "attribute",
        Value::Push { .. } => "push",
        _ => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: Value) -> Result<Vec<String>, String> {
        let mut list = Vec::new();
        flatten(value, &mut list)?;
        Ok(list
            .into_iter()
            .map(|item| match item {
                RedisResult::Nil => "nil".to_owned(),
                RedisResult::Status(text) => format!("+{text}"),
                RedisResult::Int64(number) => format!(":{number}"),
                RedisResult::Binary(bytes) => format!("${}", String::from_utf8(bytes).unwrap()),
            })
            .collect())
    }

    #[test]
    fn nested_replies_become_one_list() {
        let bulk = |text: &str| Value::BulkString(text.into());
        let entry = Value::Array(vec![bulk("1-0"), Value::Array(vec![bulk("data"), bulk("x"), Value::Nil])]);
        let reply =
            Value::Array(vec![bulk("stream"), Value::Array(vec![entry]), Value::Set(vec![Value::Int(3)]), Value::Okay]);
        assert_eq!(flat(reply).unwrap(), ["$stream", "$1-0", "$data", "$x", "nil", ":3", "+OK"]);
    }

    #[test]
    fn a_nil_is_one_nil_and_an_empty_array_is_nothing() {
        assert_eq!(flat(Value::Nil).unwrap(), ["nil"]);
        assert_eq!(flat(Value::Array(vec![])).unwrap(), [""; 0]);
    }

    #[test]
    fn maps_are_refused() {
        assert!(flat(Value::Map(vec![])).is_err());
        assert!(flat(Value::Array(vec![Value::Map(vec![])])).is_err());
    }

    #[test]
    fn commands_that_change_the_session_are_known() {
        let block = [RedisParameter::Binary(b"block".to_vec()), RedisParameter::Int64(0)];
        assert!(keeps_session_clean("XADD", &[]));
        assert!(keeps_session_clean("XREADGROUP", &[]));
        assert!(!keeps_session_clean("xreadgroup", &block));
        for command in ["multi", "WATCH", "select", " AUTH", "BLPOP", "Client", "CLIENT REPLY"] {
            assert!(!keeps_session_clean(command, &[]), "{command}");
        }
    }
}
