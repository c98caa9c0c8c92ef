//! The pages. Each is a function from what it shows to a document.

mod audit;
mod experiments;
mod layout;
mod message;
mod messages;
mod overview;
mod people;
mod person;
mod requests;
mod sign_in;
mod table;

pub use audit::{AuditFilter, AuditRow, audit};
pub use experiments::{Experiment, experiments, live_experiments};
pub use layout::{WORDS, sections};
pub use message::{message, not_admitted, problem};
pub use messages::{
    DeadOfQueue, Found, Letter, LetterAction, MessageFilter, MessageState, Messages, confirm_letters, dead_letters,
    messages,
};
pub use overview::{Overview, live, overview};
pub use people::{People, PersonRow, people};
pub use person::{Activity, Device, Passkey, Person, confirm_action, person};
pub use requests::Requests;
pub use sign_in::{code, confirm, sign_in};
