//! The normal way: `rustup target add`. It is given up early where there is no network.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use dev_servers::process::Launch;

use super::TARGET;
use crate::program;

/// Until rustup has begun to download the target: without a network it never does.
const BEGIN_DEADLINE: Duration = Duration::from_secs(20);
/// Until it is installed.
const END_DEADLINE: Duration = Duration::from_secs(600);

pub(super) fn add_target(scratch: &Path) -> Result<()> {
    if !program::is_on_path("rustup") {
        bail!("it is not on the PATH");
    }
    let log = scratch.join("rustup.log");
    // The log of an earlier attempt would count as this one's progress.
    let _ = std::fs::remove_file(&log);
    let mut command = Command::new("rustup");
    command.args(["target", "add", TARGET]);
    println!("  trying `rustup target add {TARGET}`");
    let rustup = Launch::new("rustup", command, &log).start()?;
    let started = Instant::now();
    let status = program::poll(END_DEADLINE, || {
        let begun = started.elapsed() < BEGIN_DEADLINE || rustup.log().contains("ownloading component");
        match rustup.exit_status() {
            Some(status) => Some(Some(status)),
            None if !begun => Some(None),
            None => None,
        }
    });
    match status.flatten() {
        Some(status) if status.success() => Ok(()),
        Some(_) => bail!("{}", last_words(&rustup.log())),
        None => bail!("no download began within {} s", BEGIN_DEADLINE.as_secs()),
    }
}

/// The line that says why, without rustup's chain of causes.
fn last_words(log: &str) -> String {
    let error = log.lines().find_map(|line| line.split_once("error: ").map(|(_, words)| words));
    error.or(log.lines().last()).unwrap_or("it failed without a word").trim().to_owned()
}
