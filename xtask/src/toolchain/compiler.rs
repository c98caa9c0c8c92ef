//! A compiler for components: the one that Cargo uses anyway, or one borrowed from Debian.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};

use super::TARGET;
use crate::program;

/// What compiles for wasm32-wasip1.
#[derive(Debug, Clone)]
pub(crate) struct Compiler {
    rustc: PathBuf,
    /// Its linker, if not the one that comes with it.
    linker: Option<PathBuf>,
}

impl Compiler {
    /// The one that Cargo uses anyway.
    pub(crate) fn own() -> Self {
        Self { rustc: std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()).into(), linker: None }
    }

    /// One that was unpacked into `prefix`, with the linker of our own, which runs on `host`.
    pub(super) fn borrowed(prefix: &Path, host: &str) -> Result<Self> {
        let linker = Self::own().sysroot()?.join("lib/rustlib").join(host).join("bin/rust-lld");
        Ok(Self { rustc: prefix.join("rustc"), linker: Some(linker) })
    }

    /// A command that runs it.
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.rustc)
    }

    /// The folder with its standard libraries.
    pub(crate) fn sysroot(&self) -> Result<PathBuf> {
        let mut command = self.command();
        command.args(["--print", "sysroot"]);
        Ok(program::output(command).context("the compiler does not say where its libraries are")?.trim().into())
    }

    /// The linker to name, if any.
    pub(super) fn linker(&self) -> Option<&Path> {
        self.linker.as_deref()
    }

    /// Has Cargo use it for components.
    pub(crate) fn apply(&self, cargo: &mut Command) {
        let Some(linker) = &self.linker else { return };
        cargo.env("RUSTC", &self.rustc).env_remove("RUSTC_WRAPPER");
        let target = TARGET.to_uppercase().replace('-', "_");
        cargo.env(format!("CARGO_TARGET_{target}_LINKER"), linker);
        cargo.env(format!("CARGO_TARGET_{target}_RUSTFLAGS"), SELF_CONTAINED);
    }
}

/// Debian's compiler looks for the C library among the system's files; ours is with the standard library.
pub(super) const SELF_CONTAINED: &str = "-Clink-self-contained=yes";
