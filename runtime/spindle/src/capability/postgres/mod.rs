//! PostgreSQL: `spin:postgres@4.0.0`, and its elders of fewer types.
//!
//! Each component has a pool of connections for each address, opened when they are needed. Statements stay prepared on
//! their connection, and a connection goes back to the pool as it is, without a reset. So one whose session may have
//! been changed (a transaction, a setting, a lock), or on which a statement was cut short, is closed instead.

mod bindings;
mod calendar;
mod client;
mod column;
mod elder;
mod error;
mod numeric;
mod parameter;
mod statement;

use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::Host as Address;
use wasmtime::component::{Linker, Resource};

use self::bindings::{Column, Error as GuestError, Host, HostConnection, ParameterValue, RowSet};
use self::client::{Connection, Outcome, Returning, Server, describe};
use self::column::{Column as Value, data_type};
use self::parameter::Parameter;
use super::outbound::{Denied, Outbound};
use super::view::{Provides, View, ViewOf};
use crate::counters::Outgoing;
use crate::guest_connection::GuestConnection;
use crate::hosts::Destination;
use crate::limits::Limits;
use crate::outgoing_socket;
use crate::pool::{LeaseError, Pool, Pools, Usage};
use crate::telemetry::Sql;

/// PostgreSQL's usual port.
const DEFAULT_PORT: u16 = 5432;

/// A component's access to servers.
#[derive(Debug)]
pub(crate) struct Access {
    outbound: Arc<Outbound>,
    limits: Arc<Limits>,
    servers: Pools<String, Arc<Target>>,
}

/// An address that has been read and is allowed, and its pool.
#[derive(Debug)]
struct Target {
    config: Config,
    pool: Arc<Pool<Server>>,
}

impl Access {
    pub(crate) fn new(outbound: &Arc<Outbound>, limits: &Arc<Limits>) -> Self {
        Self {
            outbound: Arc::clone(outbound),
            limits: Arc::clone(limits),
            servers: Pools::new(limits.pools.0, limits.outbound_connections.0),
        }
    }

    async fn open(&self, address: &str) -> Result<Connection, String> {
        let limits = &self.limits;
        let target = self.servers.find(address, |total| {
            let mut config: Config =
                address.parse().map_err(|error| format!("invalid address: {}", describe(&error)))?;
            self.check(&config).map_err(|denied| denied.message())?;
            find_out_who_is_gone(&mut config);
            let pool = Pool::new(limits.postgres_connections.0, limits.pool_idle.0, total);
            Ok::<_, String>(Arc::new(Target { config, pool }))
        })?;
        let connect = Server::connect(&target.config, limits);
        match target.pool.lease_or_connect(limits.postgres_wait.0, Server::is_open, connect).await {
            Ok(lease) => Ok(Connection(GuestConnection::new(lease))),
            Err(LeaseError::Exhausted) => Err("all connections are in use".to_owned()),
            Err(LeaseError::Connect(error)) => Err(error),
        }
    }

    /// How the connections are used.
    pub(crate) fn usage(&self) -> Usage {
        self.servers.usage(|target| target.pool.idle_connections())
    }

    /// Checks every host that an address could lead to.
    fn check(&self, config: &Config) -> Result<(), Denied> {
        let ports = config.get_ports();
        // One port stands for all hosts, none for the usual one.
        let port = |index: usize| ports.get(index).or(ports.first()).copied().unwrap_or(DEFAULT_PORT);
        let check =
            |host: &str, index: usize| self.outbound.check(Destination { scheme: "postgres", host, port: port(index) });
        if config.get_hosts().is_empty() {
            return Err(self.outbound.deny("(no host)".to_owned()));
        }
        for (index, host) in config.get_hosts().iter().enumerate() {
            match host {
                Address::Tcp(host) => check(host, index)?,
                #[cfg(unix)]
                Address::Unix(_) => return Err(self.outbound.deny("a Unix socket".to_owned())),
            }
        }
        // An address given beside its name is where the connection would really go.
        config.get_hostaddrs().iter().enumerate().try_for_each(|(index, host)| check(&host.to_string(), index))
    }
}

/// Sets what is set on all outgoing connections, unless the address says otherwise.
fn find_out_who_is_gone(config: &mut Config) {
    if config.get_tcp_user_timeout().is_none() {
        config.tcp_user_timeout(outgoing_socket::USER_TIMEOUT);
    }
    if config.get_keepalives_interval().is_none() {
        config
            .keepalives_idle(outgoing_socket::KEEPALIVE_IDLE)
            .keepalives_interval(outgoing_socket::KEEPALIVE_INTERVAL)
            .keepalives_retries(outgoing_socket::KEEPALIVE_RETRIES);
    }
}

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub(crate) fn link<T: Provides<Access>>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, ViewOf<Access>>(linker, T::view)?;
    bindings::v3::add_to_linker::<T, ViewOf<Access>>(linker, T::view)?;
    bindings::v2_types::add_to_linker::<T, ViewOf<Access>>(linker, T::view)?;
    bindings::v2::add_to_linker::<T, ViewOf<Access>>(linker, T::view)
}

impl Host for View<'_, Access> {}

impl View<'_, Access> {
    /// Runs a statement, and takes the connection away from the guest unless it came to an end.
    async fn run(
        &mut self,
        connection: &Resource<Connection>,
        sql: &str,
        parameters: Vec<ParameterValue>,
        returning: Returning,
    ) -> wasmtime::Result<Result<Outcome, GuestError>> {
        let Connection(connection) = self.table.get_mut(connection)?;
        let parameters = match parameters.into_iter().map(Parameter::new).collect::<Result<Vec<_>, _>>() {
            Ok(parameters) => parameters,
            Err(error) => return Ok(Err(GuestError::BadParameter(error))),
        };
        let closed = || Ok(Err(GuestError::ConnectionFailed("the connection is closed".to_owned())));
        let Some(mut lease) = connection.take() else { return closed() };
        let Some(server) = lease.connection() else { return closed() };
        let span = Sql::run(self.trace, sql);
        self.context.outbound.counters().asked(Outgoing::Postgres);
        let result = server.run(sql, &parameters, returning, &mut connection.is_clean).await;
        span.end(&result, "refused");
        let is_usable = match &result {
            Ok(_) => true,
            Err(failure) => server.is_open() && error::is_survived(failure),
        };
        if is_usable {
            connection.put_back(lease);
        }
        Ok(result.map_err(|failure| error::guest_error(&failure)))
    }
}

impl HostConnection for View<'_, Access> {
    async fn open(&mut self, address: String) -> wasmtime::Result<Result<Resource<Connection>, GuestError>> {
        let span = Sql::open(self.trace);
        let opened = self.context.open(&address).await;
        span.end(&opened, "no connection");
        Ok(match opened {
            Ok(connection) => Ok(self.table.push(connection)?),
            Err(error) => Err(GuestError::ConnectionFailed(error)),
        })
    }

    async fn query(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        params: Vec<ParameterValue>,
    ) -> wasmtime::Result<Result<RowSet, GuestError>> {
        let outcome = match self.run(&connection, &statement, params, Returning::Rows).await? {
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
        let outcome = self.run(&connection, &statement, params, Returning::Count).await?;
        Ok(outcome.map(|outcome| outcome.affected))
    }

    fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}
