//! The state of one call: what the host functions of one instance work on, and its limits.

use std::sync::Arc;

use wasmtime::ResourceLimiter;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::sockets::SocketAddrUse;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use crate::app::{App, Component};
use crate::capability::outbound_http::Hooks;

/// The state of one call.
pub struct State {
    /// The component that is called.
    pub component: Arc<Component>,
    /// Resources that the guest holds.
    pub table: ResourceTable,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
    /// The memory limit.
    pub limits: Limits,
    /// How many key-value stores the guest holds open.
    pub open_stores: usize,
}

impl State {
    /// The state of a new call of a component.
    ///
    /// # Errors
    /// When a directory that the component may read is gone.
    pub fn new(app: &Arc<App>, component: &Arc<Component>) -> wasmtime::Result<Self> {
        let mut wasi = WasiCtx::builder();
        wasi.envs(&component.env).stdout(component.output.stdout()).stderr(component.output.stderr());
        for (host, guest) in &component.dirs {
            wasi.preopened_dir(host, guest, FsPerms::ReadOnly)?;
        }
        let hosts = Arc::clone(&component.hosts);
        wasi.allow_ip_name_lookup(false).socket_addr_check(move |address, purpose| {
            let allowed = match purpose {
                SocketAddrUse::TcpConnect => hosts.allows_socket("tcp", address),
                SocketAddrUse::UdpBind | SocketAddrUse::UdpSend | SocketAddrUse::UdpReceive => {
                    hosts.allows_socket("udp", address)
                }
                SocketAddrUse::TcpBind | SocketAddrUse::TcpListen | SocketAddrUse::TcpAccept => false,
            };
            Box::pin(std::future::ready(allowed))
        });
        Ok(Self {
            component: Arc::clone(component),
            table: ResourceTable::new(),
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks::new(Arc::clone(app), Arc::clone(component)),
            limits: Limits { max_memory: app.limits.max_instance_memory, exceeded: false },
            open_stores: 0,
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// The memory limit of one instance.
#[derive(Debug)]
pub struct Limits {
    max_memory: usize,
    /// Whether the guest has asked for more than it may have.
    pub exceeded: bool,
}

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.max_memory;
        self.exceeded |= !allowed;
        Ok(allowed)
    }

    fn table_growing(&mut self, _current: usize, _desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        // The engine's own limit on tables holds.
        Ok(true)
    }
}
