//! One database, and connections to it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::limits::Limit;
use rusqlite::types::{Value, ValueRef};
use rusqlite::{InterruptHandle, params_from_iter};

/// How long a statement waits for another connection to release the file.
const BUSY: Duration = Duration::from_secs(5);

/// Where a label keeps its data. Without a file each connection has a database of its own, in memory.
#[derive(Debug)]
pub(super) struct Database {
    path: Option<PathBuf>,
}

/// A connection that a guest has opened. The file is opened with its first statement.
#[expect(unreachable_pub, reason = "the generated code has it under another name")]
#[derive(Debug)]
pub struct Connection {
    database: Arc<Database>,
    open: Arc<Mutex<Option<rusqlite::Connection>>>,
}

/// What a statement gives.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Vec<Value>>,
}

/// A statement that is still running when this is dropped is interrupted.
struct Running(Option<InterruptHandle>);

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(handle) = self.0.take() {
            handle.interrupt();
        }
    }
}

impl Database {
    /// A database in a file, or in memory.
    ///
    /// # Errors
    /// When the file's directory cannot be made, or it is no database.
    pub(super) fn new(path: Option<PathBuf>) -> Result<Arc<Self>, String> {
        if let Some(dir) = path.as_deref().and_then(Path::parent) {
            std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
        }
        let database = Self { path };
        // That it cannot be used is better known now.
        database.open()?;
        Ok(Arc::new(database))
    }

    fn open(&self) -> Result<rusqlite::Connection, String> {
        let open = || {
            let connection = match &self.path {
                Some(path) => rusqlite::Connection::open(path)?,
                None => rusqlite::Connection::open_in_memory()?,
            };
            connection.busy_timeout(BUSY)?;
            // Otherwise a guest could read and write any file by ATTACH and by VACUUM INTO.
            connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
            connection.pragma_query_value(None, "schema_version", |_| Ok(()))?;
            Ok(connection)
        };
        open().map_err(|error: rusqlite::Error| match &self.path {
            Some(path) => format!("cannot open {}: {error}", path.display()),
            None => error.to_string(),
        })
    }

    /// Runs statements that an operator has written.
    pub(super) fn run(&self, statements: &str) -> Result<(), String> {
        self.open()?.execute_batch(statements).map_err(|e| e.to_string())
    }
}

impl Connection {
    pub(super) fn new(database: &Arc<Database>) -> Self {
        Self { database: Arc::clone(database), open: Arc::default() }
    }

    /// Runs a statement where blocking is allowed, and for no longer than `time`.
    pub(super) async fn execute(
        &self,
        statement: String,
        parameters: Vec<Value>,
        time: Duration,
        max_bytes: usize,
    ) -> Result<Outcome, String> {
        let handle = self.with(|connection| Ok(connection.get_interrupt_handle())).await?;
        let mut running = Running(Some(handle));
        let run = self.with(move |connection| query(connection, &statement, parameters, max_bytes));
        let result = tokio::time::timeout(time, run).await;
        if result.is_ok() {
            running.0 = None;
        }
        result.unwrap_or_else(|_| Err("the statement took too long".to_owned()))
    }

    pub(super) async fn changes(&self) -> Result<u64, String> {
        self.with(|connection| Ok(connection.changes())).await
    }

    pub(super) async fn last_insert_rowid(&self) -> Result<i64, String> {
        self.with(|connection| Ok(connection.last_insert_rowid())).await
    }

    async fn with<T: Send + 'static>(
        &self,
        run: impl FnOnce(&rusqlite::Connection) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let (database, open) = (Arc::clone(&self.database), Arc::clone(&self.open));
        let work = tokio::task::spawn_blocking(move || {
            let mut open = open.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = match open.take() {
                Some(connection) => connection,
                None => database.open()?,
            };
            run(open.insert(connection))
        });
        work.await.unwrap_or_else(|error| Err(error.to_string()))
    }
}

fn query(
    connection: &rusqlite::Connection,
    statement: &str,
    parameters: Vec<Value>,
    max_bytes: usize,
) -> Result<Outcome, String> {
    let mut statement = connection.prepare_cached(statement).map_err(|e| e.to_string())?;
    let columns: Vec<_> = statement.column_names().into_iter().map(str::to_owned).collect();
    let mut found = statement.query(params_from_iter(parameters)).map_err(|e| e.to_string())?;
    let (mut rows, mut size) = (Vec::new(), 0);
    while let Some(row) = found.next().map_err(|e| e.to_string())? {
        let mut values = Vec::with_capacity(columns.len());
        for index in 0..columns.len() {
            let value = row.get_ref(index).map_err(|e| e.to_string())?;
            size += size_of::<Value>() + value.as_bytes_or_null().ok().flatten().map_or(0, <[u8]>::len);
            values.push(match value {
                // A text may hold any bytes, which the conversion would not take.
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                other => other.into(),
            });
        }
        if size > max_bytes {
            return Err(format!("the result is larger than {max_bytes} bytes"));
        }
        rows.push(values);
    }
    Ok(Outcome { columns, rows })
}
