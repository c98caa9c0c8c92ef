//! Outages: what is said while a server is away, and that everything is well again once it is back.

use crate::probes::assert_readiness;
use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, SIGN_UPS, WELCOME};
use blackbox::deliveries::queues;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form, with_phone};
use blackbox::poll::{self, within};
use blackbox::schedules::Schedules;
use blackbox::turn;
use insta::assert_snapshot;
use std::collections::HashSet;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

/// All routes that need the database, while it is away.
#[track_caller]
fn assert_database_unavailable(app: &TestApp, id: i64, limit: Duration) {
    let path = format!("/users-ms/users/{id}");
    let patch = serde_json::json!({"name": "A"});
    let keys = serde_json::json!({"account": "a".repeat(64), "client": "b".repeat(64), "pair": "c".repeat(64)});
    let sign_in = serde_json::json!({"keys": keys, "email": "a@b.example"});
    // Side by side: each may take its time.
    let asks: [&(dyn Fn() -> Answer + Sync); 7] = [
        &|| app.get(&path).send(),
        &|| app.get("/users-ms/users").send(),
        &|| app.post("/users-ms/users").json(&sign_up_form("new@outage.example")).send(),
        &|| app.patch(&path).json(&patch).send(),
        &|| app.delete(&path).send(),
        &|| app.post("/users-ms/internal/sign-in/begin").bearer(app.auth()).json(&sign_in).send(),
        &|| app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send(),
    ];
    std::thread::scope(|scope| {
        let threads: Vec<_> = asks.iter().map(|ask| scope.spawn(move || within(limit, ask))).collect();
        for thread in threads {
            let answer = thread.join().expect("there is an answer in time");
            assert_eq!((answer.status, answer.problem().as_str()), (503, "database-unavailable"));
            assert!(answer.header("retry-after").is_some());
        }
    });
    let login = within(limit, || app.login("known@outage.example", PASSWORD));
    assert_eq!((login.status, login.problem().as_str()), (503, "users-unavailable"));
}

/// Sign-up, reading and login, by an app that was never restarted.
#[track_caller]
fn assert_all_is_well(app: &TestApp, email: &str) {
    app.wait_for("/users-ms/readiness", 200, SOON);
    assert!(app.app.is_running());
    let id = app.sign_up(email);
    let _ = app.get(&format!("/users-ms/users/{id}")).send().expect(200);
    let _ = app.login(email, PASSWORD).expect(200);
}

#[test]
fn while_postgresql_is_stopped_requests_are_told_so_and_afterwards_all_works_again() {
    const LIMIT: Duration = Duration::from_secs(6);
    let _turn = turn::together();
    let backend = Backend::with_own_postgres();
    let app = TestApp::on(&backend).start();
    let id = app.sign_up("known@outage.example");
    backend.postgres.stop();
    assert_snapshot!(within(LIMIT, || app.get("/users-ms/readiness").send()).shown(), @r#"
    503
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "checks": {
        "configuration": {
          "latency_ms": "[milliseconds]",
          "status": "ok"
        },
        "database": {
          "latency_ms": "[milliseconds]",
          "status": "unavailable"
        }
      },
      "status": "unavailable"
    }
    "#);
    assert_snapshot!(within(LIMIT, || app.get(&format!("/users-ms/users/{id}")).send()).shown(), @r#"
    503
    cache-control: no-store
    content-type: application/problem+json
    retry-after: 1
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The database is unavailable. Try again shortly.",
      "instance": "[uuid]",
      "status": 503,
      "title": "Database unavailable",
      "type": "urn:concierge:problem:database-unavailable"
    }
    "#);
    assert_snapshot!(within(LIMIT, || app.login("known@outage.example", PASSWORD)).shown(), @r#"
    503
    cache-control: no-store
    content-type: application/problem+json
    retry-after: 1
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Sign-in is temporarily unavailable. Try again shortly.",
      "instance": "[uuid]",
      "status": 503,
      "title": "Users service unavailable",
      "type": "urn:concierge:problem:users-unavailable"
    }
    "#);
    assert_database_unavailable(&app, id, LIMIT);
    for service in ["users-ms", "auth-ms", "notification-ms"] {
        let _ = app.get(&format!("/{service}/healthcheck")).send().expect(200);
    }
    // What needs no database goes on.
    let _ = app.get("/notification-ms/readiness").send().expect(200);
    let _ = app.get("/users-ms/users/abc").send().expect(400);
    backend.postgres.start_again().expect("PostgreSQL starts again");
    assert_all_is_well(&app, "after@outage.example");
    let _ = app.login("known@outage.example", PASSWORD).expect(200);
}

#[test]
fn a_database_that_crashed_has_what_was_answered_for() {
    let _turn = turn::together();
    let backend = Backend::with_own_postgres();
    let app = TestApp::on(&backend).start();
    let ids: Vec<_> = (0..5).map(|number| app.sign_up(&format!("{number}@crash.example"))).collect();
    backend.postgres.kill();
    backend.postgres.start_again().expect("PostgreSQL starts again");
    app.wait_for("/users-ms/readiness", 200, SOON);
    for id in ids {
        let _ = app.get(&format!("/users-ms/users/{id}")).send().expect(200);
    }
    assert_all_is_well(&app, "after@crash.example");
}

#[test]
fn while_postgresql_hangs_requests_are_told_so_in_time() {
    const LIMIT: Duration = Duration::from_secs(10);
    if !is_spindle("Spin waits for a database for as long as it takes") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::with_own_postgres();
    let app = TestApp::on(&backend).start();
    let id = app.sign_up("known@outage.example");
    backend.postgres.pause();
    assert_database_unavailable(&app, id, LIMIT);
    let _ = within(LIMIT, || app.get("/users-ms/readiness").send()).expect(503);
    let health = within(Duration::from_secs(1), || app.get("/users-ms/healthcheck").send());
    assert_eq!(health.status, 200);
    backend.postgres.resume();
    assert_all_is_well(&app, "after@hang.example");
}

#[test]
fn many_requests_to_a_database_that_hangs_do_not_keep_the_probes_waiting() {
    if !is_spindle("Spin waits for a database for as long as it takes") {
        return;
    }
    let _turn = turn::alone();
    let backend = Backend::with_own_postgres();
    let app = TestApp::on(&backend).start();
    backend.postgres.pause();
    std::thread::scope(|scope| {
        let asks: Vec<_> = (0..100).map(|_| scope.spawn(|| app.get("/users-ms/users/1").send())).collect();
        poll::throughout(Duration::from_secs(2), "probes answer", || {
            let answer = within(Duration::from_secs(1), || app.get("/users-ms/healthcheck").send());
            answer.status == 200
        });
        for ask in asks {
            let answer = ask.join().expect("there is an answer");
            assert_eq!((answer.status, answer.problem().as_str()), (503, "database-unavailable"));
        }
    });
    backend.postgres.resume();
    assert_all_is_well(&app, "after@many.example");
}

#[test]
fn while_redis_is_stopped_people_sign_up_and_sign_in_and_are_told_later() {
    if !is_spindle("Spin ends when it loses Redis, and its supervisor starts it again") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = app.sign_up("before@redis.example");
    poll::until(SOON, "a welcome", || app.deliveries_to("before@redis.example").len() == 1);
    backend.redis.stop();
    let people = ["one@redis.example", "two@redis.example", "three@redis.example"];
    for email in people {
        let answer = within(Duration::from_secs(5), || app.post("/users-ms/users").json(&with_phone(email)).send());
        assert_eq!(answer.status, 201);
        app.confirm_phone(email);
        let answer = within(Duration::from_secs(5), || app.login(email, PASSWORD));
        assert_eq!(answer.status, 200);
    }
    assert_readiness(&app, "notification-ms", &[("broker", "unavailable"), ("configuration", "ok")]);
    let log = app.get("/notification-ms/notifications").bearer(app.operator()).send();
    assert_snapshot!(log.shown(), @r#"
    503
    cache-control: no-store
    content-type: application/problem+json
    retry-after: 1
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The message broker is unavailable. Try again shortly.",
      "instance": "[uuid]",
      "status": 503,
      "title": "Broker unavailable",
      "type": "urn:concierge:problem:broker-unavailable"
    }
    "#);
    let _ = app.get("/users-ms/readiness").send().expect(200);
    let _ = app.get("/auth-ms/readiness").send().expect(200);
    let _ = app.get("/notification-ms/healthcheck").send().expect(200);
    backend.redis.start_again().expect("Redis starts again");
    app.wait_for("/notification-ms/readiness", 200, SOON);
    for email in people {
        poll::until(SOON * 2, "all three notifications", || app.deliveries_to(email).len() >= 3);
    }
    poll::throughout(Duration::from_secs(1), "three each and no more", || {
        people.iter().all(|email| queues(&app.deliveries_to(email)) == [LOGIN_EMAIL, LOGIN_SMS, WELCOME])
    });
    poll::until(SOON, "the outbox is empty", || backend.outbox_length() == 0);
    assert_eq!(app.deliveries_to("before@redis.example").len(), 1, "what was delivered before is not delivered again");
    assert!(app.app.is_running());
}

#[test]
fn while_redis_hangs_nobody_waits_for_it_and_all_are_told_afterwards() {
    /// What answers while all is well takes some hundredths of this.
    const AT_ONCE: Duration = Duration::from_secs(1);
    /// More than may wait in the outbox before new events are left to the sweeps.
    const PEOPLE: usize = 40;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let person = |number: usize| format!("{number}@redis-hang.example");
    let early = app.sign_up("hang@redis.example");
    backend.wait_until_published();
    backend.redis.pause();
    let _ = within(AT_ONCE, || app.login("hang@redis.example", PASSWORD)).expect(200);
    for number in 0..PEOPLE {
        let form = with_phone(&person(number));
        let _ = within(AT_ONCE, || app.post("/users-ms/users").json(&form).send()).expect(201);
        app.confirm_phone(&person(number));
        let _ = within(AT_ONCE, || app.login(&person(number), PASSWORD)).expect(200);
    }
    let _ = within(AT_ONCE, || app.delete(&format!("/users-ms/users/{early}")).send()).expect(204);
    let _ = within(AT_ONCE, || app.get("/users-ms/healthcheck").send()).expect(200);
    if is_spindle("Spin waits for Redis for as long as it takes") {
        let _ = within(Duration::from_secs(20), || app.get("/notification-ms/readiness").send()).expect(503);
    }
    backend.redis.resume();
    let _schedules = Schedules::start(&[&app], ROUND);
    for number in 0..PEOPLE {
        poll::until(SOON * 3, "all are told", || app.deliveries_to(&person(number)).len() >= 3);
    }
    poll::until(SOON, "the outbox is empty", || backend.outbox_length() == 0);
    poll::throughout(Duration::from_secs(1), "three each and no more", || {
        (0..PEOPLE).all(|number| queues(&app.deliveries_to(&person(number))) == [LOGIN_EMAIL, LOGIN_SMS, WELCOME])
    });
}

#[test]
fn a_redis_that_is_killed_has_every_event_that_it_took() {
    const SIGN_INS: usize = 20;
    let _turn = turn::together();
    let backend = Backend::new();
    let doors = TestApp::on(&backend).only(&["users", "auth"]).start();
    let to = "killed@redis.example";
    let _ = doors.sign_up_with_phone(to);
    for _ in 0..SIGN_INS {
        let _ = doors.login(to, PASSWORD).expect(200);
    }
    backend.wait_until_published();
    backend.redis.kill();
    // Published while it is away: kept, and published later.
    let _ = doors.login(to, PASSWORD).expect(200);
    assert_eq!(backend.outbox_length(), 1);
    backend.redis.start_again().expect("Redis starts again");
    let mut broker = backend.broker();
    assert_eq!((broker.length(SIGN_UPS), broker.length(LOGINS)), (1, SIGN_INS as u64));
    let consumer = TestApp::on(&backend).only(&["notification"]).variable("notification_send_ms", 5).start();
    let _schedules = Schedules::start(&[&doors, &consumer], ROUND);
    let all = 2 * (SIGN_INS + 1) + 1;
    poll::until(SOON, "all are told", || consumer.all_deliveries().len() >= all);
    let deliveries = consumer.all_deliveries();
    let distinct: HashSet<_> = deliveries.iter().map(|delivery| (&delivery.queue, &delivery.event_id)).collect();
    assert_eq!((deliveries.len(), distinct.len()), (all, all));
}

#[test]
fn while_redis_hangs_no_more_than_64_removals_wait_for_it() {
    const PEOPLE: usize = 90;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let ids: Vec<_> = (0..PEOPLE).map(|number| app.sign_up(&format!("{number}@removed.example"))).collect();
    backend.wait_until_published();
    backend.redis.pause();
    for id in ids {
        let _ = within(Duration::from_secs(1), || app.delete(&format!("/users-ms/users/{id}")).send()).expect(204);
    }
    let count = |condition: &str| -> i64 {
        let count = format!("SELECT count(*) FROM erasures WHERE {condition}");
        backend.sql().query_one(&count, &[]).expect("erasures can be counted").get(0)
    };
    assert_eq!(count("true"), PEOPLE as i64);
    // Those that a removal has begun itself are due later.
    let begun = count("due_at > now()");
    assert!(begun <= 64, "{begun} wait for Redis");
    backend.redis.resume();
    poll::until(SOON, "the first pass is over for all", || {
        let _ = app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send().expect(200);
        count("passes = 0") == 0
    });
}
