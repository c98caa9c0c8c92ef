//! The rules and the pages of account, as pure functions: where a browser may go, texts in five languages, and the HTML. What it
//! shares with other components that have pages is in the crate `browser`.
//!
//! Nothing here does I/O or knows Spin. What a page shows of what people typed in or services have answered is escaped by the
//! template engine.

mod action;
mod authorization;
mod faults;
mod idempotency;
pub mod pages;
mod return_to;
mod texts;

pub use action::{Action, Download};
pub use authorization::{Asked, Authorization, DECISION_SECONDS};
pub use browser::{Faults, Flow, Refusal, Sealed, describe};
pub use faults::text as refusal_text;
pub use idempotency::idempotency_key;
pub use return_to::{Applications, is_begun_for, is_own_page, with_next, with_parameter};
pub use texts::{Texts, fill, is_language, languages};

/// What all paths begin with.
pub const ROOT: &str = "/account";
