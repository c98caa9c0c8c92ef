//! Compiled components on disk.
//!
//! A file's name is a hash of the WebAssembly it was made from and of everything that its machine code depends on, so an
//! entry is never out of date. What is in the directory runs without further checks: it must belong to its user alone.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A directory of compiled components.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Uses a directory, and makes it if need be. When others can write to it, there is no cache.
    #[must_use]
    pub(crate) fn open(dir: &Path) -> Option<Self> {
        match prepare(dir) {
            Ok(()) => Some(Self { dir: dir.to_owned() }),
            Err(error) => {
                tracing::warn!(dir = %dir.display(), %error, "compiled components are not cached");
                None
            }
        }
    }

    /// The directory that is used unless another is named: `$XDG_CACHE_HOME/spindle` or `~/.cache/spindle`.
    #[must_use]
    pub(crate) fn default_dir() -> Option<PathBuf> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
        Some(base.join("spindle"))
    }

    /// What was compiled from these bytes before, if anything.
    #[must_use]
    pub(crate) fn load(&self, engine: &Engine, wasm: &[u8]) -> Option<Component> {
        let path = self.path(engine, wasm);
        if !path.exists() {
            return None;
        }
        #[expect(unsafe_code, reason = "the only way to load compiled code without copying and checking it")]
        // SAFETY: the file was written by `compile` below, in a directory that no other user can write to, and is never
        // changed in place: it appears by a rename. Its name covers the engine's version and settings.
        let component = unsafe { Component::deserialize_file(engine, &path) };
        component
            .inspect_err(|error| tracing::warn!(path = %path.display(), error = format!("{error:#}"), "a cached component is of no use"))
            .ok()
    }

    /// Compiles a component made from `wasm`, and keeps it.
    ///
    /// # Errors
    /// When it cannot be compiled. That it cannot be kept is only logged.
    pub(crate) fn compile(&self, engine: &Engine, wasm: &[u8], component: &[u8]) -> wasmtime::Result<Component> {
        let compiled = engine.precompile_component(component)?;
        let path = self.path(engine, wasm);
        match write_whole(&path, &compiled) {
            Ok(()) => {
                if let Some(component) = self.load(engine, wasm) {
                    return Ok(component);
                }
            }
            Err(error) => tracing::warn!(path = %path.display(), %error, "a compiled component was not kept"),
        }
        Component::from_binary(engine, component)
    }

    fn path(&self, engine: &Engine, wasm: &[u8]) -> PathBuf {
        let mut compatibility = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut compatibility);
        let mut hash = Sha256::new();
        hash.update(env!("CARGO_PKG_VERSION"));
        hash.update(compatibility.finish().to_be_bytes());
        hash.update(wasm);
        let name: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        self.dir.join(format!("{name}.cwasm"))
    }
}

#[cfg(unix)]
fn prepare(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let metadata = std::fs::metadata(dir)?;
    let own = std::fs::metadata("/proc/self").map_or(metadata.uid(), |own| own.uid());
    if metadata.mode() & 0o022 != 0 || metadata.uid() != own {
        return Err(std::io::Error::other("the directory belongs to, or can be written by, somebody else"));
    }
    Ok(())
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{unique}.tmp", std::process::id()));
    std::fs::write(&temporary, bytes)?;
    std::fs::rename(&temporary, path).inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}
