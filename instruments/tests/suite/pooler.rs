//! A pooler in transaction mode between users and PostgreSQL: no statement depends on a session.
//!
//! `CONCIERGE_PGBOUNCER=<program> cargo xtask test` puts one before every app of the suite; here is what more connections
//! than it has do.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::skipped;
use serde_json::json;

/// Clients at once, many more than the pooler has connections.
const CLIENTS: usize = 48;
/// Rounds of each.
const ROUNDS: usize = 5;

#[test]
fn many_clients_share_the_few_connections_of_a_pooler() {
    let backend = match Backend::with_pooler() {
        Ok(backend) => backend,
        Err(reason) => return skipped::note(&reason),
    };
    let app = TestApp::on(&backend).start();
    let people: Vec<_> = (0..4).map(|number| app.person(&format!("pooled-{number}@pooler.example"))).collect();
    let failed: Vec<String> = std::thread::scope(|scope| {
        let client = |number: usize| {
            let (app, person) = (&app, &people[number % people.len()]);
            scope.spawn(move || {
                let name = json!({"name": format!("Ada {number}")});
                let mut failed = Vec::new();
                for _ in 0..ROUNDS {
                    for answer in [
                        app.get(&person.path()).bearer(&person.access).send(),
                        app.patch(&person.path()).bearer(&person.access).json(&name).send(),
                        app.get("/users-ms/readiness").send(),
                    ] {
                        if answer.status != 200 {
                            failed.push(format!("{}: {}", answer.status, answer.text()));
                        }
                    }
                }
                failed
            })
        };
        let clients: Vec<_> = (0..CLIENTS).map(client).collect();
        clients.into_iter().flat_map(|client| client.join().expect("no client panics")).collect()
    });
    assert_eq!(failed, Vec::<String>::new());
    for person in &people {
        assert_eq!(app.login(&person.email, PASSWORD).status, 200);
        assert_eq!(app.get(&person.path()).bearer(&person.access).send().json()["version"], expected_version());
    }
    let held: i64 = backend
        .sql()
        .query_one(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = $1",
            &[&"concierge_users"],
        )
        .expect("the activity can be read")
        .get(0);
    assert!((1..=8).contains(&held), "{held} connections");
}

/// Each round of each client of a person is a change.
fn expected_version() -> usize {
    1 + CLIENTS / 4 * ROUNDS
}
