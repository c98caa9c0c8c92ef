//! What components with pages have in common, as pure functions: cookies and what is sealed in them, forms that only their own
//! pages send, the frame of a page and its fields, and the files that pages load.
//!
//! Nothing here does I/O or knows Spin. What a page shows of what people typed in or services have answered is escaped by the
//! template engine.

pub mod cookies;
mod device;
mod faults;
pub mod field;
mod form_token;
mod frame;
mod session;
mod theme;
mod time;

pub use device::describe;
pub use faults::{Faults, Refusal, Wording};
pub use form_token::{Binding, Origins, form_token, is_valid_form_token};
pub use frame::{Assets, ContentPolicy, Frame, Section, Words};
pub use session::{Device, FLOW_SECONDS, Flow, Sealed, Session};
pub use theme::Theme;
pub use time::{fill_time, time};

/// The style sheet that all pages have; the colours of [`Theme`] come before it.
pub const STYLE: &str = include_str!("../assets/style.css");
/// The script of pages with passkeys.
pub const PASSKEY_SCRIPT: &str = include_str!("../assets/passkey.js");
/// The script of pages with times, something to copy or a new password.
pub const PAGE_SCRIPT: &str = include_str!("../assets/page.js");
