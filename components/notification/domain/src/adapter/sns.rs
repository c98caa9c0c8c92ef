//! Amazon SNS: the action `Publish` to a number, a signed form; its answers are XML. It has no idempotency key for SMS.

use super::aws::{Endpoint, is_temporary};
use super::{Account, AccountError, Adapter, ApiAnswer, ApiRequest, form, request};
use crate::{Message, SendError};
use time::OffsetDateTime;

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) struct Sns(Endpoint);

impl Sns {
    /// The sender, a name, may be empty: not every country knows them.
    pub(super) fn new(account: Account) -> Result<Self, AccountError> {
        Endpoint::new(account, "sns", "/").map(Self)
    }
}

impl Adapter for Sns {
    fn request(&self, message: &Message, _delivery_id: &str, now: OffsetDateTime) -> ApiRequest {
        let mut fields = vec![
            ("Action", "Publish"),
            ("Version", "2010-03-31"),
            ("PhoneNumber", message.phone.as_deref().unwrap_or_default()),
            ("Message", &message.text),
            ("MessageAttributes.entry.1.Name", "AWS.SNS.SMS.SMSType"),
            ("MessageAttributes.entry.1.Value.DataType", "String"),
            ("MessageAttributes.entry.1.Value.StringValue", "Transactional"),
        ];
        if !self.0.from.is_empty() {
            fields.extend([
                ("MessageAttributes.entry.2.Name", "AWS.SNS.SMS.SenderID"),
                ("MessageAttributes.entry.2.Value.DataType", "String"),
                ("MessageAttributes.entry.2.Value.StringValue", &self.0.from),
            ]);
        }
        let body = form(&fields).into_bytes();
        request(self.0.url.clone(), FORM, self.0.sign(FORM, &body, now), body)
    }

    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError> {
        let body = String::from_utf8_lossy(answer.body);
        let code = body.split_once("<Code>").and_then(|(_, rest)| rest.split_once("</Code>"));
        let code = code.map_or("", |(code, _)| code.trim());
        if !answer.is_accepted() && is_temporary(code) {
            return Err(answer.temporary(code));
        }
        // 403: whatever is wrong with a key.
        answer.result_by_status(code, &[403])
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;

    fn sns(from: &str) -> Sns {
        Sns::new(account("https://sns.eu-west-1.amazonaws.com", "AKID:secret", from)).ok().unwrap()
    }

    #[test]
    fn an_sms_is_published_to_its_number() {
        let request = sns("Concierge").request(&sms(), DELIVERY, NOW);
        assert_eq!(request.url, "https://sns.eu-west-1.amazonaws.com/");
        assert_eq!(header(&request, "content-type"), Some(FORM));
        assert!(header(&request, "authorization").unwrap().contains("/eu-west-1/sns/aws4_request"));
        let start = "Action=Publish&Version=2010-03-31&PhoneNumber=%2B39021234567&Message=A+sign-in+%2B+more\
                     &MessageAttributes.entry.1.Name=AWS.SNS.SMS.SMSType\
                     &MessageAttributes.entry.1.Value.DataType=String\
                     &MessageAttributes.entry.1.Value.StringValue=Transactional";
        let sender = "&MessageAttributes.entry.2.Name=AWS.SNS.SMS.SenderID\
                      &MessageAttributes.entry.2.Value.DataType=String\
                      &MessageAttributes.entry.2.Value.StringValue=Concierge";
        assert_eq!(text_of(&request), format!("{start}{sender}"));
        assert_eq!(text_of(&sns("").request(&sms(), DELIVERY, NOW)), start);
    }

    #[test]
    fn the_code_of_an_error_says_whether_it_passes() {
        let error = |status, code: &str| {
            let body = format!("<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code></Error></ErrorResponse>");
            sort(&sns(""), status, &[], &body)
        };
        assert_eq!(sort(&sns(""), 200, &[], "<PublishResponse/>"), Sorted::Sent);
        for code in ["InvalidParameter", "InvalidParameterValue", "OptedOut", "ValidationException"] {
            assert_eq!(error(400, code), Sorted::Permanent, "{code}");
        }
        for (status, code) in [
            (400, "Throttling"),
            (429, "Throttled"),
            (403, "AuthorizationError"),
            (403, "InvalidClientTokenId"),
            (400, "EndpointDisabled"),
            (500, "InternalError"),
        ] {
            assert_eq!(error(status, code), Sorted::Temporary(None), "{code}");
        }
        assert_eq!(sort(&sns(""), 503, &[("retry-after", "4")], ""), Sorted::Temporary(Some(4)));
    }
}
