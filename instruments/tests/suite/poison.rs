//! Poisoned messages. What becomes of them on either broker is in promises.rs.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_SMS, LOGINS, login_event};
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use std::time::Duration;
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

/// Messages that no consumer can handle, and why.
pub(crate) fn poisons() -> Vec<(String, &'static str)> {
    let event = || -> serde_json::Value {
        let event = login_event(&Uuid::new_v4().to_string(), "poison@poison.example");
        serde_json::from_str(&event).expect("an event is JSON")
    };
    let with = |name: &str, value: serde_json::Value| {
        let mut event = event();
        event[name] = value;
        event.to_string()
    };
    let sign_up = {
        let mut event = event();
        event["type"] = "new_user_event".into();
        event["data"]["name"] = "Ada".into();
        event.to_string()
    };
    vec![
        ("hello".to_owned(), "the message is not CloudEvents 1.0 JSON"),
        (with("specversion", "0.3".into()), "the message is not CloudEvents 1.0 JSON"),
        (with("id", "seven".into()), "the message is not CloudEvents 1.0 JSON"),
        (with("type", "order_event".into()), "the event's type is unknown"),
        (with("data", serde_json::json!({"email": 7})), "the event's data do not fit its type"),
        (sign_up, "the event is of a type that this queue does not carry"),
    ]
}

#[test]
fn an_entry_without_the_field_of_an_event_is_poison_too() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["notification"]).variable("notification_retry_ms", 50).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let mut broker = backend.broker();
    broker.add(LOGINS, "");
    broker.add(LOGINS, &"x".repeat(70_000));
    broker.wake_consumers();
    poll::until(SOON, "both are dead", || broker.dead_letters(LOGIN_SMS).len() == 2);
    let mut reasons: Vec<_> = broker.dead_letters(LOGIN_SMS).into_iter().map(|dead| dead.reason).collect();
    reasons.sort_unstable();
    let state = app.get("/notification-ms/internal/queues").bearer(app.operator()).send().expect(200).json();
    assert_eq!(state["items"][0]["dead"], 2);
    app.wait_for_log("\"attempts\":\"1\"");
    assert_eq!(reasons, ["the message is larger than 65536 bytes", "the message is not CloudEvents 1.0 JSON"]);
}
