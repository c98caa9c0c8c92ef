//! Postmark: `POST /email`. It has no idempotency key. A refusal is a 422 with a number of its own in the body.

use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, endpoint, json_request, with_key};
use crate::{Message, SendError};
use serde_json::json;
use time::OffsetDateTime;

/// Errors that an operator can correct, or that pass: token (10), maintenance (100), sender signature missing or not
/// confirmed (400, 401), out of credit (405), account pending or blocked (412, 413), rate limit (429).
const TEMPORARY: [u64; 8] = [10, 100, 400, 401, 405, 412, 413, 429];

pub(super) struct Postmark(Account);

impl Postmark {
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        with_key(account).map(Self)
    }
}

impl Adapter for Postmark {
    fn request(&self, message: &Message, _delivery_id: &str, _now: OffsetDateTime) -> ApiRequest {
        let mut body = json!({
            "From": self.0.mailbox(),
            "To": message.to,
            "Subject": message.subject,
            "TextBody": message.text,
            "MessageStream": "outbound",
            // A link that proves something is nobody else's business.
            "TrackOpens": false,
            "TrackLinks": "None",
        });
        if let Some(html) = &message.html {
            body["HtmlBody"] = html.as_str().into();
        }
        if let Some(reply_to) = &self.0.reply_to {
            body["ReplyTo"] = reply_to.as_str().into();
        }
        let token = ("x-postmark-server-token", self.0.key.clone());
        let mut request = json_request(endpoint(&self.0.url, "/email"), token, &body);
        request.headers.push(("accept", "application/json".to_owned()));
        request
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        let error = answer.json()["ErrorCode"].as_u64().unwrap_or(0);
        let code = if error == 0 { String::new() } else { error.to_string() };
        match error {
            error if TEMPORARY.contains(&error) => Err(answer.temporary(&code)),
            error if error > 0 && answer.is_accepted() => Err(answer.permanent(&code)),
            _ => answer.result_by_status(&code, &[]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn postmark() -> Postmark {
        Postmark::new(account("https://api.postmarkapp.com", "token", "office@example.org")).ok().unwrap()
    }

    #[test]
    fn a_mail_is_posted_with_the_server_token() {
        let request = postmark().request(&mail(), DELIVERY, NOW);
        assert_eq!(request.url, "https://api.postmarkapp.com/email");
        assert_eq!(header(&request, "x-postmark-server-token"), Some("token"));
        assert_eq!(header(&request, "accept"), Some("application/json"));
        assert_eq!(header(&request, "content-type"), Some("application/json"));
        let expected = json!({
            "From": "\"Bell & Sons\" <office@example.org>",
            "ReplyTo": "help@example.org",
            "To": "ada@example.org",
            "Subject": "Hello & welcome",
            "TextBody": "Ciao, Ada: è pronto.\n",
            "HtmlBody": "<p>Ciao, Ada</p>",
            "MessageStream": "outbound",
            "TrackOpens": false,
            "TrackLinks": "None",
        });
        assert_eq!(json_of(&request), expected);
    }

    #[test]
    fn an_inactive_recipient_is_permanent_and_a_sender_to_confirm_is_not() {
        let is = |status, body: &str| sort(&postmark(), status, &[], body);
        assert_eq!(is(200, r#"{"ErrorCode":0,"Message":"OK","MessageID":"b7bc2f4a"}"#), Sorted::Sent);
        for error in [300, 402, 403, 406, 411] {
            assert_eq!(is(422, &format!(r#"{{"ErrorCode":{error},"Message":"no"}}"#)), Sorted::Permanent, "{error}");
        }
        for error in TEMPORARY {
            assert_eq!(is(422, &format!(r#"{{"ErrorCode":{error}}}"#)), Sorted::Temporary(None), "{error}");
        }
        assert_eq!(is(401, r#"{"ErrorCode":10,"Message":"no"}"#), Sorted::Temporary(None));
        assert_eq!(is(413, ""), Sorted::Permanent);
        assert_eq!(is(500, ""), Sorted::Temporary(None));
        assert_eq!(is(503, ""), Sorted::Temporary(None));
        assert_eq!(sort(&postmark(), 429, &[("retry-after", "9")], ""), Sorted::Temporary(Some(9)));
    }
}
