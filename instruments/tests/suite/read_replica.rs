//! Lists that a replica of PostgreSQL answers: whoever changed something sees it in the next one, and whatever becomes of the replica, lists
//! go on.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::Person;
use blackbox::{folder, poll, skipped};
use dev_servers::postgres::{self, Postgres};
use std::sync::Arc;
use std::time::Duration;

/// A backend and a replica of its PostgreSQL.
fn replicated() -> Option<(Arc<Backend>, Postgres)> {
    let backend = Backend::with_own_postgres();
    let options = postgres::Options { throw_away: true, ..postgres::Options::default() };
    match backend.postgres.replica(&folder::fresh("replica"), options) {
        Ok(replica) => Some((backend, replica)),
        Err(error) => {
            skipped::note(&error.to_string());
            None
        }
    }
}

/// How many statements users has had answered there: those of whoever else looks are not counted.
fn lists_answered(replica: &Postgres, backend: &Backend) -> i64 {
    let tuples = "SELECT coalesce(sum(idx_tup_fetch + coalesce(seq_tup_read, 0)), 0)::int8 FROM pg_stat_user_tables WHERE relname = 'users'";
    let url = replica.database_url(&backend.database_name());
    postgres::connect(&url).expect("it answers").query_one(tuples, &[]).expect("it counts").get(0)
}

fn names(app: &TestApp, root: &Person) -> String {
    app.get("/users-ms/users?limit=100").bearer(&root.access).send().expect(200).text()
}

#[test]
fn a_list_comes_from_the_replica_and_has_what_was_just_written() {
    let Some((backend, replica)) = replicated() else { return };
    let app = TestApp::on(&backend).variable("db_read_host", replica.host()).start();
    let root = app.admin("root@replica.example");
    for number in 0..10 {
        let ada = app.person(&format!("ada-{number}@replica.example"));
        assert!(names(&app, &root).contains(&ada.email), "{number}");
        let name = format!("Written-{number}");
        let change = serde_json::json!({"name": name});
        let _ = app.patch(&ada.path()).bearer(&ada.access).json(&change).send().expect(200);
        assert!(names(&app, &root).contains(&name), "{number}");
        let audit = app.get(&format!("/users-ms/audit?user_id={}", ada.id)).bearer(&root.access).send().expect(200);
        assert!(audit.text().contains("sign-up"), "{}", audit.text());
    }
    // Sessions tell what they have done when they end, or are idle for some seconds.
    poll::until(Duration::from_secs(20), "something came from the replica", || lists_answered(&replica, &backend) > 0);
}

#[test]
fn a_replica_that_lags_or_is_away_hides_nothing() {
    let Some((backend, replica)) = replicated() else { return };
    let app = TestApp::on(&backend).variable("db_read_host", replica.host()).start();
    let root = app.admin("root@lagging.example");
    let _ = names(&app, &root);
    let mut inside = postgres::connect(&replica.database_url(&backend.database_name())).expect("it answers");
    inside.batch_execute("SELECT pg_wal_replay_pause()").expect("it can be told to wait");
    let late = app.person("late@lagging.example");
    assert!(names(&app, &root).contains(&late.email));
    inside.batch_execute("SELECT pg_wal_replay_resume()").expect("it goes on");
    drop(inside);
    replica.kill();
    let alone = app.person("alone@lagging.example");
    assert!(names(&app, &root).contains(&alone.email));
    // It comes back, and is read from again.
    replica.start_again().expect("it starts again");
    poll::until(Duration::from_secs(30), "the replica is read from", || {
        let before = lists_answered(&replica, &backend);
        let _ = names(&app, &root);
        std::thread::sleep(Duration::from_millis(1_200));
        lists_answered(&replica, &backend) > before
    });
}
