//! Spindle: a small Spin-compatible runtime.
//!
//! `spin.toml` (`manifest`) becomes a locked app (`locked`), the locked app is made ready to run (`app`), and triggers
//! (`http`, `redis_trigger`, `amqp_trigger`) call its components (`invoke`). What there is for others is the command line.

mod amqp_trigger;
mod app;
mod backoff;
mod cache;
mod capability;
mod chained;
pub mod cli;
mod component;
mod compute_threads;
mod connection_threads;
mod counters;
mod cpu;
mod descriptors;
mod engine;
#[cfg(test)]
mod fuzz;
mod guest_connection;
mod handlers;
mod hosts;
mod http;
mod invoke;
mod limits;
mod locked;
mod manifest;
mod metrics;
mod outgoing_socket;
mod pool;
mod redis_address;
mod redis_trigger;
mod resources;
mod runtime_config;
mod state;
mod stdio;
mod telemetry;
mod template;
mod time_instances;
mod tls;
mod toml_error;
mod trigger;
mod variables;
mod wasi;
