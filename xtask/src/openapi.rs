//! `openapi`: writes the OpenAPI files from the operations in `api/`, or checks that they are current.

use anyhow::Result;

use crate::folder::Folder;
use crate::program;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a file is not current.
    #[arg(long)]
    check: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    generate(&Folder::find()?, arguments.check)
}

/// Runs the generator, a program of its own: most tasks need none of what it is built from.
pub(crate) fn generate(folder: &Folder, only_checks: bool) -> Result<()> {
    let mut cargo = program::cargo(folder.root());
    cargo.args(["run", "--quiet", "--package", "api", "--features", "openapi", "--bin", "openapi", "--", "openapi"]);
    if only_checks {
        cargo.arg("--check");
    }
    program::show("the check of the OpenAPI files", cargo)
}
