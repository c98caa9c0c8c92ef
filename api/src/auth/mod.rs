//! The API of auth.

mod types;

pub use types::Session;
