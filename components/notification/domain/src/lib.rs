//! The rules of the notification service, as pure functions: which message an event is rendered to, how deliveries are
//! logged and how the log is read.
//!
//! Nothing here does I/O or knows HTTP, Redis or Spin.

mod dead;
mod failure;
mod log;
mod message;
mod query;
mod rabbit;

pub use dead::shown_letter;
pub use failure::SendError;
pub use log::{LogItem, from_entry};
pub use message::{Message, MessageKind, RenderError, render};
pub use query::{LogQuery, is_entry_id, next_page};
pub use rabbit::{AmqpLogin, RabbitLetter, amqp_login};
