//! The answer of an API, and the usual meaning of its status.

use crate::SendError;
use serde_json::Value;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

/// The longest error code that goes to the log.
const MAX_CODE: usize = 64;

/// An answer.
#[derive(Clone, Copy, Debug)]
pub struct ApiAnswer<'a> {
    /// The status code.
    pub status: u16,
    /// The headers, their names in lower case.
    pub headers: &'a [(String, String)],
    /// The body.
    pub body: &'a [u8],
    /// When it came.
    pub at: OffsetDateTime,
}

impl ApiAnswer<'_> {
    /// Whether the status says that the request was accepted.
    pub(super) fn is_accepted(&self) -> bool {
        matches!(self.status, 200..300)
    }

    /// A header's value; `name` is in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The body; null if it is not JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(self.body).unwrap_or_default()
    }

    /// The usual meaning of a status: what the message lacks (4xx) is permanent. An API that is unavailable (5xx), too
    /// slow (408) or overloaded (429), or that rejects our key (401), is not the message's fault, and temporary; so is
    /// each status in `temporary`. `code` is the error's name in this API.
    pub(super) fn result_by_status(&self, code: &str, temporary: &[u16]) -> Result<(), SendError> {
        match self.status {
            200..300 => Ok(()),
            400..500 if !matches!(self.status, 401 | 408 | 429) && !temporary.contains(&self.status) => {
                Err(self.permanent(code))
            }
            _ => Err(self.temporary(code)),
        }
    }

    /// For how long it asks to be left alone.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after").and_then(|text| wait_of(text, self.at))
    }

    /// The message was not sent, and may be tried again.
    pub(super) fn temporary(&self, code: &str) -> SendError {
        SendError::Temporary { cause: self.cause(code), retry_after: self.retry_after() }
    }

    /// The message will not be sent.
    pub(super) fn permanent(&self, code: &str) -> SendError {
        SendError::Permanent { cause: self.cause(code) }
    }

    /// What goes to the log: no text of the API, which may quote the recipient.
    fn cause(&self, code: &str) -> String {
        let is_code = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        let code: String = code.chars().take_while(is_code).take(MAX_CODE).collect();
        match code.as_str() {
            "" => format!("the API answered with status {}", self.status),
            code => format!("the API answered with status {}, error {code}", self.status),
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
    use crate::adapter::testing::{Sorted, sorted};
    use time::macros::datetime;

    const NOW: OffsetDateTime = datetime!(2015-10-21 07:27:00 UTC);

    fn by_status(status: u16) -> Sorted {
        let answer = ApiAnswer { status, headers: &[], body: b"", at: NOW };
        sorted(answer.result_by_status("", &[403]))
    }

    #[test]
    fn a_refused_message_is_not_retried() {
        for status in [400, 402, 404, 409, 413, 422, 451, 499] {
            assert_eq!(by_status(status), Sorted::Permanent, "{status}");
        }
    }

    #[test]
    fn an_unavailable_api_and_a_rejected_key_are_temporary() {
        for status in [401, 403, 408, 429, 500, 502, 503, 504, 599, 301, 100] {
            assert_eq!(by_status(status), Sorted::Temporary(None), "{status}");
        }
        assert_eq!(by_status(202), Sorted::Sent);
    }

    #[test]
    fn the_log_gets_a_code_and_no_text_of_the_api() {
        let answer = ApiAnswer { status: 422, headers: &[], body: b"", at: NOW };
        assert_eq!(answer.permanent("406").cause(), "the API answered with status 422, error 406");
        assert_eq!(answer.permanent("bad ada@example.org").cause(), "the API answered with status 422, error bad");
        assert_eq!(answer.permanent("").cause(), "the API answered with status 422");
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
