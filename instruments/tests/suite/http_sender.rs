//! The sender `http`: messages go to a mail API, which can fail.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, WELCOME};
use blackbox::deliveries::queues;
use blackbox::mail_api::{MailApi, Posted};
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use serde_json::json;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

fn app_with(mail_api: &MailApi) -> Setup {
    TestApp::on(&Backend::new())
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail_api.url())
        .variable("mail_api_token", "mail-token")
        .variable("mail_from", "concierge@http.example")
        .variable("mail_reply_to", "help@http.example")
        .variable("brand_name", "Bell & Sons")
        .variable("notification_claim_ms", 12_000)
}

fn of_subject<'a>(posted: &'a [Posted], subject: &str) -> &'a Posted {
    posted.iter().find(|posted| posted.body["Subject"] == subject).expect("a message of this subject was posted")
}

#[test]
fn messages_are_posted_as_the_mail_api_wants_them() {
    let _turn = turn::together();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let to = "Post@http.example";
    let mut form = sign_up_form(to);
    form["phone"] = "+39 02 1234567".into();
    let _ = app.sign_up_with(&form);
    app.confirm_phone(to);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "three deliveries", || app.deliveries_to(to).len() == 3);
    let posted = mail_api.taken();
    assert_eq!(posted.len(), 3);
    let deliveries = app.deliveries_to(to);
    for posted in &posted {
        assert_eq!(posted.request, "POST /api/v1/send");
        assert_eq!(posted.header("content-type"), Some("application/json"));
        assert_eq!(posted.header("authorization"), Some("Bearer mail-token"));
        assert_eq!(posted.body["From"], json!({"Email": "concierge@http.example", "Name": "Bell & Sons"}));
        assert_eq!(posted.body["ReplyTo"], json!([{"Email": "help@http.example"}]));
        assert_eq!(posted.to(), to);
        let length = posted.header("content-length").expect("the body's length is said").parse::<usize>().unwrap();
        assert!(length > 0 && posted.header("transfer-encoding").is_none());
    }
    // The mail and the SMS about one sign-in are two deliveries, which a provider is not to take for one.
    let mut ids: Vec<_> = posted.iter().map(|posted| posted.header("idempotency-key").unwrap().to_owned()).collect();
    let mut expected: Vec<_> =
        deliveries.iter().map(|delivery| format!("{}:{}", delivery.event_id, delivery.queue)).collect();
    ids.sort_unstable();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    let welcome = of_subject(&posted, "Welcome");
    assert_eq!(welcome.body["Tags"][0], "email");
    assert_eq!(
        welcome.body["Text"],
        "Hello,\n\nyour Bell & Sons account is ready: you can sign in with this address.\n"
    );
    let html = welcome.body["HTML"].as_str().expect("a mail has an HTML part");
    assert!(html.contains("<html lang=\"en\">") && html.contains("Bell &amp; Sons"), "{html}");
    let mail = of_subject(&posted, "New sign-in to your account");
    assert_eq!(mail.body["Tags"][0], "email");
    assert_eq!(mail.body["Headers"]["X-Phone"], serde_json::Value::Null);
    let sms = of_subject(&posted, "New sign-in");
    assert_eq!(sms.body["Tags"][0], "sms");
    assert_eq!(sms.body.get("HTML"), None);
    assert_eq!(sms.body["Headers"]["X-Phone"], "+39021234567");
    assert!(sms.body["Text"].as_str().unwrap().len() <= 160);
}

#[test]
fn a_message_that_the_mail_api_refuses_is_tried_again_and_logged_once() {
    let _turn = turn::together();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).variable("notification_retry_ms", 300).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let to = "again@http.example";
    mail_api.fail(true);
    let _ = app.sign_up_with_phone(to);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "each message refused, one of them twice", || mail_api.refused() >= 4);
    assert_eq!(app.deliveries_to(to), [], "what was not sent is not in the log");
    mail_api.fail(false);
    poll::until(SOON, "three deliveries", || app.deliveries_to(to).len() >= 3);
    poll::throughout(Duration::from_secs(1), "three deliveries and no more", || app.deliveries_to(to).len() == 3);
    let deliveries = app.deliveries_to(to);
    assert_eq!(queues(&deliveries), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    assert!(deliveries.iter().any(|delivery| delivery.attempts > 1), "{deliveries:?}");
    assert_eq!(mail_api.taken().len(), 3);
}

#[test]
fn a_message_that_has_had_its_tries_ends_as_a_dead_letter() {
    let _turn = turn::together();
    let mail_api = MailApi::start();
    let app =
        app_with(&mail_api).variable("notification_retry_ms", 50).variable("notification_max_attempts", 5).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    mail_api.fail(true);
    let _ = app.sign_up("never@http.example");
    let mut broker = app.backend.broker();
    let dead = poll::eventually(SOON, "a dead letter", || broker.dead_letters(WELCOME).into_iter().next());
    assert_eq!((dead.deliveries, dead.reason.as_str()), (5, "the API answered with status 500"));
    assert_eq!(mail_api.refused(), 5);
    assert!(dead.event.contains("never@http.example"));
    assert!(!app.log().contains("never@http.example"));
    assert_eq!(app.all_deliveries(), []);
}

#[test]
fn a_mail_api_that_is_not_there_is_waited_for() {
    let _turn = turn::together();
    let gone = MailApi::start().url().to_owned();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api)
        .variable("mail_api_url", gone)
        .variable("notification_retry_ms", 50)
        .variable("notification_pause_after", 0)
        .start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("gone@http.example");
    let tries = || app.log().matches("message will be retried").count();
    poll::until(SOON, "it is tried more often than five times", || tries() > 5);
    assert_eq!(app.backend.broker().dead_letters(WELCOME), []);
    assert_eq!(app.backend.broker().length(&format!("{WELCOME}.retry")), 1);
    assert_eq!(mail_api.taken().len(), 0);
}

#[test]
fn a_provider_that_asks_for_time_gets_it() {
    let _turn = turn::together();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).variable("notification_retry_ms", 50).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    mail_api.answer_with_retry_after(429, 3);
    let _ = app.sign_up("asked@http.example");
    poll::until(SOON, "it is refused", || mail_api.refused() == 1);
    mail_api.fail(false);
    poll::until(SOON, "it is taken", || mail_api.taken().len() == 1);
    let waited = mail_api.refused_at()[0].elapsed();
    assert!(waited >= Duration::from_millis(2900), "{waited:?}");
}

#[test]
fn a_queue_whose_provider_is_away_pauses_and_goes_on_by_itself() {
    const MESSAGES: usize = 12;
    let _turn = turn::alone();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).variable("notification_retry_ms", 50).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    mail_api.fail(true);
    for number in 0..MESSAGES {
        let _ = app.sign_up(&format!("{number}@pause.example"));
    }
    app.wait_for_log("queue paused");
    let welcome = || -> serde_json::Value {
        let state = app.get("/notification-ms/internal/queues").bearer(app.operator()).send().expect(200).json();
        state["items"].as_array().unwrap().iter().find(|item| item["queue"] == WELCOME).unwrap().clone()
    };
    let state = welcome();
    assert!(state["paused_for"].as_u64().is_some_and(|seconds| seconds <= 5), "{state}");
    assert!(state["failures_in_a_row"].as_u64().unwrap() >= 5, "{state}");
    // What was claimed before the pause is still tried.
    let mut refused = 0;
    poll::until(SOON, "what was under way has failed", || {
        let before = std::mem::replace(&mut refused, mail_api.refused());
        std::thread::sleep(Duration::from_millis(300));
        before >= 5 && mail_api.refused() == before
    });
    poll::throughout(Duration::from_secs(2), "nothing is sent", || mail_api.refused() <= refused + 3);
    // The first probe fails, and the pause grows; then the provider is back.
    poll::until(SOON, "a probe", || mail_api.refused() > refused + 3 || app.log().contains("\"for_ms\":\"10000\""));
    mail_api.fail(false);
    poll::until(SOON * 2, "all are told", || mail_api.taken().len() == MESSAGES);
    assert_eq!(welcome()["paused_for"], serde_json::Value::Null);
    assert_eq!(app.backend.broker().dead_letters(WELCOME), []);
}

#[test]
fn several_messages_are_sent_at_once() {
    const SEND: u64 = 500;
    const MESSAGES: usize = 32;
    let _turn = turn::alone();
    let mail_api = MailApi::start();
    mail_api.take_ms(SEND);
    let app = app_with(&mail_api).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let mut broker = app.backend.broker();
    for number in 0..MESSAGES / 2 {
        let event = blackbox::broker::login_event(&uuid::Uuid::new_v4().to_string(), &format!("{number}@many.example"));
        broker.add(blackbox::broker::LOGINS, &event);
    }
    let start = std::time::Instant::now();
    broker.wake_consumers();
    poll::until(SOON, "all are sent", || mail_api.taken().len() == MESSAGES);
    let one_by_one = Duration::from_millis(SEND * MESSAGES as u64);
    assert!(start.elapsed() < one_by_one / 3, "{:?} for {MESSAGES} sends of {SEND} ms", start.elapsed());
    assert_eq!(mail_api.most_at_once(), 8);
}

#[test]
fn a_claim_that_is_shorter_than_a_send_is_refused() {
    let _turn = turn::together();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).variable("notification_claim_ms", 10_000).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("short@http.example");
    app.wait_for_log("the variable claim_ms must be longer than a send may take");
    assert_eq!(mail_api.begun(), 0);
}
