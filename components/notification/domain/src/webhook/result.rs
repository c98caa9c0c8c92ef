//! What an endpoint's answer means.

use crate::{ApiAnswer, SendError};

/// Whether an endpoint has taken an event. Whatever it answers may be put right by whoever runs it, and is retried; 410 says
/// that it wants no more. A redirection is not followed: where it leads, nobody has allowed.
///
/// # Errors
/// If it has not.
pub fn webhook_result(answer: &ApiAnswer<'_>) -> Result<(), SendError> {
    let cause = format!("answered with status {}", answer.status);
    match answer.status {
        200..300 => Ok(()),
        410 => Err(SendError::Permanent { cause }),
        _ => Err(SendError::Temporary { cause, retry_after: answer.retry_after() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use time::OffsetDateTime;

    fn result(status: u16, headers: &[(String, String)]) -> Result<(), SendError> {
        webhook_result(&ApiAnswer { status, headers, body: b"", at: OffsetDateTime::UNIX_EPOCH })
    }

    #[test]
    fn only_an_endpoint_that_is_gone_refuses_for_good() {
        for status in [200, 201, 202, 204] {
            assert_eq!(result(status, &[]), Ok(()));
        }
        for status in [100, 301, 302, 307, 400, 401, 403, 404, 408, 413, 422, 429, 500, 503] {
            assert!(matches!(result(status, &[]), Err(SendError::Temporary { .. })), "{status}");
        }
        let gone = SendError::Permanent { cause: "answered with status 410".to_owned() };
        assert_eq!(result(410, &[]), Err(gone));
    }

    #[test]
    fn it_may_ask_to_be_left_alone() {
        let asks = [("retry-after".to_owned(), "90".to_owned())];
        let Err(SendError::Temporary { retry_after, .. }) = result(429, &asks) else { panic!("it is temporary") };
        assert_eq!(retry_after, Some(Duration::from_secs(90)));
    }
}
