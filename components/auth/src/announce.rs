//! Telling the world that somebody signed in.

use crate::users::Users;
use auth_domain::Credentials;
use events::{Event, Login, Payload};
use shell::broker::Broker;
use shell::log;

/// Publishes `user_login_event`. If the broker does not take it, users keeps it and publishes it later; if users
/// does not either, the log has the event's id, and the login goes on.
pub(crate) async fn announce(users: &Users, who: &Credentials, request_id: &str) {
    let login = Login { user_id: who.id, email: who.email.clone(), phone: who.phone.clone() };
    let event = Event::new("/auth-ms", Payload::Login(login));
    let published = Broker::connect().and_then(|broker| broker.publish(event.payload.exchange(), &event.to_json()));
    let Err(cause) = published else { return };
    let id = event.id.to_string();
    let fields = [("event_id", id.as_str()), ("request_id", request_id)];
    match users.keep_event(&event).await {
        Ok(()) => {
            let cause = cause.to_string();
            log::warn("an event is kept for later", &[fields[0], fields[1], ("cause", &cause)]);
        }
        Err(error) => log::error("an event is lost", &[fields[0], fields[1], ("cause", &error)]),
    }
}
