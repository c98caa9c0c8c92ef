//! Key-value stores in a SQLite file, in the table that Spin uses.

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

/// How long a statement waits for another process to release the file.
const BUSY: Duration = Duration::from_secs(5);

/// The rights of the file: sessions and the like are for nobody else.
const MODE: u32 = 0o600;

/// What is done with the connection, on the thread that has it.
type Task = Box<dyn FnOnce(&Connection) + Send>;

/// One open file, shared by all labels that live in it, and the thread that works on it. Calls wait in a queue, so however many
/// there are, they take one thread.
#[derive(Debug)]
pub(super) struct File(mpsc::Sender<Task>);

/// One label in a file.
#[derive(Debug)]
pub(super) struct Store {
    file: Arc<File>,
    label: Arc<str>,
}

impl File {
    /// Opens a file, or a database in memory.
    pub(super) fn open(path: Option<&Path>) -> Result<Arc<Self>, String> {
        let connection = match path {
            Some(path) => {
                if let Some(dir) = path.parent() {
                    std::fs::create_dir_all(dir).map_err(|e| format!("cannot make {}: {e}", dir.display()))?;
                }
                let connection = Connection::open(path).map_err(|e| format!("cannot open {}: {e}", path.display()))?;
                restrict(path)?;
                connection
            }
            None => Connection::open_in_memory().map_err(|e| e.to_string())?,
        };
        let prepare = || {
            connection.busy_timeout(BUSY)?;
            connection.pragma_update(None, "journal_mode", "WAL")?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            connection.execute_batch(
                "CREATE TABLE IF NOT EXISTS spin_key_value (
                    store TEXT NOT NULL,
                    key   TEXT NOT NULL,
                    value BLOB NOT NULL,
                    PRIMARY KEY (store, key)
                )",
            )
        };
        prepare().map_err(|e| e.to_string())?;
        let (sender, receiver) = mpsc::channel::<Task>();
        let work = move || {
            // It ends when nobody has the file any longer.
            for task in receiver {
                task(&connection);
            }
        };
        std::thread::Builder::new().name("spindle-sqlite".to_owned()).spawn(work).map_err(|e| e.to_string())?;
        Ok(Arc::new(Self(sender)))
    }
}

#[cfg(unix)]
fn restrict(path: &Path) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(MODE))
        .map_err(|e| format!("cannot restrict {}: {e}", path.display()))
}

fn gone() -> String {
    "the thread of the store has ended".to_owned()
}

impl Store {
    pub(super) fn new(file: Arc<File>, label: &str) -> Self {
        Self { file, label: label.into() }
    }

    /// Runs statements on the file's thread. One that nobody waits for any longer when its turn has come is not run.
    async fn with<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection, &str) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, String> {
        let label = Arc::clone(&self.label);
        let (send, receive) = oneshot::channel();
        let task = move |connection: &Connection| {
            if !send.is_closed() {
                // Nobody hears it if the caller is gone.
                let _ = send.send(run(connection, &label));
            }
        };
        self.file.0.send(Box::new(task)).map_err(|_| gone())?;
        receive.await.map_err(|_| gone())?.map_err(|e| e.to_string())
    }

    pub(super) async fn get(&self, key: String) -> Result<Option<Vec<u8>>, String> {
        self.with(move |connection, label| {
            connection
                .prepare_cached("SELECT value FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .query_row(params![label, key], |row| row.get(0))
                .optional()
        })
        .await
    }

    pub(super) async fn set(&self, key: String, value: Vec<u8>) -> Result<(), String> {
        self.with(move |connection, label| {
            connection
                .prepare_cached(
                    "INSERT INTO spin_key_value (store, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (store, key) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![label, key, value])
                .map(drop)
        })
        .await
    }

    pub(super) async fn delete(&self, key: String) -> Result<(), String> {
        self.with(move |connection, label| {
            connection
                .prepare_cached("DELETE FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .execute(params![label, key])
                .map(drop)
        })
        .await
    }

    pub(super) async fn exists(&self, key: String) -> Result<bool, String> {
        self.with(move |connection, label| {
            connection
                .prepare_cached("SELECT 1 FROM spin_key_value WHERE store = ?1 AND key = ?2")?
                .exists(params![label, key])
        })
        .await
    }

    pub(super) async fn keys(&self) -> Result<Vec<String>, String> {
        self.with(move |connection, label| {
            connection
                .prepare_cached("SELECT key FROM spin_key_value WHERE store = ?1")?
                .query_map(params![label], |row| row.get(0))?
                .collect()
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn labels_in_one_file_are_apart() {
        let file = File::open(None).unwrap();
        let (a, b) = (Store::new(Arc::clone(&file), "a"), Store::new(file, "b"));
        a.set("k".into(), b"1".to_vec()).await.unwrap();
        a.set("k".into(), b"2".to_vec()).await.unwrap();
        assert_eq!(a.get("k".into()).await.unwrap().as_deref(), Some(&b"2"[..]));
        assert_eq!(b.get("k".into()).await.unwrap(), None);
        assert!(!b.exists("k".into()).await.unwrap());
        assert_eq!(a.keys().await.unwrap(), ["k"]);
        a.delete("k".into()).await.unwrap();
        a.delete("k".into()).await.unwrap();
        assert!(!a.exists("k".into()).await.unwrap());
    }
}
