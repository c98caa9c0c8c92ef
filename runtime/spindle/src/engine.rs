//! The wasmtime engine: its settings, and how a file becomes a component that is ready to run.

use std::path::{Path, PathBuf};
use std::time::Instant;

use thiserror::Error;
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wasmtime::component::Component;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use crate::cache::Cache;

/// Core modules in one component: the guest, the adapter for preview 1 and two small ones that join them; and one spare.
const MODULES_EACH: u32 = 5;

/// Tables in one component, of the same modules.
const TABLES_EACH: u32 = 4;

/// Memory that a place in the pool keeps for its next instance instead of giving it back to the system. Where the kernel can tell which
/// pages were written, only those are cleared; elsewhere all of it, so there it is less.
const KEEP_MEMORY: usize = 1024 * 1024;
const KEEP_MEMORY_UNSEEN: usize = 128 * 1024;
const KEEP_TABLES: usize = 32 * 1024;

/// Elements of one table, whether it is in the pool or made on demand.
pub(crate) const TABLE_ELEMENTS: usize = 20_000;

/// A component that cannot run here.
#[derive(Debug, Error)]
pub(crate) enum EngineError {
    /// The engine itself cannot be made.
    #[error("cannot start the WebAssembly engine: {0:#}")]
    Start(wasmtime::Error),
    /// The file is not a module or component that can be used.
    #[error("component `{id}` ({path}): {reason}")]
    Unusable {
        /// The component.
        id: String,
        /// Its file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Makes the engine. When the address space for a pool of instances cannot be reserved, instances are made one by one.
///
/// # Errors
/// When this machine is not supported.
pub(crate) fn start(pooling: bool, max_instances: usize) -> Result<Engine, EngineError> {
    if pooling {
        let mut config = settings();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(max_instances)));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => tracing::warn!(
                error = format!("{error:#}"),
                "no address space for a pool of instances; each will be allocated on demand, which is slower"
            ),
        }
    }
    Engine::new(&settings()).map_err(EngineError::Start)
}

fn settings() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true).epoch_interruption(true).cranelift_opt_level(OptLevel::Speed);
    config
}

fn pool(max_instances: usize) -> PoolingAllocationConfig {
    let max_instances = u32::try_from(max_instances).unwrap_or(u32::MAX / MODULES_EACH).min(u32::MAX / MODULES_EACH);
    let mut pool = PoolingAllocationConfig::default();
    let keep_memory = if PoolingAllocationConfig::is_pagemap_scan_available() {
        pool.pagemap_scan(Enabled::Auto);
        KEEP_MEMORY
    } else {
        KEEP_MEMORY_UNSEEN
    };
    pool.total_component_instances(max_instances)
        .total_core_instances(max_instances * MODULES_EACH)
        .total_memories(max_instances)
        .total_tables(max_instances * TABLES_EACH)
        .total_stacks(max_instances)
        .max_core_instances_per_component(MODULES_EACH * 4)
        .max_memories_per_component(4)
        .max_tables_per_component(TABLES_EACH * 4)
        .linear_memory_keep_resident(keep_memory)
        .table_elements(TABLE_ELEMENTS)
        .table_keep_resident(KEEP_TABLES);
    pool
}

/// Loads a component from a file: from the cache, or compiled.
///
/// # Errors
/// When the file is no WebAssembly, or none that this engine can run.
pub(crate) fn load(engine: &Engine, cache: Option<&Cache>, id: &str, path: &Path) -> Result<Component, EngineError> {
    let unusable = |reason: String| EngineError::Unusable { id: id.to_owned(), path: path.to_owned(), reason };
    let bytes = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
    if let Some(component) = cache.and_then(|cache| cache.load(engine, &bytes)) {
        return Ok(component);
    }
    let started = Instant::now();
    let component = componentize(&bytes).map_err(|e| unusable(format!("{e:#}")))?;
    let compiled = match cache {
        Some(cache) => cache.compile(engine, &bytes, &component),
        None => Component::from_binary(engine, &component),
    };
    let compiled = compiled.map_err(|e| unusable(format!("{e:#}")))?;
    tracing::info!(component = id, milliseconds = started.elapsed().as_millis(), "compiled a component");
    Ok(compiled)
}

/// Makes a component of a core module; a component stays what it is.
fn componentize(bytes: &[u8]) -> anyhow::Result<std::borrow::Cow<'_, [u8]>> {
    const COMPONENT: [u8; 8] = *b"\0asm\x0d\0\x01\0";
    const MODULE: [u8; 8] = *b"\0asm\x01\0\0\0";
    if bytes.starts_with(&COMPONENT) {
        return Ok(bytes.into());
    }
    anyhow::ensure!(bytes.starts_with(&MODULE), "this is not a WebAssembly module or component");
    let component = wit_component::ComponentEncoder::default()
        .module(bytes)?
        .adapter(WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER)?
        .encode()?;
    Ok(component.into())
}
