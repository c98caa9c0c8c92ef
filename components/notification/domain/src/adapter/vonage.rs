//! Vonage's SMS API: `POST /sms/json`. It has no idempotency key, and answers 200 with the error inside.

use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, endpoint, request};
use crate::{Message, SendError};
use serde_json::json;
use time::OffsetDateTime;

const KEY: &str = "must be <API key>:<API secret>";
/// What the message or its recipient lacks: parameters (2, 3), a number that is unknown, barred or no longer there (6, 7,
/// 33), too long (12), a destination that is not allowed (29). All others pass, or an operator can correct them.
const PERMANENT: [&str; 7] = ["2", "3", "6", "7", "12", "29", "33"];

pub(super) struct Vonage {
    url: String,
    key: String,
    secret: String,
    from: String,
}

impl Vonage {
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        let (key, secret) = account.key.split_once(':').ok_or(AccountError::Key(KEY))?;
        if key.is_empty() || secret.is_empty() {
            return Err(AccountError::Key(KEY));
        }
        if account.from.is_empty() {
            return Err(AccountError::From("is empty: a number or a name"));
        }
        Ok(Self {
            url: endpoint(&account.url, "/sms/json"),
            key: key.to_owned(),
            secret: secret.to_owned(),
            from: account.from,
        })
    }
}

impl Adapter for Vonage {
    fn request(&self, message: &Message, _delivery_id: &str, _now: OffsetDateTime) -> ApiRequest {
        let body = json!({
            "api_key": self.key,
            "api_secret": self.secret,
            // Numbers are written without the plus.
            "from": self.from.trim_start_matches('+'),
            "to": message.phone.as_deref().unwrap_or_default().trim_start_matches('+'),
            "text": message.text,
            "type": if message.text.is_ascii() { "text" } else { "unicode" },
        });
        request(self.url.clone(), "application/json", Vec::new(), body.to_string().into_bytes())
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        answer.result_by_status("", &[403])?;
        let body = answer.json();
        // One for each part of a long message; the error is the same in all of them.
        let parts = body["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let is_error = |status: &&str| *status != "0";
        match parts.iter().filter_map(|part| part["status"].as_str()).find(is_error) {
            Some(error) if PERMANENT.contains(&error) => Err(answer.permanent(error)),
            Some(error) => Err(answer.temporary(error)),
            None if parts.first().is_some_and(|part| part["status"] == "0") => Ok(()),
            None => Err(answer.temporary("unreadable")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn vonage() -> Vonage {
        Vonage::new(account("https://rest.nexmo.com", "key:secret", "+15550100")).ok().unwrap()
    }

    #[test]
    fn an_sms_is_posted_with_key_and_secret() {
        let request = vonage().request(&sms(), DELIVERY, NOW);
        assert_eq!(request.url, "https://rest.nexmo.com/sms/json");
        let expected = json!({
            "api_key": "key",
            "api_secret": "secret",
            "from": "15550100",
            "to": "39021234567",
            "text": "A sign-in + more",
            "type": "text",
        });
        assert_eq!(json_of(&request), expected);
        let beyond_ascii = Message { text: "Città".to_owned(), ..sms() };
        assert_eq!(json_of(&vonage().request(&beyond_ascii, DELIVERY, NOW))["type"], "unicode");
    }

    #[test]
    fn an_error_inside_a_200_is_an_error() {
        let is = |status: &str| {
            let body = format!(r#"{{"message-count":"1","messages":[{{"to":"39","status":"{status}"}}]}}"#);
            sort(&vonage(), 200, &[], &body)
        };
        assert_eq!(is("0"), Sorted::Sent);
        for status in PERMANENT {
            assert_eq!(is(status), Sorted::Permanent, "{status}");
        }
        for status in ["1", "4", "5", "8", "9", "10", "11", "14", "15", "99"] {
            assert_eq!(is(status), Sorted::Temporary(None), "{status}");
        }
        assert_eq!(sort(&vonage(), 200, &[], "<html>"), Sorted::Temporary(None));
        assert_eq!(sort(&vonage(), 401, &[], ""), Sorted::Temporary(None));
        assert_eq!(sort(&vonage(), 429, &[("retry-after", "8")], ""), Sorted::Temporary(Some(8)));
    }
}
