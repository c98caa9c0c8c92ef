//! `lint`: what a change must pass beside the tests.

use anyhow::Result;

use crate::folder::Folder;
use crate::program;

/// The checks of `deny.toml` that need no network.
const OFFLINE_CHECKS: [&str; 3] = ["licenses", "bans", "sources"];

pub(crate) fn run() -> Result<()> {
    let folder = Folder::find()?;
    let cargo = |arguments: &[&str]| {
        println!("cargo {}", arguments.join(" "));
        let mut cargo = program::cargo(folder.root());
        cargo.args(arguments);
        cargo
    };
    program::show("the check of the format (`cargo fmt --all` puts it right)", cargo(&["fmt", "--all", "--check"]))?;
    program::show("clippy", cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    if program::is_on_path("cargo-deny") {
        program::show("the check of licences and sources", cargo(&[&["deny", "check"][..], &OFFLINE_CHECKS].concat()))?;
    } else {
        println!("Licences and sources are not checked: `cargo install --locked cargo-deny` installs what it takes");
    }
    Ok(())
}
