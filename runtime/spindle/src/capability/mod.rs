//! What a component can do beside WASI: one module a capability, each with its host side, its settings
//! and a `link` function that puts it into a linker.

pub mod key_value;
pub mod mqtt;
pub mod outbound_http;
pub mod postgres;
pub mod redis;
pub mod variables;

/// Names the state that a capability's host functions work on.
pub(crate) struct HasState;

impl wasmtime::component::HasData for HasState {
    type Data<'a> = &'a mut crate::state::State;
}
