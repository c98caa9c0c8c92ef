//! A storm of sign-ins: so many are dealt with at once, the others are told to come back, and nobody else waits.

use blackbox::app::{RuntimeKind, TestApp, runtime};
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::{poll, turn};
use serde_json::json;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn no_more_than_the_places_hash_at_once_and_the_others_wait_or_are_told_when_to_come_back() {
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).variable("hash_permits", 2).variable("bcrypt_cost", 11).start();
    let _ = app.sign_up("ada@places.example");
    let (let_in, sent_away, is_over) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::SeqCst) {
                let held = "SELECT count(*) FROM hashing_places WHERE held_until > now()";
                let held: i64 = app.backend.sql().query_one(held, &[]).unwrap().get(0);
                assert!(held <= 2, "{held} places are taken");
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let logins: Vec<_> = (0..12)
            .map(|_| {
                scope.spawn(|| {
                    let answer = app.login("ada@places.example", PASSWORD);
                    match (answer.status, answer.problem().as_str(), answer.header("retry-after")) {
                        (200, ..) => let_in.fetch_add(1, Ordering::SeqCst),
                        (503, "too-busy", Some("1")) => sent_away.fetch_add(1, Ordering::SeqCst),
                        other => panic!("{other:?}"),
                    };
                })
            })
            .collect();
        logins.into_iter().for_each(|login| login.join().expect("it is let in or sent away"));
        is_over.store(true, Ordering::SeqCst);
    });
    let (let_in, sent_away) = (let_in.into_inner(), sent_away.into_inner());
    // More than two wait for those before them.
    assert!(let_in >= 3 && let_in + sent_away == 12, "{let_in} let in, {sent_away} sent away");
    // Sign-ups hash as well, in the same places, and whoever waited for nothing is told to come back.
    assert_eq!(app.backend.hold_permits(2), 2);
    let start = Instant::now();
    let form = json!({"name": "B", "surname": "C", "email": "bob@places.example", "password": PASSWORD});
    let answer = app.post("/users-ms/users").json(&form).send();
    assert_eq!((answer.status, answer.problem().as_str()), (503, "too-busy"));
    assert!(start.elapsed() > Duration::from_secs(1), "it did not wait: {:?}", start.elapsed());
    assert!(!app.log().contains("too-busy\",\"cause"), "that is no failure of the service's");
}

#[test]
fn those_who_wait_are_bounded_and_the_others_are_told_at_once() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("hash_permits", 1).start();
    let _ = app.sign_up("ada@waiting.example");
    assert_eq!(app.backend.hold_permits(1), 1);
    let wait = "UPDATE hash_permit_waiters SET waits_until = now() + interval '1 minute'";
    assert!(app.backend.sql().execute(wait, &[]).unwrap() > 0);
    let start = Instant::now();
    assert_eq!(app.login("ada@waiting.example", PASSWORD).expect(503).problem(), "too-busy");
    assert!(start.elapsed() < Duration::from_secs(1), "it waited: {:?}", start.elapsed());
}

#[test]
fn whoever_dies_with_a_place_in_hand_loses_it() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("hash_permits", 1).start();
    let path = format!("/users-ms/users/{}", app.sign_up("ada@lease.example"));
    let root = app.admin("root@lease.example");
    let mut sql = app.backend.sql();
    let hold =
        |until: &str| format!("UPDATE hashing_places SET held_until = now() + interval '{until}' WHERE place = 1");
    sql.execute(&hold("20 seconds"), &[]).unwrap();
    let _ = app.login("ada@lease.example", PASSWORD).expect(503);
    // Whatever hashes needs a place, and whatever does not needs none.
    let whole = json!({"name": "A", "surname": "L", "email": "ada@lease.example", "password": "a new good password"});
    let again = app.post(&format!("{}/reauthenticate", root.path())).bearer(&root.access);
    for request in [
        app.put(&path).json(&whole),
        app.patch(&path).json(&json!({"password": "a new good password"})),
        again.json(&json!({"current_password": PASSWORD})),
    ] {
        assert_eq!(request.send().expect(503).problem(), "too-busy");
    }
    let _ = app.patch(&path).json(&json!({"name": "Augusta"})).send().expect(200);
    sql.execute(&hold("-1 second"), &[]).unwrap();
    let _ = app.login("ada@lease.example", PASSWORD).expect(200);
}

#[test]
fn a_permit_ends_with_the_connection_that_acquired_it_when_there_is_no_other() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("hash_permits", 2).start();
    let _ = app.sign_up("ada@lost-permit.example");
    // Statements that their caller has given up, as after a database that stood still.
    let acquire = |sql: &mut postgres::Client| {
        let request = json!({"permits": 2, "seconds": 30, "counters": []}).to_string();
        let place = "SELECT acquire_hash_permit($1::text::jsonb) -> 'place' ->> 'number'";
        let place: Option<String> = sql.query_one(place, &[&request]).unwrap().get(0);
        place.expect("it is free")
    };
    let (mut one, mut other) = (app.backend.sql(), app.backend.sql());
    assert_ne!(acquire(&mut one), acquire(&mut other));
    // As long as the connections are there, so may be who hashes.
    assert_eq!(app.login("ada@lost-permit.example", PASSWORD).expect(503).problem(), "too-busy");
    drop(one);
    let _ = app.login("ada@lost-permit.example", PASSWORD).expect(200);
    let held = "SELECT count(*) FROM hashing_places WHERE held_until > now()";
    let held: i64 = other.query_one(held, &[]).unwrap().get(0);
    assert_eq!(held, 1, "the other one is still held");
}

#[test]
fn reads_and_probes_go_on_while_every_core_hashes() {
    const READS: usize = 300;
    // A hash gives its thread away to Spin, while Spindle takes it; without either a read waits for seconds.
    let limit = Duration::from_millis(if runtime() == RuntimeKind::Spin { 400 } else { 100 });
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).variable("bcrypt_cost", 12).start();
    let id = app.sign_up("ada@storm.example");
    let (is_over, tried, let_in) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let p99 = std::thread::scope(|scope| {
        for _ in 0..24 {
            scope.spawn(|| {
                while !is_over.load(Ordering::SeqCst) && tried.fetch_add(1, Ordering::SeqCst) < 5000 {
                    let status = app.login("ada@storm.example", PASSWORD).status;
                    assert!(matches!(status, 200 | 503), "{status}");
                    let_in.fetch_add(usize::from(status == 200), Ordering::SeqCst);
                    if status == 503 {
                        // As a caller does that is told to come back.
                        std::thread::sleep(Duration::from_millis(200));
                    }
                }
            });
        }
        poll::until(Duration::from_secs(20), "the storm is there", || let_in.load(Ordering::SeqCst) >= 4);
        let p99 = ["/users-ms/healthcheck".to_owned(), format!("/users-ms/users/{id}")].map(|path| {
            let mut times: Vec<_> = (0..READS)
                .map(|_| {
                    let start = Instant::now();
                    let _ = app.get(&path).send().expect(200);
                    start.elapsed()
                })
                .collect();
            times.sort_unstable();
            println!("{path}: median {:?}, p99 {:?}", times[READS / 2], times[READS * 99 / 100]);
            times[READS * 99 / 100]
        });
        is_over.store(true, Ordering::SeqCst);
        p99
    });
    assert!(p99.iter().all(|p99| *p99 <= limit), "p99 of healthcheck and of GET one user: {p99:?}");
}
