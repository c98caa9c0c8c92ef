//! The app on RabbitMQ: what must be so on either broker, in this one's words.

use crate::poison::poisons;
use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, WELCOME, login_event};
use blackbox::deliveries::{count_by, queues};
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use blackbox::rabbit::Rabbit;
use blackbox::ringer::Ringer;
use blackbox::turn;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
/// Until a RabbitMQ that was away is there again.
const LATER: Duration = Duration::from_secs(60);
const QUEUES: [&str; 3] = [LOGIN_EMAIL, LOGIN_SMS, WELCOME];

fn rabbit(backend: &Arc<Backend>) -> &Rabbit {
    backend.rabbit.as_ref().expect("this backend has one")
}

/// Waits until nothing that is published can get lost: on Spin the trigger is a process of its own.
fn wait_for_queues(backend: &Arc<Backend>) {
    poll::until(SOON, "the queues are there", || QUEUES.iter().all(|queue| rabbit(backend).has_queue(queue)));
}

#[test]
fn every_queue_gets_every_event_and_nothing_is_left_behind() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let app = TestApp::on(&backend).start();
    wait_for_queues(&backend);
    let _ = app.get("/notification-ms/readiness").send().expect(200);
    let to = "every@rabbit.example";
    let _ = app.sign_up(to);
    let _ = app.login(to, PASSWORD).expect(200);
    poll::until(SOON, "three deliveries", || app.deliveries_to(to).len() >= 3);
    poll::throughout(Duration::from_millis(700), "three and no more", || app.deliveries_to(to).len() == 3);
    assert_eq!(queues(&app.deliveries_to(to)), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    assert!(app.deliveries_to(to).iter().all(|delivery| delivery.attempts == 1));
    assert_eq!(backend.outbox_length(), 0);
    for queue in QUEUES {
        rabbit(&backend).wait_for_length(queue, 0);
    }
    // What is the broker's own business is not shown here.
    let queues = app.get("/notification-ms/internal/queues").bearer(app.service_token()).send();
    assert_eq!((queues.status, queues.problem().as_str()), (404, "no-such-route"));
    let _ = app.post("/notification-ms/internal/ring").bearer(app.service_token()).send().expect(202);
}

#[test]
fn consumers_share_the_work_and_an_event_that_comes_twice_is_sent_once() {
    const EVENTS: usize = 30;
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let consumers: Vec<_> = ["one", "two", "three"]
        .map(|name| {
            let setup = TestApp::on(&backend).only(&["notification"]);
            setup.variable("consumer_name", name).variable("notification_send_ms", 30).start()
        })
        .into();
    wait_for_queues(&backend);
    let ids: Vec<_> = (0..EVENTS).map(|_| Uuid::new_v4().to_string()).collect();
    for id in &ids {
        rabbit(&backend).publish(LOGINS, &login_event(id, "shared@rabbit.example"));
    }
    let log = || consumers[0].all_deliveries();
    poll::until(SOON, "all are sent", || log().len() >= 2 * EVENTS);
    rabbit(&backend).publish(LOGINS, &login_event(&ids[0], "shared@rabbit.example"));
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        rabbit(&backend).wait_for_length(queue, 0);
    }
    let deliveries = log();
    let distinct: HashSet<_> = deliveries.iter().map(|delivery| (&delivery.queue, &delivery.event_id)).collect();
    assert_eq!((deliveries.len(), distinct.len()), (2 * EVENTS, 2 * EVENTS));
    let shares = count_by(&deliveries, |delivery| &delivery.consumer);
    assert!(shares.len() == 3 && shares.values().all(|share| (15..=25).contains(share)), "{shares:?}");
}

#[test]
fn a_consumer_that_is_killed_loses_nothing() {
    const EVENTS: usize = 20;
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let start = |name: &str| {
        let setup = TestApp::on(&backend).only(&["notification"]).variable("consumer_name", name);
        setup.variable("notification_send_ms", 100).start()
    };
    let (victim, other) = (start("victim"), start("other"));
    wait_for_queues(&backend);
    for _ in 0..EVENTS {
        rabbit(&backend).publish(LOGINS, &login_event(&Uuid::new_v4().to_string(), "killed@rabbit.example"));
    }
    poll::until(SOON, "the victim works", || {
        other.all_deliveries().iter().any(|delivery| delivery.consumer == "victim")
    });
    victim.app.kill();
    poll::until(SOON, "all are sent", || other.all_deliveries().len() >= 2 * EVENTS);
    let deliveries = other.all_deliveries();
    let distinct: HashSet<_> = deliveries.iter().map(|delivery| (&delivery.queue, &delivery.event_id)).collect();
    assert_eq!(distinct.len(), 2 * EVENTS);
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        rabbit(&backend).wait_for_length(queue, 0);
        assert_eq!(rabbit(&backend).take_dead_letters(queue), []);
    }
}

#[test]
fn poisoned_messages_are_dead_letters_after_five_deliveries_while_others_keep_flowing() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let app = TestApp::on(&backend).only(&["notification"]).variable("notification_retry_ms", 200).start();
    wait_for_queues(&backend);
    let mut poisons = poisons();
    // As large as the management takes.
    poisons.push(("x".repeat(7_000_000), "the message is larger than 65536 bytes"));
    for (message, _) in &poisons {
        rabbit(&backend).publish(LOGINS, message);
    }
    rabbit(&backend).publish(LOGINS, &login_event(&Uuid::new_v4().to_string(), "sound@rabbit.example"));
    let start = Instant::now();
    poll::until(SOON, "the sound event is delivered", || app.deliveries_to("sound@rabbit.example").len() == 2);
    assert!(start.elapsed() < Duration::from_secs(3), "it waits for the poisoned ones");
    for queue in [LOGIN_EMAIL, LOGIN_SMS] {
        rabbit(&backend).wait_for_length(&format!("{queue}.dead"), poisons.len() as u64);
        let letters = rabbit(&backend).take_dead_letters(queue);
        assert_eq!(letters.len(), poisons.len());
        for (message, reason) in &poisons {
            let letter = letters.iter().find(|letter| letter.event == *message).expect("it is among them");
            assert_eq!((letter.reason.as_str(), letter.deliveries), (*reason, 5));
        }
        rabbit(&backend).wait_for_length(queue, 0);
    }
    app.wait_for_log("a message is tried again later");
    app.wait_for_log("a message is a dead letter");
    assert!(!app.log().contains("poison@poison.example"), "no body is logged");
    assert!(app.app.is_running());
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
    wait_for_queues(&backend);
    let _ = app.sign_up("late@rabbit.example");
    poll::until(SOON, "it was refused twice", || mail.refused() >= 2);
    mail.fail(false);
    poll::until(SOON, "it is sent", || app.deliveries_to("late@rabbit.example").len() == 1);
    let delivery = app.deliveries_to("late@rabbit.example").remove(0);
    assert!((3..=5).contains(&delivery.attempts), "{delivery:?}");
    assert_eq!(mail.taken().len(), 1);
}

#[test]
fn while_rabbitmq_is_away_people_sign_in_and_are_told_once_it_is_back() {
    let _turn = turn::together();
    let backend = Backend::with_own_rabbitmq();
    let app = TestApp::on(&backend).variable("notification_send_ms", 100).start();
    wait_for_queues(&backend);
    let _ringer = Ringer::start(&[&app], ROUND);
    // RabbitMQ keeps the names of new queues in memory for a moment.
    std::thread::sleep(Duration::from_secs(2));
    let early = "early@rabbit.example";
    let _ = app.sign_up(early);
    for _ in 0..10 {
        let _ = app.login(early, PASSWORD).expect(200);
    }
    poll::until(SOON, "the work has begun", || !app.deliveries_to(early).is_empty());
    rabbit(&backend).server.kill();
    let people = ["one@rabbit.example", "two@rabbit.example"];
    for email in people {
        let start = Instant::now();
        assert_eq!(app.post("/users-ms/users").json(&sign_up_form(email)).send().status, 201);
        assert_eq!(app.login(email, PASSWORD).status, 200);
        assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    }
    assert!(backend.outbox_length() >= 4, "the events are kept");
    let _ = app.get("/notification-ms/healthcheck").send().expect(200);
    rabbit(&backend).server.start_again().expect("RabbitMQ starts again");
    for email in people {
        poll::until(LATER, "all three are told", || app.deliveries_to(email).len() >= 3);
        assert_eq!(queues(&app.deliveries_to(email)), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    }
    poll::until(LATER, "nothing is lost", || app.deliveries_to(early).len() >= 21);
    assert_eq!(app.deliveries_to(early).len(), 21);
    poll::until(SOON, "the outbox is empty", || backend.outbox_length() == 0);
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
    let to = "wrong@rabbit.example";
    let _ = app.sign_up(to);
    let _ = app.login(to, PASSWORD).expect(200);
    assert_eq!(backend.outbox_length(), 2);
    app.wait_for_log("an event is kept for later");
    app.wait_for_log("ACCESS_REFUSED");
    assert!(!app.log().contains("concierge:wrong"));
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
    wait_for_queues(&backend);
    let to = "bare@rabbit.example";
    let id = app.sign_up(to);
    let login = app.login(to, PASSWORD).expect(200).json();
    poll::until(SOON, "all three are sent", || mail.taken().len() == 3);
    let log = app.get("/notification-ms/notifications").bearer(app.service_token()).send();
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
    wait_for_queues(&backend);
    backend.redis.stop();
    let _ = app.sign_up("unlogged@rabbit.example");
    poll::until(SOON, "it is sent", || mail.taken().len() == 1);
    app.wait_for_log("the delivery log does not answer");
    rabbit(&backend).wait_for_length(WELCOME, 0);
    assert_eq!(mail.taken().len(), 1);
}
