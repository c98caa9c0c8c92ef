//! Mailpit's send API, `POST /api/v1/send`, which a gateway of your own can offer as well.

use super::{Account, Adapter, ApiAnswer, ApiRequest, bearer, endpoint, request};
use crate::{Message, MessageKind, SendError};
use serde_json::json;
use time::OffsetDateTime;

pub(super) struct Mailpit(Account);

impl Mailpit {
    pub(super) fn new(account: Account) -> Self {
        Self(account)
    }
}

impl Adapter for Mailpit {
    /// An SMS goes by the same API, marked by its tag and with the number in a header, for a gateway to pick up.
    fn request(&self, message: &Message, delivery_id: &str, _now: OffsetDateTime) -> ApiRequest {
        let (tag, phone) = match message.kind {
            MessageKind::Email => ("email", None),
            MessageKind::Sms => ("sms", message.phone.as_deref()),
        };
        let mut further = json!({});
        if let Some(phone) = phone {
            further["X-Phone"] = phone.into();
        }
        let mut body = json!({
            "From": {"Email": self.0.from, "Name": self.0.name},
            "To": [{"Email": message.to}],
            "Subject": message.subject,
            "Text": message.text,
            "Tags": [tag],
            "Headers": further,
        });
        if let Some(html) = &message.html {
            body["HTML"] = html.as_str().into();
        }
        if let Some(reply_to) = &self.0.reply_to {
            body["ReplyTo"] = json!([{"Email": reply_to}]);
        }
        let mut headers = vec![("idempotency-key", delivery_id.to_owned())];
        if !self.0.key.is_empty() {
            headers.push(bearer(&self.0.key));
        }
        request(endpoint(&self.0.url, "/api/v1/send"), "application/json", headers, body.to_string().into_bytes())
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        answer.result_by_status("", &[])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    #[test]
    fn a_mail_and_an_sms_are_told_apart_by_their_tag() {
        let mailpit = Mailpit::new(account("http://127.0.0.1:8025/", "key", "office@example.org"));
        let request = mailpit.request(&mail(), DELIVERY, NOW);
        assert_eq!(request.url, "http://127.0.0.1:8025/api/v1/send");
        assert_eq!(header(&request, "authorization"), Some("Bearer key"));
        assert_eq!(header(&request, "idempotency-key"), Some(DELIVERY));
        let expected = json!({
            "From": {"Email": "office@example.org", "Name": "Bell & Sons"},
            "ReplyTo": [{"Email": "help@example.org"}],
            "To": [{"Email": "ada@example.org"}],
            "Subject": "Hello & welcome",
            "Text": "Ciao, Ada: è pronto.\n",
            "HTML": "<p>Ciao, Ada</p>",
            "Tags": ["email"],
            "Headers": {},
        });
        assert_eq!(json_of(&request), expected);
        let sms = json_of(&mailpit.request(&sms(), DELIVERY, NOW));
        assert_eq!((&sms["Tags"], &sms["Headers"]), (&json!(["sms"]), &json!({"X-Phone": "+39021234567"})));
        assert_eq!(sms.get("HTML"), None);
    }

    #[test]
    fn its_status_says_all() {
        let mailpit = Mailpit::new(account("http://127.0.0.1:8025", "", "office@example.org"));
        assert_eq!(header(&mailpit.request(&mail(), DELIVERY, NOW), "authorization"), None);
        assert_eq!(sort(&mailpit, 200, &[], r#"{"ID":"1"}"#), Sorted::Sent);
        assert_eq!(sort(&mailpit, 400, &[], r#"{"Error":"no recipient"}"#), Sorted::Permanent);
        assert_eq!(sort(&mailpit, 429, &[("retry-after", "7")], ""), Sorted::Temporary(Some(7)));
    }
}
