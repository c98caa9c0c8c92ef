//! Events that another service could not publish and gives here to be kept.

use events::{Event, Exchange};
use problem::{FieldError, Kind, Problem};
use serde::Deserialize;
use serde_json::Value;

/// The body of a request to keep an event.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeptEventForm {
    event: Value,
}

/// An event to keep until it can be published.
#[derive(Clone, Debug, PartialEq)]
pub struct KeptEvent {
    /// Where it is to be published.
    pub exchange: Exchange,
    /// The CloudEvent.
    pub event: Event,
}

impl KeptEventForm {
    /// Judges the event: only one that consumers will understand is kept.
    ///
    /// # Errors
    /// `invalid-value`.
    pub fn validate(self) -> Result<KeptEvent, Problem> {
        let fault = |why: &str| {
            let detail = format!("This is no event to keep: {why}.");
            Problem::new(Kind::InvalidValue, detail.clone()).with_error(FieldError::new("event", detail))
        };
        let json = self.event.to_string();
        // PostgreSQL's jsonb has no NUL.
        if json.contains("\\u0000") {
            return Err(fault("it has a NUL character"));
        }
        let event = Event::from_json(json.as_bytes()).map_err(|error| fault(&error.to_string()))?;
        Ok(KeptEvent { exchange: event.payload.exchange(), event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Login, Payload};
    use identity::UserId;

    #[test]
    fn a_login_event_is_kept_for_its_exchange() {
        let login = Login { user_id: UserId::try_from(7).unwrap(), email: "ada@example.org".into(), phone: None };
        let event = Event::new("/auth-ms", Payload::Login(login));
        let form = KeptEventForm { event: serde_json::from_str(&event.to_json()).unwrap() };
        let kept = form.validate().unwrap();
        assert_eq!(kept, KeptEvent { exchange: Exchange::UserLogin, event });
    }

    #[test]
    fn anything_else_is_refused() {
        let form = KeptEventForm { event: serde_json::json!({"type": "order_event"}) };
        assert_eq!(form.validate().unwrap_err().kind(), Kind::InvalidValue);
    }

    #[test]
    fn an_event_that_the_database_cannot_hold_is_refused() {
        let login = Login { user_id: UserId::try_from(7).unwrap(), email: "a\0da@example.org".into(), phone: None };
        let event = Event::new("/auth-ms", Payload::Login(login));
        let form = KeptEventForm { event: serde_json::from_str(&event.to_json()).unwrap() };
        assert_eq!(form.validate().unwrap_err().kind(), Kind::InvalidValue);
    }
}
