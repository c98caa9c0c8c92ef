//! The HTTP trigger: the server, and what it answers by itself.
//!
//! A connection is accepted (`server`), served (`connection`) on bytes that have a time limit (`guarded`, `activity`) within what its
//! client may have (`admission`). A request is checked and routed (`trigger`, `host`, `route`), its body read (`body`), and its component
//! called (`call`).

mod activity;
mod admission;
mod body;
pub(crate) mod call;
mod conditional;
mod config;
mod connection;
mod error;
mod guarded;
mod headers;
mod host;
mod problem;
pub(crate) mod route;
mod seldom;
mod server;
mod streams;
pub(crate) mod tls;
mod trigger;

pub(crate) use self::config::TRIGGER_TYPE;
pub(crate) use self::server::{listen, serve};
pub(crate) use self::trigger::HttpTrigger;
