//! What a broker promises, told once and tested on both: every queue gets every event, each message goes to one consumer,
//! the work is split evenly, nothing is lost, and what cannot be handled ends as a dead letter.

use crate::poison::poisons;
use blackbox::app::{Setup, TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::QUEUES;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, WELCOME, login_event};
use blackbox::deliveries::{Logged, count_by, queues};
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, with_phone};
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
/// Until a broker that was away is there again, and its consumers have heard of it.
const LATER: Duration = Duration::from_secs(90);

/// Makes a test for each broker out of each promise.
macro_rules! promises {
    ($($name:ident)*) => {
        mod redis {
            $(
                #[test]
                fn $name() {
                    super::$name(super::Broker::Redis);
                }
            )*
        }
        mod rabbitmq {
            $(
                #[test]
                fn $name() {
                    super::$name(super::Broker::RabbitMq);
                }
            )*
        }
    };
}

promises! {
    every_queue_gets_every_event_and_nothing_is_left_behind
    consumers_share_the_work_evenly_and_each_message_goes_to_one
    an_event_that_comes_again_is_sent_once
    an_event_that_is_there_twice_at_once_is_sent_once
    a_message_is_acknowledged_only_after_it_was_sent
    a_consumer_that_is_killed_half_way_loses_nothing
    poisoned_messages_are_dead_letters_at_once_and_hold_nobody_up
    a_message_that_the_provider_refuses_is_a_dead_letter_at_once
    a_failed_message_is_tried_again_for_its_time_and_then_a_dead_letter
    somebody_without_a_phone_number_gets_no_sms
    dead_letters_are_listed_redriven_to_their_own_queue_and_dropped
    the_delay_before_each_further_delivery_doubles
    a_broker_that_is_killed_loses_nothing_and_keeps_nobody_out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Broker {
    Redis,
    RabbitMq,
}

impl Broker {
    fn backend(self) -> Arc<Backend> {
        match self {
            Self::Redis => Backend::new(),
            Self::RabbitMq => Backend::with_rabbitmq(),
        }
    }

    /// One that no other test uses, to be killed.
    fn own_backend(self) -> Arc<Backend> {
        match self {
            Self::Redis => Backend::new(),
            Self::RabbitMq => Backend::with_own_rabbitmq(),
        }
    }
}

/// A consumer alone. What a dead one has in its hands goes to another soon.
fn consumer(backend: &Arc<Backend>, name: &str) -> Setup {
    let setup = TestApp::on(backend).only(&["notification"]).variable("consumer_name", name);
    setup.variable("notification_claim_ms", 2000).variable("notification_concurrency", 1)
}

/// Publishes so many logins, and says which.
fn publish_logins(backend: &Backend, count: usize, to: &str) -> BTreeSet<String> {
    let ids: BTreeSet<_> = (0..count).map(|_| Uuid::new_v4().to_string()).collect();
    for id in &ids {
        backend.publish(LOGINS, &login_event(id, to));
    }
    ids
}

/// All deliveries once there are `count`, and everything is acknowledged.
fn deliveries_once_done(backend: &Backend, app: &TestApp, count: usize) -> Vec<Logged> {
    poll::until(LATER, &format!("{count} deliveries"), || app.all_deliveries().len() >= count);
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        backend.wait_until_acknowledged(queue);
    }
    app.all_deliveries()
}

/// Each of the events exactly once in each of the login queues.
#[track_caller]
fn assert_each_once(deliveries: &[Logged], events: &BTreeSet<String>) {
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        let told: Vec<_> = deliveries.iter().filter(|delivery| delivery.queue == queue).collect();
        let distinct: BTreeSet<_> = told.iter().map(|delivery| delivery.event_id.clone()).collect();
        assert_eq!(told.len(), events.len(), "{queue}");
        assert_eq!(distinct, *events, "{queue}");
    }
}

fn every_queue_gets_every_event_and_nothing_is_left_behind(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let app = TestApp::on(&backend).start();
    backend.wait_for_queues();
    let to = "every@promises.example";
    let _ = app.sign_up_with_phone(to);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "three deliveries", || app.deliveries_to(to).len() >= 3);
    poll::throughout(Duration::from_millis(700), "three and no more", || app.deliveries_to(to).len() == 3);
    let deliveries = app.deliveries_to(to);
    assert_eq!(queues(&deliveries), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 1));
    backend.wait_until_published();
    for queue in QUEUES {
        backend.wait_until_acknowledged(queue);
    }
}

fn consumers_share_the_work_evenly_and_each_message_goes_to_one(broker: Broker) {
    const EVENTS: usize = 150;
    let _turn = turn::alone();
    let backend = broker.backend();
    let consumers =
        ["one", "two", "three"].map(|name| consumer(&backend, name).variable("notification_send_ms", 60).start());
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&consumers[0]], ROUND);
    let events = publish_logins(&backend, EVENTS, "shared@promises.example");
    let deliveries = deliveries_once_done(&backend, &consumers[0], 2 * EVENTS);
    assert_each_once(&deliveries, &events);
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 1));
    let shares = count_by(&deliveries, |delivery| &delivery.consumer);
    let even = shares.values().all(|share| share * 10 <= shares["one"] * 11 && shares["one"] * 10 <= share * 11);
    assert!(shares.len() == 3 && even, "{shares:?}");
}

fn an_event_that_comes_again_is_sent_once(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let app = consumer(&backend, "one").start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], ROUND);
    let id = Uuid::new_v4().to_string();
    let event = login_event(&id, "twice@promises.example");
    // At once, and again after it was handled.
    backend.publish(LOGINS, &event);
    backend.publish(LOGINS, &event);
    let _ = deliveries_once_done(&backend, &app, 2);
    backend.publish(LOGINS, &event);
    // They come in order: once this one is told of, the other was handled.
    let last = publish_logins(&backend, 1, "last@promises.example");
    poll::until(SOON, "the last is told", || app.deliveries_to("last@promises.example").len() == 2);
    let deliveries = deliveries_once_done(&backend, &app, 4);
    assert_each_once(&deliveries, &last.into_iter().chain([id]).collect());
}

fn an_event_that_is_there_twice_at_once_is_sent_once(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let mail = MailApi::start();
    mail.take_ms(1_500);
    let with = |name: &str| {
        let setup = consumer(&backend, name).variable("notification_sender", "http");
        setup.variable("mail_api_url", mail.url()).variable("notification_claim_ms", 12_000).start()
    };
    let apps = [with("one"), with("two")];
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&apps[0], &apps[1]], ROUND);
    let id = Uuid::new_v4().to_string();
    let event = login_event(&id, "at-once@promises.example");
    // As after a broker that took an event and did not confirm it: consumers find two of it, and each takes one.
    for _ in 0..2 {
        backend.publish(LOGINS, &event);
    }
    let deliveries = deliveries_once_done(&backend, &apps[0], 2);
    assert_each_once(&deliveries, &[id].into());
    std::thread::sleep(Duration::from_secs(3));
    let taken = mail.taken().iter().map(|posted| posted.text.clone()).collect::<Vec<_>>();
    assert_eq!(taken.len(), 2, "one mail and one SMS: {taken:?}");
}

fn a_message_is_acknowledged_only_after_it_was_sent(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let mail = MailApi::start();
    let with = |name: &str| {
        consumer(&backend, name)
            .variable("notification_sender", "http")
            .variable("mail_api_url", mail.url())
            .variable("notification_claim_ms", 12_000)
            .start()
    };
    let doomed = with("doomed");
    backend.wait_for_queues();
    // The mail API has a message in its hands, and says nothing.
    mail.take_ms(60_000);
    let events = publish_logins(&backend, 1, "held@promises.example");
    poll::until(SOON, "one is being sent", || mail.begun() > 0);
    doomed.app.kill();
    assert!(mail.taken().is_empty(), "nothing was sent so far");
    mail.take_ms(0);
    let heir = with("heir");
    let _schedules = Schedules::start(&[&heir], ROUND);
    let deliveries = deliveries_once_done(&backend, &heir, 2);
    assert_each_once(&deliveries, &events);
    assert!(deliveries.iter().all(|delivery| delivery.consumer == "heir"), "{deliveries:?}");
    assert!(deliveries.iter().any(|delivery| delivery.attempts == 2), "{deliveries:?}");
}

fn a_consumer_that_is_killed_half_way_loses_nothing(broker: Broker) {
    const EVENTS: usize = 40;
    let _turn = turn::together();
    let backend = broker.backend();
    // From its first message on it is in the middle of a send.
    let mail = MailApi::start();
    mail.take_ms(60_000);
    let doomed = consumer(&backend, "doomed")
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_claim_ms", 12_000)
        .start();
    let heirs = ["first", "second"].map(|name| consumer(&backend, name).variable("notification_send_ms", 40).start());
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&heirs[0]], ROUND);
    let events = publish_logins(&backend, EVENTS, "killed@promises.example");
    poll::until(SOON, "it has something in hand", || mail.begun() > 0);
    doomed.app.kill();
    let deliveries = deliveries_once_done(&backend, &heirs[0], 2 * EVENTS);
    assert_each_once(&deliveries, &events);
    assert!(deliveries.iter().any(|delivery| delivery.attempts == 2), "what it had in hand comes again");
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        assert_eq!(backend.dead_letter_count(queue), 0);
    }
}

fn poisoned_messages_are_dead_letters_at_once_and_hold_nobody_up(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let app = consumer(&backend, "one").variable("notification_retry_ms", 200).start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], ROUND);
    let mut poisons = poisons();
    for (message, _) in &poisons {
        backend.publish(LOGINS, message);
    }
    poisons.push(("x".repeat(10 * 1024 * 1024), "the message is larger than 65536 bytes"));
    backend.publish_large(LOGINS, &poisons[poisons.len() - 1].0);
    let start = Instant::now();
    let events = publish_logins(&backend, 1, "sound@promises.example");
    poll::until(SOON, "the sound event is delivered", || app.deliveries_to("sound@promises.example").len() == 2);
    assert!(start.elapsed() < Duration::from_secs(3), "it waits for the poisoned ones");
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        let count = poisons.len() as u64;
        poll::until(SOON * 2, "all poisoned messages are dead", || backend.dead_letter_count(queue) >= count);
        let letters = backend.take_dead_letters(queue);
        assert_eq!(letters.len(), poisons.len(), "{queue}");
        for (message, reason) in &poisons {
            let letter = letters.iter().find(|letter| letter.event == *message).expect("it is among them");
            assert_eq!((letter.reason.as_str(), letter.deliveries), (*reason, 1));
        }
        backend.wait_until_acknowledged(queue);
    }
    assert_each_once(&app.all_deliveries(), &events);
    app.wait_for_log("message dead-lettered");
    assert!(!app.log().contains("message will be retried"), "no further delivery would help");
    assert!(!app.log().contains("poison@poison.example"), "what is in a message is not logged");
    assert!(app.app.is_running());
}

fn the_delay_before_each_further_delivery_doubles(broker: Broker) {
    const FIRST: Duration = Duration::from_millis(300);
    let _turn = turn::alone();
    let backend = broker.backend();
    let mail = MailApi::start();
    mail.fail(true);
    let app = TestApp::on(&backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_retry_ms", FIRST.as_millis())
        .variable("notification_max_attempts", 5)
        .variable("notification_pause_after", 0)
        .variable("notification_claim_ms", 12_000)
        .start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("doubles@promises.example");
    poll::until(SOON, "the fifth delivery is the last", || backend.dead_letter_count(WELCOME) == 1);
    let times = mail.refused_at();
    assert_eq!(times.len(), 5);
    for (doublings, pair) in (0..).zip(times.windows(2)) {
        let (due, gap) = (FIRST * 2u32.pow(doublings), pair[1] - pair[0]);
        // A delivery takes some time, and a consumer of Redis looks for what is due each tenth of a second.
        let slack = (Duration::from_millis(100), Duration::from_millis(600));
        assert!(gap + slack.0 >= due && gap <= due + slack.1, "due after {due:?}, delivered after {gap:?}");
    }
    assert_eq!(app.deliveries_to("doubles@promises.example"), [], "what was not sent is not in the log");
}

fn a_message_that_the_provider_refuses_is_a_dead_letter_at_once(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let mail = MailApi::start();
    mail.answer(422);
    let app = TestApp::on(&backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_retry_ms", 100)
        .start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("refused@promises.example");
    poll::until(SOON, "it is a dead letter", || backend.dead_letter_count(WELCOME) == 1);
    let letter = backend.take_dead_letters(WELCOME).remove(0);
    assert_eq!((letter.reason.as_str(), letter.deliveries), ("the API answered with status 422", 1));
    assert_eq!(mail.refused(), 1, "no further try would help");
}

fn a_failed_message_is_tried_again_for_its_time_and_then_a_dead_letter(broker: Broker) {
    let _turn = turn::alone();
    let backend = broker.backend();
    let mail = MailApi::start();
    mail.answer(503);
    let app = TestApp::on(&backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_retry_ms", 200)
        .variable("notification_retry_for", 8)
        .variable("notification_pause_after", 0)
        .start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("aged@promises.example");
    poll::until(SOON, "it is tried more often than five times", || mail.refused() >= 6);
    poll::until(SOON, "it is a dead letter", || backend.dead_letter_count(WELCOME) == 1);
    let times = mail.refused_at();
    let age = times[times.len() - 1] - times[0];
    assert!(age >= Duration::from_secs(6) && age <= Duration::from_secs(14), "{age:?}");
    let letter = backend.take_dead_letters(WELCOME).remove(0);
    assert_eq!(letter.reason, "the API answered with status 503");
    assert_eq!(letter.deliveries, times.len() as u64);
}

fn somebody_without_a_phone_number_gets_no_sms(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let mail = MailApi::start();
    let app =
        TestApp::on(&backend).variable("notification_sender", "http").variable("mail_api_url", mail.url()).start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], ROUND);
    let to = "mute@promises.example";
    let _ = app.sign_up(to);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "a welcome and a mail", || app.deliveries_to(to).len() >= 2);
    for queue in QUEUES {
        backend.wait_until_acknowledged(queue);
    }
    assert_eq!(queues(&app.deliveries_to(to)), [LOGIN_EMAIL, WELCOME]);
    assert_eq!(mail.taken().len(), 2);
    assert_eq!(backend.dead_letter_count(LOGIN_SMS), 0);
}

fn items(page: &Value) -> Vec<&Value> {
    page["items"].as_array().expect("items is a list").iter().collect()
}

fn text(item: &Value, name: &str) -> String {
    item[name].as_str().expect("it is a text").to_owned()
}

fn dead_letters_are_listed_redriven_to_their_own_queue_and_dropped(broker: Broker) {
    let _turn = turn::together();
    let backend = broker.backend();
    let mail = MailApi::start();
    mail.answer(422);
    let app = TestApp::on(&backend)
        .only(&["notification"])
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], ROUND);
    let events = publish_logins(&backend, 3, "dead@promises.example");
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        poll::until(SOON, "all are dead", || backend.dead_letter_count(queue) == 3);
    }
    let path = |queue: &str, rest: &str| format!("/notification-ms/internal/queues/{queue}/dead{rest}");
    let ask = |method: &str, path: String| app.request(method, &path).bearer(app.operator()).send();
    let page = ask("GET", path(LOGIN_EMAIL, "?limit=2")).expect(200).json();
    let cursor = page["next_cursor"].as_str().expect("there are more").to_owned();
    let rest = ask("GET", path(LOGIN_EMAIL, &format!("?limit=2&cursor={cursor}"))).expect(200).json();
    let letters: Vec<_> = [&page, &rest].into_iter().flat_map(items).collect();
    let seen: BTreeSet<_> = letters.iter().map(|letter| text(letter, "event_id")).collect();
    assert_eq!((letters.len(), seen, &rest["next_cursor"]), (3, events, &Value::Null));
    for letter in &letters {
        assert_eq!(letter["reason"], "the API answered with status 422");
        assert_eq!((&letter["attempts"], &letter["event_type"]), (&1.into(), &LOGINS.into()));
        assert!(letter["dead_since"].as_str().is_some_and(|time| time.ends_with('Z')));
        assert!(!letter.to_string().contains("dead@promises.example"), "what is in a message is not shown");
    }
    mail.answer(0);
    let id = text(letters[1], "id");
    let one = ask("POST", path(LOGIN_EMAIL, &format!("/{id}/redrive"))).expect(200).json();
    assert_eq!(one, serde_json::json!({"redriven": 1, "left": 2}));
    poll::until(SOON, "it is sent", || mail.taken().len() == 1);
    let key = format!("{}:{LOGIN_EMAIL}", text(letters[1], "event_id"));
    assert_eq!(mail.taken()[0].header("idempotency-key"), Some(key.as_str()));
    let again = ask("POST", path(LOGIN_EMAIL, &format!("/{id}/redrive")));
    assert_eq!((again.status, again.problem().as_str()), (404, "dead-letter-not-found"));
    let all = ask("POST", path(LOGIN_EMAIL, "/redrive")).expect(200).json();
    assert_eq!(all, serde_json::json!({"redriven": 2, "left": 0}));
    poll::until(SOON, "all mails are sent", || mail.taken().len() == 3);
    poll::throughout(Duration::from_secs(1), "the SMS are not", || mail.taken().len() == 3);
    assert!(mail.taken().iter().all(|posted| posted.body["Tags"][0] == "email"));
    let sms = ask("GET", path(LOGIN_SMS, "")).expect(200).json();
    assert_eq!((items(&sms).len(), &sms["next_cursor"]), (3, &Value::Null));
    let id = text(&sms["items"][2], "id");
    let _ = ask("DELETE", path(LOGIN_SMS, &format!("/{id}"))).expect(204);
    let _ = ask("DELETE", path(LOGIN_SMS, &format!("/{id}"))).expect(404);
    let dropped = ask("DELETE", path(LOGIN_SMS, "")).expect(200).json();
    assert_eq!(dropped, serde_json::json!({"dropped": 2, "left": 0}));
    assert_eq!(ask("GET", path(LOGIN_SMS, "")).expect(200).json()["items"], serde_json::json!([]));
    let unknown = ask("GET", path("nothing", ""));
    assert_eq!((unknown.status, unknown.problem().as_str()), (404, "queue-not-found"));
    let _ = app.get(&path(LOGIN_SMS, "")).send().expect(401);
    app.wait_for_log("audit: dead-letters: redriven");
}

fn a_broker_that_is_killed_loses_nothing_and_keeps_nobody_out(broker: Broker) {
    const LOGINS_BEFORE: usize = 15;
    if broker == Broker::Redis && !is_spindle("Spin ends when it loses Redis, and its supervisor starts it again") {
        return;
    }
    let _turn = turn::together();
    let backend = broker.own_backend();
    let setup = TestApp::on(&backend).variable("notification_send_ms", 100).variable("notification_claim_ms", 2000);
    let app = setup.start();
    backend.wait_for_queues();
    if broker == Broker::RabbitMq {
        // It keeps the names of new queues in memory for a moment.
        std::thread::sleep(Duration::from_secs(2));
    }
    let _schedules = Schedules::start(&[&app], ROUND);
    let early = "early@promises.example";
    let _ = app.sign_up_with_phone(early);
    for _ in 0..LOGINS_BEFORE {
        let _ = app.login(early, PASSWORD).expect(200);
    }
    poll::until(SOON, "the work has begun", || !app.deliveries_to(early).is_empty());
    backend.kill_broker();
    let people = ["one@promises.example", "two@promises.example"];
    for email in people {
        let start = Instant::now();
        assert_eq!(app.post("/users-ms/users").json(&with_phone(email)).send().status, 201);
        app.confirm_phone(email);
        assert_eq!(app.login(email, PASSWORD).status, 200);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    assert!(backend.outbox_length() >= 4, "the events are kept");
    let _ = app.get("/notification-ms/healthcheck").send().expect(200);
    backend.start_broker_again(&app);
    for email in people {
        poll::until(LATER, "all three are told", || app.deliveries_to(email).len() >= 3);
        assert_eq!(queues(&app.deliveries_to(email)), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    }
    let all = 2 * LOGINS_BEFORE + 1;
    poll::until(LATER, "nothing is lost", || app.deliveries_to(early).len() >= all);
    let deliveries = app.deliveries_to(early);
    let distinct: BTreeSet<_> = deliveries.iter().map(|delivery| (&delivery.queue, &delivery.event_id)).collect();
    assert_eq!((deliveries.len(), distinct.len()), (all, all));
    poll::until(SOON, "the outbox is empty", || backend.outbox_length() == 0);
}
