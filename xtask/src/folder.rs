//! The folders that tasks work in: the workspace, and `.concierge/` in it.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

/// The components, which are also the crates that are built for wasm32-wasip1.
pub(crate) const COMPONENTS: [&str; 6] = ["users", "auth", "notification", "account", "console", "docs"];
/// Those of them that have probes: at `/<name>-ms/`, and those with pages at `/<name>/`.
pub(crate) const SERVICES: [&str; 5] = ["users", "auth", "notification", "account", "console"];

/// What the paths of a service begin with.
pub(crate) fn root_of(service: &str) -> String {
    if matches!(service, "account" | "console") { format!("/{service}") } else { format!("/{service}-ms") }
}

/// The workspace, and the names of all that tasks keep in it.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Finds the workspace: Cargo says where this crate is, and it is one level up.
    pub(crate) fn find() -> Result<Self> {
        let root = match std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from) {
            Some(crate_dir) => crate_dir.parent().map(Path::to_owned),
            None => std::env::current_dir()
                .ok()
                .and_then(|dir| dir.ancestors().find(|dir| dir.join("spin.toml").exists()).map(Path::to_owned)),
        };
        let root = root.filter(|root| root.join("spin.toml").exists());
        Ok(Self { root: root.context("this is not a clone of Concierge: run `cargo xtask` inside of one")? })
    }

    /// A workspace for a test.
    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn target(&self) -> PathBuf {
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.root.join("target"), |dir| self.root.join(dir))
    }

    /// `.concierge/`, made if need be.
    pub(crate) fn state(&self) -> Result<PathBuf> {
        self.inside("")
    }

    pub(crate) fn logs(&self) -> Result<PathBuf> {
        self.inside("logs")
    }

    /// Where the wasm32-wasip1 target is made.
    pub(crate) fn toolchain(&self) -> Result<PathBuf> {
        self.inside("toolchain")
    }

    /// What the `spin` of the tests has installed.
    pub(crate) fn spin_data(&self) -> Result<PathBuf> {
        self.inside("spin")
    }

    fn inside(&self, name: &str) -> Result<PathBuf> {
        let path = self.root.join(".concierge").join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(path)
    }

    /// A log file for something that is about to start; the one before is kept as `<name>.log.1`.
    pub(crate) fn fresh_log(&self, name: &str) -> Result<PathBuf> {
        let log = self.logs()?.join(format!("{name}.log"));
        if log.exists() {
            std::fs::rename(&log, log.with_extension("log.1"))
                .with_context(|| format!("cannot rename {}", log.display()))?;
        }
        Ok(log)
    }
}
