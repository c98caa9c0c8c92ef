//! Queues on Redis: what is on a stream, and what is not any more. What they promise is in promises.rs.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, SIGN_UPS, WELCOME, login_event};
use blackbox::deliveries::{Logged, queues};
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::ringer::Ringer;
use blackbox::turn;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
const LATER: Duration = Duration::from_secs(90);

/// Sign-up and sign-in, without any consumer.
fn doors(backend: &Arc<Backend>) -> TestApp {
    TestApp::on(backend).only(&["users", "auth"]).start()
}

/// A consumer alone.
fn consumer(backend: &Arc<Backend>, name: &str) -> Setup {
    TestApp::on(backend).only(&["notification"]).variable("consumer_name", name)
}

/// Whether all queues are made, and nothing waits in them or is in flight.
fn is_drained(app: &TestApp) -> bool {
    let state = app.get("/notification-ms/internal/queues").bearer(app.operator()).send().expect(200).json();
    let items = state["items"].as_array().expect("items is a list");
    // A consumer is known to a queue once there was something in it; nobody's account is locked here.
    let is_asked = |item: &serde_json::Value| item["consumers"] != 0 || item["exchange"] == "account_locked_event";
    items.iter().all(|item| item["waiting"] == 0 && item["in_flight"] == 0 && is_asked(item))
}

/// All deliveries once there are `count`, and nothing is left to deliver.
fn deliveries_once_done(app: &TestApp, count: usize) -> Vec<Logged> {
    let what = format!("{count} deliveries");
    poll::eventually(LATER, &what, || {
        let deliveries = is_drained(app).then(|| app.all_deliveries())?;
        (deliveries.len() >= count).then_some(deliveries)
    })
}

/// Each event exactly once in each of the login queues.
#[track_caller]
/// As [`deliveries_once_done`], where only logins were published.
fn deliveries_once_done_after(app: &TestApp, count: usize) -> Vec<Logged> {
    poll::eventually(LATER, "deliveries", || {
        let deliveries = app.all_deliveries();
        (deliveries.len() >= count).then_some(deliveries)
    })
}

/// Whether nothing is pending and the stream is trimmed to its last entry.
fn is_handled(broker: &mut blackbox::broker::Broker) -> bool {
    broker.pending(LOGINS, LOGIN_EMAIL).is_empty()
        && broker.pending(LOGINS, LOGIN_SMS).is_empty()
        && broker.length(LOGINS) <= 1
}

#[test]
fn events_from_before_the_first_consumer_are_delivered() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let to = "before@queues.example";
    let _ = app.sign_up(to);
    let _ = app.login(to, PASSWORD).expect(200);
    backend.wait_until_published();
    let mut broker = backend.broker();
    assert_eq!((broker.length(SIGN_UPS), broker.length(LOGINS)), (1, 1));
    let consumer = consumer(&backend, "late").start();
    let _ringer = Ringer::start(&[&consumer], ROUND);
    let deliveries = deliveries_once_done(&consumer, 3);
    assert_eq!(queues(&deliveries), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
}

#[test]
fn events_are_published_as_cloud_events() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let mut form = blackbox::people::sign_up_form("shape@queues.example");
    form["phone"] = "+39021234567".into();
    let id = app.sign_up_with(&form);
    let _ = app.login("shape@queues.example", PASSWORD).expect(200);
    let mut broker = backend.broker();
    for (exchange, source) in [(SIGN_UPS, "/users-ms"), (LOGINS, "/auth-ms")] {
        let [message]: [String; 1] = broker.messages(exchange).try_into().expect("one message");
        let event: serde_json::Value = serde_json::from_str(&message).unwrap();
        assert_eq!(event["specversion"], "1.0");
        assert_eq!(event["type"], exchange);
        assert_eq!(event["source"], source);
        assert_eq!(event["subject"], id.to_string());
        assert_eq!(event["datacontenttype"], "application/json");
        assert!(Uuid::parse_str(event["id"].as_str().unwrap()).is_ok());
        assert!(event["time"].as_str().unwrap().ends_with('Z'));
        assert_eq!(event["data"]["user_id"], id);
        assert_eq!(event["data"]["email"], "shape@queues.example");
        let own = if exchange == LOGINS { ("phone", "+39021234567") } else { ("name", "Ada") };
        assert_eq!(event["data"][own.0], own.1);
        assert!(!message.contains("password") && !message.contains("$2b$"), "{message}");
    }
}

#[test]
fn what_all_queues_have_acknowledged_is_dropped_from_the_stream() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = consumer(&backend, "tidy").variable("notification_send_ms", 1).start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let mut broker = backend.broker();
    for number in 0..30 {
        broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), &format!("{number}@tidy.example")));
    }
    broker.ring();
    let _ = deliveries_once_done_after(&app, 60);
    poll::until(SOON, "the stream is trimmed", || is_handled(&mut broker));
}
