//! Erasure: when somebody is removed, nothing about them is left anywhere, and nobody else notices.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, SIGN_UPS, WELCOME, login_event_of};
use blackbox::deliveries::queues;
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use blackbox::post_office::Office;
use blackbox::schedules::Schedules;
use blackbox::turn;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

/// What Zenobia's data are recognised by. The digests stand for her addresses in the names of keys.
const MARKS: &[&str] = &[
    "Zenobia",
    "Palmyrene",
    "zenobia@erasure.example",
    "queen@erasure.example",
    "5550199",
    "a98d3ccb2b373e308cd08bbf2810458b",
    "613b20fd94be048ea1ec4ddf0fb8e37f",
];

/// The queue of the mails that tell people that they were removed.
const NOTICE_EMAIL: &str = "removal_notice_email_notification";
/// What is left of her for a minute: the mail that tells her, without a consumer to send it.
const NOTICE: [&str; 1] = ["removal_notice_requested_event"];

const KEY: &str = "a-key-of-erasure-example";

fn doors(backend: &Arc<Backend>) -> TestApp {
    TestApp::on(backend).only(&["users", "auth"]).start()
}

fn consumer(backend: &Arc<Backend>) -> Setup {
    TestApp::on(backend).only(&["notification"]).variable("notification_retry_ms", 50)
}

fn zenobia(app: &TestApp) -> i64 {
    let form = json!({
        "name": "Zenobia", "surname": "Palmyrene", "email": "zenobia@erasure.example", "phone": "+1 202 5550199",
        "password": PASSWORD,
    });
    let answer = app.post("/users-ms/users").header("idempotency-key", KEY).json(&form).send().expect(201);
    app.confirm_phone("zenobia@erasure.example");
    app.backend.wait_until_published();
    answer.json()["id"].as_i64().expect("an id is an integer")
}

fn remove(app: &TestApp, id: i64) {
    let _ = app.delete(&format!("/users-ms/users/{id}")).send().expect(204);
    app.backend.wait_until_looked_through(id);
}

/// Makes the erasures due now that are due later, and has them worked off.
fn sweep_again(app: &TestApp, backend: &Backend) {
    backend.sql().execute("UPDATE erasures SET due_at = now()", &[]).expect("erasures can be made due");
    let _ = app.sweep();
}

/// The passes that each open erasure has behind it.
fn passes(backend: &Backend) -> Vec<i32> {
    let rows = backend.sql().query("SELECT passes FROM erasures ORDER BY user_id", &[]);
    rows.expect("erasures can be read").iter().map(|row| row.get(0)).collect()
}

fn event_of(user_id: i64, email: &str) -> String {
    login_event_of(&Uuid::new_v4().to_string(), user_id, email)
}

/// An event that no consumer can read, about this user.
fn poison_of(user_id: i64, email: &str) -> String {
    event_of(user_id, email).replace("\"1.0\"", "\"0.3\"")
}

/// A sign-up as users publishes it.
fn sign_up_event_of(user_id: i64, email: &str, name: &str) -> String {
    let mut event: Value = serde_json::from_str(&event_of(user_id, email)).expect("an event is JSON");
    event["type"] = SIGN_UPS.into();
    event["data"]["name"] = name.into();
    event.to_string()
}

/// Zenobia, with something everywhere: a changed address, deliveries to both, dead letters, messages that wait or are in
/// somebody's hands, and one in the outbox. Beside her somebody else with the same.
fn busy_people(app: &TestApp, backend: &Arc<Backend>) -> (i64, i64) {
    let (her, other) = (zenobia(app), app.sign_up_with_phone("other@erasure.example"));
    let consumer = consumer(backend).start();
    let schedules = Schedules::start(&[&consumer], ROUND);
    let mut broker = backend.broker();
    for (id, first, second) in [
        (her, "zenobia@erasure.example", "queen@erasure.example"),
        (other, "other@erasure.example", "another@erasure.example"),
    ] {
        let _ = app.login(first, PASSWORD).expect(200);
        poll::until(SOON, "the first deliveries", || consumer.deliveries_to(first).len() == 3);
        let change = app.patch(&format!("/users-ms/users/{id}")).json(&json!({"email": second}));
        let _ = change.send().expect(200);
        let _ = app.login(second, PASSWORD).expect(200);
        broker.add(LOGINS, &poison_of(id, second));
    }
    broker.wake_consumers();
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        poll::until(SOON, "two dead letters", || broker.dead_letters(queue).len() == 2);
    }
    poll::until(SOON, "the later deliveries", || consumer.deliveries_to("queen@erasure.example").len() == 2);
    poll::until(SOON, "the others' too", || consumer.deliveries_to("another@erasure.example").len() == 2);
    drop(schedules);
    drop(consumer);
    for (id, email, name) in [(her, "queen@erasure.example", "Zenobia"), (other, "another@erasure.example", "Ada")] {
        broker.add(SIGN_UPS, &sign_up_event_of(id, email, name));
        // One message of each is claimed and left lying in one queue, two wait in the other.
        let _ = app.login(email, PASSWORD).expect(200);
        let _ = app.login(email, PASSWORD).expect(200);
        backend.wait_until_published();
        broker.claim(LOGINS, LOGIN_EMAIL, "nobody");
        broker.claim(LOGINS, LOGIN_EMAIL, "nobody");
    }
    backend.keep_event(&event_of(her, "queen@erasure.example"));
    backend.keep_event(&event_of(other, "another@erasure.example"));
    (her, other)
}

/// Where something about Zenobia is, but for the outbox: that has events for some seconds after they were published.
fn on_the_broker(backend: &Backend) -> Vec<String> {
    backend.places_of(MARKS).into_iter().filter(|place| place != "outbox").collect()
}

#[track_caller]
fn assert_is_everywhere(backend: &Backend) {
    let places = backend.places_of(MARKS);
    let expected = [
        "concierge:notifications",
        "concierge:notifications:a98d3ccb",
        "concierge:notifications:613b20fd",
        "concierge:recipients:",
        "idempotency_keys",
        "login_email_notification.dead",
        "login_sms_notification.dead",
        "new_user_event",
        "outbox",
        "user_login_event",
        "users",
    ];
    for place in expected {
        assert!(places.iter().any(|known| known.starts_with(place)), "{place} is not among {places:?}");
    }
}

#[track_caller]
fn assert_other_is_untouched(backend: &Arc<Backend>, app: &TestApp, other: i64) {
    let user = app.get(&format!("/users-ms/users/{other}")).send().expect(200).json();
    assert_eq!(user["email"], "another@erasure.example");
    let mut broker = backend.broker();
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        let dead = broker.dead_letters(queue);
        assert!(dead.len() == 1 && dead[0].event.contains("another@erasure.example"), "{queue}: {dead:?}");
    }
    let _ = app.sweep();
    let consumer = consumer(backend).variable("notification_claim_ms", 500).start();
    let _schedules = Schedules::start(&[&consumer], ROUND);
    // A login at once, two that waited and one out of the outbox, each by mail and by SMS; and a welcome that waited.
    poll::until(SOON, "what waited is delivered", || consumer.deliveries_to("another@erasure.example").len() == 9);
    assert_eq!(queues(&consumer.deliveries_to("other@erasure.example")), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    assert_eq!(consumer.all_deliveries().len(), 12, "nobody else was told anything");
    poll::until(SOON, "nothing is left in the queues", || {
        broker.pending(LOGINS, LOGIN_EMAIL).is_empty() && broker.pending(LOGINS, LOGIN_SMS).is_empty()
    });
    assert!(!consumer.log().to_lowercase().contains("zenobia"), "{}", consumer.log());
}

#[test]
fn after_a_removal_nothing_about_the_person_is_left_anywhere() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let (her, other) = busy_people(&app, &backend);
    assert_is_everywhere(&backend);
    remove(&app, her);
    assert_eq!(on_the_broker(&backend), NOTICE, "all is gone at once, but for the mail that tells her");
    assert_eq!(passes(&backend), [1]);
    let _ = app.sweep();
    assert_eq!(passes(&backend), [1], "the second pass is not due yet");
    sweep_again(&app, &backend);
    assert_eq!(passes(&backend), [0; 0]);
    let places = backend.places_of(&[&format!("recipients:{her}"), &format!("\"user_id\": {her},")]);
    assert_eq!(places, [""; 0], "not even her id is left");
    let log = app.log().to_lowercase();
    assert!(MARKS.iter().all(|mark| !log.contains(&mark.to_lowercase())), "{log}");
    assert_other_is_untouched(&backend, &app, other);
    assert_eq!(backend.places_of(MARKS), [""; 0]);
}

#[test]
fn a_removal_while_the_broker_is_away_is_made_good_later() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let (her, other) = busy_people(&app, &backend);
    backend.redis.stop();
    remove(&app, her);
    assert_eq!(passes(&backend), [0]);
    let _ = app.sweep();
    assert_eq!(passes(&backend), [0], "nothing is lost while the broker is away");
    app.wait_for_log("erasures are left for a later sweep");
    backend.redis.start_again().expect("Redis starts again");
    assert!(!backend.places_of(MARKS).is_empty());
    let _ = app.sweep();
    assert_eq!(on_the_broker(&backend), NOTICE);
    assert_eq!(passes(&backend), [1]);
    sweep_again(&app, &backend);
    assert_eq!(passes(&backend), [0; 0]);
    assert_other_is_untouched(&backend, &app, other);
}

#[test]
fn what_a_consumer_had_in_hand_at_the_removal_goes_with_the_second_pass() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let slow = consumer(&backend).variable("notification_send_ms", 2000).start();
    let _schedules = Schedules::start(&[&slow], ROUND);
    let her = zenobia(&app);
    let mut broker = backend.broker();
    poll::until(SOON, "the welcome is being sent", || broker.pending(SIGN_UPS, WELCOME).len() == 1);
    remove(&app, her);
    poll::until(SOON, "the welcome was sent, and the mail that tells her", || {
        backend.places_of(MARKS).iter().any(|place| place.starts_with("concierge:notifications"))
            && broker.length(NOTICE[0]) == 0
    });
    sweep_again(&app, &backend);
    assert_eq!(backend.places_of(MARKS), [""; 0]);
    assert_eq!(passes(&backend), [0; 0]);
}

#[test]
fn an_event_that_comes_after_the_removal_does_not_stay() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let her = zenobia(&app);
    remove(&app, her);
    // A sign-in that ended at the moment of the removal.
    backend.keep_event(&event_of(her, "zenobia@erasure.example"));
    backend.sql().execute("UPDATE outbox SET leased_until = now() + interval '1 hour'", &[]).unwrap();
    backend.broker().add(LOGINS, &event_of(her, "zenobia@erasure.example"));
    sweep_again(&app, &backend);
    assert_eq!((backend.places_of(MARKS), backend.outbox_length()), (vec![], 0));
}

#[test]
fn a_claimed_message_of_a_removed_person_does_not_stop_the_queue() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let (her, other) = (zenobia(&app), app.sign_up_with_phone("behind@erasure.example"));
    let mut broker = backend.broker();
    for (id, email) in [(her, "zenobia@erasure.example"), (other, "behind@erasure.example")] {
        for _ in 0..3 {
            broker.add(LOGINS, &event_of(id, email));
            broker.claim(LOGINS, LOGIN_EMAIL, "nobody");
        }
    }
    remove(&app, her);
    assert_eq!(broker.pending(LOGINS, LOGIN_EMAIL).len(), 3, "hers count as acknowledged");
    let consumer = consumer(&backend).variable("notification_claim_ms", 500).start();
    let _schedules = Schedules::start(&[&consumer], ROUND);
    poll::until(SOON, "the others are delivered", || consumer.deliveries_to("behind@erasure.example").len() == 7);
    poll::until(SOON, "the queue is empty", || broker.pending(LOGINS, LOGIN_EMAIL).is_empty());
    let told = consumer.deliveries_to("zenobia@erasure.example");
    assert_eq!(queues(&told), [NOTICE_EMAIL], "she is told nothing but that she is removed");
    assert_eq!(consumer.all_deliveries().len(), 8);
}

#[test]
fn claimed_messages_that_are_gone_from_the_stream_do_not_hide_those_behind_them() {
    const GONE: usize = 5;
    let _turn = turn::together();
    let backend = Backend::new();
    let mut broker = backend.broker();
    for _ in 0..GONE {
        broker.add(LOGINS, &event_of(7, "gone@erasure.example"));
        let entry = broker.claim(LOGINS, LOGIN_EMAIL, "nobody");
        broker.remove(LOGINS, &entry);
    }
    broker.add(LOGINS, &event_of(8, "last@erasure.example"));
    broker.claim(LOGINS, LOGIN_EMAIL, "nobody");
    let consumer = consumer(&backend).variable("notification_claim_ms", 500).start();
    poll::throughout(Duration::from_millis(600), "all are idle", || broker.pending(LOGINS, LOGIN_EMAIL).len() == 6);
    // One wake-up is enough.
    broker.wake_consumers();
    let to = "last@erasure.example";
    poll::until(SOON, "the last is delivered", || queues(&consumer.deliveries_to(to)) == [LOGIN_EMAIL, LOGIN_SMS]);
    assert_eq!(broker.pending(LOGINS, LOGIN_EMAIL), []);
}

#[test]
fn a_long_stream_is_looked_through_to_its_end() {
    const OTHERS: usize = 1300;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let her = zenobia(&app);
    let mut broker = backend.broker();
    for number in 0..OTHERS {
        broker.add(LOGINS, &event_of(her + 1, "long@erasure.example"));
        if number % 100 == 0 || number == OTHERS - 1 {
            broker.add(LOGINS, &event_of(her, "zenobia@erasure.example"));
            // An id that merely begins or ends with hers is somebody else's.
            broker.add(LOGINS, &event_of(her * 10, "long@erasure.example"));
        }
    }
    remove(&app, her);
    assert_eq!(on_the_broker(&backend), NOTICE);
    assert_eq!(broker.length(LOGINS), OTHERS as u64 + 14);
}

#[test]
fn an_interrupted_pass_goes_on_where_it_stopped() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let her = zenobia(&app);
    remove(&app, her);
    let mut broker = backend.broker();
    let seen = broker.add(LOGINS, &event_of(her, "zenobia@erasure.example"));
    broker.add(LOGINS, &event_of(her, "zenobia@erasure.example"));
    broker.add(SIGN_UPS, &event_of(her, "zenobia@erasure.example"));
    let place = json!({"stream": LOGINS, "after": seen}).to_string();
    let unfinished = "UPDATE erasures SET passes = 0, due_at = now(), place = $1::text::jsonb";
    backend.sql().execute(unfinished, &[&place]).expect("erasures can be changed");
    let _ = app.sweep();
    assert_eq!((broker.length(LOGINS), broker.length(SIGN_UPS)), (1, 0), "what was seen is not looked at again");
    assert_eq!(passes(&backend), [1]);
    // The second pass begins at the beginning.
    sweep_again(&app, &backend);
    assert_eq!((broker.length(LOGINS), passes(&backend)), (0, vec![]));
}

#[test]
fn somebody_who_has_a_former_address_of_the_person_keeps_the_deliveries() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let consumer = consumer(&backend).start();
    let _schedules = Schedules::start(&[&consumer], ROUND);
    let to = "zenobia@erasure.example";
    let her = zenobia(&app);
    poll::until(SOON, "her welcome", || consumer.deliveries_to(to).len() == 1);
    let change = json!({"email": "queen@erasure.example"});
    let _ = app.patch(&format!("/users-ms/users/{her}")).json(&change).send().expect(200);
    let _ = app.sign_up(to);
    poll::until(SOON, "the other's welcome", || consumer.deliveries_to(to).len() == 2);
    remove(&app, her);
    poll::until(SOON, "she is told", || !consumer.deliveries_to("queen@erasure.example").is_empty());
    sweep_again(&app, &backend);
    let left = consumer.deliveries_to(to);
    assert_eq!((left.len(), consumer.all_deliveries().len()), (1, 1), "{left:?}");
    let _ = app.login(to, PASSWORD).expect(200);
}

#[test]
fn a_message_that_waits_for_its_next_try_is_exported_and_goes_with_the_person() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let mail = MailApi::start();
    mail.fail(true);
    let consumer = TestApp::on(&backend)
        .only(&["notification"])
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_retry_ms", 60_000)
        .start();
    let _schedules = Schedules::start(&[&consumer], ROUND);
    let her = zenobia(&app);
    let store = format!("{WELCOME}.retry");
    poll::until(SOON, "it waits", || backend.broker().length(&store) == 1);
    assert!(backend.places_of(MARKS).iter().any(|place| place.starts_with(&store)));
    let path = format!("/users-ms/users/{her}/export");
    let export = app.get(&path).send().expect(200);
    assert!(export.text().contains(&store), "{}", export.text());
    remove(&app, her);
    poll::until(SOON, "the mail that tells her waits, and nothing else", || {
        on_the_broker(&backend) == [format!("{NOTICE_EMAIL}.retry")]
    });
    sweep_again(&app, &backend);
    assert_eq!(backend.places_of(MARKS), [""; 0], "that is gone with the second pass");
    mail.fail(false);
    assert_eq!(mail.taken().len(), 0);
}

#[test]
fn a_removed_person_is_told_by_mail_in_their_language_and_then_forgotten() {
    let _turn = turn::together();
    let backend = Backend::new();
    let office = Office::new(&backend, |setup| setup.variable("email_verification", "off"));
    let app = &office.app;
    let mut form = sign_up_form("zenobia@erasure.example");
    form["locale"] = "it".into();
    let id = app.sign_up_with(&form);
    let mails = |subject: &str| office.mail.taken().iter().filter(|mail| mail.body["Subject"] == subject).count();
    poll::until(SOON, "the welcome", || office.mail.taken().len() == 1);
    let _ = app.delete(&format!("/users-ms/users/{id}")).send().expect(204);
    poll::until(SOON, "the last mail", || mails("Il tuo account è stato eliminato") == 1);
    assert_eq!(office.mail.taken()[1].to(), "zenobia@erasure.example");
    backend.wait_until_looked_through(id);
    // What the mail left behind goes with the second pass, and nothing more is sent.
    poll::until(SOON, "it is acknowledged", || backend.broker().length(NOTICE[0]) == 0);
    sweep_again(app, &backend);
    // A sweep of the schedule's may have the second pass in hand.
    poll::until(SOON, "nothing is left of her", || backend.places_of(MARKS).is_empty());
    assert_eq!(office.mail.taken().len(), 2);
}

#[test]
fn who_has_copies_is_told_of_a_removal_by_the_id_alone() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = doors(&backend);
    let her = zenobia(&app);
    remove(&app, her);
    backend.wait_until_published();
    let published = backend.broker().messages("user_removed_event");
    let event: Value = serde_json::from_str(&published[0]).expect("an event is JSON");
    assert_eq!((published.len(), &event["data"]), (1, &json!({"user_id": her})));
    sweep_again(&app, &backend);
    assert_eq!(backend.broker().messages("user_removed_event"), published, "an erasure does not remove it");
}
