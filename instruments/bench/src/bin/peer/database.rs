//! PostgreSQL: pooled connections, each of which keeps its statements prepared.

use anyhow::Result;
use deadpool_postgres::{Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use problem::{Kind, Problem};
use serde::de::DeserializeOwned;
use tokio_postgres::NoTls;
use tokio_postgres::types::{FromSql, ToSql, Type};

use crate::settings::Settings;

/// The pool.
pub(crate) struct Database {
    pool: Pool,
}

/// A parameter of a statement.
pub(crate) type Parameter<'a> = &'a (dyn ToSql + Sync);

impl Database {
    pub(crate) fn new(settings: &Settings) -> Result<Self> {
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(settings.database_url.parse()?, NoTls, recycling);
        let pool = Pool::builder(manager).max_size(settings.connections).runtime(Runtime::Tokio1).build()?;
        Ok(Self { pool })
    }

    /// Runs a statement that gives one `jsonb` value. SQL's NULL is JSON's.
    pub(crate) async fn one<T: DeserializeOwned>(
        &self,
        statement: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<T, Problem> {
        let client = self.pool.get().await.map_err(|error| unavailable(&error))?;
        let prepared = client.prepare_cached(statement).await.map_err(|error| unavailable(&error))?;
        let row = client.query_one(&prepared, parameters).await.map_err(|error| unavailable(&error))?;
        row.try_get::<_, Jsonb<T>>(0).map(|value| value.0).map_err(|error| unavailable(&error))
    }
}

fn unavailable(error: &dyn std::error::Error) -> Problem {
    Problem::of(Kind::DatabaseUnavailable).with_header("retry-after", "1").with_cause(error.to_string())
}

/// A `jsonb` value, decoded from the bytes as they came.
struct Jsonb<T>(T);

impl<'a, T: DeserializeOwned> FromSql<'a> for Jsonb<T> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        match raw {
            [1, json @ ..] => Ok(Self(serde_json::from_slice(json)?)),
            _ => Err("a version of jsonb that is not known".into()),
        }
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(serde_json::from_str("null")?))
    }

    fn accepts(wanted: &Type) -> bool {
        *wanted == Type::JSONB
    }
}
