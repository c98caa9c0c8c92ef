//! What a component can do beside WASI: one module a capability, each with its host side, its settings
//! and a `link` function that puts it into a linker.

pub(crate) mod key_value;
pub(crate) mod mqtt;
pub(crate) mod outbound;
pub(crate) mod outbound_http;
pub(crate) mod postgres;
pub(crate) mod redis;
pub(crate) mod sqlite;
pub(crate) mod variables;
pub(crate) mod view;
