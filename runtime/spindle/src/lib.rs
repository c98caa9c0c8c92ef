//! Spindle: a small Spin-compatible runtime.
//!
//! `spin.toml` ([`manifest`]) becomes a locked app ([`locked`]), the locked app is made ready to run ([`app`]), and triggers
//! ([`http`], [`redis_trigger`], [`amqp_trigger`]) call its components.

pub mod amqp_trigger;
pub mod app;
pub mod bindings;
pub mod cache;
pub mod capability;
pub mod cli;
pub mod cpu;
pub mod engine;
pub mod failure;
pub mod hosts;
pub mod http;
pub mod lanes;
pub mod locked;
pub mod manifest;
mod pause;
pub mod pool;
pub mod redis_trigger;
pub mod runtime_config;
pub mod state;
pub mod stdio;
pub mod template;
mod time_instances;
mod toml_error;
