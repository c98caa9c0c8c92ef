//! The server's side of a browser, for components with pages: sessions in sealed cookies, forms, calls of services, responses.
//!
//! A component with pages is a client of services like any other, with no credential of its own. What it adds is a browser's side of
//! things: the tokens stay in a sealed cookie that no script can read, and what a form sends is accepted from its own pages alone.

pub mod client;
mod component;
pub mod files;
mod form;
pub mod respond;
pub mod settings;
mod state;

pub use component::Component;
pub use form::Form;
pub use state::{Browser, Interrupted};
