//! One connection to a server, and the statements prepared on it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::{StreamExt, pin_mut};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Client, Config, Error, Row, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::statement::leaves_session_clean;
use crate::guest_connection::GuestConnection;
use crate::limits::Limits;
use crate::tls;

/// A connection that a guest has opened.
#[expect(unreachable_pub, reason = "the generated code has it under another name")]
#[derive(Debug)]
pub struct Connection(pub(super) GuestConnection<Server>);

/// TLS for servers that want it.
static TLS: LazyLock<MakeRustlsConnect> = LazyLock::new(|| MakeRustlsConnect::new(tls::client()));

/// An open connection.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    statements: HashMap<Box<str>, Prepared>,
    driver: AbortHandle,
    limits: Arc<Limits>,
}

/// A statement without an answer yet. When nobody waits for it any longer, because it takes too long or the call that made
/// it has ended, the server is told not to go on with it, and the connection is closed.
struct Unfinished {
    cancel: CancelToken,
    cancel_time: Duration,
    driver: AbortHandle,
    runtime: Handle,
    is_over: bool,
}

impl Unfinished {
    fn new(server: &Server) -> Self {
        Self {
            cancel: server.client.cancel_token(),
            cancel_time: server.limits.postgres_cancel.0,
            driver: server.driver.clone(),
            runtime: Handle::current(),
            is_over: false,
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let (cancel, time) = (self.cancel.clone(), self.cancel_time);
        self.runtime.spawn(async move {
            drop(tokio::time::timeout(time, cancel.cancel_query(TLS.clone())).await);
        });
        self.driver.abort();
    }
}

#[derive(Debug, Clone)]
struct Prepared {
    statement: Statement,
    clean: bool,
}

/// Why a statement has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The server or the driver has said so before there could be a row.
    Postgres(Error),
    /// The server or the driver has said so when rows were expected.
    Streamed(Error),
    /// It took too long.
    Timeout,
    /// The result is too large.
    TooLarge,
}

/// Whether a statement gives rows or only how many there were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Returning {
    Rows,
    Count,
}

/// What a statement has led to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) statement: Statement,
    pub(super) rows: Vec<Row>,
    pub(super) affected: u64,
}

impl Server {
    /// Opens a connection.
    pub(super) async fn connect(config: &Config, limits: &Arc<Limits>) -> Result<Self, String> {
        let connect = async {
            let (client, connection) = config.connect(TLS.clone()).await?;
            // How it ends is seen by whoever uses the client.
            Ok::<_, Error>((client, tokio::spawn(async move { drop(connection.await) }).abort_handle()))
        };
        let (client, driver) = tokio::time::timeout(limits.postgres_connect.0, connect)
            .await
            .map_err(|_| "no answer in time".to_owned())?
            .map_err(|error| describe(&error))?;
        Ok(Self { client, statements: HashMap::new(), driver, limits: Arc::clone(limits) })
    }

    pub(super) fn is_open(&self) -> bool {
        !self.client.is_closed()
    }

    /// Runs one statement. `clean` turns false, before anything is sent, if it may change the session.
    pub(super) async fn run<P: ToSql + Sync>(
        &mut self,
        sql: &str,
        parameters: &[P],
        returning: Returning,
        clean: &mut bool,
    ) -> Result<Outcome, Failure> {
        let mut unfinished = Unfinished::new(self);
        let limit = self.limits.postgres_statement.0;
        let result = tokio::time::timeout(limit, self.run_in_time(sql, parameters, returning, clean)).await;
        match result {
            Ok(result) => {
                unfinished.is_over = true;
                result
            }
            Err(_) => Err(Failure::Timeout),
        }
    }

    async fn run_in_time<P: ToSql + Sync>(
        &mut self,
        sql: &str,
        parameters: &[P],
        returning: Returning,
        clean: &mut bool,
    ) -> Result<Outcome, Failure> {
        let prepared = match self.statements.get(sql) {
            Some(prepared) => prepared.clone(),
            None => return self.prepare_and_run(sql, parameters, returning, clean).await,
        };
        let was_clean = *clean;
        *clean &= prepared.clean;
        match execute(&self.client, prepared.statement, parameters, returning, self.limits.postgres_result.0).await {
            // The tables have changed since. Nothing has run, and outside a transaction it can be tried again.
            Err(Failure::Postgres(error) | Failure::Streamed(error)) if was_clean && is_stale(&error) => {
                self.statements.remove(sql);
                self.prepare_and_run(sql, parameters, returning, clean).await
            }
            result => result,
        }
    }

    async fn prepare_and_run<P: ToSql + Sync>(
        &mut self,
        sql: &str,
        parameters: &[P],
        returning: Returning,
        clean: &mut bool,
    ) -> Result<Outcome, Failure> {
        let is_clean = leaves_session_clean(sql);
        *clean &= is_clean;
        let statement = self.client.prepare(sql).await.map_err(Failure::Postgres)?;
        if sql.len() <= self.limits.postgres_statement_text.0 {
            if self.statements.len() >= self.limits.postgres_statements.0 {
                self.statements.clear();
            }
            self.statements.insert(sql.into(), Prepared { statement: statement.clone(), clean: is_clean });
        }
        execute(&self.client, statement, parameters, returning, self.limits.postgres_result.0).await
    }
}

async fn execute<P: ToSql + Sync>(
    client: &Client,
    statement: Statement,
    parameters: &[P],
    returning: Returning,
    max_bytes: usize,
) -> Result<Outcome, Failure> {
    if returning == Returning::Count {
        let affected = client.execute_raw(&statement, parameters).await.map_err(Failure::Postgres)?;
        return Ok(Outcome { statement, rows: Vec::new(), affected });
    }
    let stream = client.query_raw(&statement, parameters).await.map_err(Failure::Postgres)?;
    pin_mut!(stream);
    let (mut rows, mut size) = (Vec::new(), 0);
    while let Some(row) = stream.next().await {
        let row = row.map_err(Failure::Streamed)?;
        size += row.raw_size_bytes();
        if size > max_bytes {
            return Err(Failure::TooLarge);
        }
        rows.push(row);
    }
    Ok(Outcome { statement, rows, affected: 0 })
}

fn is_stale(error: &Error) -> bool {
    match error.code() {
        Some(code) if *code == SqlState::INVALID_SQL_STATEMENT_NAME => true,
        Some(code) if *code == SqlState::FEATURE_NOT_SUPPORTED => {
            error.as_db_error().is_some_and(|error| error.message().contains("cached plan"))
        }
        _ => false,
    }
}

/// An error with its cause, which the driver leaves out.
pub(super) fn describe(error: &Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
