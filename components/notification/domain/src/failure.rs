//! Failed sends, and whether they are retried.

use std::fmt;
use std::time::Duration;

/// A message that was not sent. The cause is for the log: it names no recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// The provider is unavailable, or cannot accept the message now.
    Temporary {
        /// What went wrong.
        cause: String,
        /// Its `retry-after`.
        retry_after: Option<Duration>,
    },
    /// It refuses this message for good.
    Permanent {
        /// What it responds.
        cause: String,
    },
}

impl SendError {
    /// A call without a response.
    #[must_use]
    pub fn no_answer(cause: &impl fmt::Display) -> Self {
        Self::Temporary { cause: cause.to_string(), retry_after: None }
    }

    /// What went wrong.
    #[must_use]
    pub fn cause(&self) -> &str {
        match self {
            Self::Temporary { cause, .. } | Self::Permanent { cause } => cause,
        }
    }
}
