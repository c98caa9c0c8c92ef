//! Secrets in events: links and codes that a person gets by mail. They are in an event until its message is sent, and are
//! neither logged nor shown.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The members of an event's data that hold secrets.
const MEMBERS: [&str; 2] = ["link", "code"];

/// A link or a code that proves something once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OneTimeSecret(String);

impl OneTimeSecret {
    /// The secret itself, for the message.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for OneTimeSecret {
    fn from(secret: String) -> Self {
        Self(secret)
    }
}

impl std::fmt::Debug for OneTimeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OneTimeSecret(..)")
    }
}

/// Removes the secrets from an event that is shown to somebody, be it to the person whom it is about.
pub fn remove_secrets(event: &mut Value) {
    if let Some(data) = event.get_mut("data").and_then(Value::as_object_mut) {
        data.retain(|name, _| !MEMBERS.contains(&name.as_str()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, Payload, VerificationRequested};
    use identity::UserId;

    #[test]
    fn an_event_is_shown_and_printed_without_its_secrets() {
        let requested = VerificationRequested {
            user_id: UserId::try_from(7).unwrap(),
            email: "ada@example.org".into(),
            link: "http://localhost/?token=opensesame".to_owned().into(),
            code: "123456".to_owned().into(),
        };
        let event = Event::new("/users-ms", Payload::VerificationRequested(requested));
        let mut json: Value = serde_json::from_str(&event.to_json()).unwrap();
        assert!(json.to_string().contains("opensesame"));
        assert_eq!(Event::from_json(json.to_string().as_bytes()).unwrap(), event);
        remove_secrets(&mut json);
        for shown in [json.to_string(), format!("{event:?}")] {
            assert!(!shown.contains("opensesame") && !shown.contains("123456"), "{shown}");
            assert!(shown.contains("ada@example.org"));
        }
    }
}
