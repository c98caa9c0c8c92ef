//! The rules of the docs component, as pure functions: which files it has, and which form of one a browser gets.
//!
//! Nothing here does I/O or knows Spin.

mod asset;
mod form;

pub use asset::Asset;
pub use form::{accepts_gzip, etag, is_known};
