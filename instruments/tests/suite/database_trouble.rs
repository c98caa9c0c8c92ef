//! A database on a bad day: read-only, locked, slow, or with others in the way. Who is told what, and that it heals.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::{poll, turn};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(20);

/// Changes a setting of the database for new connections.
fn set(backend: &Arc<Backend>, setting: &str) {
    let mut sql = backend.sql();
    // This connection has to be able to take a setting back.
    sql.batch_execute("SET default_transaction_read_only = off").expect("a session may set it");
    let name: String = sql.query_one("SELECT current_database()::text", &[]).expect("it has a name").get(0);
    sql.batch_execute(&format!("ALTER DATABASE {name} {setting}")).expect("a superuser may set it");
}

fn end_connections(backend: &Arc<Backend>) {
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = current_database() AND usename = 'concierge_users'";
    let _ = backend.sql().query(end, &[]).expect("a superuser may end connections");
}

#[track_caller]
fn assert_unavailable(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (503, "database-unavailable"), "{}", answer.shown());
    assert!(answer.header("retry-after").is_some());
}

/// Done, or to be tried again; never a fault of ours.
#[track_caller]
fn assert_done_or_unavailable(answer: &Answer) {
    if !(200..300).contains(&answer.status) {
        assert_unavailable(answer);
    }
}

#[test]
fn a_database_that_became_read_only_is_not_ready_and_all_is_well_once_it_is_over() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let id = app.sign_up("known@read-only.example");
    let path = format!("/users-ms/users/{id}");
    set(&backend, "SET default_transaction_read_only = on");
    end_connections(&backend);
    // Many connections, each of which may only read. What was sent on one that has just been ended is not repeated.
    poll::until(SOON, "reading goes on", || {
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..20).map(|_| scope.spawn(|| app.get(&path).send().status)).collect();
            readers.into_iter().map(|reader| reader.join().unwrap()).filter(|status| *status == 200).count() == 20
        })
    });
    assert_unavailable(&app.post("/users-ms/users").json(&sign_up_form("new@read-only.example")).send());
    assert_unavailable(&app.patch(&path).json(&json!({"name": "Grace"})).send());
    let _ = app.get("/users-ms/readiness").send().expect(503);
    let _ = app.get(&path).send().expect(200);
    assert!(!app.log().contains("internal-error"));
    set(&backend, "RESET default_transaction_read_only");
    // A connection that is spoilt is found by whoever writes, and not kept.
    poll::until(SOON, "writing works again", || app.patch(&path).json(&json!({"name": "Grace"})).send().status == 200);
    app.wait_for("/users-ms/readiness", 200, SOON);
    let _ = app.sign_up("new@read-only.example");
    poll::until(SOON, "every connection may write", || {
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let writers: Vec<_> = (0..20)
                .map(|_| scope.spawn(|| app.patch(&path).json(&json!({"surname": "Hopper"})).send().status))
                .collect();
            writers.into_iter().map(|writer| writer.join().unwrap()).collect()
        });
        statuses.iter().all(|status| *status == 200)
    });
}

#[test]
fn transactions_that_cannot_be_put_in_an_order_are_repeated_and_never_a_fault() {
    let _turn = turn::together();
    let backend = Backend::new();
    set(&backend, "SET default_transaction_isolation = 'serializable'");
    let app = TestApp::on(&backend).variable("hash_permits", 256).only(&["users", "auth"]).start();
    let id = app.sign_up("known@serializable.example");
    let path = format!("/users-ms/users/{id}");
    let patches: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..24)
            .map(|n| {
                let (app, path) = (&app, &path);
                scope.spawn(move || app.patch(path).json(&json!({"name": format!("Ada {n}")})).send())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    patches.iter().for_each(assert_done_or_unavailable);
    let done = patches.iter().filter(|answer| answer.status == 200).count();
    assert!(done >= 5, "{done} of 24 were done");
    let sign_ups: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..12)
            .map(|n| {
                let app = &app;
                scope.spawn(move || {
                    app.post("/users-ms/users").json(&sign_up_form(&format!("{n}@serializable.example"))).send()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    sign_ups.iter().for_each(assert_done_or_unavailable);
}

#[test]
fn a_lock_that_somebody_holds_is_waited_for_a_moment_and_no_longer() {
    const LIMIT: Duration = Duration::from_secs(8);
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let id = app.sign_up("locked@trouble.example");
    let path = format!("/users-ms/users/{id}");
    let mut sql = backend.sql();
    let mut holder = sql.transaction().unwrap();
    holder.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", &[&id]).unwrap();
    let start = Instant::now();
    assert_unavailable(&app.patch(&path).json(&json!({"name": "Grace"})).send());
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    let _ = app.get(&path).send().expect(200);
    holder.rollback().unwrap();
    // A lock that comes free in time is no trouble at all.
    let mut holder = sql.transaction().unwrap();
    holder.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", &[&id]).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| app.patch(&path).json(&json!({"name": "Grace"})).send());
        std::thread::sleep(Duration::from_millis(300));
        holder.rollback().unwrap();
        let _ = waiting.join().unwrap().expect(200);
    });
}

#[test]
fn a_migration_that_holds_a_table_makes_requests_wait_a_moment_and_no_longer() {
    const LIMIT: Duration = Duration::from_secs(8);
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let id = app.sign_up("table@trouble.example");
    let mut sql = backend.sql();
    let mut migration = sql.transaction().unwrap();
    migration.batch_execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE").unwrap();
    let start = Instant::now();
    assert_unavailable(&app.get(&format!("/users-ms/users/{id}")).send());
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());
    migration.rollback().unwrap();
    let _ = app.get(&format!("/users-ms/users/{id}")).send().expect(200);
}

#[test]
fn a_statement_never_runs_for_long() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let _ = app.sign_up("settings@trouble.example");
    backend
        .sql()
        .batch_execute(
            "CREATE FUNCTION lazy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NEW; END $$;
             CREATE TRIGGER lazy BEFORE UPDATE ON users FOR EACH ROW EXECUTE FUNCTION lazy()",
        )
        .unwrap();
    let start = Instant::now();
    assert_unavailable(&app.patch("/users-ms/users/1").json(&json!({"name": "Grace"})).send());
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
    poll::until(Duration::from_secs(3), "the server has given up too", || {
        let running = "SELECT count(*) FROM pg_stat_activity
            WHERE usename = 'concierge_users' AND datname = current_database() AND state = 'active'";
        backend.sql().query_one(running, &[]).unwrap().get::<_, i64>(0) == 0
    });
}

#[test]
fn sign_ins_beside_a_removal_do_not_wait_for_each_other() {
    const ROUNDS: usize = 40;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("hash_permits", 256).only(&["users", "auth"]).start();
    let deadlocks = || -> i64 {
        let count = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
        backend.sql().query_one(count, &[]).unwrap().get(0)
    };
    for round in 0..ROUNDS {
        let email = format!("{round}@deadlock.example");
        let id = app.sign_up(&email);
        let ended = "INSERT INTO sessions (id, user_id, refresh_digest, idle_until, ends_at)
            SELECT gen_random_uuid(), $1, gen_random_uuid()::text, now() - interval '1 hour', now() - interval '1 hour'
            FROM generate_series(1, 200)";
        backend.sql().execute(ended, &[&id]).unwrap();
        std::thread::scope(|scope| {
            let sign_ins: Vec<_> = (0..8).map(|_| scope.spawn(|| app.login(&email, PASSWORD))).collect();
            let removal = scope.spawn(|| {
                std::thread::sleep(Duration::from_millis((round % 8) as u64 * 4));
                app.delete(&format!("/users-ms/users/{id}")).send()
            });
            let _ = removal.join().unwrap().expect(204);
            for sign_in in sign_ins {
                let answer = sign_in.join().unwrap();
                assert!(matches!(answer.status, 200 | 401), "{}", answer.shown());
            }
        });
    }
    // PostgreSQL counts with up to a second's delay.
    poll::throughout(Duration::from_secs(2), "no deadlock is counted", || deadlocks() == 0);
}

#[test]
fn a_removal_that_ran_into_a_deadlock_of_others_is_made_all_the_same() {
    // A statement is tried again within 2.5 s of its begin, of which the database takes one to see the circle.
    let _turn = turn::alone();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let id = app.sign_up("circle@deadlock.example");
    let _ = app.login("circle@deadlock.example", PASSWORD).expect(200);
    let mut sql = backend.sql();
    // An operator who takes the locks the other way round, and waits longest before looking for a circle.
    sql.batch_execute("SET deadlock_timeout = '10s'").unwrap();
    let mut operator = sql.transaction().unwrap();
    operator.execute("SELECT 1 FROM sessions WHERE user_id = $1 FOR UPDATE", &[&id]).unwrap();
    std::thread::scope(|scope| {
        let removal = scope.spawn(|| app.delete(&format!("/users-ms/users/{id}")).send());
        poll::until(SOON, "the removal waits", || {
            let waiting = "SELECT count(*) FROM pg_stat_activity
                WHERE usename = 'concierge_users' AND datname = current_database() AND wait_event_type = 'Lock'";
            backend.sql().query_one(waiting, &[]).unwrap().get::<_, i64>(0) == 1
        });
        let _ = operator.execute("SELECT 1 FROM users WHERE id = $1 FOR UPDATE", &[&id]).unwrap();
        operator.rollback().unwrap();
        let _ = removal.join().unwrap().expect(204);
    });
}
