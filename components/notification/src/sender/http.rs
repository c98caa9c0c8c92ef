//! A JSON mail API: that of Mailpit, `POST /api/v1/send`, behind which any provider's API can be put.

use identity::Email;
use notification_domain::{Message, MessageKind, SendError};
use problem::Problem;
use serde_json::{Value, json};
use service_kit::client::call;
use service_kit::{Method, config};
use std::time::Duration;
use time::OffsetDateTime;

/// How long a send may take. It must be shorter than the time after which another consumer takes over.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// The mail API, its token and the sender's address.
pub(crate) struct Http {
    url: String,
    token: String,
    from: String,
}

impl Http {
    /// Reads the component variables `mail_api_url`, `mail_api_token` and `mail_from`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        Ok(Self { url: Self::url()?, token: Self::token()?, from: Self::from()?.address().to_owned() })
    }

    pub(crate) fn url() -> Result<String, Problem> {
        let api = config::address("mail_api_url", &["http", "https"])?;
        Ok(format!("{}/api/v1/send", api.trim_end_matches('/')))
    }

    /// A bearer token (RFC 6750, 2.1), or nothing.
    pub(crate) fn token() -> Result<String, Problem> {
        let token = config::text("mail_api_token")?;
        if token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(token);
        }
        Err(config::fault("mail_api_token", "has a character that a header cannot have"))
    }

    pub(crate) fn from() -> Result<Email, Problem> {
        Email::parse(&config::text("mail_from")?).map_err(|_| config::fault("mail_from", "is no email address"))
    }

    /// Posts a message. `delivery_id` is the same for each attempt, so that an API that honours it recognises a
    /// duplicate.
    pub(crate) async fn send(&self, delivery_id: &str, message: &Message) -> Result<(), SendError> {
        let authorization = format!("Bearer {}", self.token);
        let mut headers = vec![("content-type", "application/json"), ("idempotency-key", delivery_id)];
        if !self.token.is_empty() {
            headers.push(("authorization", &authorization));
        }
        let body = self.body(message).to_string().into_bytes();
        let answer = call(&Method::POST, &self.url, &headers, body, LIMIT).await;
        let answer = answer.map_err(|error| SendError::no_answer(&error))?;
        SendError::of_status(answer.status, answer.retry_after.as_deref(), OffsetDateTime::now_utc())
    }

    /// An SMS goes by the same API, marked by its tag and with the number in a header, for a gateway to pick up.
    fn body(&self, message: &Message) -> Value {
        let (tag, phone) = match message.kind {
            MessageKind::Email => ("email", None),
            MessageKind::Sms => ("sms", message.phone.as_deref()),
        };
        let mut headers = json!({});
        if let Some(phone) = phone {
            headers["X-Phone"] = phone.into();
        }
        json!({
            "From": {"Email": self.from},
            "To": [{"Email": message.to}],
            "Subject": message.subject,
            "Text": message.text,
            "Tags": [tag],
            "Headers": headers,
        })
    }
}
