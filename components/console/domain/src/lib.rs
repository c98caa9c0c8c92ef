//! The rules and the pages of the console, as pure functions: who is let in, where a browser may go, what is asked of services, and
//! the HTML. What it shares with other components that have pages is in the crate `browser`.

mod action;
mod admission;
mod own_page;
pub mod pages;
mod plot;
mod query;
mod queue_path;
mod time;
mod traffic;
mod wording;

pub use action::{Action, State};
pub use admission::{Admission, SecondFactor, admit};
pub use own_page::is_own_page;
pub use query::{audit_query, people_query, query};
pub use queue_path::{is_letter_id, queue_of_path, queue_path};
pub use time::{in_utc, when};
pub use traffic::Traffic;
pub use wording::{English, refusal_text};

/// What all paths begin with.
pub const ROOT: &str = "/console";
