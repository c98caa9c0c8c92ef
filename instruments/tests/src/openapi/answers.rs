//! What the services answered while the suite ran, noted in a file for whoever looks afterwards: the test `unseen`
//! wants to see every response that the OpenAPI files describe.
//!
//! `cargo xtask test` names the file to write in `CONCIERGE_ANSWERS_TO`, and the file to read in `CONCIERGE_ANSWERS`.

use super::Operation;
use crate::answer::Answer;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

/// Names the file that answers are noted in.
const TO: &str = "CONCIERGE_ANSWERS_TO";
/// Names the file that is looked at.
const FROM: &str = "CONCIERGE_ANSWERS";

/// An answer as far as it matters here. Two that are alike are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Given {
    /// The method.
    pub method: String,
    /// The path with its parameters in braces.
    pub path: String,
    /// The status code.
    pub status: u16,
    /// The type of the problem; empty if it was none.
    pub problem: String,
}

/// Notes what an operation answered, if anybody wants to know and it is the first time.
pub(super) fn note(operation: &Operation<'_>, answer: &Answer) {
    static NOTED: OnceLock<Option<Mutex<Notes>>> = OnceLock::new();
    let notes = NOTED.get_or_init(|| std::env::var_os(TO).map(|path| Mutex::new(Notes::new(Path::new(&path)))));
    let Some(notes) = notes else { return };
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let given = Given {
        method: operation.method.clone(),
        path: operation.path.to_owned(),
        status: answer.status,
        problem: body["type"].as_str().filter(|_| answer.status >= 400).unwrap_or_default().to_owned(),
    };
    notes.lock().unwrap_or_else(PoisonError::into_inner).add(given);
}

/// What a run of the suite has noted; `None` if nobody says where that is.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn noted() -> Option<HashSet<Given>> {
    let path = PathBuf::from(std::env::var_os(FROM)?);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(text.lines().map(read).collect())
}

struct Notes {
    file: File,
    known: HashSet<Given>,
}

impl Notes {
    fn new(path: &Path) -> Self {
        let file = File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { file, known: HashSet::new() }
    }

    fn add(&mut self, given: Given) {
        if self.known.contains(&given) {
            return;
        }
        // At once, since nobody is told when the last test has ended.
        writeln!(self.file, "{}", line(&given)).expect("an answer can be noted");
        self.known.insert(given);
    }
}

fn line(given: &Given) -> Value {
    json!({"method": given.method, "path": given.path, "status": given.status, "problem": given.problem})
}

fn read(line: &str) -> Given {
    let line: Value = serde_json::from_str(line).expect("a line is JSON");
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let status = line["status"].as_u64().and_then(|status| u16::try_from(status).ok()).unwrap_or_default();
    Given { method: text("method"), path: text("path"), status, problem: text("problem") }
}
