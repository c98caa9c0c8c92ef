//! Guessing passwords is slow: after some failures the next attempt is made to wait, and nobody learns from that who
//! exists, and nobody can keep an owner out by it.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::turn;
use insta::assert_snapshot;
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The proxy in front of the app, as these tests play it.
const PROXY: &str = "127.0.0.0/8";

pub(crate) fn throttled(backend: &Arc<Backend>) -> Setup {
    TestApp::on(backend).variable("login_throttling", "on").variable("trusted_proxies", PROXY)
}

/// An attempt by the client at `address`.
fn attempt(app: &TestApp, address: &str, username: &str, password: &str) -> Answer {
    let form = json!({"username": username, "password": password});
    app.post("/auth-ms/auth/login").header("x-forwarded-for", address).json(&form).send()
}

fn fail(app: &TestApp, address: &str, username: &str, times: usize) {
    for _ in 0..times {
        let _ = attempt(app, address, username, "incorrect horse").expect(401);
    }
}

/// Makes all counted failures older, as if this long had passed.
fn let_pass(app: &TestApp, seconds: i32) {
    let sql = format!("UPDATE attempts SET failed_at = failed_at - interval '{seconds} seconds'");
    app.backend.sql().execute(&sql, &[]).expect("time passes");
}

#[test]
fn after_some_failures_the_next_attempt_waits_longer_and_longer() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("ada@throttling.example");
    fail(&app, "203.0.113.1", "ada@throttling.example", 5);
    let answer = attempt(&app, "203.0.113.1", "ada@throttling.example", PASSWORD);
    assert_snapshot!(answer.shown(), @r#"
    429
    cache-control: no-store
    content-type: application/problem+json
    retry-after: 1
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Too many attempts have failed. Wait as long as retry-after says.",
      "instance": "[uuid]",
      "status": 429,
      "title": "Too many attempts",
      "type": "urn:concierge:problem:too-many-attempts"
    }
    "#);
    let mut waits = Vec::new();
    for _ in 0..12 {
        let wait: i32 = attempt(&app, "203.0.113.1", "ada@throttling.example", PASSWORD)
            .expect(429)
            .header("retry-after")
            .and_then(|seconds| seconds.parse().ok())
            .expect("it says for how long");
        waits.push(wait);
        let_pass(&app, wait + 1);
        fail(&app, "203.0.113.1", "ada@throttling.example", 1);
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900]);
}

#[test]
fn waiting_is_not_made_longer_by_trying_and_ends_by_itself() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("ada@ends.example");
    fail(&app, "203.0.113.1", "ada@ends.example", 5);
    for _ in 0..10 {
        let _ = attempt(&app, "203.0.113.1", "ada@ends.example", PASSWORD).expect(429);
    }
    let_pass(&app, 2);
    let _ = attempt(&app, "203.0.113.1", "ada@ends.example", PASSWORD).expect(200);
    // A success ends the count: the next five are free again.
    fail(&app, "203.0.113.1", "ada@ends.example", 5);
    let _ = attempt(&app, "203.0.113.1", "ada@ends.example", PASSWORD).expect(429);
    // So does an hour without a failure.
    let_pass(&app, 3601);
    fail(&app, "203.0.113.1", "ada@ends.example", 5);
}

#[test]
fn an_account_that_does_not_exist_waits_like_one_that_does() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("known@alike.example");
    let names = ["known@alike.example", "unknown@alike.example", "no-address"];
    for name in names {
        fail(&app, "203.0.113.1", name, 5);
    }
    let answers = names.map(|name| attempt(&app, "203.0.113.1", name, PASSWORD).shown());
    assert!(answers[0].starts_with("429"), "{}", answers[0]);
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0], answers[2]);
}

#[test]
fn a_client_that_forges_its_address_waits_as_the_one_that_it_is() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).variable("trusted_proxies", "").start();
    let _ = app.sign_up("ada@forged.example");
    let form = |password: &str| json!({"username": "ada@forged.example", "password": password});
    for number in 1..=5 {
        let forged = format!("203.0.113.{number}:4711");
        let request = app.post("/auth-ms/auth/login").header("spin-client-addr", &forged);
        let _ = request.json(&form("incorrect horse")).send().expect(401);
    }
    let _ = app.post("/auth-ms/auth/login").json(&form(PASSWORD)).send().expect(429);
}

#[test]
fn a_client_that_tries_everybody_waits_for_everybody() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("somebody@spraying.example");
    for number in 0..50 {
        fail(&app, "203.0.113.1", &format!("user-{number}@spraying.example"), 1);
    }
    let _ = attempt(&app, "203.0.113.1", "somebody@spraying.example", PASSWORD).expect(429);
    let _ = attempt(&app, "203.0.113.2", "somebody@spraying.example", PASSWORD).expect(200);
}

#[test]
fn many_clients_that_try_one_account_wait_and_its_owner_does_not() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("owner@many.example");
    let _ = attempt(&app, "198.51.100.1", "owner@many.example", PASSWORD).expect(200);
    for number in 0..20 {
        fail(&app, &format!("203.0.113.{number}"), "owner@many.example", 1);
    }
    let stranger = attempt(&app, "203.0.113.99", "owner@many.example", "incorrect horse").expect(429);
    assert_eq!(stranger.problem(), "too-many-attempts");
    // The owner has signed in from there before.
    let _ = attempt(&app, "198.51.100.1", "owner@many.example", PASSWORD).expect(200);
    // And from elsewhere it is a minute at most, however many have failed.
    app.backend.sql().execute("UPDATE attempts SET failures = failures + 1000 WHERE failures >= 20", &[]).unwrap();
    let wait = attempt(&app, "192.0.2.1", "owner@many.example", PASSWORD).expect(429);
    assert!(wait.header("retry-after").and_then(|text| text.parse::<u32>().ok()).is_some_and(|wait| wait <= 60));
    let_pass(&app, 61);
    let _ = attempt(&app, "192.0.2.1", "owner@many.example", PASSWORD).expect(200);
}

#[test]
fn a_forwarded_address_is_believed_of_trusted_proxies_alone() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("login_throttling", "on").start();
    let _ = app.sign_up("ada@forwarded.example");
    for number in 0..5 {
        fail(&app, &format!("203.0.113.{number}"), "ada@forwarded.example", 1);
    }
    // To the app it was one client all the time.
    let _ = attempt(&app, "203.0.113.77", "ada@forwarded.example", PASSWORD).expect(429);
}

#[test]
fn the_current_password_is_guessed_at_no_more_easily_than_at_the_login() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).variable("authorization", "required").start();
    let ada = app.person("ada@guessing.example");
    let guess = || {
        let body = json!({"password": "a new good password", "current_password": "incorrect horse"});
        app.patch(&ada.path()).bearer(&ada.access).header("x-forwarded-for", "203.0.113.5").json(&body).send()
    };
    for _ in 0..5 {
        assert_eq!(guess().expect(403).problem(), "wrong-current-password");
    }
    assert_eq!(guess().expect(429).problem(), "too-many-attempts");
    let whole = json!({"name": "Ada", "surname": "L", "email": ada.email, "password": "a new good password",
        "current_password": "incorrect horse"});
    let replaced =
        app.put(&ada.path()).bearer(&ada.access).header("x-forwarded-for", "203.0.113.5").json(&whole).send();
    assert_eq!(replaced.expect(429).problem(), "too-many-attempts");
    let again = app.post(&format!("{}/reauthenticate", ada.path())).header("x-forwarded-for", "203.0.113.5");
    let again = again.bearer(&ada.access).json(&json!({"current_password": PASSWORD})).send();
    assert_eq!(again.expect(429).problem(), "too-many-attempts");
    let _ = attempt(&app, "203.0.113.5", &ada.email, PASSWORD).expect(429);
}

#[test]
fn sign_ups_that_find_out_who_is_there_have_to_wait() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let sign_up = |email: &str| {
        app.post("/users-ms/users").header("x-forwarded-for", "203.0.113.1").json(&sign_up_form(email)).send()
    };
    for number in 0..25 {
        let _ = sign_up(&format!("user-{number}@probing.example")).expect(201);
    }
    for number in 0..20 {
        let _ = sign_up(&format!("user-{number}@probing.example")).expect(409);
    }
    assert_eq!(sign_up("user-1@probing.example").expect(429).problem(), "too-many-attempts");
}

#[test]
fn unknown_wrong_and_waiting_take_the_same_time_over_two_hundred_tries() {
    const TRIES: usize = 200;
    let _turn = turn::alone();
    let app = throttled(&Backend::new()).variable("bcrypt_cost", 6).start();
    for name in ["known", "locked"] {
        let _ = app.sign_up(&format!("{name}@medians.example"));
    }
    for name in ["locked@medians.example", "unknown-locked@medians.example"] {
        fail(&app, "203.0.113.1", name, 5);
    }
    // Long enough for the whole test.
    app.backend.sql().execute("UPDATE attempts SET failures = 30 WHERE failures = 5", &[]).unwrap();
    let median = |mut times: Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let names = ["known@medians.example", "unknown@medians.example", "no-address"];
    let waiting = ["locked@medians.example", "unknown-locked@medians.example"];
    let mut times: [Vec<Duration>; 5] = Default::default();
    let mut texts: [Vec<String>; 5] = Default::default();
    // In turns, so that whatever else the machine does befalls all of them. Each try of a name comes from elsewhere
    // and counts for nothing in the next round.
    for round in 0..TRIES {
        let address = format!("198.51.{}.{}", round / 200, round % 200);
        // Whoever is first in a round is not always the same.
        for place in (0..names.len()).map(|turn| (turn + round) % names.len()) {
            let name = names[place];
            let start = Instant::now();
            let answer = attempt(&app, &address, name, "incorrect horse").expect(401);
            times[place].push(start.elapsed());
            texts[place].push(answer.shown());
        }
        for place in (0..waiting.len()).map(|turn| (turn + round) % waiting.len()) {
            let name = waiting[place];
            let start = Instant::now();
            let answer = attempt(&app, "203.0.113.1", name, "incorrect horse").expect(429);
            times[3 + place].push(start.elapsed());
            texts[3 + place].push(answer.text().split("\"instance\"").next().unwrap_or_default().to_owned());
        }
        forget_the_others(&app);
    }
    let [known, unknown, odd, locked, unknown_locked] = times.map(median);
    println!("known {known:.6}, unknown {unknown:.6}, odd {odd:.6}; locked {locked:.6}, {unknown_locked:.6}");
    // What is told by less than a millisecond is told to nobody across a network.
    let is_alike = |one: f64, other: f64| (0.85..1.18).contains(&(one / other)) || (one - other).abs() < 0.001;
    assert!(is_alike(unknown, known), "unknown: {unknown}, known: {known}");
    assert!(is_alike(odd, known), "no address: {odd}, known: {known}");
    assert!(is_alike(unknown_locked, locked), "unknown and locked: {unknown_locked}, locked: {locked}");
    let first = texts[0][0].clone();
    assert!(texts[..3].iter().flatten().all(|text| *text == first), "{first}");
    let first = texts[3][0].clone();
    assert!(texts[3..].iter().flatten().all(|text| *text == first), "{first}");
}

/// Forgets what was counted for all but those that wait.
fn forget_the_others(app: &TestApp) {
    app.backend.sql().execute("DELETE FROM attempts WHERE failures < 30", &[]).expect("the table is there");
}

#[test]
fn what_is_counted_says_neither_who_nor_from_where_and_is_forgotten() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let _ = app.sign_up("ada@counted.example");
    fail(&app, "203.0.113.1", "ada@counted.example", 2);
    let rows = || -> Vec<String> {
        let rows = app.backend.sql().query("SELECT to_jsonb(a)::text FROM attempts a", &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    // The sign-up, and three ways to count a failure.
    assert_eq!(rows().len(), 4);
    let sweep_after = |days: i32| {
        let sql = format!("UPDATE attempts SET keep_until = keep_until - {days}");
        app.backend.sql().execute(&sql, &[]).expect("days pass");
        let _ = app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send().expect(200);
    };
    for row in rows() {
        assert!(!row.contains("ada") && !row.contains("203.0.113"), "{row}");
    }
    sweep_after(2);
    assert_eq!(rows().len(), 1, "failures in a row at an account are remembered for a month");
    sweep_after(30);
    assert_eq!(rows().len(), 0);
}

#[test]
fn a_change_of_email_that_finds_it_taken_is_counted_like_such_a_sign_up() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).variable("authorization", "required").start();
    let _ = app.sign_up("victim@oracle.example");
    let eve = app.person("eve@oracle.example");
    let change = |email: &str| {
        let body = json!({"email": email, "current_password": PASSWORD});
        app.patch(&eve.path()).bearer(&eve.access).json(&body).send()
    };
    for tried in 0..20 {
        assert_eq!(change("Victim@oracle.example").expect(409).problem(), "email-taken", "{tried}");
        if tried == 10 {
            // The right password is no pardon.
            let _ = app.login(&eve.email, PASSWORD).expect(200);
            let _ = change(&eve.email).expect(200);
        }
    }
    for email in ["victim@oracle.example", "free@oracle.example"] {
        let waits = change(email).expect(429);
        assert_eq!(waits.problem(), "too-many-attempts");
        assert!(waits.header("retry-after").is_some());
    }
    let _ = app.login(&eve.email, PASSWORD).expect(200);
    // Whatever is no change of the email goes on.
    let _ = app.patch(&eve.path()).bearer(&eve.access).json(&json!({"name": "Eve"})).send().expect(200);
    let_pass(&app, 2 * 60 * 60);
    let _ = change("free@oracle.example").expect(200);
}

#[test]
fn an_attempt_that_never_ends_counts_as_a_failure_once_its_permit_has_expired() {
    let _turn = turn::together();
    let app = throttled(&Backend::new()).start();
    let keys = json!({"account": "a".repeat(64), "client": "b".repeat(64), "pair": "c".repeat(64)});
    let begin = || {
        let body = json!({"keys": keys, "email": "nobody@expired.example"});
        app.post("/users-ms/internal/sign-in/begin").bearer(app.auth()).json(&body).send().expect(200).json()
    };
    let expire = || {
        let sql = "UPDATE hashing_places SET held_until = now() - interval '1 second' WHERE holder IS NOT NULL";
        assert_eq!(app.backend.sql().execute(sql, &[]).expect("time passes"), 1);
    };
    // Whoever acquires the permit next counts what became of the attempt before.
    for number in 1..=6 {
        assert!(begin()["permit"].is_object(), "{number}");
        expire();
    }
    let refused = begin();
    assert!(refused["permit"].is_null() && refused["retry_after"].as_i64().is_some_and(|wait| wait > 0), "{refused}");
}
