//! Mailgun: `POST /v3/<domain>/messages`, a form. The domain is that of the sender. It has no idempotency key.

use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, basic, endpoint, form_request, with_key};
use crate::{Message, SendError};
use time::OffsetDateTime;

pub(super) struct Mailgun {
    account: Account,
    url: String,
}

impl Mailgun {
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        let account = with_key(account)?;
        let domain = account.from.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.contains('/'));
        let domain = domain.ok_or(AccountError::From("must have a domain"))?;
        Ok(Self { url: endpoint(&account.url, &format!("/v3/{domain}/messages")), account })
    }
}

impl Adapter for Mailgun {
    fn request(&self, message: &Message, _delivery_id: &str, _now: OffsetDateTime) -> ApiRequest {
        let from = self.account.mailbox();
        let mut fields = vec![
            ("from", from.as_str()),
            ("to", &message.to),
            ("subject", &message.subject),
            ("text", &message.text),
            // A link that proves something is nobody else's business.
            ("o:tracking", "no"),
        ];
        fields.extend(message.html.as_deref().map(|html| ("html", html)));
        fields.extend(self.account.reply_to.as_deref().map(|reply_to| ("h:Reply-To", reply_to)));
        form_request(self.url.clone(), basic("api", &self.account.key), &fields)
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        // 402: a bill to pay. 403: a key without the right. 404: a domain that is not there, or not yet on all servers.
        answer.result_by_status("", &[402, 403, 404])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn mailgun() -> Mailgun {
        Mailgun::new(account("https://api.eu.mailgun.net", "key-1", "office@mg.example.org")).ok().unwrap()
    }

    #[test]
    fn a_mail_is_a_form_for_the_domain_of_the_sender() {
        let request = mailgun().request(&mail(), DELIVERY, NOW);
        assert_eq!(request.url, "https://api.eu.mailgun.net/v3/mg.example.org/messages");
        // "api:key-1" in Base64
        assert_eq!(header(&request, "authorization"), Some("Basic YXBpOmtleS0x"));
        assert_eq!(header(&request, "content-type"), Some("application/x-www-form-urlencoded"));
        assert_eq!(
            text_of(&request),
            "from=%22Bell+%26+Sons%22+%3Coffice%40mg.example.org%3E&to=ada%40example.org&subject=Hello+%26+welcome\
             &text=Ciao%2C+Ada%3A+%C3%A8+pronto.%0A&o%3Atracking=no\
             &html=%3Cp%3ECiao%2C+Ada%3C%2Fp%3E&h%3AReply-To=help%40example.org"
        );
    }

    #[test]
    fn its_status_says_all() {
        let is = |status| sort(&mailgun(), status, &[], r#"{"message":"no"}"#);
        assert_eq!(is(200), Sorted::Sent);
        for status in [400, 413] {
            assert_eq!(is(status), Sorted::Permanent, "{status}");
        }
        for status in [401, 402, 403, 404, 429, 500, 502] {
            assert_eq!(is(status), Sorted::Temporary(None), "{status}");
        }
        assert_eq!(sort(&mailgun(), 429, &[("retry-after", "30")], ""), Sorted::Temporary(Some(30)));
    }
}
