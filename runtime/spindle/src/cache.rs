//! Compiled components on disk.
//!
//! A file's name is a hash of the WebAssembly it was made from and of everything that its machine code depends on, so an
//! entry is never out of date. What is in the directory runs without further checks: it must belong to its user alone.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use wasmtime::Engine;
use wasmtime::component::Component;

/// A directory of compiled components.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Uses a directory, and makes it if need be. When others can write to it, there is no cache. What was not used for
    /// `max_age` is removed.
    #[must_use]
    pub(crate) fn open(dir: &Path, max_age: Duration) -> Option<Self> {
        match prepare(dir) {
            Ok(()) => {
                remove_unused(dir, max_age);
                Some(Self { dir: dir.to_owned() })
            }
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
        if component.is_ok() {
            // The time of its last use, by which it is kept; not to know it does no harm.
            let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        }
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

/// Removes compiled components, and what was left of unfinished ones, that are older. One that cannot be removed stays.
fn remove_unused(dir: &Path, max_age: Duration) {
    let is_ours = |path: &Path| path.extension().is_some_and(|extension| extension == "cwasm" || extension == "tmp");
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        if is_ours(&entry.path()) && age.is_some_and(|age| age > max_age) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let unique = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = path.with_extension(format!("{}-{unique}.tmp", std::process::id()));
    let mut file = File::create(&temporary)?;
    // After a crash there must be no file that ends too early.
    file.write_all(bytes).and_then(|()| file.sync_all())?;
    std::fs::rename(&temporary, path).inspect_err(|_| drop(std::fs::remove_file(&temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compiled_code_that_nobody_uses_is_removed_and_nothing_else() {
        const DAY: Duration = Duration::from_secs(86_400);
        let dir = tempfile::tempdir().unwrap();
        for (name, days) in [("a.cwasm", 31), ("b.cwasm", 29), ("c.1-2.tmp", 31), ("notes.txt", 31)] {
            let file = File::create(dir.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - DAY * days).unwrap();
        }
        // The directory of a cache is nobody else's.
        Cache::open(dir.path(), DAY * 30).unwrap();
        let mut left: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["b.cwasm", "notes.txt"]);
    }

    #[test]
    fn a_use_of_compiled_code_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let engine = crate::engine::start(false, 1).unwrap();
        let cache = Cache::open(dir.path(), Duration::MAX).unwrap();
        let code = wat::parse_str("(component)").unwrap();
        cache.compile(&engine, &code, &code).unwrap();
        let path = cache.path(&engine, &code);
        File::open(&path).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert!(cache.load(&engine, &code).is_some());
        assert!(path.metadata().unwrap().modified().unwrap().elapsed().unwrap() < Duration::from_secs(60));
    }
}
