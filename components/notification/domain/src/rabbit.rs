//! Dead letters as RabbitMQ's management API returns them, and the login to that API.

use crate::shown_letter;
use api::notification::DeadLetter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use url::Url;

/// Headers about a message's dead-lettering; a message that is redriven drops them.
const OF_THE_PAST: &[&str] = &["x-dead-", "x-death", "x-first-death-", "x-last-death-", "x-delivery-", "x-acquired-"];

/// One message of a queue of dead letters.
#[derive(Clone, Debug, Deserialize)]
pub struct RabbitLetter {
    payload: String,
    payload_encoding: String,
    #[serde(default)]
    properties: Value,
    /// How many messages are behind it.
    #[serde(rename = "message_count")]
    pub left: u64,
}

impl RabbitLetter {
    /// Its id: a digest of its content and of when it was dead-lettered.
    #[must_use]
    pub fn id(&self) -> String {
        let headers = self.headers();
        let what = json!([self.payload, headers["x-dead-time"], headers["x-dead-reason"]]).to_string();
        hex::encode(&Sha256::digest(what.as_bytes())[..16])
    }

    /// The letter as an operator sees it.
    #[must_use]
    pub fn shown(&self) -> DeadLetter {
        let (headers, event) = (self.headers(), self.event());
        let reason = headers["x-dead-reason"].as_str().unwrap_or("the broker says no reason").to_owned();
        let since = headers["x-dead-time"].as_u64().unwrap_or_default().saturating_mul(1000);
        shown_letter(self.id(), &event, reason, headers["x-dead-deliveries"].as_u64().unwrap_or_default(), 0, since)
    }

    /// The event, or what somebody published instead of it.
    #[must_use]
    pub fn event(&self) -> Vec<u8> {
        match self.payload_encoding.as_str() {
            "string" => self.payload.clone().into_bytes(),
            _ => STANDARD.decode(&self.payload).unwrap_or_default(),
        }
    }

    /// The same letter, to be published to the dead letters again.
    #[must_use]
    pub fn again(&self) -> Value {
        self.with_headers(self.headers().clone())
    }

    /// The original message, to be redriven.
    #[must_use]
    pub fn revived(&self) -> Value {
        let mut headers = self.headers().clone();
        if let Some(headers) = headers.as_object_mut() {
            headers.retain(|name, _| !OF_THE_PAST.iter().any(|part| name.starts_with(part)));
        }
        self.with_headers(headers)
    }

    fn headers(&self) -> &Value {
        &self.properties["headers"]
    }

    fn with_headers(&self, headers: Value) -> Value {
        let mut properties = self.properties.clone();
        if !properties.is_object() {
            properties = json!({});
        }
        properties["headers"] = if headers.is_object() { headers } else { json!({}) };
        properties["delivery_mode"] = 2.into();
        json!({"properties": properties, "payload": self.payload, "payload_encoding": self.payload_encoding})
    }
}

/// The login to RabbitMQ, and the virtual host.
#[derive(Clone, PartialEq, Eq)]
pub struct AmqpLogin {
    user: String,
    password: String,
    vhost: String,
}

/// Parses `amqp://user:password@host/vhost`, all percent-encoded.
#[must_use]
pub fn amqp_login(url: &str) -> Option<AmqpLogin> {
    let url = Url::parse(url.trim()).ok()?;
    let plain = |text: &str| percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned());
    let vhost = match url.path().strip_prefix('/').unwrap_or_default() {
        "" => "/".to_owned(),
        path => plain(path)?,
    };
    let user = plain(url.username()).filter(|user| !user.is_empty())?;
    Some(AmqpLogin { user, password: plain(url.password().unwrap_or_default())?, vhost })
}

impl AmqpLogin {
    /// The value of the `authorization` header (RFC 7617).
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.user, self.password)))
    }

    /// The virtual host as a path segment.
    #[must_use]
    pub fn vhost_in_a_path(&self) -> String {
        utf8_percent_encode(&self.vhost, NON_ALPHANUMERIC).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter() -> RabbitLetter {
        let headers = json!({
            "kept": 1, "x-dead-reason": "why", "x-dead-time": 1_700_000_000, "x-dead-deliveries": 3, "x-delivery-count": 2,
        });
        let message = json!({
            "payload": "{\"id\": \"e-1\"}", "payload_encoding": "string", "message_count": 4, "redelivered": true,
            "properties": {"message_id": "m", "headers": headers},
        });
        serde_json::from_value(message).unwrap()
    }

    #[test]
    fn a_letter_is_shown_with_its_reason() {
        let json = serde_json::to_value(letter().shown()).unwrap();
        assert_eq!((&json["event_id"], &json["reason"], &json["attempts"]), (&"e-1".into(), &"why".into(), &3.into()));
        assert_eq!(json["dead_since"], "2023-11-14T22:13:20Z");
        assert_eq!(json["id"].as_str().unwrap().len(), 32);
    }

    #[test]
    fn a_moved_letter_keeps_its_id_and_a_redriven_one_drops_its_history() {
        let mut again = letter().again();
        assert_eq!(
            (&again["properties"]["delivery_mode"], &again["properties"]["message_id"]),
            (&2.into(), &"m".into())
        );
        again["message_count"] = 0.into();
        assert_eq!(serde_json::from_value::<RabbitLetter>(again).unwrap().id(), letter().id());
        assert_eq!(letter().revived()["properties"]["headers"], json!({"kept": 1}));
    }

    #[test]
    fn a_login_is_parsed_from_the_address() {
        let login = amqp_login("amqp://con%40sumer:p%2Fw@rabbitmq:5672/%2f").unwrap();
        assert_eq!((login.user.as_str(), login.password.as_str(), login.vhost.as_str()), ("con@sumer", "p/w", "/"));
        assert_eq!(login.vhost_in_a_path(), "%2F");
        assert_eq!(login.authorization(), format!("Basic {}", STANDARD.encode("con@sumer:p/w")));
        assert_eq!(amqp_login("amqp://u:p@h").unwrap().vhost, "/");
        assert_eq!(amqp_login("amqps://u:p@h/test-1").unwrap().vhost_in_a_path(), "test%2D1");
        assert!(amqp_login("amqp://h/%2f").is_none() && amqp_login("nonsense").is_none());
    }
}
