//! Messages with a link or a code that expires: they are given up when it has, however long messages are retried.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::mail_api::MailApi;
use blackbox::schedules::Schedules;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(30);
const EXPIRED: &str = "expired: the link or the code in the message is not valid any more";
const CODES: [&str; 2] = ["phone_verification_requested_event", "phone_verification_sms_notification"];
const RECOVERIES: [&str; 2] = ["recovery_requested_event", "recovery_email_notification"];
const CHANGES: [&str; 2] = ["password_changed_event", "password_changed_email_notification"];

/// An event that happened so many seconds ago.
fn event(exchange: &str, seconds: i64, data: &Value) -> String {
    let time = OffsetDateTime::now_utc() - time::Duration::seconds(seconds);
    let mut all = json!({"user_id": 7, "email": "ada@expired.example"});
    all.as_object_mut().expect("an object").extend(data.as_object().expect("an object").clone());
    json!({"specversion": "1.0", "id": Uuid::new_v4(), "source": "/users-ms", "type": exchange, "subject": "7",
        "time": time.format(&Rfc3339).expect("a time has a text"), "datacontenttype": "application/json", "data": all})
    .to_string()
}

fn a_message_is_given_up_once_its_code_has_expired(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let mail = MailApi::start();
    let app = TestApp::on(backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_claim_ms", 12_000)
        .variable("notification_retry_ms", 50)
        .variable("notification_pause_after", 0)
        .start();
    let _schedules = Schedules::start(&[&app], ROUND);
    backend.wait_for_queues();
    let code = json!({"phone": "+39021111111", "code": "123456"});
    let link = json!({"link": "https://concierge.example/x?token=y", "code": "123456"});
    let expires = |queue: &str| {
        poll::until(SOON, "it is a dead letter", || backend.dead_letter_count(queue) == 1);
        let dead = backend.take_dead_letters(queue);
        assert_eq!(dead[0].reason, EXPIRED, "{queue}");
    };
    // The broker was away for a while: nobody is sent a code that is good for nothing.
    backend.publish(CODES[0], &event(CODES[0], 601, &code));
    expires(CODES[1]);
    assert!(mail.taken().is_empty() && mail.refused() == 0);
    // The provider is away, until the link is not good any more.
    mail.fail(true);
    backend.publish(RECOVERIES[0], &event(RECOVERIES[0], 3600 - 6, &link));
    // What is of use later too is tried on.
    backend.publish(CHANGES[0], &event(CHANGES[0], 3600 * 24, &json!({})));
    expires(RECOVERIES[1]);
    assert!(mail.refused() > 1);
    app.wait_for_log(EXPIRED);
    mail.fail(false);
    poll::until(SOON, "the other mail", || mail.taken().len() == 1);
    assert_eq!(mail.taken()[0].body["Subject"], "Your password was changed");
    // In time, a code arrives.
    backend.publish(CODES[0], &event(CODES[0], 300, &code));
    poll::until(SOON, "the SMS", || mail.taken().len() == 2);
    assert_eq!(backend.dead_letter_count(CHANGES[1]), 0);
}

#[test]
fn a_message_is_given_up_once_its_code_has_expired_on_redis() {
    a_message_is_given_up_once_its_code_has_expired(&Backend::new());
}

#[test]
fn a_message_is_given_up_once_its_code_has_expired_on_rabbitmq() {
    a_message_is_given_up_once_its_code_has_expired(&Backend::with_rabbitmq());
}
