//! The rules and the pages of account, as pure functions: cookies and what is sealed in them, forms that only our own pages send,
//! where a browser may go, texts in five languages, and the HTML.
//!
//! Nothing here does I/O or knows Spin. What a page shows of what people typed in or services have answered is escaped by the
//! template engine.

pub mod cookies;
mod device;
mod faults;
mod form_token;
pub mod pages;
mod return_to;
mod session;
mod texts;
mod theme;

pub use device::describe;
pub use faults::{Faults, Refusal, text as refusal_text};
pub use form_token::{Binding, Origins, form_token, is_valid_form_token};
pub use return_to::{Applications, is_own_page};
pub use session::{Device, FLOW_SECONDS, Flow, Sealed, Session};
pub use texts::{Texts, fill, is_language, languages};
pub use theme::Theme;

/// What all paths begin with.
pub const ROOT: &str = "/account";
