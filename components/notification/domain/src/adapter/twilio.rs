//! Twilio: `POST /2010-04-01/Accounts/<account>/Messages.json`, a form. It has no idempotency key.

use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, basic, endpoint, form_request};
use crate::{Message, SendError};
use time::OffsetDateTime;

const KEY: &str = "must be <account SID>:<auth token>, or <account SID>:<API key SID>:<secret>";
/// Refusals (status 400) that are not the recipient's: a sender that is not ours, or cannot send (21212, 21606, 21659,
/// 21660), a trial account (21608), and a full queue (21611).
const TEMPORARY: [u64; 6] = [21212, 21606, 21608, 21611, 21659, 21660];

pub(super) struct Twilio {
    url: String,
    user: String,
    password: String,
    from: String,
}

impl Twilio {
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        let parts: Vec<_> = account.key.split(':').collect();
        let (sid, user, password) = match parts.as_slice() {
            [sid, token] => (*sid, *sid, *token),
            [sid, key, secret] => (*sid, *key, *secret),
            _ => return Err(AccountError::Key(KEY)),
        };
        let is_sid = !sid.is_empty() && sid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_sid || user.is_empty() || password.is_empty() {
            return Err(AccountError::Key(KEY));
        }
        if account.from.is_empty() {
            return Err(AccountError::From("is empty: a number, a name or the SID of a messaging service"));
        }
        Ok(Self {
            url: endpoint(&account.url, &format!("/2010-04-01/Accounts/{sid}/Messages.json")),
            user: user.to_owned(),
            password: password.to_owned(),
            from: account.from,
        })
    }
}

impl Adapter for Twilio {
    fn request(&self, message: &Message, _delivery_id: &str, _now: OffsetDateTime) -> ApiRequest {
        let is_service = self.from.len() == 34 && self.from.starts_with("MG");
        let fields = [
            ("To", message.phone.as_deref().unwrap_or_default()),
            (if is_service { "MessagingServiceSid" } else { "From" }, &self.from),
            ("Body", &message.text),
        ];
        form_request(self.url.clone(), basic(&self.user, &self.password), &fields)
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        let error = answer.json()["code"].as_u64().filter(|_| !answer.is_accepted());
        let code = error.map(|error| error.to_string()).unwrap_or_default();
        if error.is_some_and(|error| TEMPORARY.contains(&error)) {
            return Err(answer.temporary(&code));
        }
        // 403 and 404: an account that is suspended, or not this one.
        answer.result_by_status(&code, &[403, 404])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn twilio(key: &str, from: &str) -> Twilio {
        Twilio::new(account("https://api.twilio.com", key, from)).ok().unwrap()
    }

    #[test]
    fn an_sms_is_a_form_for_the_account() {
        let request = twilio("AC1:token", "+15550100").request(&sms(), DELIVERY, NOW);
        assert_eq!(request.url, "https://api.twilio.com/2010-04-01/Accounts/AC1/Messages.json");
        // "AC1:token" in Base64
        assert_eq!(header(&request, "authorization"), Some("Basic QUMxOnRva2Vu"));
        assert_eq!(text_of(&request), "To=%2B39021234567&From=%2B15550100&Body=A+sign-in+%2B+more");
        // "SK2:secret" in Base64
        let request = twilio("AC1:SK2:secret", &format!("MG{}", "a".repeat(32))).request(&sms(), DELIVERY, NOW);
        assert_eq!(header(&request, "authorization"), Some("Basic U0syOnNlY3JldA=="));
        assert!(text_of(&request).contains("&MessagingServiceSid=MGaaaa"));
    }

    #[test]
    fn a_number_that_cannot_be_reached_is_permanent_and_a_full_queue_is_not() {
        let twilio = twilio("AC1:token", "+15550100");
        let error = |status, code| sort(&twilio, status, &[], &format!(r#"{{"code":{code},"status":{status}}}"#));
        assert_eq!(sort(&twilio, 201, &[], r#"{"sid":"SM1","status":"queued"}"#), Sorted::Sent);
        for code in [21211, 21408, 21610, 21614, 21617] {
            assert_eq!(error(400, code), Sorted::Permanent, "{code}");
        }
        for code in TEMPORARY {
            assert_eq!(error(400, code), Sorted::Temporary(None), "{code}");
        }
        for (status, code) in [(401, 20003), (403, 20005), (404, 20404), (429, 20429), (500, 20500)] {
            assert_eq!(error(status, code), Sorted::Temporary(None), "{code}");
        }
        assert_eq!(sort(&twilio, 429, &[("retry-after", "6")], ""), Sorted::Temporary(Some(6)));
    }
}
