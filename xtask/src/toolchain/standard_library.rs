//! Builds the standard library for wasm32-wasip1 once, as the dependency of an empty crate.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use dev_servers::process;

use super::debian::Packages;
use super::{Compiler, TARGET};
use crate::program;

/// A slow machine with one core needs a few minutes.
const BUILD_DEADLINE: Duration = Duration::from_secs(1200);

/// An empty workspace of its own, so that neither the repository's profiles nor its lock file are used.
const MANIFEST: &str = "[package]\nname = \"empty\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n[lib]\ncrate-type = [\"cdylib\"]\n\n[workspace]\n";

/// Builds it in `scratch`, and gives the `.rlib` files.
pub(super) fn build(scratch: &Path, compiler: &Compiler, packages: &Packages) -> Result<Vec<PathBuf>> {
    println!("  building the standard library (a minute)");
    // Half of an earlier build is of no use.
    let _ = std::fs::remove_dir_all(scratch);
    let source = scratch.join("src");
    std::fs::create_dir_all(&source).with_context(|| format!("cannot create {}", source.display()))?;
    std::fs::write(source.join("lib.rs"), "").context("cannot write an empty crate")?;
    std::fs::write(scratch.join("Cargo.toml"), MANIFEST).context("cannot write an empty crate")?;

    let target_dir = scratch.join("target");
    let mut cargo = program::cargo(scratch);
    cargo
        .args(["build", "--release", "-Zbuild-std=std,panic_abort,test", "--target", TARGET, "--target-dir"])
        .arg(&target_dir);
    compiler.apply(&mut cargo);
    // Nightly's build-std, with the source in a place of our choice.
    cargo.env("RUSTC_BOOTSTRAP", "1").env("__CARGO_TESTS_ONLY_SRC_ROOT", &packages.library);
    // Bitcode, for components are linked with `lto`; and no start files, which are not installed yet.
    let flags = format!("-Cembed-bitcode=yes\x1f-Clink-self-contained=no\x1f-Lnative={}", packages.libc.display());
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags).env_remove("RUSTFLAGS").env_remove("RUSTC_WRAPPER");
    process::run("the build of the standard library", cargo, &scratch.join("build.log"), BUILD_DEADLINE)?;

    let folder = target_dir.join(TARGET).join("release/deps");
    let files = std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    Ok(files
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|it| it == "rlib"))
        .collect())
}
