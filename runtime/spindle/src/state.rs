//! The state of one call: what the host functions of one instance work on, and its memory limit.

use std::sync::Arc;

use wasmtime::component::{Linker, ResourceTable};
use wasmtime::{Engine, ResourceLimiter, StoreContextMut};
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::{WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::capability::key_value::{KeyValueView, ProvidesKeyValue};
use crate::capability::outbound_http::{Chain, Gateway, Hooks};
use crate::capability::view::{Provides, View};
use crate::capability::{key_value, mqtt, postgres, redis, sqlite, variables};
use crate::engine::TABLE_ELEMENTS;
use crate::resources::Resources;
use crate::telemetry::Trace;
use crate::wasi::Context;

/// The state of one call.
pub(crate) struct State {
    resources: Arc<Resources>,
    /// Resources that the guest holds.
    table: ResourceTable,
    /// None when the call is over.
    wasi: Option<Context>,
    http: WasiHttpCtx,
    hooks: Hooks,
    memory: MemoryLimit,
    /// How many key-value stores the guest holds open.
    open_stores: usize,
}

/// The interface of clocks, by the name that wasmtime's own implementation has.
const MONOTONIC_CLOCK: &str = "wasi:clocks/monotonic-clock@0.2.12";

/// Shorter sleeps, in nanoseconds, only let others have the thread. The runtime's timers are a thousand times as coarse, so
/// that a guest that gives way now and then would wait for them most of its time.
const SHORTEST_SLEEP: u64 = 1_000;

/// Everything that a component may import.
///
/// # Errors
/// Never in practice: no two capabilities have the same name.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    link_sleep(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    variables::link(&mut linker)?;
    key_value::link(&mut linker)?;
    mqtt::link(&mut linker)?;
    redis::link(&mut linker)?;
    sqlite::link(&mut linker)?;
    postgres::link(&mut linker)?;
    Ok(linker)
}

/// Replaces wasmtime's own sleep by one whose shortest times only give the thread away.
fn link_sleep(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let sleep = |mut call: StoreContextMut<'_, State>, (time,): (u64,)| {
        // Of no time at all, wasmtime makes a sleep that lets others have the thread once.
        let time = if time < SHORTEST_SLEEP { 0 } else { time };
        Ok((monotonic_clock::Host::subscribe_duration(&mut call.data_mut().clocks(), time)?,))
    };
    linker.instance(MONOTONIC_CLOCK)?.func_wrap("subscribe-duration", sleep)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl State {
    /// The state of a new call of a component, before which so many components have called each other.
    ///
    /// # Errors
    /// When a directory that the component may read is gone.
    pub(crate) fn new(
        resources: &Arc<Resources>,
        gateway: &Arc<Gateway>,
        chain: Arc<dyn Chain>,
        depth: usize,
    ) -> wasmtime::Result<Self> {
        Ok(Self {
            resources: Arc::clone(resources),
            table: ResourceTable::new(),
            wasi: Some(resources.wasi.take()?),
            http: WasiHttpCtx::new(),
            hooks: Hooks::new(gateway, chain, &resources.outbound, depth),
            memory: MemoryLimit::new(resources.limits.instance_memory.0),
            open_stores: 0,
        })
    }

    /// Says which trace the call belongs to.
    pub(crate) fn set_trace(&mut self, trace: Trace) {
        self.hooks.trace = trace;
    }

    /// The memory limit.
    pub(crate) fn memory(&mut self) -> &mut MemoryLimit {
        &mut self.memory
    }

    /// Whether the guest has asked for more memory than it may have.
    pub(crate) fn memory_is_exceeded(&self) -> bool {
        self.memory.is_exceeded
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let context = self.wasi.as_mut().expect("it is there until the state is dropped");
        WasiCtxView { ctx: &mut context.wasi, table: &mut self.table }
    }
}

impl Drop for State {
    fn drop(&mut self) {
        // What the guest held first: it refers to the context.
        self.table = ResourceTable::new();
        if let Some(context) = self.wasi.take() {
            self.resources.wasi.give_back(context);
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

impl Provides<variables::Values> for State {
    fn view(&mut self) -> View<'_, variables::Values> {
        View { context: &self.resources.variables, table: &mut self.table, trace: &self.hooks.trace }
    }
}

impl Provides<mqtt::Access> for State {
    fn view(&mut self) -> View<'_, mqtt::Access> {
        View { context: &self.resources.mqtt, table: &mut self.table, trace: &self.hooks.trace }
    }
}

impl Provides<postgres::Access> for State {
    fn view(&mut self) -> View<'_, postgres::Access> {
        View { context: &self.resources.postgres, table: &mut self.table, trace: &self.hooks.trace }
    }
}

impl Provides<redis::Access> for State {
    fn view(&mut self) -> View<'_, redis::Access> {
        View { context: &self.resources.redis, table: &mut self.table, trace: &self.hooks.trace }
    }
}

impl Provides<sqlite::Access> for State {
    fn view(&mut self) -> View<'_, sqlite::Access> {
        View { context: &self.resources.sqlite, table: &mut self.table, trace: &self.hooks.trace }
    }
}

impl ProvidesKeyValue for State {
    fn key_value(&mut self) -> KeyValueView<'_> {
        KeyValueView {
            granted: &self.resources.stores,
            max_open: self.resources.limits.open_stores.0,
            open: &mut self.open_stores,
            table: &mut self.table,
        }
    }
}

/// The memory limit of one instance, over all of its memories.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    max: usize,
    /// What it has.
    used: usize,
    /// Whether the guest has asked for more than it may have.
    is_exceeded: bool,
}

impl MemoryLimit {
    fn new(max: usize) -> Self {
        Self { max, used: 0, is_exceeded: false }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        let allowed = used <= self.max;
        if allowed {
            self.used = used;
        }
        self.is_exceeded |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= TABLE_ELEMENTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memories_of_an_instance_share_one_limit() {
        let mut limit = MemoryLimit::new(100);
        let mut grow = |current, desired| limit.memory_growing(current, desired, None).unwrap();
        assert!(grow(0, 40) && grow(0, 40));
        assert!(!grow(40, 61));
        assert!(grow(40, 60));
        assert!(!grow(0, 1));
        assert!(limit.is_exceeded);
        assert!(limit.table_growing(0, TABLE_ELEMENTS, None).unwrap());
        assert!(!limit.table_growing(0, TABLE_ELEMENTS + 1, None).unwrap());
    }
}
