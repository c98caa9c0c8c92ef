//! The HTTP API, said once.

pub mod auth;
mod page;
pub mod users;
mod wire;

pub use page::Page;
