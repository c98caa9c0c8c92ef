//! A network that swallows what is sent, and tells nobody: a relay stands between the app and one of its servers.

use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, WELCOME};
use blackbox::deliveries::queues;
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, sign_up_form, with_phone};
use blackbox::poll::{self, within};
use blackbox::schedules::Schedules;
use blackbox::turn;
use dev_servers::relay::{Mode, Relay};
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

fn relay_to(server: &str) -> Relay {
    Relay::start(server).expect("a relay can be opened")
}

#[test]
fn while_postgresql_is_cut_off_requests_are_told_so_in_time_and_afterwards_all_works() {
    const LIMIT: Duration = Duration::from_secs(10);
    if !is_spindle("Spin waits for a database for as long as it takes") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::new();
    let relay = relay_to(&backend.postgres.host());
    let app = TestApp::on(&backend).variable("db_host", relay.host()).start();
    let id = app.sign_up("known@cut-off.example");
    relay.set(Mode::Cut);
    std::thread::scope(|scope| {
        let read = scope.spawn(|| within(LIMIT, || app.get(&format!("/users-ms/users/{id}")).send()));
        let sign_up = scope
            .spawn(|| within(LIMIT, || app.post("/users-ms/users").json(&sign_up_form("new@cut-off.example")).send()));
        let sign_in = scope.spawn(|| within(LIMIT, || app.login("known@cut-off.example", PASSWORD)));
        for asked in [read, sign_up, sign_in] {
            let answer = asked.join().expect("there is an answer in time");
            assert_eq!(answer.status, 503, "{}", answer.shown());
            assert!(answer.header("retry-after").is_some());
        }
    });
    let _ = within(Duration::from_secs(1), || app.get("/auth-ms/.well-known/jwks.json").send()).expect(200);
    relay.set(Mode::Pass);
    app.wait_for("/users-ms/readiness", 200, SOON);
    let _ = app.get(&format!("/users-ms/users/{id}")).send().expect(200);
    let _ = app.login("known@cut-off.example", PASSWORD).expect(200);
    let _ = app.sign_up("after@cut-off.example");
}

#[test]
fn while_redis_is_cut_off_nobody_waits_for_it_and_all_are_told_afterwards() {
    const PEOPLE: usize = 5;
    if !is_spindle("Spin waits for Redis for as long as it takes") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::new();
    let relay = relay_to(&backend.redis.host());
    let app = TestApp::on(&backend)
        .variable("redis_host", relay.host())
        .variable("redis_url", format!("redis://{}", relay.host()))
        .start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("before@cut-off.example");
    poll::until(SOON, "a welcome", || app.deliveries_to("before@cut-off.example").len() == 1);
    relay.set(Mode::Cut);
    let person = |number: usize| format!("{number}@cut-off.example");
    for number in 0..PEOPLE {
        let form = with_phone(&person(number));
        let _ = within(Duration::from_secs(1), || app.post("/users-ms/users").json(&form).send()).expect(201);
        app.confirm_phone(&person(number));
        let _ = within(Duration::from_secs(1), || app.login(&person(number), PASSWORD)).expect(200);
    }
    relay.set(Mode::Pass);
    for number in 0..PEOPLE {
        poll::until(SOON * 2, "all are told", || app.deliveries_to(&person(number)).len() >= 3);
    }
    poll::throughout(Duration::from_secs(1), "three each and no more", || {
        (0..PEOPLE).all(|number| queues(&app.deliveries_to(&person(number))) == [LOGIN_EMAIL, LOGIN_SMS, WELCOME])
    });
}

#[test]
fn a_message_whose_acceptance_was_not_heard_comes_again_with_the_same_key() {
    let _turn = turn::together();
    let backend = Backend::new();
    let mail = MailApi::start();
    let relay = relay_to(mail.url().trim_start_matches("http://"));
    let app = TestApp::on(&backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", format!("http://{}", relay.host()))
        .start();
    let _schedules = Schedules::start(&[&app], ROUND);
    relay.set(Mode::LoseAnswers);
    let _ = app.sign_up("twice@cut-off.example");
    poll::until(SOON, "it is accepted", || mail.taken().len() == 1);
    relay.set(Mode::Pass);
    poll::until(SOON, "it comes again", || mail.taken().len() == 2);
    let taken = mail.taken();
    let keys: Vec<_> = taken.iter().map(|posted| posted.header("idempotency-key")).collect();
    assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    poll::until(SOON, "it is delivered", || app.deliveries_to("twice@cut-off.example").len() == 1);
}

#[test]
fn what_was_sent_while_redis_died_is_acknowledged_later_and_not_sent_again() {
    const CLAIM: Duration = Duration::from_secs(12);
    if !is_spindle("Spin ends when it loses Redis, and its supervisor starts it again") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::new();
    let mail = MailApi::start();
    mail.take_ms(1_000);
    let app = TestApp::on(&backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("notification_claim_ms", CLAIM.as_millis())
        .start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("once@cut-off.example");
    poll::until(SOON, "it is being sent", || mail.begun() == 1);
    backend.redis.kill();
    poll::until(SOON, "it is accepted", || mail.taken().len() == 1);
    backend.redis.start_again().expect("Redis starts again");
    poll::until(SOON, "it is in the delivery log", || {
        let log = app.get("/notification-ms/notifications").bearer(app.operator()).try_send();
        log.is_ok_and(|answer| answer.status == 200) && app.deliveries_to("once@cut-off.example").len() == 1
    });
    poll::throughout(CLAIM + Duration::from_secs(3), "nobody sends it again", || mail.taken().len() == 1);
}
