//! The outbox: what could not be published is published later, once.

use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::{LOGINS, SIGN_UPS, login_event};
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

#[test]
fn after_a_sign_up_nothing_is_left_in_the_outbox() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let _ = app.sign_up("left@outbox.example");
    let _ = app.login("left@outbox.example", PASSWORD).expect(200);
    backend.wait_until_published();
    let mut broker = backend.broker();
    assert_eq!((broker.length(SIGN_UPS), broker.length(LOGINS)), (1, 1));
}

#[test]
fn what_waits_is_published_by_a_sweep_once() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    backend.keep_event(&login_event(&Uuid::new_v4().to_string(), "once@outbox.example"));
    assert_eq!(app.sweep(), json!({"published": 1, "left": 0}));
    assert_eq!(app.sweep(), json!({"published": 0, "left": 0}));
    assert_eq!((backend.outbox_length(), backend.broker().length(LOGINS)), (0, 1));
}

#[test]
fn sweeps_at_once_lead_to_one_mail_for_each_event() {
    const EVENTS: usize = 60;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("notification_send_ms", 1).start();
    let ids: Vec<_> = (0..EVENTS).map(|_| Uuid::new_v4().to_string()).collect();
    for id in &ids {
        backend.keep_event(&login_event(id, "sweeps@outbox.example"));
    }
    let published: u64 = std::thread::scope(|scope| {
        let sweeps: Vec<_> = (0..4).map(|_| scope.spawn(|| app.sweep()["published"].as_u64().unwrap())).collect();
        sweeps.into_iter().map(|sweep| sweep.join().expect("a sweep answers")).sum()
    });
    assert_eq!(published, EVENTS as u64, "two sweeps take different events");
    assert_eq!(backend.outbox_length(), 0);
    let _schedules = Schedules::start(&[&app], Duration::from_millis(300));
    let all = Duration::from_secs(30);
    poll::until(all, "each event is delivered", || app.all_deliveries().len() >= 2 * EVENTS);
    let deliveries = app.all_deliveries();
    let distinct: HashSet<_> = deliveries.iter().map(|delivery| (&delivery.queue, &delivery.event_id)).collect();
    assert_eq!((deliveries.len(), distinct.len()), (2 * EVENTS, 2 * EVENTS));
}

#[test]
fn a_sweep_without_broker_leaves_everything_for_the_next() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    backend.keep_event(&login_event(&Uuid::new_v4().to_string(), "broker@outbox.example"));
    backend.redis.stop();
    assert_eq!(app.sweep(), json!({"published": 0, "left": 1}));
    assert_eq!(backend.outbox_length(), 1);
    backend.redis.start_again().expect("Redis starts again");
    assert_eq!(app.sweep(), json!({"published": 1, "left": 0}));
    assert_eq!((backend.outbox_length(), backend.broker().length(LOGINS)), (0, 1));
}

#[test]
fn events_of_a_sweep_that_died_are_swept_when_its_lease_is_over() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    backend.keep_event(&login_event(&Uuid::new_v4().to_string(), "lease@outbox.example"));
    let mut sql = backend.sql();
    sql.execute("UPDATE outbox SET leased_until = now() + interval '30 seconds'", &[]).unwrap();
    assert_eq!(app.sweep(), json!({"published": 0, "left": 0}), "it is in somebody's hands");
    sql.execute("UPDATE outbox SET leased_until = now() - interval '1 second'", &[]).unwrap();
    assert_eq!(app.sweep(), json!({"published": 1, "left": 0}));
}

fn state(app: &TestApp) -> Value {
    app.get("/users-ms/internal/outbox").bearer(app.scheduler()).send().expect(200).json()
}

fn keep_logins(backend: &Backend, count: usize) {
    for _ in 0..count {
        backend.keep_event(&login_event(&Uuid::new_v4().to_string(), "many@outbox.example"));
    }
}

#[test]
fn the_outbox_says_how_many_events_wait_and_for_how_long() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    assert_eq!(state(&app), json!({"waiting": 0, "oldest_seconds": null, "refused": 0}));
    keep_logins(&backend, 3);
    backend.sql().execute("UPDATE outbox SET created_at = now() - interval '90 seconds' WHERE id = 1", &[]).unwrap();
    let seen = state(&app);
    assert_eq!((&seen["waiting"], &seen["refused"]), (&json!(3), &json!(0)));
    assert!((90..120).contains(&seen["oldest_seconds"].as_i64().unwrap()), "{seen}");
    let _ = app.sweep();
    assert_eq!(state(&app)["waiting"], json!(0), "what was published waits no more");
}

#[test]
fn an_event_that_the_broker_refuses_keeps_no_other_waiting() {
    const REFUSED: usize = 250;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let mut sql = backend.sql();
    let mut connection = redis::Client::open(backend.redis.url()).unwrap().get_connection().unwrap();
    // The oldest of all are for a stream that is none.
    let _: () = redis::cmd("SET").arg(LOGINS).arg("no stream").query(&mut connection).unwrap();
    keep_logins(&backend, REFUSED);
    sql.execute("UPDATE outbox SET leased_until = now() - interval '1 hour'", &[]).unwrap();
    let insert = "INSERT INTO outbox (exchange, event) VALUES ('new_user_event', $1::text::jsonb)";
    let event = login_event(&Uuid::new_v4().to_string(), "other@outbox.example");
    sql.execute(insert, &[&event]).unwrap();
    assert_eq!(app.sweep(), json!({"published": 1, "left": REFUSED}));
    assert_eq!(backend.broker().length(SIGN_UPS), 1);
    let seen = state(&app);
    assert_eq!((&seen["waiting"], &seen["refused"]), (&json!(REFUSED), &json!(REFUSED)));
    assert_eq!(app.sweep(), json!({"published": 0, "left": 0}), "they are put off");
    // The pause grows with each refusal, and what is mended is published.
    sql.execute("UPDATE outbox SET leased_until = now()", &[]).unwrap();
    let _ = app.sweep();
    let pause = "SELECT extract(epoch FROM min(leased_until) - now())::int4 FROM outbox WHERE published_at IS NULL";
    let pause: i32 = sql.query_one(pause, &[]).unwrap().get(0);
    assert!((16..=30).contains(&pause), "{pause} s");
    let _: () = redis::cmd("DEL").arg(LOGINS).query(&mut connection).unwrap();
    sql.execute("UPDATE outbox SET leased_until = now()", &[]).unwrap();
    assert_eq!(app.sweep(), json!({"published": REFUSED, "left": 0}));
}

#[test]
fn a_sweep_that_finds_no_broker_tries_one_event_and_leaves_the_others_alone() {
    const EVENTS: usize = 150;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    keep_logins(&backend, EVENTS);
    let mut sql = backend.sql();
    let mut rows = || -> HashSet<String> {
        let rows = sql.query("SELECT id || ':' || xmin FROM outbox WHERE published_at IS NULL", &[]).unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    };
    let before = rows();
    backend.redis.stop();
    for _ in 0..3 {
        assert_eq!(app.sweep(), json!({"published": 0, "left": 1}));
    }
    assert_eq!(before.intersection(&rows()).count(), EVENTS - 3, "each sweep touches one row");
    backend.redis.start_again().expect("Redis starts again");
    assert_eq!(app.sweep(), json!({"published": EVENTS, "left": 0}));
}

#[test]
fn a_sweep_is_not_held_up_by_every_event_while_redis_hangs() {
    if !is_spindle("Spin waits for Redis for as long as it takes") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    keep_logins(&backend, 20);
    backend.redis.pause();
    let start = std::time::Instant::now();
    assert_eq!(app.sweep(), json!({"published": 0, "left": 1}));
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
    backend.redis.resume();
    poll::until(Duration::from_secs(10), "the rest is published", || {
        let _ = app.sweep();
        backend.outbox_length() == 0
    });
}

#[test]
fn a_published_event_is_forgotten_when_redis_has_it_on_disk() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let _ = app.sign_up("disk@outbox.example");
    backend.wait_until_published();
    let mut sql = backend.sql();
    let mut rows = || -> i64 { sql.query_one("SELECT count(*) FROM outbox", &[]).unwrap().get(0) };
    let _ = app.sweep();
    assert_eq!((rows(), backend.outbox_length()), (1, 0), "it is kept for some seconds");
    backend.sql().execute("UPDATE outbox SET published_at = now() - interval '11 seconds'", &[]).unwrap();
    let _ = app.sweep();
    assert_eq!(rows(), 0);
    assert_eq!(backend.broker().length(SIGN_UPS), 1);
}

#[test]
fn a_published_event_is_kept_until_the_replica_has_it() {
    let _turn = turn::together();
    let backend = Backend::with_redis_replica();
    let standby = backend.standby.as_ref().expect("there is a replica");
    poll::until(Duration::from_secs(10), "the replica is linked", || standby.is_linked());
    let app = TestApp::on(&backend).only(&["users"]).variable("redis_replicas", 1).start();
    standby.lag(true);
    let _ = app.sign_up("replica@outbox.example");
    backend.wait_until_published();
    let mut sql = backend.sql();
    sql.execute("UPDATE outbox SET published_at = now() - interval '11 seconds'", &[]).unwrap();
    let mut rows = || -> i64 { sql.query_one("SELECT count(*) FROM outbox", &[]).unwrap().get(0) };
    let _ = app.sweep();
    assert_eq!(rows(), 1, "the replica does not have it yet");
    app.wait_for_log("until replicas of Redis have them");
    standby.lag(false);
    poll::until(Duration::from_secs(10), "the replica has it", || {
        let _ = app.sweep();
        rows() == 0
    });
}

#[test]
fn what_a_machine_took_along_when_it_died_is_published_again_and_sent_once() {
    let _turn = turn::together();
    let backend = Backend::new();
    let doors = TestApp::on(&backend).only(&["users", "auth"]).start();
    let _ = doors.sweep();
    for email in ["lost@outbox.example", "kept@outbox.example"] {
        let _ = doors.sign_up(email);
    }
    backend.wait_until_published();
    // The machine dies, and the disk has only the second.
    backend.redis.kill();
    backend.redis.start_again().expect("Redis starts again");
    let mut connection = redis::Client::open(backend.redis.url()).unwrap().get_connection().unwrap();
    let _: () = redis::cmd("XTRIM").arg(SIGN_UPS).arg("MAXLEN").arg(1).query(&mut connection).unwrap();
    let consumer = TestApp::on(&backend).only(&["notification"]).start();
    let _schedules = Schedules::start(&[&consumer], Duration::from_millis(300));
    let soon = Duration::from_secs(20);
    poll::until(soon, "the second is told", || consumer.deliveries_to("kept@outbox.example").len() == 1);
    // The new run is seen; half a minute later nobody can come any more with what the old one took.
    assert_eq!(doors.sweep(), json!({"published": 0, "left": 0}));
    backend.sql().execute("UPDATE broker_run SET since = since - interval '31 seconds'", &[]).unwrap();
    backend.sql().execute("UPDATE outbox SET published_at = published_at - interval '32 seconds'", &[]).unwrap();
    assert_eq!(doors.sweep(), json!({"published": 2, "left": 0}));
    poll::until(soon, "the first is told", || consumer.deliveries_to("lost@outbox.example").len() == 1);
    poll::throughout(Duration::from_secs(1), "the second is told once", || {
        consumer.deliveries_to("kept@outbox.example").len() == 1
    });
}

#[test]
fn a_sweep_clears_what_is_old_in_steps_until_nothing_is_left() {
    const ROWS: i32 = 2_500;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let mut sql = backend.sql();
    let old =
        "INSERT INTO attempts (key, keep_until) SELECT 'old-' || n, CURRENT_DATE - 1 FROM generate_series(1, $1) n";
    sql.execute(old, &[&ROWS]).unwrap();
    sql.execute("INSERT INTO attempts (key) VALUES ('new')", &[]).unwrap();
    // Somebody holds one of them: it is left for the next sweep, and nobody waits for it.
    let mut other = backend.sql();
    let mut holder = other.transaction().unwrap();
    holder.execute("SELECT 1 FROM attempts WHERE key = 'old-7' FOR UPDATE", &[]).unwrap();
    let mut left = || -> Vec<String> {
        sql.query("SELECT key FROM attempts ORDER BY key", &[]).unwrap().iter().map(|row| row.get(0)).collect()
    };
    let _ = app.sweep();
    assert_eq!(left(), ["new", "old-7"]);
    holder.rollback().unwrap();
    let _ = app.sweep();
    assert_eq!(left(), ["new"]);
}
