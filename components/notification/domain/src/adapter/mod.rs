//! Adapters: how a message is posted to the API of a provider, and what its answers mean. One file a provider.
//!
//! Whatever an operator can correct (a key, a sender that is not verified, an account without credit) is a temporary
//! failure, so that no message is lost meanwhile. What is wrong with the message or its recipient is permanent.

mod answer;
mod aws;
mod mailgun;
mod mailpit;
mod postmark;
mod resend;
mod sendgrid;
mod ses;
mod sns;
#[cfg(test)]
mod testing;
mod twilio;
mod vonage;

pub use answer::ApiAnswer;

use crate::{Message, SendError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use time::OffsetDateTime;

/// The API of a provider.
pub trait Adapter {
    /// The request that sends a message. `delivery_id` is the same for each attempt, so that an API that honours it
    /// recognises a duplicate.
    fn request(&self, message: &Message, delivery_id: &str, now: OffsetDateTime) -> ApiRequest;

    /// What an answer means.
    ///
    /// # Errors
    /// If the message was not sent: whether it is worth another attempt, and after which pause.
    fn result(&self, answer: &ApiAnswer<'_>) -> Result<(), SendError>;
}

/// A POST request. It holds the key, so it cannot be printed.
pub struct ApiRequest {
    /// Where to.
    pub url: String,
    /// The headers, except `content-length`.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An account at a provider. It holds the key, so it cannot be printed.
pub struct Account {
    /// The base address of the API.
    pub url: String,
    /// The key; empty if the API needs none.
    pub key: String,
    /// The sender: an email address, or for SMS a number or a name.
    pub from: String,
    /// The sender's name in a mail.
    pub name: String,
    /// Where answers to a mail go, if not to the sender.
    pub reply_to: Option<String>,
}

impl Account {
    /// The sender with its name (RFC 5322, section 3.4): `"Concierge" <office@example.org>`.
    fn mailbox(&self) -> String {
        let name: String =
            self.name.chars().filter(|letter| !letter.is_control() && !['"', '\\'].contains(letter)).collect();
        format!("\"{name}\" <{}>", self.from)
    }
}

/// A setting that an adapter cannot use, and what it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccountError {
    /// The name of the API.
    Api(&'static str),
    /// Its address.
    Url(&'static str),
    /// Its key.
    Key(&'static str),
    /// The sender.
    From(&'static str),
}

/// The adapter for the mail API of this name.
///
/// # Errors
/// If there is none, or the account lacks what it needs.
pub fn mail_adapter(name: &str, account: Account) -> Result<Box<dyn Adapter>, AccountError> {
    Ok(match name {
        "mailpit" => Box::new(mailpit::Mailpit::new(account)),
        "postmark" => Box::new(postmark::Postmark::new(account)?),
        "resend" => Box::new(resend::Resend::new(account)?),
        "sendgrid" => Box::new(sendgrid::SendGrid::new(account)?),
        "mailgun" => Box::new(mailgun::Mailgun::new(account)?),
        "ses" => Box::new(ses::Ses::new(account)?),
        _ => return Err(AccountError::Api("must be mailpit, postmark, resend, sendgrid, mailgun or ses")),
    })
}

/// The adapter for the SMS API of this name.
///
/// # Errors
/// If there is none, or the account lacks what it needs.
pub fn sms_adapter(name: &str, account: Account) -> Result<Box<dyn Adapter>, AccountError> {
    Ok(match name {
        "twilio" => Box::new(twilio::Twilio::new(account)?),
        "vonage" => Box::new(vonage::Vonage::new(account)?),
        "sns" => Box::new(sns::Sns::new(account)?),
        _ => return Err(AccountError::Api("must be mail, twilio, vonage, sns or off")),
    })
}

/// Some APIs refuse callers that do not name themselves.
const USER_AGENT: (&str, &str) = ("user-agent", "concierge");

/// A request with a JSON body.
fn json_request(url: String, header: (&'static str, String), body: &serde_json::Value) -> ApiRequest {
    request(url, "application/json", vec![header], body.to_string().into_bytes())
}

/// A request with a form for its body.
fn form_request(url: String, header: (&'static str, String), fields: &[(&str, &str)]) -> ApiRequest {
    request(url, "application/x-www-form-urlencoded", vec![header], form(fields).into_bytes())
}

fn request(url: String, content_type: &str, mut headers: Vec<(&'static str, String)>, body: Vec<u8>) -> ApiRequest {
    headers.push(("content-type", content_type.to_owned()));
    headers.push((USER_AGENT.0, USER_AGENT.1.to_owned()));
    ApiRequest { url, headers, body }
}

fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// `authorization` by user and password (RFC 7617).
fn basic(user: &str, password: &str) -> (&'static str, String) {
    ("authorization", format!("Basic {}", STANDARD.encode(format!("{user}:{password}"))))
}

/// `authorization` by a token (RFC 6750).
fn bearer(token: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {token}"))
}

/// An address of the API.
fn endpoint(base: &str, path: &str) -> String {
    format!("{}{path}", base.trim().trim_end_matches('/'))
}

/// The account, if it has a key.
fn with_key(account: Account) -> Result<Account, AccountError> {
    if account.key.is_empty() { Err(AccountError::Key("is empty, and this API needs one")) } else { Ok(account) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(key: &str, from: &str) -> Account {
        testing::account("https://api.example", key, from)
    }

    #[test]
    fn an_account_that_lacks_what_its_api_needs_is_refused() {
        for name in ["postmark", "resend", "sendgrid", "mailgun", "ses"] {
            let error = mail_adapter(name, account("", "office@example.org")).err();
            assert!(matches!(error, Some(AccountError::Key(_))), "{name}: {error:?}");
        }
        for name in ["twilio", "vonage", "sns"] {
            let error = sms_adapter(name, account("half", "+39021")).err();
            assert!(matches!(error, Some(AccountError::Key(_))), "{name}: {error:?}");
        }
        assert!(matches!(sms_adapter("twilio", account("AC1:token", "")).err(), Some(AccountError::From(_))));
        assert!(matches!(sms_adapter("vonage", account("key:secret", "")).err(), Some(AccountError::From(_))));
        assert!(mail_adapter("mailpit", account("", "office@example.org")).is_ok());
    }

    #[test]
    fn an_unknown_api_is_refused() {
        assert!(matches!(mail_adapter("pigeon", account("key", "a@b.example")).err(), Some(AccountError::Api(_))));
        assert!(matches!(sms_adapter("pigeon", account("key", "1")).err(), Some(AccountError::Api(_))));
    }
}
