//! What can go wrong while a server is found, started or stopped. Every message is a sentence that a developer can act on.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// The result of everything in this crate but [`migrations`](crate::migrations).
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server could not be found, started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read, written or made.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb: "read", "create".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program could not be started at all.
    #[error("cannot start {name} ({program}): {source}")]
    Spawn {
        /// What it is, to a reader.
        name: String,
        /// The program's path.
        program: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// A program ended by itself before it was ready.
    #[error("{name} ended before it was ready ({status}); its log says:\n{tail}")]
    EndedEarly {
        /// What it is, to a reader.
        name: String,
        /// Its exit status.
        status: String,
        /// The last lines of its log.
        tail: String,
    },
    /// A program did not get ready in time.
    #[error("{name} was not ready after {} s ({last}); its log says:\n{tail}", waited.as_secs())]
    NotReady {
        /// What it is, to a reader.
        name: String,
        /// How long it was waited for.
        waited: Duration,
        /// What the last attempt to reach it said.
        last: String,
        /// The last lines of its log.
        tail: String,
    },
    /// A helper program (`initdb`, `apt-get`, `docker`) failed.
    #[error("{program} failed ({status}): {output}")]
    Helper {
        /// The program.
        program: String,
        /// Its exit status.
        status: String,
        /// The end of what it printed.
        output: String,
    },
    /// A statement of our own was refused by PostgreSQL.
    #[error("PostgreSQL refused to {action}: {source}")]
    Sql {
        /// What was tried, as a verb phrase.
        action: String,
        /// What the server said.
        source: ::postgres::Error,
    },
    /// Something that only the developer can put right, with what to do about it.
    #[error("{0}")]
    Advice(String),
}

impl Error {
    /// Wraps an I/O error with what was tried on which path; for `map_err`.
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::File { action, path: path.to_owned(), source }
    }
}
