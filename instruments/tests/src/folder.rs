//! Folders of a run, in `target/blackbox`: data while it lasts, logs until the next run.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const PREFIX: &str = "run-";

/// The workspace.
#[must_use]
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this package is two folders below the workspace")
}

/// A new folder of this run.
///
/// # Panics
/// If it cannot be made.
#[must_use]
pub fn fresh(name: &str) -> PathBuf {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let folder = run().join(format!("{number:03}-{name}"));
    std::fs::create_dir_all(&folder).expect("a folder can be made in target");
    folder
}

fn run() -> &'static Path {
    static RUN: OnceLock<PathBuf> = OnceLock::new();
    RUN.get_or_init(|| {
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from);
        let all = target.join("blackbox");
        remove_ended_runs(&all);
        all.join(format!("{PREFIX}{}", std::process::id()))
    })
}

/// Servers of the run live as long as its process, so a run cannot remove its own folder: the next one does.
fn remove_ended_runs(all: &Path) {
    let Ok(runs) = std::fs::read_dir(all) else { return };
    for run in runs.flatten().map(|entry| entry.path()) {
        let pid = run.file_name().and_then(|name| name.to_str()?.strip_prefix(PREFIX)).map(str::to_owned);
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            // What cannot be removed now is met again the next time.
            let _ = std::fs::remove_dir_all(run);
        }
    }
}
