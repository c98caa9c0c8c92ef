//! Poisoned messages: five deliveries with growing delay, then the dead letters; others keep flowing.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, login_event};
use blackbox::deliveries::queues;
use blackbox::poll;
use blackbox::ringer::Ringer;
use blackbox::turn;
use std::time::{Duration, Instant};
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
        ("hello".to_owned(), "the message is no CloudEvents 1.0 JSON"),
        (with("specversion", "0.3".into()), "the message is no CloudEvents 1.0 JSON"),
        (with("id", "seven".into()), "the message is no CloudEvents 1.0 JSON"),
        (with("type", "order_event".into()), "the event's type is unknown"),
        (with("data", serde_json::json!({"email": 7})), "the event's data do not fit its type"),
        (sign_up, "the event is of a type that this queue does not carry"),
    ]
}

#[test]
fn poisoned_messages_end_as_dead_letters_while_others_keep_flowing() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["notification"]).variable("notification_retry_ms", 200).start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let mut broker = backend.broker();
    let poisons = poisons();
    for (message, _) in &poisons {
        broker.add(LOGINS, message);
    }
    broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), "sound@poison.example"));
    broker.ring();
    poll::until(SOON, "the sound event is delivered", || app.deliveries_to("sound@poison.example").len() == 2);
    assert_eq!(broker.dead_letters(LOGIN_EMAIL), [], "the poisoned ones are still tried");
    assert_eq!(queues(&app.deliveries_to("sound@poison.example")), [LOGIN_EMAIL, LOGIN_SMS]);
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        poll::until(SOON, "all poisoned messages are dead", || broker.dead_letters(queue).len() >= poisons.len());
        let mut dead: Vec<_> =
            broker.dead_letters(queue).into_iter().map(|d| (d.event, d.reason, d.deliveries)).collect();
        let mut expected: Vec<_> =
            poisons.iter().map(|(message, reason)| (message.clone(), (*reason).to_owned(), 5)).collect();
        dead.sort_unstable();
        expected.sort_unstable();
        assert_eq!(dead, expected, "{queue}");
        poll::until(SOON, "they are acknowledged", || broker.pending(LOGINS, queue).is_empty());
    }
    assert_eq!(app.all_deliveries().len(), 2, "nothing poisoned was sent");
    app.wait_for_log("a message is a dead letter");
    app.wait_for_log("\"deliveries\":\"5\"");
    assert!(!app.log().contains("poison@poison.example"), "what is in a message is not logged");
    let state = app.get("/notification-ms/internal/queues").bearer(app.service_token()).send().expect(200).json();
    assert_eq!(state["items"][0]["dead"], poisons.len());
}

#[test]
fn the_delay_before_each_further_delivery_doubles() {
    const FIRST: Duration = Duration::from_millis(300);
    let _turn = turn::alone();
    let backend = Backend::new();
    let app = TestApp::on(&backend)
        .only(&["notification"])
        .variable("notification_retry_ms", FIRST.as_millis())
        .variable("notification_claim_ms", 5000)
        .start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let mut broker = backend.broker();
    broker.add(LOGINS, "hello");
    broker.ring();
    let mut times = Vec::new();
    for delivery in 1..=4 {
        poll::until(SOON, "the next delivery", || {
            broker.pending(LOGINS, LOGIN_EMAIL).iter().any(|pending| pending.deliveries == delivery)
        });
        times.push(Instant::now());
    }
    poll::until(SOON, "the fifth delivery is the last", || broker.dead_letters(LOGIN_EMAIL).len() == 1);
    times.push(Instant::now());
    for (doublings, pair) in (0..).zip(times.windows(2)) {
        let (due, gap) = (FIRST * 2u32.pow(doublings), pair[1] - pair[0]);
        // A look takes some time, and a consumer looks for what is due each tenth of a second.
        let slack = (Duration::from_millis(100), Duration::from_millis(600));
        assert!(gap + slack.0 >= due && gap <= due + slack.1, "due after {due:?}, delivered after {gap:?}");
    }
}

#[test]
fn an_entry_without_the_field_of_an_event_is_poison_too() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["notification"]).variable("notification_retry_ms", 50).start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let mut broker = backend.broker();
    broker.add(LOGINS, "");
    broker.add(LOGINS, &"x".repeat(70_000));
    broker.ring();
    poll::until(SOON, "both are dead", || broker.dead_letters(LOGIN_SMS).len() == 2);
    let mut reasons: Vec<_> = broker.dead_letters(LOGIN_SMS).into_iter().map(|dead| dead.reason).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["the message is larger than 65536 bytes", "the message is no CloudEvents 1.0 JSON"]);
}
