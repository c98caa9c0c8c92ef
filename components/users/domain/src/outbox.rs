//! Events that another service could not publish and gives here to be kept.

use events::{Event, Exchange, Payload};
use identity::{Email, PersonName, Phone};
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
        let event = Event::from_json(self.event.to_string().as_bytes()).map_err(|error| fault(&error.to_string()))?;
        // PostgreSQL's jsonb has no NUL.
        if event.source.contains('\0') {
            return Err(fault("its source has a NUL character"));
        }
        if !can_be_told(&event.payload) {
            return Err(fault("nobody can be told of it, for its data are no address, name or number"));
        }
        Ok(KeptEvent { exchange: event.payload.exchange(), event })
    }
}

/// Whether there is somebody whom a message can reach: events are made from what was judged at the sign-up.
fn can_be_told(payload: &Payload) -> bool {
    match payload {
        Payload::Login(login) => {
            Email::parse(&login.email).is_ok() && login.phone.as_deref().is_none_or(|phone| Phone::parse(phone).is_ok())
        }
        Payload::SignUp(sign_up) => Email::parse(&sign_up.email).is_ok() && PersonName::parse(&sign_up.name).is_ok(),
        Payload::AccountLocked(locked) => Email::parse(&locked.email).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Login;
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

    fn kept(source: &str, email: &str, phone: Option<&str>) -> Result<KeptEvent, Problem> {
        let user_id = UserId::try_from(7).unwrap();
        let login = Login { user_id, email: email.into(), phone: phone.map(str::to_owned) };
        let event = Event::new(source, Payload::Login(login));
        KeptEventForm { event: serde_json::from_str(&event.to_json()).unwrap() }.validate()
    }

    #[test]
    fn an_event_that_the_database_cannot_hold_is_refused() {
        assert_eq!(kept("/auth\0-ms", "ada@example.org", None).unwrap_err().kind(), Kind::InvalidValue);
        assert_eq!(kept("/auth-ms", "a\0da@example.org", None).unwrap_err().kind(), Kind::InvalidValue);
    }

    #[test]
    fn an_event_that_nobody_could_be_told_of_is_refused() {
        assert!(kept("/auth-ms", "ada@example.org", Some("+39021234567")).is_ok());
        assert_eq!(kept("/auth-ms", "", None).unwrap_err().kind(), Kind::InvalidValue);
        assert_eq!(kept("/auth-ms", "ada@example.org", Some("")).unwrap_err().kind(), Kind::InvalidValue);
    }
}
