//! `.concierge/processes` and `.concierge/lock`: what an `up` has started, and that there is only one of them.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use dev_servers::process::{Recorded, Signal};

use crate::program;

/// How long a process may take to end.
const GRACE: Duration = Duration::from_secs(20);
/// How long an `up` may take to end all that it started.
const UP_GRACE: Duration = Duration::from_secs(60);
/// The name of the `up` itself in the records.
const UP: &str = "up";

/// Held by an `up` for as long as it lives; the system lets go of it however that ends.
pub(crate) struct Lock(#[expect(dead_code, reason = "the lock lasts as long as the file is open")] File);

/// Takes the lock; `None` if an `up` runs.
pub(crate) fn lock(state: &Path) -> Result<Option<Lock>> {
    let path = state.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(Lock(file))),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("cannot lock {}", path.display())),
    }
}

/// What is written down about processes.
pub(crate) struct Records {
    file: PathBuf,
}

impl Records {
    pub(crate) fn new(state: &Path) -> Self {
        Self { file: state.join("processes") }
    }

    /// Writes down this `up` and what it has started.
    pub(crate) fn write(&self, processes: &[(&str, u32)]) -> Result<()> {
        let own = [(UP, std::process::id())];
        let line = |(name, pid): &(&str, u32)| {
            Recorded::of(*pid).map(|process| format!("{name} {} {}\n", process.pid, process.started))
        };
        let text: String = own.iter().chain(processes).filter_map(line).collect();
        std::fs::write(&self.file, text).with_context(|| format!("cannot write {}", self.file.display()))
    }

    pub(crate) fn forget(&self) {
        // A record of processes that are gone does no harm: they are known by their start time too.
        let _ = std::fs::remove_file(&self.file);
    }

    fn read(&self) -> Vec<(String, Recorded)> {
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines()
            .filter_map(|line| {
                let mut words = line.split(' ');
                let name = words.next()?.to_owned();
                let process = Recorded { pid: words.next()?.parse().ok()?, started: words.next()?.parse().ok()? };
                Some((name, process))
            })
            .collect()
    }

    /// Ends what an `up` that was killed has left behind; the caller holds the lock. Gives the names of what was ended.
    pub(crate) fn end_leftovers(&self) -> Vec<String> {
        let mut ended = Vec::new();
        for (name, process) in self.read() {
            // A fast shutdown of PostgreSQL; the others take SIGTERM.
            let signal = if name == "PostgreSQL" { Signal::SIGINT } else { Signal::SIGTERM };
            if name != UP && process.end(signal, GRACE) {
                ended.push(name);
            }
        }
        self.forget();
        ended
    }
}

/// Ends an `up` that runs, or what one that was killed has left behind, and takes the lock.
pub(crate) fn end_all(state: &Path) -> Result<(Lock, Vec<String>)> {
    let records = Records::new(state);
    if let Some(lock) = lock(state)? {
        return Ok((lock, records.end_leftovers()));
    }
    let Some((_, up)) = records.read().into_iter().find(|(name, _)| name == UP) else {
        bail!("a `cargo xtask up` is just starting: end it with Ctrl-C, or try again in a moment");
    };
    up.end(Signal::SIGTERM, UP_GRACE);
    match program::poll(GRACE, || lock(state).transpose()) {
        Some(lock) => Ok((lock?, [vec![UP.to_owned()], records.end_leftovers()].concat())),
        None => bail!("a `cargo xtask up` does not end: look for process {}", up.pid),
    }
}
