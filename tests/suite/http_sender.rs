//! The sender `http`: messages go to a mail API, which can fail.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, WELCOME};
use blackbox::deliveries::queues;
use blackbox::mail_api::{MailApi, Posted};
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use blackbox::ringer::Ringer;
use blackbox::turn;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

fn app_with(mail_api: &MailApi) -> Setup {
    TestApp::on(&Backend::new())
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail_api.url())
        .variable("mail_api_token", "mail-token")
        .variable("mail_from", "concierge@http.example")
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
    let _ringer = Ringer::start(&[&app], ROUND);
    let to = "Post@http.example";
    let mut form = sign_up_form(to);
    form["phone"] = "+39 02 1234567".into();
    let _ = app.sign_up_with(&form);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "three deliveries", || app.deliveries_to(to).len() == 3);
    let posted = mail_api.taken();
    assert_eq!(posted.len(), 3);
    let deliveries = app.deliveries_to(to);
    for posted in &posted {
        assert_eq!(posted.request, "POST /api/v1/send");
        assert_eq!(posted.header("content-type"), Some("application/json"));
        assert_eq!(posted.header("authorization"), Some("Bearer mail-token"));
        assert_eq!(posted.body["From"]["Email"], "concierge@http.example");
        assert_eq!(posted.to(), to);
        let event = posted.body["Headers"]["X-Event-Id"].as_str().unwrap();
        assert!(deliveries.iter().any(|delivery| delivery.event_id == event));
    }
    let welcome = of_subject(&posted, "Welcome");
    assert_eq!(welcome.body["Tags"][0], "email");
    assert_eq!(welcome.body["Text"], "Hello Ada,\n\nyour account is ready: you can sign in with this address.\n");
    let mail = of_subject(&posted, "New sign-in to your account");
    assert_eq!(mail.body["Tags"][0], "email");
    assert_eq!(mail.body["Headers"]["X-Phone"], serde_json::Value::Null);
    let sms = of_subject(&posted, "New sign-in");
    assert_eq!(sms.body["Tags"][0], "sms");
    assert_eq!(sms.body["Headers"]["X-Phone"], "+39021234567");
    assert!(sms.body["Text"].as_str().unwrap().len() <= 160);
}

#[test]
fn a_message_that_the_mail_api_refuses_is_tried_again_and_logged_once() {
    let _turn = turn::together();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).variable("notification_retry_ms", 300).start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let to = "again@http.example";
    mail_api.fail(true);
    let _ = app.sign_up(to);
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
fn a_message_that_the_mail_api_never_takes_ends_as_a_dead_letter() {
    let _turn = turn::together();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).variable("notification_retry_ms", 50).start();
    let _ringer = Ringer::start(&[&app], ROUND);
    mail_api.fail(true);
    let _ = app.sign_up("never@http.example");
    let mut broker = app.backend.broker();
    let dead = poll::eventually(SOON, "a dead letter", || broker.dead_letters(WELCOME).into_iter().next());
    assert_eq!((dead.deliveries, dead.reason.as_str()), (5, "the mail API answered with status 500"));
    assert_eq!(mail_api.refused(), 5);
    // It may be looked into and published again.
    assert!(dead.event.contains("never@http.example"));
    assert!(!app.log().contains("never@http.example"));
    assert_eq!(app.all_deliveries(), []);
}

#[test]
fn a_mail_api_that_is_not_there_is_a_failure_like_any_other() {
    let _turn = turn::together();
    let gone = MailApi::start().url().to_owned();
    let mail_api = MailApi::start();
    let app = app_with(&mail_api).variable("mail_api_url", gone).variable("notification_retry_ms", 50).start();
    let _ringer = Ringer::start(&[&app], ROUND);
    let _ = app.sign_up("gone@http.example");
    let mut broker = app.backend.broker();
    let dead = poll::eventually(SOON, "a dead letter", || broker.dead_letters(WELCOME).into_iter().next());
    assert_eq!(dead.deliveries, 5);
    assert_eq!(mail_api.taken().len(), 0);
}
