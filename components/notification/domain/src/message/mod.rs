//! Messages: what a user is notified of, by which channel, and in which words.
//!
//! What is said stands in files, one for each language and one for the look of a mail. They are given by whoever runs the
//! service and read by the caller: nothing here does I/O.

mod content;
mod engine;
mod error;
mod language;
mod look;
mod renderer;
mod settings;
mod template;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod time_format;

pub use error::{RenderError, TemplateError};
pub use renderer::{ReadFile, Renderer};
pub use settings::MessageSettings;

use serde::{Deserialize, Serialize};

/// The channel of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageKind {
    /// By mail.
    Email,
    /// By SMS.
    Sms,
}

/// A message, ready to be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The channel.
    pub kind: MessageKind,
    /// The recipient: the email address of the account, whatever the channel.
    pub to: String,
    /// The number that an SMS goes to; a mail has none.
    pub phone: Option<String>,
    /// The subject of a mail; of an SMS, a line for the log.
    pub subject: String,
    /// The text.
    pub text: String,
    /// The same as HTML; an SMS has none.
    pub html: Option<String>,
}
