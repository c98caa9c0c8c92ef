//! SendGrid: `POST /v3/mail/send`. It has no idempotency key. A rate limit says in `x-ratelimit-reset` when it ends.

use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, bearer, endpoint, json_request, with_key};
use crate::{Message, SendError};
use serde_json::json;
use std::time::Duration;
use time::OffsetDateTime;

pub(super) struct SendGrid(Account);

impl SendGrid {
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        with_key(account).map(Self)
    }
}

impl Adapter for SendGrid {
    fn request(&self, message: &Message, _delivery_id: &str, _now: OffsetDateTime) -> ApiRequest {
        let mut content = vec![json!({"type": "text/plain", "value": message.text})];
        content.extend(message.html.as_ref().map(|html| json!({"type": "text/html", "value": html})));
        let mut body = json!({
            "personalizations": [{"to": [{"email": message.to}]}],
            "from": {"email": self.0.from, "name": self.0.name},
            "subject": message.subject,
            "content": content,
            // A link that proves something is nobody else's business.
            "tracking_settings": {
                "click_tracking": {"enable": false, "enable_text": false},
                "open_tracking": {"enable": false},
            },
        });
        if let Some(reply_to) = &self.0.reply_to {
            body["reply_to"] = json!({"email": reply_to});
        }
        json_request(endpoint(&self.0.url, "/v3/mail/send"), bearer(&self.0.key), &body)
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        // 403: a key without the right, or a sender that is not verified yet.
        answer.result_by_status("", &[403]).map_err(|error| match error {
            SendError::Temporary { cause, retry_after: None } if answer.status == 429 => {
                SendError::Temporary { cause, retry_after: reset_of(answer) }
            }
            error => error,
        })
    }
}

/// The time until the rate limit is reset: a Unix time.
fn reset_of(answer: &ApiAnswer<'_>) -> Option<Duration> {
    let reset: i64 = answer.header("x-ratelimit-reset")?.trim().parse().ok()?;
    u64::try_from(reset.checked_sub(answer.at.unix_timestamp())?).ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn sendgrid() -> SendGrid {
        SendGrid::new(account("https://api.sendgrid.com", "SG.key", "office@example.org")).ok().unwrap()
    }

    #[test]
    fn a_mail_is_posted_without_tracking() {
        let request = sendgrid().request(&mail(), DELIVERY, NOW);
        assert_eq!(request.url, "https://api.sendgrid.com/v3/mail/send");
        assert_eq!(header(&request, "authorization"), Some("Bearer SG.key"));
        let expected = json!({
            "personalizations": [{"to": [{"email": "ada@example.org"}]}],
            "from": {"email": "office@example.org", "name": "Bell & Sons"},
            "reply_to": {"email": "help@example.org"},
            "subject": "Hello & welcome",
            "content": [
                {"type": "text/plain", "value": "Ciao, Ada: è pronto.\n"},
                {"type": "text/html", "value": "<p>Ciao, Ada</p>"},
            ],
            "tracking_settings": {
                "click_tracking": {"enable": false, "enable_text": false},
                "open_tracking": {"enable": false},
            },
        });
        assert_eq!(json_of(&request), expected);
    }

    #[test]
    fn a_rate_limit_is_waited_for_until_its_reset() {
        let is = |status| sort(&sendgrid(), status, &[], r#"{"errors":[{"message":"no"}]}"#);
        assert_eq!(is(202), Sorted::Sent);
        for status in [400, 404, 405, 413, 415] {
            assert_eq!(is(status), Sorted::Permanent, "{status}");
        }
        for status in [401, 403, 429, 500, 503] {
            assert_eq!(is(status), Sorted::Temporary(None), "{status}");
        }
        let reset = (NOW.unix_timestamp() + 12).to_string();
        assert_eq!(sort(&sendgrid(), 429, &[("x-ratelimit-reset", &reset)], ""), Sorted::Temporary(Some(12)));
        assert_eq!(sort(&sendgrid(), 429, &[("x-ratelimit-reset", "1")], ""), Sorted::Temporary(None));
    }
}
