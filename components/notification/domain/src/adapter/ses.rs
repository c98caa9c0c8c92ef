//! Amazon SES, version 2: `POST /v2/email/outbound-emails`, signed. It has no idempotency key. An error's name is in
//! `x-amzn-errortype`.

use super::aws::{Endpoint, is_temporary};
use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, request};
use crate::{Message, SendError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use time::OffsetDateTime;

const JSON: &str = "application/json";

pub(super) struct Ses(Endpoint);

impl Ses {
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        Endpoint::new(account, "ses", "/v2/email/outbound-emails").map(Self)
    }
}

impl Adapter for Ses {
    fn request(&self, message: &Message, _delivery_id: &str, now: OffsetDateTime) -> ApiRequest {
        let mut parts = json!({"Text": {"Data": message.text, "Charset": "UTF-8"}});
        if let Some(html) = &message.html {
            parts["Html"] = json!({"Data": html, "Charset": "UTF-8"});
        }
        let mut body = json!({
            "FromEmailAddress": sender(&self.0.name, &self.0.from),
            "Destination": {"ToAddresses": [message.to]},
            "Content": {"Simple": {
                "Subject": {"Data": message.subject, "Charset": "UTF-8"},
                "Body": parts,
            }},
        });
        if let Some(reply_to) = &self.0.reply_to {
            body["ReplyToAddresses"] = json!([reply_to]);
        }
        let body = body.to_string().into_bytes();
        request(self.0.url.clone(), JSON, self.0.sign(JSON, &body, now), body)
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        let body = answer.json();
        // `MessageRejected`, `MessageRejected:http://...` or `com.amazonaws.ses#MessageRejected`
        let name = answer.header("x-amzn-errortype").or(body["__type"].as_str()).unwrap_or_default();
        let name = name.split(':').next().unwrap_or_default();
        let name = name.rsplit('#').next().unwrap_or_default();
        if !answer.is_accepted() && is_temporary(name) {
            return Err(answer.temporary(name));
        }
        // 403: whatever is wrong with a key.
        answer.result_by_status(name, &[403])
    }
}

/// The sender with its name, which SES takes in ASCII alone: as an encoded word (RFC 2047).
fn sender(name: &str, address: &str) -> String {
    format!("=?UTF-8?B?{}?= <{address}>", STANDARD.encode(name))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn ses() -> Ses {
        Ses::new(account("https://email.eu-west-1.amazonaws.com", "AKID:secret", "office@example.org")).ok().unwrap()
    }

    #[test]
    fn a_mail_is_signed_for_the_region_of_the_host() {
        let request = ses().request(&mail(), DELIVERY, NOW);
        assert_eq!(request.url, "https://email.eu-west-1.amazonaws.com/v2/email/outbound-emails");
        assert_eq!(header(&request, "x-amz-date"), Some("20260203T040506Z"));
        let authorization = header(&request, "authorization").unwrap();
        let start = "AWS4-HMAC-SHA256 Credential=AKID/20260203/eu-west-1/ses/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date, Signature=";
        assert!(authorization.starts_with(start) && authorization.len() == start.len() + 64, "{authorization}");
        let expected = json!({
            // "Bell & Sons" in Base64
            "FromEmailAddress": "=?UTF-8?B?QmVsbCAmIFNvbnM=?= <office@example.org>",
            "ReplyToAddresses": ["help@example.org"],
            "Destination": {"ToAddresses": ["ada@example.org"]},
            "Content": {"Simple": {
                "Subject": {"Data": "Hello & welcome", "Charset": "UTF-8"},
                "Body": {
                    "Text": {"Data": "Ciao, Ada: è pronto.\n", "Charset": "UTF-8"},
                    "Html": {"Data": "<p>Ciao, Ada</p>", "Charset": "UTF-8"},
                },
            }},
        });
        assert_eq!(json_of(&request), expected);
    }

    #[test]
    fn the_name_of_an_error_says_whether_it_passes() {
        let error = |status, name| sort(&ses(), status, &[("x-amzn-errortype", name)], r#"{"message":"no"}"#);
        assert_eq!(sort(&ses(), 200, &[], r#"{"MessageId":"1"}"#), Sorted::Sent);
        for (status, name) in [
            (400, "MessageRejected"),
            (400, "BadRequestException:http://internal.example/"),
            (404, "NotFoundException"),
        ] {
            assert_eq!(error(status, name), Sorted::Permanent, "{name}");
        }
        for (status, name) in [
            (400, "AccountSuspendedException"),
            (400, "LimitExceededException"),
            (400, "MailFromDomainNotVerifiedException"),
            (400, "SendingPausedException"),
            (400, "ThrottlingException"),
            (429, "TooManyRequestsException"),
            (403, "SignatureDoesNotMatch"),
            (403, ""),
            (500, "InternalFailure"),
        ] {
            assert_eq!(error(status, name), Sorted::Temporary(None), "{name}");
        }
        let body = r#"{"__type":"com.amazonaws.ses#SendingPausedException"}"#;
        assert_eq!(sort(&ses(), 400, &[("retry-after", "3")], body), Sorted::Temporary(Some(3)));
    }
}
