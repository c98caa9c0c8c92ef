//! What the broker promises, with consumers in processes of their own: every queue gets every event, each message goes
//! to one consumer, the work is split evenly, and nothing is lost.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, SIGN_UPS, WELCOME, login_event};
use blackbox::deliveries::{Logged, count_by, queues};
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::ringer::Ringer;
use blackbox::turn;
use std::collections::BTreeSet;
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

/// Signs in `count` times, from several sides at once.
fn sign_in(app: &TestApp, email: &str, count: usize) {
    const SIDES: usize = 4;
    std::thread::scope(|scope| {
        for side in 0..SIDES {
            scope.spawn(move || {
                for _ in (side..count).step_by(SIDES) {
                    let _ = app.login(email, PASSWORD).expect(200);
                }
            });
        }
    });
}

/// Whether all queues are made, and nothing waits in them or is in flight.
fn is_drained(app: &TestApp) -> bool {
    let state = app.get("/notification-ms/internal/queues").bearer(app.service_token()).send().expect(200).json();
    let items = state["items"].as_array().expect("items is a list");
    items.iter().all(|item| item["waiting"] == 0 && item["in_flight"] == 0 && item["consumers"] != 0)
}

/// All deliveries once there are `count`, and nothing is left to deliver.
fn deliveries_once_done(app: &TestApp, count: usize) -> Vec<Logged> {
    let what = format!("{count} deliveries");
    poll::eventually(LATER, &what, || {
        let deliveries = is_drained(app).then(|| app.all_deliveries())?;
        (deliveries.len() >= count).then_some(deliveries)
    })
}

fn of_queue(deliveries: &[Logged], queue: &str) -> Vec<Logged> {
    deliveries.iter().filter(|delivery| delivery.queue == queue).cloned().collect()
}

fn event_ids(deliveries: &[Logged]) -> BTreeSet<&str> {
    deliveries.iter().map(|delivery| delivery.event_id.as_str()).collect()
}

/// Each event exactly once in each of the login queues.
#[track_caller]
fn assert_each_once(deliveries: &[Logged], logins: usize) {
    let [mails, sms] = [LOGIN_EMAIL, LOGIN_SMS].map(|queue| of_queue(deliveries, queue));
    for (queue, deliveries) in [(LOGIN_EMAIL, &mails), (LOGIN_SMS, &sms)] {
        assert_eq!((deliveries.len(), event_ids(deliveries).len()), (logins, logins), "{queue}");
    }
    assert_eq!(event_ids(&mails), event_ids(&sms), "every queue gets every event");
}

#[test]
fn three_consumers_handle_each_event_once_and_share_the_work_evenly() {
    const LOGINS: usize = 300;
    let _turn = turn::alone();
    let backend = Backend::new();
    let app = doors(&backend);
    let consumers =
        ["one", "two", "three"].map(|name| consumer(&backend, name).variable("notification_send_ms", 60).start());
    let _ringer = Ringer::start(&[&app, &consumers[0]], ROUND);
    let _ = app.sign_up("many@queues.example");
    sign_in(&app, "many@queues.example", LOGINS);
    let deliveries = deliveries_once_done(&consumers[0], 2 * LOGINS + 1);
    assert_each_once(&deliveries, LOGINS);
    assert_eq!(of_queue(&deliveries, WELCOME).len(), 1);
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 1));
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        let deliveries = of_queue(&deliveries, queue);
        let shares = count_by(&deliveries, |delivery| &delivery.consumer);
        let (most, least) = (shares.values().max().unwrap(), shares.values().min().unwrap());
        assert!(shares.len() == 3 && most * 10 <= least * 11, "{queue}: {shares:?}");
    }
}

#[test]
fn a_consumer_that_is_killed_half_way_loses_nothing() {
    const LOGINS: usize = 40;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let with = |name: &str, send_ms: u32| {
        let consumer = consumer(&backend, name).variable("notification_claim_ms", 2000);
        consumer.variable("notification_send_ms", send_ms).start()
    };
    // Most of its life it is in the middle of a send.
    let doomed = with("doomed", 400);
    let heirs = [with("first", 40), with("second", 40)];
    let _ringer = Ringer::start(&[&app, &heirs[0]], ROUND);
    let _ = app.sign_up("killed@queues.example");
    sign_in(&app, "killed@queues.example", LOGINS);
    let mut broker = backend.broker();
    let mut held_by_doomed = || {
        let mut pending = broker.pending(self::LOGINS, LOGIN_EMAIL);
        pending.extend(broker.pending(self::LOGINS, LOGIN_SMS));
        pending.into_iter().any(|pending| pending.consumer == "doomed")
    };
    poll::until(SOON, "the consumer is in the middle of a message", &mut held_by_doomed);
    doomed.app.kill();
    assert!(held_by_doomed(), "it died with a message in its hands");
    let deliveries = deliveries_once_done(&heirs[0], 2 * LOGINS + 1);
    assert_each_once(&deliveries, LOGINS);
    assert!(deliveries.iter().any(|delivery| delivery.attempts == 2 && delivery.consumer != "doomed"));
}

#[test]
fn an_event_that_is_published_twice_is_sent_once() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = consumer(&backend, "one").start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let mut broker = backend.broker();
    let event = login_event(&Uuid::new_v4().to_string(), "twice@queues.example");
    // At once, and again after it was handled.
    broker.add(LOGINS, &event);
    broker.add(LOGINS, &event);
    broker.ring();
    let _ = deliveries_once_done_after(&app, 2);
    broker.add(LOGINS, &event);
    broker.ring();
    poll::until(SOON, "all is handled", || is_handled(&mut broker));
    assert_eq!(queues(&app.deliveries_to("twice@queues.example")), [LOGIN_EMAIL, LOGIN_SMS]);
}

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
fn a_message_is_acknowledged_only_after_it_was_sent() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = consumer(&backend, "slow").variable("notification_send_ms", 1500).start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let mut broker = backend.broker();
    let to = "slow@queues.example";
    let entry = broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), to));
    broker.ring();
    let pending = poll::eventually(SOON, "a delivery", || broker.pending(LOGINS, LOGIN_EMAIL).pop());
    assert_eq!((pending.entry, pending.consumer.as_str(), pending.deliveries), (entry, "slow", 1));
    poll::throughout(Duration::from_millis(800), "the message is neither acknowledged nor logged", || {
        broker.pending(LOGINS, LOGIN_EMAIL).len() == 1 && app.deliveries_to(to).is_empty()
    });
    poll::until(SOON, "the mail is logged", || queues(&app.deliveries_to(to)).contains(&LOGIN_EMAIL));
    assert_eq!(broker.pending(LOGINS, LOGIN_EMAIL), [], "it was acknowledged in the same step");
}

#[test]
fn events_from_before_the_first_consumer_are_delivered() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let to = "before@queues.example";
    let _ = app.sign_up(to);
    let _ = app.login(to, PASSWORD).expect(200);
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
