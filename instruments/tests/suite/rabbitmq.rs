//! The app on RabbitMQ: what is different there. What is so on either broker is in promises.rs.

use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, WELCOME};
use blackbox::deliveries::queues;
use blackbox::mail_api::MailApi;
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::rabbit::Rabbit;
use blackbox::turn;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);

fn rabbit(backend: &Arc<Backend>) -> &Rabbit {
    backend.rabbit.as_ref().expect("this backend has one")
}

#[test]
fn what_is_the_brokers_own_business_is_not_shown() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let app = TestApp::on(&backend).start();
    let _ = app.get("/notification-ms/readiness").send().expect(200);
    let queues = app.get("/notification-ms/internal/queues").bearer(app.operator()).send();
    assert_eq!((queues.status, queues.problem().as_str()), (404, "no-such-route"));
    let _ = app.post("/notification-ms/internal/consumers/wake").bearer(app.scheduler()).send().expect(202);
}

#[test]
fn a_provider_that_recovers_in_time_gets_the_message_after_all() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let mail = MailApi::start();
    mail.fail(true);
    let app = TestApp::on(&backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_retry_ms", 300)
        .start();
    backend.wait_for_queues();
    let _ = app.sign_up("late@rabbit.example");
    poll::until(SOON, "it was refused twice", || mail.refused() >= 2);
    mail.fail(false);
    poll::until(SOON, "it is sent", || app.deliveries_to("late@rabbit.example").len() == 1);
    let delivery = app.deliveries_to("late@rabbit.example").remove(0);
    assert!((3..=5).contains(&delivery.attempts), "{delivery:?}");
    assert_eq!(mail.taken().len(), 1);
}

/// What people notice of a broker that events cannot be published to: nothing. The events wait.
#[track_caller]
fn assert_people_are_let_in(app: &TestApp, backend: &Backend) {
    let to = "wrong@rabbit.example";
    let _ = app.sign_up(to);
    let _ = app.login(to, PASSWORD).expect(200);
    assert_eq!(backend.outbox_length(), 2);
    app.wait_for_log("an event stays in the outbox");
}

#[test]
fn a_broker_that_does_not_let_us_in_keeps_nobody_out() {
    if !is_spindle("Spin does not start an app whose trigger ends") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let url = format!("amqp://concierge:wrong@{}/%2f", rabbit(&backend).server.host());
    let app = TestApp::on(&backend).variable("mqtt_password", "wrong").variable("amqp_url", url).start();
    assert_people_are_let_in(&app, &backend);
    app.wait_for_log("ACCESS_REFUSED");
    assert!(!app.log().contains("concierge:wrong"));
}

#[test]
fn a_wrong_address_keeps_nobody_out() {
    if !is_spindle("Spin does not start an app whose trigger ends") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    // Nothing listens there: a port that was free a moment ago.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let nowhere = listener.local_addr().expect("a listener has an address");
    drop(listener);
    let url = format!("amqp://concierge:password@{nowhere}/%2f");
    let app = TestApp::on(&backend).variable("mqtt_host", nowhere).variable("amqp_url", url).start();
    assert_people_are_let_in(&app, &backend);
    app.wait_for_log("cannot connect and keeps trying");
    assert!(app.app.is_running());
}

#[test]
fn a_queue_with_other_arguments_is_used_as_it_is_and_made_anew_when_it_is_deleted() {
    if !is_spindle("Spin does not start an app whose trigger ends") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    rabbit(&backend).declare_classic(LOGIN_SMS);
    let app = TestApp::on(&backend).start();
    app.wait_for_log("a queue is there with other arguments and is used as it is");
    backend.wait_for_queues();
    let to = "odd@rabbit.example";
    let _ = app.sign_up_with_phone(to);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "all are told", || app.deliveries_to(to).len() == 3);
    assert_eq!(queues(&app.deliveries_to(to)), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    rabbit(&backend).delete(LOGIN_SMS);
    let is_connected = |line: &str| line.contains("is connected") && line.contains(LOGIN_SMS);
    let is_back = || app.log().lines().filter(|line| is_connected(line)).count() == 2;
    poll::until(SOON, "it is made as it should be", is_back);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "both are told", || app.deliveries_to(to).len() == 5);
    assert_eq!(queues(&app.deliveries_to(to)), [LOGIN_EMAIL, LOGIN_EMAIL, LOGIN_SMS, LOGIN_SMS, WELCOME]);
}

#[test]
fn without_redis_people_are_told_and_no_log_is_kept() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let mail = MailApi::start();
    let app = TestApp::on(&backend)
        .variable("redis_host", "none.invalid")
        .variable("redis_url", "")
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .start();
    backend.wait_for_queues();
    let to = "bare@rabbit.example";
    let id = app.sign_up_with_phone(to);
    let login = app.login(to, PASSWORD).expect(200).json();
    poll::until(SOON, "all three are sent", || mail.taken().len() == 3);
    let log = app.get("/notification-ms/notifications").bearer(app.operator()).send();
    assert_eq!((log.status, log.problem().as_str()), (404, "no-such-route"));
    let _ = app.get("/notification-ms/readiness").send().expect(200);
    let token = login["access_token"].as_str().expect("there is a token");
    let export = app.get(&format!("/users-ms/users/{id}/export")).bearer(token).send().expect(200).json();
    assert_eq!(export["user"]["email"], to);
    let _ = app.delete(&format!("/users-ms/users/{id}")).bearer(token).send().expect(204);
}

#[test]
fn a_delivery_log_that_is_away_keeps_no_message_from_being_sent() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let mail = MailApi::start();
    let app =
        TestApp::on(&backend).variable("notification_sender", "http").variable("mail_api_url", mail.url()).start();
    backend.wait_for_queues();
    backend.redis.stop();
    let _ = app.sign_up("unlogged@rabbit.example");
    poll::until(SOON, "it is sent", || mail.taken().len() == 1);
    app.wait_for_log("the delivery log is unavailable");
    rabbit(&backend).wait_for_length(WELCOME, 0);
    assert_eq!(mail.taken().len(), 1);
}
