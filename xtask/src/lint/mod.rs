//! `lint`: what a change must pass beside the tests.

mod cycles;
mod files;
mod modules;
mod pages;
mod sizes;
mod tokens;

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};

use crate::folder::Folder;
use crate::{openapi, program};

/// The checks of `deny.toml` that need no network.
const OFFLINE_CHECKS: [&str; 3] = ["licenses", "bans", "sources"];

/// Format, shape and clippy: what a few seconds say about a change.
pub(crate) fn source(folder: &Folder) -> Result<()> {
    let cargo = |arguments: &[&str]| {
        println!("cargo {}", arguments.join(" "));
        let mut cargo = program::cargo(folder.root());
        cargo.args(arguments);
        cargo
    };
    program::show("the format check (`cargo fmt --all` corrects it)", cargo(&["fmt", "--all", "--check"]))?;
    shape(folder)?;
    program::show("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

pub(crate) fn run() -> Result<()> {
    let folder = Folder::find()?;
    source(&folder)?;
    openapi::generate(&folder, true)?;
    if program::is_on_path("cargo-deny") {
        println!("cargo deny check {}", OFFLINE_CHECKS.join(" "));
        let mut cargo = program::cargo(folder.root());
        cargo.args(["deny", "check"]).args(OFFLINE_CHECKS);
        program::show("the check of licences, bans and sources", cargo)
    } else {
        println!("Licences and sources are not checked: `cargo install --locked cargo-deny` installs what it takes");
        Ok(())
    }
}

/// Circles of modules, files that are too long, and pages that name what is not there.
fn shape(folder: &Folder) -> Result<()> {
    let mut faults = sizes::too_long(folder.root());
    faults.extend(pages::broken(folder.root()));
    for root in roots(folder)? {
        let name = root.strip_prefix(folder.root()).unwrap_or(&root).display().to_string();
        faults.extend(cycles::cycles(&root).into_iter().map(|cycle| format!("{name}: a circle of modules: {cycle}")));
    }
    if !faults.is_empty() {
        bail!("the shape of the source:\n  {}", faults.join("\n  "));
    }
    println!("No circle of modules, no file that is too long, no link that leads nowhere");
    Ok(())
}

/// The root files of all crates of the workspace, tests and programs included.
fn roots(folder: &Folder) -> Result<Vec<PathBuf>> {
    let mut cargo = program::cargo(folder.root());
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: serde_json::Value =
        serde_json::from_str(&program::output(cargo)?).context("what `cargo metadata` says cannot be read")?;
    let list = |value: &serde_json::Value| value.as_array().cloned().unwrap_or_default();
    let targets = list(&metadata["packages"]).into_iter().flat_map(|package| list(&package["targets"]));
    Ok(targets.filter_map(|target| target["src_path"].as_str().map(PathBuf::from)).collect())
}
