//! Queues on Redis: what is on a stream, and what is not any more. What they promise is in promises.rs.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, SIGN_UPS, WELCOME, login_event};
use blackbox::deliveries::{Logged, queues};
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::schedules::Schedules;
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

/// Whether all queues that got something are made, and nothing waits in them or is in flight.
fn is_drained(app: &TestApp) -> bool {
    let state = app.get("/notification-ms/internal/queues").bearer(app.operator()).send().expect(200).json();
    let items = state["items"].as_array().expect("items is a list");
    // A consumer is known to a queue once there was something in it: here only sign-ins and sign-ups happen.
    let happens = |item: &serde_json::Value| item["exchange"] == LOGINS || item["exchange"] == SIGN_UPS;
    // Without endpoints nobody consumes webhooks.
    let is_webhook = |item: &serde_json::Value| item["queue"].as_str().is_some_and(|name| name.contains("_webhook_"));
    let is_asked = |item: &serde_json::Value| item["consumers"] != 0 || !happens(item) || is_webhook(item);
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

/// Whether nothing is pending and nothing is left on the stream.
fn is_handled(broker: &mut blackbox::broker::Broker) -> bool {
    broker.pending(LOGINS, LOGIN_EMAIL).is_empty()
        && broker.pending(LOGINS, LOGIN_SMS).is_empty()
        && broker.length(LOGINS) == 0
}

#[test]
fn events_from_before_the_first_consumer_are_delivered() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let to = "before@queues.example";
    let _ = app.sign_up_with_phone(to);
    let _ = app.login(to, PASSWORD).expect(200);
    backend.wait_until_published();
    let mut broker = backend.broker();
    assert_eq!((broker.length(SIGN_UPS), broker.length(LOGINS)), (1, 1));
    let consumer = consumer(&backend, "late").start();
    let _schedules = Schedules::start(&[&consumer], ROUND);
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
    app.confirm_phone("shape@queues.example");
    let _ = app.login("shape@queues.example", PASSWORD).expect(200);
    backend.wait_until_published();
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
    let _schedules = Schedules::start(&[&app], ROUND);
    let mut broker = backend.broker();
    for number in 0..30 {
        broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), &format!("{number}@tidy.example")));
    }
    broker.wake_consumers();
    let _ = deliveries_once_done_after(&app, 60);
    poll::until(SOON, "the stream is trimmed", || is_handled(&mut broker));
}

#[test]
fn a_full_redis_is_worked_off_and_what_waited_is_no_dead_letter() {
    const EVENTS: usize = 20;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = consumer(&backend, "frugal").variable("notification_claim_ms", 1000).start();
    let mut broker = backend.broker();
    for number in 0..EVENTS {
        broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), &format!("{number}@full.example")));
    }
    broker.fill(true);
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = deliveries_once_done_after(&app, 2 * EVENTS);
    poll::until(SOON, "nothing is left", || is_handled(&mut broker));
    broker.fill(false);
    assert_eq!((broker.dead_letters(LOGIN_EMAIL), broker.dead_letters(LOGIN_SMS)), (vec![], vec![]));
    assert_eq!(app.all_deliveries().len(), 2 * EVENTS);
    assert!(app.all_deliveries().iter().all(|delivery| delivery.attempts == 1));
}

#[test]
fn a_message_that_was_claimed_often_and_never_sent_is_no_dead_letter() {
    let _turn = turn::together();
    let backend = Backend::new();
    let mut broker = backend.broker();
    broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), "untried@queues.example"));
    let entry = broker.claim(LOGINS, LOGIN_EMAIL, "nobody");
    for _ in 0..9 {
        broker.claim_again(LOGINS, LOGIN_EMAIL, &entry, "nobody");
    }
    assert_eq!(broker.pending(LOGINS, LOGIN_EMAIL)[0].deliveries, 10);
    let app = consumer(&backend, "patient").variable("notification_claim_ms", 500).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = deliveries_once_done_after(&app, 2);
    assert!(app.all_deliveries().iter().all(|delivery| delivery.attempts == 1));
    assert_eq!(broker.dead_letters(LOGIN_EMAIL), []);
}

#[test]
fn a_message_whose_consumers_die_while_they_send_it_is_a_dead_letter_in_the_end() {
    const DEATHS: u64 = 5;
    let _turn = turn::together();
    let backend = Backend::new();
    let mut broker = backend.broker();
    let id = Uuid::new_v4().to_string();
    broker.add(LOGINS, &login_event(&id, "deadly@queues.example"));
    let start = |name: &str| {
        consumer(&backend, name)
            .variable("notification_send_ms", 1500)
            .variable("notification_claim_ms", 2000)
            .variable("notification_concurrency", 1)
            .start()
    };
    for death in 1..=DEATHS {
        let doomed = start(&format!("doomed-{death}"));
        poll::until(SOON, "it is sending", || {
            broker.wake_consumers();
            broker.begun(LOGIN_EMAIL, &id) == death
        });
        doomed.app.kill();
    }
    let last = start("last");
    let _schedules = Schedules::start(&[&last], ROUND);
    let dead = poll::eventually(SOON * 2, "a dead letter", || broker.dead_letters(LOGIN_EMAIL).into_iter().next());
    assert_eq!(
        (dead.reason.as_str(), dead.deliveries),
        ("delivery limit exceeded: every consumer crashed while sending the message", DEATHS)
    );
}

#[test]
fn the_fault_of_one_queue_does_not_stop_the_others() {
    let _turn = turn::together();
    let backend = Backend::new();
    let mut broker = backend.broker();
    broker.spoil(&format!("{LOGIN_EMAIL}.retry.due"));
    let app = consumer(&backend, "steady").start();
    let _schedules = Schedules::start(&[&app], ROUND);
    broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), "others@queues.example"));
    broker.wake_consumers();
    poll::until(SOON, "the SMS is sent", || app.all_deliveries().iter().any(|delivery| delivery.queue == LOGIN_SMS));
    app.wait_for_log("queue failed");
    let lines: Vec<_> = app.log().lines().filter(|line| line.contains("queue failed")).map(str::to_owned).collect();
    let line: serde_json::Value = serde_json::from_str(lines[0].trim_start_matches(|c| c != '{')).expect("it is JSON");
    assert_eq!((&line["level"], &line["queue"]), (&"error".into(), &LOGIN_EMAIL.into()));
    assert!(line["cause"].as_str().unwrap().contains("WRONGTYPE"), "{line}");
}

#[test]
fn what_waits_is_counted_right_after_people_were_removed() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let ids: Vec<_> = (0..6).map(|number| app.sign_up(&format!("{number}@waiting.example"))).collect();
    let consumer = consumer(&backend, "counter").start();
    let state = || -> serde_json::Value {
        let path = "/notification-ms/internal/queues";
        let state = consumer.get(path).bearer(consumer.operator()).send().expect(200).json();
        state["items"].as_array().unwrap().iter().find(|item| item["queue"] == WELCOME).unwrap().clone()
    };
    let mut broker = backend.broker();
    broker.wake_consumers();
    poll::until(SOON, "all are told", || consumer.all_deliveries().len() == 6);
    // Nobody wakes the consumers now: what comes waits.
    let later: Vec<_> = (6..12).map(|number| app.sign_up(&format!("{number}@waiting.example"))).collect();
    poll::until(SOON, "these too", || consumer.all_deliveries().len() == 12);
    drop(ids);
    for id in later {
        let _ = app.delete(&format!("/users-ms/users/{id}")).send().expect(204);
    }
    assert_eq!(state()["waiting"], 0);
    assert_eq!(broker.lag(SIGN_UPS, WELCOME), Some(0), "autoscalers see the same");
    let _ = app.sign_up("last@waiting.example");
    poll::until(SOON, "the last is told", || {
        consumer.all_deliveries().iter().any(|delivery| delivery.to == "last@waiting.example")
    });
    poll::until(SOON, "nothing waits", || state()["waiting"] == 0 && broker.lag(SIGN_UPS, WELCOME) == Some(0));
}

#[test]
fn a_consumer_that_is_long_gone_is_forgotten() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = consumer(&backend, "here").variable("notification_claim_ms", 500).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let mut broker = backend.broker();
    broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), "first@gone.example"));
    let _ = deliveries_once_done_after(&app, 2);
    broker.add_idle_consumer(LOGINS, LOGIN_EMAIL, "gone");
    assert_eq!(broker.consumers(LOGINS, LOGIN_EMAIL), ["gone", "here"]);
    // After twenty times the claim time, with the next message.
    poll::until(LATER, "it is forgotten", || {
        broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), "more@gone.example"));
        broker.consumers(LOGINS, LOGIN_EMAIL) == ["here"]
    });
}

#[test]
fn a_foreign_group_that_keeps_a_stream_from_being_trimmed_is_told_of() {
    const EVENTS: usize = 1_010;
    let _turn = turn::together();
    let backend = Backend::new();
    let mut broker = backend.broker();
    broker.add_foreign_group(LOGINS, "audit");
    for _ in 0..EVENTS {
        broker.add(LOGINS, "no event");
    }
    let app = consumer(&backend, "teller").start();
    let _schedules = Schedules::start(&[&app], ROUND);
    app.wait_for_log_within(LATER, "a foreign consumer group keeps a stream from being trimmed");
    assert!(app.log().contains("\"group\":\"audit\""));
    assert_eq!(broker.length(LOGINS), EVENTS as u64);
}

#[test]
fn the_last_event_leaves_its_stream_once_every_group_has_acknowledged_it() {
    let _turn = turn::together();
    let backend = Backend::new();
    let mut broker = backend.broker();
    broker.add_foreign_group(LOGINS, "audit");
    let app = TestApp::on(&backend).start();
    let schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up_with_phone("last@queues.example");
    let _ = app.login("last@queues.example", PASSWORD).expect(200);
    let _ = deliveries_once_done_after(&app, 3);
    poll::until(LATER, "the stream of sign-ups is empty", || broker.length(SIGN_UPS) == 0);
    // Somebody else has not seen it, and then has it in hand.
    poll::throughout(Duration::from_secs(1), "the login stays", || broker.length(LOGINS) == 1);
    let entry = broker.claim(LOGINS, "audit", "auditor");
    let _ = app.login("last@queues.example", PASSWORD).expect(200);
    let _ = deliveries_once_done_after(&app, 5);
    poll::throughout(Duration::from_secs(1), "both stay", || broker.length(LOGINS) == 2);
    broker.acknowledge(LOGINS, "audit", &entry);
    let second = broker.claim(LOGINS, "audit", "auditor");
    broker.acknowledge(LOGINS, "audit", &second);
    // With the next message what all have acknowledged goes.
    let _ = app.login("last@queues.example", PASSWORD).expect(200);
    let _ = deliveries_once_done_after(&app, 7);
    poll::until(LATER, "the third is left", || broker.length(LOGINS) == 1);
    let third = broker.claim(LOGINS, "audit", "auditor");
    broker.acknowledge(LOGINS, "audit", &third);
    let _ = app.sign_up("next@queues.example");
    poll::until(LATER, "nothing is left", || broker.length(LOGINS) == 0);
    drop(schedules);
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        assert_eq!(broker.lag(LOGINS, queue), Some(0));
        assert!(broker.pending(LOGINS, queue).is_empty());
    }
    assert_eq!(app.all_deliveries().len(), 8);
}
