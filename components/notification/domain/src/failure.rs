//! Failed sends, and whether they are retried.

use std::fmt;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

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

    /// The meaning of a status of the mail API. An error of the message (4xx) is permanent. An API that is unavailable
    /// (5xx), too slow (408), overloaded (429) or rejects our token (401) is not an error of the message, and
    /// temporary.
    ///
    /// # Errors
    /// For any status but 2xx.
    pub fn of_status(status: u16, retry_after: Option<&str>, now: OffsetDateTime) -> Result<(), Self> {
        let cause = format!("the mail API answered with status {status}");
        match status {
            200..300 => Ok(()),
            400..500 if !matches!(status, 401 | 408 | 429) => Err(Self::Permanent { cause }),
            _ => {
                let retry_after = retry_after.and_then(|text| wait_of(text, now));
                Err(Self::Temporary { cause, retry_after })
            }
        }
    }

    /// What went wrong.
    #[must_use]
    pub fn cause(&self) -> &str {
        match self {
            Self::Temporary { cause, .. } | Self::Permanent { cause } => cause,
        }
    }
}

/// The time that `retry-after` asks for: seconds, or a date (RFC 9110, 10.2.3).
fn wait_of(text: &str, now: OffsetDateTime) -> Option<Duration> {
    let text = text.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = OffsetDateTime::parse(text, &Rfc2822).ok()?;
    (at - now).try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2015-10-21 07:27:00 UTC);

    fn is_temporary(status: u16) -> bool {
        matches!(SendError::of_status(status, None, NOW), Err(SendError::Temporary { .. }))
    }

    #[test]
    fn a_refused_message_is_not_retried() {
        for status in [400, 402, 403, 404, 409, 413, 422, 451, 499] {
            let cause = format!("the mail API answered with status {status}");
            assert_eq!(SendError::of_status(status, Some("5"), NOW), Err(SendError::Permanent { cause }));
        }
    }

    #[test]
    fn an_unavailable_api_and_a_rejected_token_are_temporary() {
        for status in [401, 408, 429, 500, 502, 503, 504, 599, 301, 100] {
            assert!(is_temporary(status), "{status}");
        }
        assert_eq!(SendError::of_status(202, None, NOW), Ok(()));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(wait_of(" 120 ", NOW), Some(Duration::from_secs(120)));
        assert_eq!(wait_of("Wed, 21 Oct 2015 07:28:00 GMT", NOW), Some(Duration::from_secs(60)));
        for odd in ["", "soon", "-5", "1.5", "Wed, 21 Oct 2015 07:26:00 GMT"] {
            assert_eq!(wait_of(odd, NOW), None, "{odd}");
        }
    }
}
