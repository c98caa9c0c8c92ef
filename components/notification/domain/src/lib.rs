//! The rules of the notification service, as pure functions: which message an event leads to, how it is logged and
//! how the log is read.
//!
//! Nothing here does I/O or knows HTTP, Redis or Spin.

mod log;
mod message;
mod query;

pub use log::{LogItem, LoggedDelivery};
pub use message::{Message, MessageKind, RenderError, render};
pub use query::{LogQuery, next_page};
