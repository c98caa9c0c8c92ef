//! Resend: `POST /emails`. It honours an idempotency key for 24 hours.

use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, bearer, endpoint, json_request, with_key};
use crate::{Message, SendError};
use serde_json::json;
use time::OffsetDateTime;

pub(super) struct Resend(Account);

impl Resend {
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        with_key(account).map(Self)
    }
}

impl Adapter for Resend {
    fn request(&self, message: &Message, delivery_id: &str, _now: OffsetDateTime) -> ApiRequest {
        let mut body = json!({
            "from": self.0.mailbox(),
            "to": [message.to],
            "subject": message.subject,
            "text": message.text,
        });
        if let Some(html) = &message.html {
            body["html"] = html.as_str().into();
        }
        if let Some(reply_to) = &self.0.reply_to {
            body["reply_to"] = reply_to.as_str().into();
        }
        let mut request = json_request(endpoint(&self.0.url, "/emails"), bearer(&self.0.key), &body);
        request.headers.push(("idempotency-key", delivery_id.to_owned()));
        request
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        let body = answer.json();
        let name = body["name"].as_str().unwrap_or_default();
        // Another request with the same key is under way: its outcome is known soon.
        if name == "concurrent_idempotent_requests" {
            return Err(answer.temporary(name));
        }
        // 403: a key without the right, or a domain that is not verified yet.
        answer.result_by_status(name, &[403])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn resend() -> Resend {
        Resend::new(account("https://api.resend.com", "re_key", "office@example.org")).ok().unwrap()
    }

    #[test]
    fn a_mail_is_posted_with_an_idempotency_key() {
        let request = resend().request(&mail(), DELIVERY, NOW);
        assert_eq!(request.url, "https://api.resend.com/emails");
        assert_eq!(header(&request, "authorization"), Some("Bearer re_key"));
        assert_eq!(header(&request, "idempotency-key"), Some(DELIVERY));
        assert_eq!(header(&request, "user-agent"), Some("concierge"));
        let expected = json!({
            "from": "\"Bell & Sons\" <office@example.org>",
            "reply_to": "help@example.org",
            "to": ["ada@example.org"],
            "subject": "Hello & welcome",
            "text": "Ciao, Ada: è pronto.\n",
            "html": "<p>Ciao, Ada</p>",
        });
        assert_eq!(json_of(&request), expected);
    }

    #[test]
    fn errors_of_the_message_are_permanent_and_those_of_the_account_are_not() {
        let error =
            |status, name| sort(&resend(), status, &[], &format!(r#"{{"statusCode":{status},"name":"{name}"}}"#));
        assert_eq!(sort(&resend(), 200, &[], r#"{"id":"49a3999c"}"#), Sorted::Sent);
        for (status, name) in [
            (400, "validation_error"),
            (400, "invalid_idempotency_key"),
            (409, "invalid_idempotent_request"),
            (422, "invalid_parameter"),
            (451, "security_error"),
        ] {
            assert_eq!(error(status, name), Sorted::Permanent, "{name}");
        }
        for (status, name) in [
            (401, "missing_api_key"),
            (403, "invalid_api_key"),
            (403, "validation_error"),
            (409, "concurrent_idempotent_requests"),
            (429, "daily_quota_exceeded"),
            (500, "application_error"),
        ] {
            assert_eq!(error(status, name), Sorted::Temporary(None), "{name}");
        }
        let limited = sort(&resend(), 429, &[("retry-after", "2")], r#"{"name":"rate_limit_exceeded"}"#);
        assert_eq!(limited, Sorted::Temporary(Some(2)));
    }
}
