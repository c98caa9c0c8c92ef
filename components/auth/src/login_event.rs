//! Publishing `user_login_event`.

use crate::users::Users;
use events::Event;
use serde_json::Value;
use service_kit::broker::Broker;
use service_kit::log;

/// Publishes `user_login_event`, which is in users' outbox, and has it deleted there. Whatever goes wrong, a sweep of the
/// outbox publishes it later, and the login is not affected.
pub(crate) async fn publish_login(users: &Users, event: &Value, request_id: &str) {
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
        return warn("an event stays in the outbox", &id, &cause.to_string());
    }
    if let Err(cause) = users.forget_event(event.id).await {
        warn("failed to delete a published event from the outbox", &id, &cause);
    }
}
