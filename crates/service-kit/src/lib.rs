//! What every service is built with: from a request of Spin to the domain and back.
//!
//! A component is thin: decode, call the domain, talk to the store, encode. What is the same in each of them
//! is here, once: the request id, the bounded body, problems, health, the credentials of services, configuration, the log, and
//! the adapters to Spin's Redis and outgoing HTTP. A fresh instance serves each request, so nothing here is kept
//! between two calls.

mod access;
mod after;
pub mod attempts;
pub mod broker;
mod call;
pub mod client;
mod client_address;
pub mod config;
mod cors;
mod credential;
pub mod health;
mod idempotency;
pub mod log;
mod pacer;
pub mod random;
mod request;
mod response;
mod serve;
pub mod settings;
mod streamed;
mod timer;
pub mod trace;

pub use access::{TokenVerifier, invalid_token, now};
pub use api::Service;
pub use call::{Admit, Authenticate, Call, Credentialed, OperatorOr, find};
pub use client_address::{
    ACTING_USER, CLIENT_NETWORK, CLIENT_USER_AGENT, FORWARDED_FOR, client_address, client_network, client_user_agent,
    forwarded_for,
};
pub use credential::Credential;
pub use http::{Method, StatusCode};
pub use idempotency::refuse_idempotency_key;
pub use pacer::YieldingPacer;
pub use request::{LINES, MAX_LINES_BYTES, Request};
pub use response::{Response, empty, exposition, json, lines, page, redirect, set_header};
pub use serve::{HandlerResult, method_not_allowed, no_such_route, serve, serve_with_pages};
pub use timer::{sleep, timeout};
