//! Webhooks: which exchanges are offered to other people's endpoints, and which data of their events go out.
//!
//! What is offered has happened to an account. Requests for a link or a code are not: they are the way to a mail, and nobody
//! else's business. Of the data goes out what is listed here, so that a new field stays in until somebody has decided.

use crate::{Event, Exchange};
use serde_json::Value;

/// After how many failures in a row an endpoint pauses.
pub const ENDPOINT_PAUSE_AFTER: u64 = 5;

impl Exchange {
    /// The members of the events' data that go out; none if events of this exchange do not.
    #[must_use]
    pub fn webhook_data(self) -> Option<&'static [&'static str]> {
        match self {
            Exchange::UserLogin => Some(&["user_id", "email", "known_device", "device", "network", "locale"]),
            Exchange::NewUser => Some(&["user_id", "email", "name", "awaits_verification", "locale"]),
            Exchange::AccountLocked | Exchange::PasswordChanged | Exchange::EmailChanged => {
                Some(&["user_id", "email", "locale"])
            }
            Exchange::SecondFactorChanged => Some(&["user_id", "email", "change", "locale"]),
            Exchange::UserRemoved => Some(&["user_id"]),
            Exchange::RemovalNoticeRequested
            | Exchange::VerificationRequested
            | Exchange::SignUpRepeated
            | Exchange::PhoneVerificationRequested
            | Exchange::RecoveryRequested
            | Exchange::SignInRequested
            | Exchange::EmailChangeRequested
            | Exchange::UserInvited => None,
        }
    }
}

impl Event {
    /// The event as JSON for an endpoint: without what does not go out. `None` if the exchange is not offered.
    #[must_use]
    pub fn to_webhook(&self) -> Option<String> {
        let kept = self.payload.exchange().webhook_data()?;
        let mut event: Value = serde_json::from_str(&self.to_json()).ok()?;
        event.get_mut("data")?.as_object_mut()?.retain(|name, _| kept.contains(&name.as_str()));
        Some(event.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{EmailChanged, Login, Payload, Queue, RecoveryRequested};
    use identity::{Locale, UserId};

    fn user_id() -> UserId {
        UserId::try_from(7).unwrap()
    }

    #[test]
    fn what_is_offered_has_a_queue_and_nothing_else_has() {
        for exchange in Exchange::ALL {
            let queues = exchange.queues().iter().filter(|queue| queue.is_webhook());
            assert_eq!(queues.count(), usize::from(exchange.webhook_data().is_some()), "{}", exchange.name());
        }
        assert!(Queue::ALL.into_iter().filter(|queue| queue.is_webhook()).count() > 0);
    }

    #[test]
    fn secrets_and_phone_numbers_stay_in() {
        for exchange in Exchange::ALL {
            for secret in ["link", "code", "phone"] {
                assert!(!exchange.webhook_data().unwrap_or_default().contains(&secret), "{}", exchange.name());
            }
        }
        let link = Some("https://example.org/?token=opensesame".to_owned().into());
        let changed = EmailChanged { user_id: user_id(), email: "old@example.org".into(), link };
        let event =
            Event { locale: Locale::parse("it").ok(), ..Event::new("/users-ms", Payload::EmailChanged(changed)) };
        let sent: Value = serde_json::from_str(&event.to_webhook().unwrap()).unwrap();
        assert_eq!(sent["data"], serde_json::json!({"user_id": 7, "email": "old@example.org", "locale": "it"}));
        assert_eq!((&sent["id"], &sent["subject"]), (&event.id.to_string().into(), &"7".into()));
        let login = Login::of(user_id(), "ada@example.org".into(), Some("+39021234567".into()));
        assert!(!Event::new("/auth-ms", Payload::Login(login)).to_webhook().unwrap().contains("+39"));
    }

    #[test]
    fn a_request_for_a_link_is_no_webhook() {
        let requested = RecoveryRequested {
            user_id: user_id(),
            email: "ada@example.org".into(),
            link: "opensesame".to_owned().into(),
            code: "123456".to_owned().into(),
        };
        assert_eq!(Event::new("/users-ms", Payload::RecoveryRequested(requested)).to_webhook(), None);
    }
}
