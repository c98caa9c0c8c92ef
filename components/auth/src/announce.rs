//! Telling the world that somebody signed in.

use crate::users::Users;
use events::Event;
use serde_json::Value;
use service_kit::broker::Broker;
use service_kit::log;

/// Publishes `user_login_event`, which users keeps in its outbox, and has it forgotten there. Whatever goes wrong, a sweep
/// of the outbox publishes it later, and the login goes on.
pub(crate) async fn announce(users: &Users, event: &Value, request_id: &str) {
    let json = event.to_string();
    let warn = |message: &str, id: &str, cause: &str| {
        log::warn(message, &[("event_id", id), ("request_id", request_id), ("cause", cause)]);
    };
    let event = match Event::from_json(json.as_bytes()) {
        Ok(event) => event,
        Err(error) => return warn("an event cannot be read", "unknown", &error.to_string()),
    };
    let id = event.id.to_string();
    if let Err(cause) = Broker::connect().and_then(|broker| broker.publish(event.payload.exchange(), &json)) {
        return warn("an event is kept for later", &id, &cause.to_string());
    }
    if let Err(cause) = users.forget_event(event.id).await {
        warn("an event that was published is still in the outbox", &id, &cause);
    }
}
