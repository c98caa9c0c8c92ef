//! SQLite: `spin:sqlite@3.0.0` and `fermyon:spin/sqlite@2.0.0`.
//!
//! A label is granted by the component's manifest and given a file by the runtime configuration. Each `open` is a connection
//! of its own, so no guest sees another's transaction.

mod bindings;
mod database;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use rusqlite::types::Value as Any;
use thiserror::Error;
use wasmtime::component::{Linker, Resource};

use self::bindings::{Error as GuestError, Host, HostConnection, QueryResult, Value, v2};
use self::database::{Connection, Database, Outcome};
use super::view::{Provides, View, ViewOf};
use crate::limits::Limits;
use crate::runtime_config::SqliteDatabase;

/// The database that an app has without any configuration.
const DEFAULT_LABEL: &str = "default";

/// The file of that database.
const DEFAULT_FILE: &str = "sqlite_db.db";

/// A database that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum SqliteError {
    /// A component was granted a label that has no place.
    #[error(
        "component `{component}` uses the SQLite database `{label}`, which is not configured: \
         add [sqlite_database.{label}] to the runtime configuration file"
    )]
    NotConfigured {
        /// The component.
        component: String,
        /// The label.
        label: String,
    },
    /// The file of a database cannot be used.
    #[error("SQLite database `{label}`: {reason}")]
    Unusable {
        /// The label.
        label: String,
        /// Why.
        reason: String,
    },
    /// `--sqlite` with something that cannot be run.
    #[error("--sqlite: {0}")]
    Statement(String),
}

/// All databases that the app's components were granted, by label.
#[derive(Debug, Default)]
pub(crate) struct Databases(BTreeMap<String, Arc<Database>>);

/// The databases that one component may open.
#[derive(Debug)]
pub(crate) struct Access {
    component: String,
    databases: HashMap<String, Arc<Database>>,
    limits: Arc<Limits>,
}

impl Databases {
    /// Opens the databases of the labels that components were granted.
    ///
    /// # Errors
    /// When a label has no place, or its place cannot be used.
    pub(crate) fn open<'a>(
        granted: impl IntoIterator<Item = (&'a str, &'a str)>,
        config: &BTreeMap<String, SqliteDatabase>,
        state_dir: Option<&Path>,
    ) -> Result<Self, SqliteError> {
        let mut all = BTreeMap::new();
        for (component, label) in granted {
            if all.contains_key(label) {
                continue;
            }
            let path = match config.get(label) {
                // As with Spin, from where the runtime is started.
                Some(SqliteDatabase::Spin { path }) => path.clone(),
                None if label == DEFAULT_LABEL => state_dir.map(|dir| dir.join(DEFAULT_FILE)),
                None => {
                    return Err(SqliteError::NotConfigured {
                        component: component.to_owned(),
                        label: label.to_owned(),
                    });
                }
            };
            let database = Database::new(path);
            let database = database.map_err(|reason| SqliteError::Unusable { label: label.to_owned(), reason })?;
            all.insert(label.to_owned(), database);
        }
        Ok(Self(all))
    }

    /// What a component with these labels may open.
    pub(crate) fn granted(&self, component: &str, labels: &[String], limits: &Arc<Limits>) -> Access {
        let find = |label: &String| Some((label.clone(), Arc::clone(self.0.get(label)?)));
        Access {
            component: component.to_owned(),
            databases: labels.iter().filter_map(find).collect(),
            limits: Arc::clone(limits),
        }
    }

    /// Runs the statements of `--sqlite STATEMENT` and `--sqlite @FILE` on the default database.
    ///
    /// # Errors
    /// When one cannot be run.
    pub(crate) fn preset(&self, statements: &[String]) -> Result<(), SqliteError> {
        for statement in statements {
            let database = self.0.get(DEFAULT_LABEL);
            let database =
                database.ok_or_else(|| SqliteError::Statement("no component uses the default database".to_owned()))?;
            let result = match statement.strip_prefix('@') {
                Some(file) => std::fs::read_to_string(file)
                    .map_err(|error| error.to_string())
                    .and_then(|text| database.run(&text))
                    .map_err(|error| format!("{file}: {error}")),
                None => database.run(statement),
            };
            result.map_err(SqliteError::Statement)?;
        }
        Ok(())
    }
}

/// Offers the capability to components.
///
/// # Errors
/// When the linker has it already.
pub(crate) fn link<T: Provides<Access>>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    bindings::add_to_linker::<T, ViewOf<Access>>(linker, T::view)?;
    v2::add_to_linker::<T, ViewOf<Access>>(linker, T::view)
}

impl Access {
    fn open(&self, label: &str) -> Result<Connection, GuestError> {
        match self.databases.get(label) {
            Some(database) => Ok(Connection::new(database)),
            None => {
                tracing::warn!(
                    component = self.component,
                    label,
                    "a SQLite database was denied: it is not in sqlite_databases"
                );
                Err(GuestError::AccessDenied)
            }
        }
    }

    async fn execute(
        &self,
        connection: &Connection,
        statement: String,
        parameters: Vec<Any>,
    ) -> Result<Outcome, GuestError> {
        let (time, max_bytes) = (self.limits.sqlite_statement.0, self.limits.sqlite_result.0);
        connection.execute(statement, parameters, time, max_bytes).await.map_err(GuestError::Io)
    }
}

/// Translates values between one of the interfaces, which have the same names for them, and SQLite.
macro_rules! values {
    ($module:ident, $types:ident) => {
        mod $module {
            use super::{Any, Outcome, $types as types};

            pub(super) fn parameters(values: Vec<types::Value>) -> Vec<Any> {
                let translate = |value| match value {
                    types::Value::Integer(number) => Any::Integer(number),
                    types::Value::Real(number) => Any::Real(number),
                    types::Value::Text(text) => Any::Text(text),
                    types::Value::Blob(bytes) => Any::Blob(bytes),
                    types::Value::Null => Any::Null,
                };
                values.into_iter().map(translate).collect()
            }

            pub(super) fn result(outcome: Outcome) -> types::QueryResult {
                let translate = |value| match value {
                    Any::Integer(number) => types::Value::Integer(number),
                    Any::Real(number) => types::Value::Real(number),
                    Any::Text(text) => types::Value::Text(text),
                    Any::Blob(bytes) => types::Value::Blob(bytes),
                    Any::Null => types::Value::Null,
                };
                let row = |values: Vec<Any>| types::RowResult { values: values.into_iter().map(translate).collect() };
                types::QueryResult { columns: outcome.columns, rows: outcome.rows.into_iter().map(row).collect() }
            }
        }
    };
}

values!(newest, bindings);
values!(elder, v2);

impl Host for View<'_, Access> {}

impl HostConnection for View<'_, Access> {
    async fn open(&mut self, database: String) -> wasmtime::Result<Result<Resource<Connection>, GuestError>> {
        Ok(match self.context.open(&database) {
            Ok(connection) => Ok(self.table.push(connection)?),
            Err(error) => Err(error),
        })
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<Value>,
    ) -> wasmtime::Result<Result<QueryResult, GuestError>> {
        let parameters = newest::parameters(parameters);
        Ok(self.context.execute(self.table.get(&connection)?, statement, parameters).await.map(newest::result))
    }

    async fn last_insert_rowid(&mut self, connection: Resource<Connection>) -> wasmtime::Result<i64> {
        self.table.get(&connection)?.last_insert_rowid().await.map_err(wasmtime::Error::msg)
    }

    async fn changes(&mut self, connection: Resource<Connection>) -> wasmtime::Result<u64> {
        self.table.get(&connection)?.changes().await.map_err(wasmtime::Error::msg)
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(connection)?;
        Ok(())
    }
}

impl v2::Host for View<'_, Access> {}

impl v2::HostConnection for View<'_, Access> {
    async fn open(&mut self, database: String) -> wasmtime::Result<Result<Resource<Connection>, v2::Error>> {
        Ok(HostConnection::open(self, database).await?.map_err(elder_error))
    }

    async fn execute(
        &mut self,
        connection: Resource<Connection>,
        statement: String,
        parameters: Vec<v2::Value>,
    ) -> wasmtime::Result<Result<v2::QueryResult, v2::Error>> {
        let parameters = elder::parameters(parameters);
        let result = self.context.execute(self.table.get(&connection)?, statement, parameters).await;
        Ok(result.map(elder::result).map_err(elder_error))
    }

    async fn drop(&mut self, connection: Resource<Connection>) -> wasmtime::Result<()> {
        HostConnection::drop(self, connection).await
    }
}

fn elder_error(error: GuestError) -> v2::Error {
    match error {
        GuestError::NoSuchDatabase => v2::Error::NoSuchDatabase,
        GuestError::AccessDenied => v2::Error::AccessDenied,
        GuestError::InvalidConnection => v2::Error::InvalidConnection,
        GuestError::DatabaseFull => v2::Error::DatabaseFull,
        GuestError::Io(reason) => v2::Error::Io(reason),
    }
}
