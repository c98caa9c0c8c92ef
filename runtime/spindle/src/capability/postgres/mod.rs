//! PostgreSQL: `spin:postgres@4.0.0`.
//!
//! Each component has a pool of connections for each address, opened when they are needed. Statements stay prepared on
//! their connection, and a connection goes back to the pool as it is, without a reset. So one whose session may have
//! been changed (a transaction, a setting, a lock), or on which a statement was cut short, is closed instead.

mod client;
mod numeric;
mod statement;
mod types;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_postgres::config::Host as Address;
use tokio_postgres::error::Severity;
use tokio_postgres::{Config, Error};
use wasmtime::component::{Linker, Resource};

use self::client::{Failure, Outcome, Server, Wanted, describe};
use self::types::{Column as Value, Parameter, data_type};
use super::HasState;
use crate::bindings::postgres::{
    self as guest, Column, DbError, Error as GuestError, Host, HostConnection, ParameterValue, QueryError, RowSet,
};
use crate::hosts::Destination;
use crate::pool::{Exhausted, Lease, Pool};
use crate::state::State;

/// How long `open` waits for a free connection.
const LEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// The most connections of one component to one address, unless configured; the same as Spin's.
pub const DEFAULT_MAX_CONNECTIONS: usize = 64;

/// The most addresses that one component's pools are kept for.
const MAX_POOLS: usize = 16;

/// The pools of one component.
#[derive(Debug)]
pub struct Pools {
    max_connections: usize,
    targets: Mutex<HashMap<String, Arc<Target>>>,
}

/// An address that has been read, and its pool.
#[derive(Debug)]
struct Target {
    config: Config,
    pool: Arc<Pool<Server>>,
}

impl Pools {
    /// Pools of at most so many connections each.
    #[must_use]
    pub fn new(max_connections: Option<usize>) -> Self {
        Self { max_connections: max_connections.unwrap_or(DEFAULT_MAX_CONNECTIONS), targets: Mutex::default() }
    }

    fn target(&self, address: &str) -> Result<Arc<Target>, String> {
        let mut targets = self.targets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(target) = targets.get(address) {
            return Ok(Arc::clone(target));
        }
        let config: Config = address.parse().map_err(|error| format!("invalid address: {}", describe(&error)))?;
        let target = Arc::new(Target { config, pool: Pool::new(self.max_connections) });
        if targets.len() < MAX_POOLS {
            targets.insert(address.to_owned(), Arc::clone(&target));
        }
        Ok(target)
    }
}

/// A connection that a guest has opened.
#[derive(Debug)]
pub struct Connection {
    /// None after a statement that was cut short.
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
    /// Runs a statement, and takes the connection away from the guest unless it came to an end.
    async fn postgres(
        &mut self,
        connection: &Resource<Connection>,
        sql: &str,
        parameters: Vec<ParameterValue>,
        wanted: Wanted,
    ) -> wasmtime::Result<Result<Outcome, GuestError>> {
        let connection = self.table.get_mut(connection)?;
        let parameters = match parameters.into_iter().map(Parameter::new).collect::<Result<Vec<_>, _>>() {
            Ok(parameters) => parameters,
            Err(error) => return Ok(Err(GuestError::BadParameter(error))),
        };
        let Some(mut lease) = connection.lease.take() else {
            return Ok(Err(GuestError::ConnectionFailed("the connection is closed".to_owned())));
        };
        let Some(server) = lease.connection() else {
            return Ok(Err(GuestError::ConnectionFailed("the connection is closed".to_owned())));
        };
        let result = server.run(sql, &parameters, wanted, &mut connection.clean).await;
        let usable = match &result {
            Ok(_) => true,
            Err(Failure::Postgres(error) | Failure::Streamed(error)) => server.is_open() && !ends_connection(error),
            Err(Failure::Timeout | Failure::TooLarge) => false,
        };
        if usable {
            connection.lease = Some(lease);
        }
        Ok(result.map_err(|failure| match failure {
            Failure::Postgres(error) => query_failed(&error),
            Failure::Streamed(error) => GuestError::QueryFailed(QueryError::Text(streamed(&error))),
            Failure::Timeout => GuestError::QueryFailed(QueryError::Text("no answer in time".to_owned())),
            Failure::TooLarge => GuestError::QueryFailed(QueryError::Text("the result is too large".to_owned())),
        }))
    }
}

/// Whether the server closes the connection after this error. It says so before it does.
fn ends_connection(error: &Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|report| matches!(report.parsed_severity(), Some(Severity::Fatal | Severity::Panic)))
}

/// What a component learns of an error that comes while rows are awaited. Spin 3.6 streams them, and has no code for what
/// goes wrong meanwhile: only the error's words with their cause, the way `anyhow` writes them.
fn streamed(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{}\n\nCaused by:\n    {}", describe(error), cause.to_string().replace('\n', "\n    ")),
        None => error.to_string(),
    }
}

fn query_failed(error: &Error) -> GuestError {
    let Some(report) = error.as_db_error() else {
        return GuestError::QueryFailed(QueryError::Text(describe(error)));
    };
    let line = report.line().map(|line| line.to_string());
    let extras = [
        ("column", report.column()),
        ("constraint", report.constraint()),
        ("routine", report.routine()),
        ("hint", report.hint()),
        ("table", report.table()),
        ("datatype", report.datatype()),
        ("schema", report.schema()),
        ("file", report.file()),
        ("line", line.as_deref()),
        ("where_", report.where_()),
    ];
    GuestError::QueryFailed(QueryError::DbError(DbError {
        as_text: format!("{error:?}"),
        severity: report.severity().to_owned(),
        code: report.code().code().to_owned(),
        message: report.message().to_owned(),
        detail: report.detail().map(str::to_owned),
        extras: extras.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect(),
    }))
}

/// The first host of an address that is not allowed.
fn denied_host(config: &Config, state: &State) -> Option<String> {
    if config.get_hosts().is_empty() {
        return Some("(no host)".to_owned());
    }
    let ports = config.get_ports();
    config
        .get_hosts()
        .iter()
        .enumerate()
        .find_map(|(index, host)| {
            // One port stands for all hosts, none for the usual one.
            let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
            match host {
                Address::Tcp(host) => {
                    let allowed = state.component.hosts.allows(Destination { scheme: "postgres", host, port });
                    (!allowed).then(|| format!("{host}:{port}"))
                }
                #[cfg(unix)]
                Address::Unix(_) => Some("a Unix socket".to_owned()),
            }
        })
        // An address given beside its name is where the connection would really go.
        .or_else(|| {
            config.get_hostaddrs().iter().enumerate().find_map(|(index, address)| {
                let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
                let host = address.to_string();
                let allowed = state.component.hosts.allows(Destination { scheme: "postgres", host: &host, port });
                (!allowed).then(|| format!("{host}:{port}"))
            })
        })
}

impl HostConnection for State {
    async fn open(&mut self, address: String) -> wasmtime::Result<Result<Resource<Connection>, GuestError>> {
        let target = match self.component.postgres.target(&address) {
            Ok(target) => target,
            Err(error) => return Ok(Err(GuestError::ConnectionFailed(error))),
        };
        if let Some(denied) = denied_host(&target.config, self) {
            tracing::warn!(
                component = self.component.id,
                denied,
                "a connection was denied: it is not in allowed_outbound_hosts"
            );
            return Ok(Err(GuestError::ConnectionFailed(format!("address {denied} is not permitted"))));
        }
        let mut lease = match target.pool.lease(LEASE_TIMEOUT, Server::is_open).await {
            Ok(lease) => lease,
            Err(Exhausted) => {
                return Ok(Err(GuestError::ConnectionFailed("all connections are in use".to_owned())));
            }
        };
        if lease.connection().is_none() {
            match Server::connect(&target.config).await {
                Ok(server) => lease.fill(server),
                Err(error) => return Ok(Err(GuestError::ConnectionFailed(error))),
            }
        }
        Ok(Ok(self.table.push(Connection { lease: Some(lease), clean: true })?))
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<RowSet, GuestError>> {
        let outcome = match self.postgres(&connection, &statement, params, Wanted::Rows).await? {
            Ok(outcome) => outcome,
            Err(error) => return Ok(Err(error)),
        };
        // Spin learns the columns from the first row: without one there are none.
        let count = if outcome.rows.is_empty() { 0 } else { outcome.statement.columns().len() };
        let columns: Vec<_> = outcome
            .statement
            .columns()
            .iter()
            .take(count)
            .map(|column| Column { name: column.name().to_owned(), data_type: data_type(column.type_()) })
            .collect();
        let mut rows = Vec::with_capacity(outcome.rows.len());
        for row in &outcome.rows {
            let values = (0..count).map(|index| row.try_get::<_, Value>(index).map(|value| value.0));
            match values.collect::<Result<Vec<_>, _>>() {
                Ok(values) => rows.push(values),
                Err(error) => return Ok(Err(GuestError::ValueConversionFailed(describe(&error)))),
            }
        }
        Ok(Ok(RowSet { columns, rows }))
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<u64, GuestError>> {
        let outcome = self.postgres(&connection, &statement, params, Wanted::Count).await?;
        Ok(outcome.map(|outcome| outcome.affected))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}
