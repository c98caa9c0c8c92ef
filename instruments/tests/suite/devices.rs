//! Known devices: the token of an earlier sign-in keeps its owner from waiting for failures that are others', and opens
//! nothing without the password.

use crate::throttling::throttled;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::schedules::Schedules;
use blackbox::{poll, turn};
use serde_json::json;
use std::time::{Duration, Instant};

/// The address of an office with many people behind it.
const OFFICE: &str = "203.0.113.1";

fn login(app: &TestApp, address: &str, name: &str, password: &str, device: Option<&str>) -> Answer {
    let form = json!({"username": name, "password": password, "device_token": device});
    app.post("/auth-ms/auth/login").header("x-forwarded-for", address).json(&form).send()
}

fn device_of(answer: &Answer) -> String {
    answer.json()["device_token"].as_str().expect("a login gives a device token").to_owned()
}

fn sql(app: &TestApp, statement: &str) -> u64 {
    app.backend.sql().execute(statement, &[]).expect("the tables are there")
}

#[test]
fn an_owner_with_a_known_device_signs_in_at_once_behind_an_address_that_fails_all_the_time() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("owner@office.example");
    let device = device_of(&login(&app, OFFICE, "owner@office.example", PASSWORD, None).expect(200));
    for number in 0..60 {
        let _ = login(&app, OFFICE, &format!("user-{number}@office.example"), "wrong horse", None);
    }
    for _ in 0..200 {
        let answer = login(&app, OFFICE, "owner@office.example", "wrong horse", None);
        assert!(matches!(answer.status, 401 | 429), "{}", answer.status);
    }
    assert_eq!(login(&app, OFFICE, "owner@office.example", PASSWORD, None).status, 429);
    let start = Instant::now();
    let answer = login(&app, OFFICE, "owner@office.example", PASSWORD, Some(&device)).expect(200);
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    // The next token is good as well, from wherever the device is.
    let next = device_of(&answer);
    let _ = login(&app, "198.51.100.7", "owner@office.example", PASSWORD, Some(&next)).expect(200);
}

#[test]
fn a_device_token_without_the_password_is_counted_by_itself_and_lets_nobody_in() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("owner@stolen.example");
    let device = device_of(&login(&app, OFFICE, "owner@stolen.example", PASSWORD, None).expect(200));
    // A thief guesses from ever new addresses.
    for number in 0..5 {
        let address = format!("198.51.100.{number}");
        let _ = login(&app, &address, "owner@stolen.example", "wrong horse", Some(&device)).expect(401);
    }
    let waits = login(&app, "198.51.100.99", "owner@stolen.example", PASSWORD, Some(&device)).expect(429);
    assert_eq!(waits.problem(), "too-many-attempts");
    // Whoever does not show it does not wait for that.
    let _ = login(&app, "192.0.2.1", "owner@stolen.example", PASSWORD, None).expect(200);
    // And after a hundred the token is worth nothing.
    assert_eq!(sql(&app, "UPDATE attempts SET failures_in_a_row = 100, failures = 0 WHERE failures_in_a_row = 5"), 1);
    let locked = login(&app, "198.51.100.99", "owner@stolen.example", PASSWORD, Some(&device)).expect(403);
    assert_eq!(locked.problem(), "account-locked");
    let _ = login(&app, "192.0.2.1", "owner@stolen.example", PASSWORD, None).expect(200);
}

#[test]
fn a_device_token_that_is_forged_or_of_another_account_is_as_none() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    for name in ["owner@foreign.example", "thief@foreign.example"] {
        let _ = app.sign_up(name);
    }
    let foreign = device_of(&login(&app, OFFICE, "thief@foreign.example", PASSWORD, None).expect(200));
    let forged = foreign.replace("dt1.", "dt1.A");
    for _ in 0..5 {
        let _ = login(&app, OFFICE, "owner@foreign.example", "wrong horse", Some(&foreign)).expect(401);
    }
    for device in [foreign.as_str(), &forged, "dt1", "", &"x".repeat(10_000)] {
        let _ = login(&app, OFFICE, "owner@foreign.example", PASSWORD, Some(device)).expect(429);
        // Where nobody has to wait, it does no harm.
        let _ = login(&app, "192.0.2.1", "owner@foreign.example", PASSWORD, Some(device)).expect(200);
    }
    let form = json!({"username": "owner@foreign.example", "password": PASSWORD, "device_token": 7});
    assert_eq!(app.post("/auth-ms/auth/login").json(&form).send().expect(422).pointers(), ["/device_token"]);
}

#[test]
fn after_a_hundred_failures_in_a_row_only_a_known_device_signs_in_and_the_owner_is_told_once() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let (owner, nobody) = ("owner@locked.example", "nobody@locked.example");
    let _ = app.sign_up(owner);
    let device = device_of(&login(&app, OFFICE, owner, PASSWORD, None).expect(200));
    for name in [owner, nobody] {
        let _ = login(&app, "198.51.100.1", name, "wrong horse", None).expect(401);
    }
    // Ninety-eight more, from many places and over a long time.
    assert_eq!(sql(&app, "UPDATE attempts SET failures_in_a_row = 99 WHERE failures_in_a_row > 0"), 2);
    for name in [owner, nobody] {
        let _ = login(&app, "198.51.100.2", name, "wrong horse", None).expect(401);
    }
    let answers = [owner, nobody].map(|name| login(&app, "192.0.2.1", name, PASSWORD, None).expect(403));
    assert_eq!(answers[0].problem(), "account-locked");
    assert_eq!(answers[0].shown(), answers[1].shown(), "nobody learns who has an account");
    // An address from which the owner has signed in is a neighbour's too.
    let _ = login(&app, OFFICE, owner, PASSWORD, None).expect(403);
    let _ = login(&app, "192.0.2.1", owner, PASSWORD, Some(&device)).expect(200);
    // The failures are no longer in a row.
    let _ = login(&app, "192.0.2.2", owner, PASSWORD, None).expect(200);
    let _schedules = Schedules::start(&[&app], Duration::from_millis(300));
    let told = || {
        let told = app.deliveries_to(owner).into_iter();
        told.filter(|logged| logged.queue == "account_locked_email_notification").count()
    };
    poll::until(Duration::from_secs(20), "the owner is told", || told() == 1);
    assert!(app.deliveries_to(nobody).is_empty());
    let _ = login(&app, "192.0.2.3", owner, "wrong horse", None).expect(401);
    assert_eq!(told(), 1);
}

#[test]
fn a_new_password_opens_a_locked_account() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let id = app.sign_up("owner@recovered.example");
    let _ = login(&app, OFFICE, "owner@recovered.example", "wrong horse", None).expect(401);
    assert_eq!(sql(&app, "UPDATE attempts SET failures_in_a_row = 100 WHERE failures_in_a_row > 0"), 1);
    let _ = login(&app, "192.0.2.1", "owner@recovered.example", PASSWORD, None).expect(403);
    let change = json!({"password": "a machine that weaves"});
    let _ = app.patch(&format!("/users-ms/users/{id}")).json(&change).send().expect(200);
    let _ = login(&app, "192.0.2.1", "owner@recovered.example", "a machine that weaves", None).expect(200);
}

#[test]
fn of_many_attempts_at_the_same_moment_one_is_looked_at() {
    let _turn = turn::alone();
    let app = throttled(&Backend::new()).variable("bcrypt_cost", 10).start();
    let _ = app.sign_up("owner@volley.example");
    for _ in 0..5 {
        let _ = login(&app, OFFICE, "owner@volley.example", "wrong horse", None).expect(401);
    }
    sql(&app, "UPDATE attempts SET failed_at = failed_at - interval '2 seconds'");
    let guess = || login(&app, OFFICE, "owner@volley.example", "wrong horse", None).status;
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let guesses: Vec<_> = (0..20).map(|_| scope.spawn(guess)).collect();
        guesses.into_iter().map(|guess| guess.join().expect("it answers")).collect()
    });
    let looked_at = statuses.iter().filter(|status| **status == 401).count();
    assert!(looked_at == 1 && statuses.iter().all(|status| matches!(status, 401 | 429)), "{statuses:?}");
}

#[test]
fn a_classroom_signs_up_behind_one_address_and_a_machine_that_goes_on_has_to_wait() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let sign_up = |number: u32| {
        let form = sign_up_form(&format!("pupil-{number}@classroom.example"));
        app.post("/users-ms/users").header("x-forwarded-for", OFFICE).json(&form).send()
    };
    std::thread::scope(|scope| {
        for number in 0..40 {
            let sign_up = &sign_up;
            scope.spawn(move || {
                let answer = sign_up(number);
                assert!(matches!(answer.status, 201 | 503), "{}", answer.text());
            });
        }
    });
    let made: i64 = app.backend.sql().query_one("SELECT count(*) FROM users", &[]).unwrap().get(0);
    assert!(made >= 32, "{made} of 40 at once");
    let mut statuses = (40..110).map(|number| sign_up(number).status);
    let refused = statuses.find(|status| *status == 429);
    assert_eq!(refused, Some(429));
    assert_eq!(sign_up(200).expect(429).problem(), "too-many-attempts");
    // From elsewhere people go on.
    let elsewhere = app.post("/users-ms/users").header("x-forwarded-for", "192.0.2.1");
    let _ = elsewhere.json(&sign_up_form("pupil@elsewhere.example")).send().expect(201);
}
