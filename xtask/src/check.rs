//! `check`: what to run after every change; no server is started.

use std::time::Instant;

use anyhow::Result;

use crate::folder::Folder;
use crate::{lint, program};

/// Packages whose tests start servers, count instructions or compile an engine: `test` is for these.
const SLOW: [&str; 9] = [
    "amqp-example",
    "bench",
    "blackbox",
    "dev-servers",
    "experiments",
    "hot-paths",
    "spindle",
    "spindle-guest",
    "trigger-amqp",
];

pub(crate) fn run() -> Result<()> {
    let started = Instant::now();
    let folder = Folder::find()?;
    lint::source(&folder)?;
    println!("cargo test, unit tests only");
    let mut cargo = program::cargo(folder.root());
    cargo.args(["test", "--quiet", "--workspace", "--lib", "--bins"]);
    for package in SLOW {
        cargo.args(["--exclude", package]);
    }
    program::show("the unit tests", cargo)?;
    println!("Passed in {} s; `cargo xtask test` runs the rest", started.elapsed().as_secs());
    Ok(())
}
