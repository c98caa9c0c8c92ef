//! Large tables: whatever is asked, no statement reads one of them wholly, and none sorts more than fits into memory.
//!
//! PostgreSQL counts the reads itself. A process of it reports what it has counted when it ends, so each part has an app
//! of its own, which is stopped before the numbers are looked at. `CONCIERGE_ROWS` makes the tables larger.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::post_office::Office;
use blackbox::relying_party::{RelyingParty, encoded};
use blackbox::{poll, turn};
use dev_servers::fill;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many people there are by default: so many that an index pays for PostgreSQL.
const PEOPLE: u32 = 120_000;
/// Who looks after all of them.
const ROOT: &str = "root@plans.example";
/// What may be read wholly, by which part: tickets live for hours, and those that are open are counted for the metrics.
const EXCEPT: [(&str, &str); 1] = [("programs", "tickets")];

/// Fills the tables as a service of some age has them.
fn grow(backend: &Backend, people: u32) {
    let mut sql = backend.sql();
    let hash = "v1:$2b$04$abcdefghijklmnopqrstuuAwpwJBgsJZyWKMkZRNnjQYHLpDVCaSm";
    let filled = fill::fill(&mut sql, people, hash, &mut |line| println!("{line}")).expect("the owner may fill it");
    assert_eq!(filled.last - filled.first + 1, i64::from(people));
    // For whoever looks for the statement: its plan is in PostgreSQL's log.
    let name: String = sql.query_one("SELECT current_database()::text", &[]).expect("it has a name").get(0);
    sql.batch_execute(&format!(
        "ALTER DATABASE {name} SET session_preload_libraries = 'auto_explain';
         ALTER DATABASE {name} SET auto_explain.log_min_duration = 0;
         ALTER DATABASE {name} SET auto_explain.log_nested_statements = on"
    ))
    .expect("plans can be logged");
}

/// How often each large table was read wholly, and how much was sorted or hashed on disk.
fn whole_reads(backend: &Backend) -> (BTreeMap<String, i64>, i64) {
    let mut sql = backend.sql();
    let large = fill::relations(&mut sql).expect("the tables can be looked at");
    assert!(large.len() >= fill::tables().count(), "{large:?}");
    let counts = sql
        .query("SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE relname = ANY ($1)", &[&large])
        .expect("the statistics can be read");
    let spilt = sql
        .query_one("SELECT temp_files FROM pg_stat_database WHERE datname = current_database()", &[])
        .expect("the statistics can be read");
    (counts.iter().map(|row| (row.get(0), row.get(1))).collect(), spilt.get(0))
}

/// Waits until nobody is connected any more: then all has been reported.
fn wait_until_alone(backend: &Backend) {
    let others = "SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()";
    poll::until(Duration::from_secs(20), "nobody is connected", || {
        backend.sql().query_one(others, &[]).is_ok_and(|row| row.get::<_, i64>(0) == 0)
    });
}

fn expect_all(answers: impl IntoIterator<Item = Answer>) {
    for answer in answers {
        assert!(answer.status < 400, "{}", answer.text());
    }
}

/// What a person does with an account.
fn of_a_person(app: &TestApp) {
    let ada = app.person("ada@plans.example");
    let _ = app.person("old-friend@plans.example");
    let get = |path: &str| app.get(path).bearer(&ada.access).send();
    let path = ada.path();
    expect_all([
        get(&path),
        get(&format!("{path}/activity?limit=5")),
        get(&format!("{path}/passkeys")),
        get(&format!("{path}/second-factor")),
        get(&format!("{path}/connected-applications")),
        get(&format!("{path}/metadata")),
        get(&format!("{path}/export")),
        get("/auth-ms/auth/sessions"),
        app.patch(&path).bearer(&ada.access).json(&json!({"name": "Augusta"})).send(),
        app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": ada.refresh})).send(),
    ]);
    let again = app.login(&ada.email, PASSWORD).expect(200).json();
    let refresh = json!({"refresh_token": again["refresh_token"]});
    assert_eq!(app.login(&ada.email, "wrong horse battery").status, 401);
    assert_eq!(app.login("nobody@plans.example", PASSWORD).status, 401);
    expect_all([
        app.post("/auth-ms/auth/logout").json(&refresh).send(),
        app.delete("/auth-ms/auth/sessions").bearer(&ada.access).send(),
    ]);
    let bob = app.person("bob@plans.example");
    let secret = app.add_totp(&bob);
    app.forget_steps(&bob);
    let challenge = app.challenge(&bob);
    expect_all([app.answer_challenge(&challenge, &secret.code())]);
    let mut phone = app.add_passkey(&app.person("eve@plans.example"));
    expect_all([app.login_by(&mut phone)]);
    let gone = app.person("gone@plans.example");
    expect_all([app.delete(&gone.path()).bearer(&gone.access).json(&json!({"current_password": PASSWORD})).send()]);
    app.backend.wait_until_looked_through(gone.id);
}

/// What administrators look for and do.
fn of_administrators(app: &TestApp, root: i64) {
    let root = app.sign_in(root, ROOT);
    let get = |path: &str| app.get(path).bearer(&root.access).send();
    let lists = [
        "",
        "?email=person77@filled.example",
        "?name=ada",
        "?surname=stanford",
        "?search=person4711@",
        "?search=stanford",
        "?search=%D0%BC%D0%B5%D0%BB%D1%8C%D0%BD",
        "?search=%E4%BC%9F%20%E7%8E%8B",
        "?search=filled.example",
        "?search=lingley&sort=-surname",
        "?search=hoff&role=admin",
        "?search=nobody-has-this",
        "?role=admin",
        "?email_verified=false",
        "?email_verified=true&sort=-created",
        "?sort=name",
        "?sort=-surname",
        "?sort=email",
        "?sort=-email",
    ];
    for query in lists {
        let page = get(&format!("/users-ms/users{query}")).expect(200);
        if let Some(next) = page.header("link").and_then(|link| link.strip_prefix('<')?.split('>').next()) {
            expect_all([get(next)]);
        }
    }
    let audits = [
        "",
        "?user_id=7",
        "?administrator_id=3",
        "?action=user-suspended",
        "?action=login",
        "?result=success",
        "?user_id=7&action=login",
        "?since=2026-01-01T00:00:00Z",
        "?action=password-changed&result=success",
    ];
    expect_all(audits.map(|query| get(&format!("/users-ms/audit{query}"))));
    let other = app.person("other@plans.example");
    let at = |part: &str| format!("{}/{part}", other.path());
    expect_all([
        get(&at("access")),
        get(&at("activity")),
        app.put(&at("suspension")).bearer(&root.access).send(),
        app.delete(&at("suspension")).bearer(&root.access).send(),
        app.put(&at("password-reset")).bearer(&root.access).send(),
        app.delete(&at("password-reset")).bearer(&root.access).send(),
        app.delete(&at("lock")).bearer(&root.access).send(),
        app.patch(&other.path()).bearer(&root.access).json(&json!({"roles": ["editor"]})).send(),
        get("/users-ms/statistics"),
        get("/users-ms/oauth-clients"),
    ]);
}

/// What applications and schedules do.
fn of_programs(app: &TestApp, root: i64) {
    let root = app.sign_in(root, ROOT);
    let client = app.register(&root, &json!({}));
    connect(app, &client, &app.person("ada@programs.plans.example"));
    expect_all([app.get("/users-ms/internal/metrics").bearer(app.metrics()).send()]);
    let _ = app.sweep();
    expect_all([app.get("/users-ms/internal/outbox").bearer(app.scheduler()).send()]);
}

fn connect(app: &TestApp, client: &RelyingParty, ada: &Person) {
    let tokens = app.connect(client, ada);
    let refresh = tokens.refresh.expect("a refresh token");
    expect_all([app.refresh_client(client, &refresh), app.userinfo(&tokens.access)]);
    let form = encoded(&[("token", &refresh)]);
    expect_all([app.page("/auth-ms/oauth/revoke", &form).header("authorization", &client.basic()).send()]);
}

/// What links and codes of mails do.
fn of_mails(office: &Office) {
    let app = &office.app;
    let email = "ada@mails.plans.example";
    let _ = office.sign_up(email).expect(202);
    let confirm = office.secrets_of("Confirm your email address", "/users-ms/email-verification/page", email, 1);
    let post = |path: &str, body: serde_json::Value| app.post(path).json(&body).send();
    expect_all([post("/users-ms/email-verification/confirm", json!({"token": confirm.token}))]);
    expect_all([post("/users-ms/password-recovery", json!({"email": email}))]);
    let recover = office.secrets_of("Choose a new password", "/users-ms/password-recovery/page", email, 1);
    let new = "a better horse battery";
    expect_all([post("/users-ms/password-recovery/confirm", json!({"token": recover.token, "password": new}))]);
    assert_eq!(app.login(email, new).status, 200);
    // The events of all of it are published, and what is old is cleaned up, meanwhile.
    app.backend.wait_until_published();
}

#[test]
fn no_statement_reads_a_large_table_wholly() {
    let _turn = turn::together();
    let people = std::env::var("CONCIERGE_ROWS").ok().and_then(|rows| rows.parse().ok()).unwrap_or(PEOPLE);
    let backend = Backend::with_own_postgres();
    grow(&backend, people);
    let start = || TestApp::on(&backend).variable("authorization", "required").start();
    // Roles are given by a command, which looks for an address however it is written.
    let root = start().admin(ROOT).id;
    let office = |backend: &Arc<Backend>| Office::new(backend, |setup| setup);
    let parts: [(&str, &dyn Fn()); 4] = [
        ("a person", &|| of_a_person(&start())),
        ("administrators", &|| of_administrators(&start(), root)),
        ("programs", &|| of_programs(&start(), root)),
        ("mails", &|| of_mails(&office(&backend))),
    ];
    let mut found = Vec::new();
    for (name, part) in parts {
        wait_until_alone(&backend);
        let (before, spilt) = whole_reads(&backend);
        part();
        wait_until_alone(&backend);
        let (after, spilt_then) = whole_reads(&backend);
        let read = after.into_iter().filter(|(table, count)| {
            before.get(table).is_none_or(|before| before != count) && !EXCEPT.contains(&(name, table.as_str()))
        });
        found.extend(read.map(|(table, count)| {
            format!("{name}: {table} was read wholly, {} times", count - before.get(&table).unwrap_or(&0))
        }));
        if spilt_then != spilt {
            found.push(format!("{name}: {} sorts or hashes spilt to disk", spilt_then - spilt));
        }
    }
    assert!(found.is_empty(), "{}\n\n{}", found.join("\n"), plans_with_whole_reads(&backend));
}

/// The plans of PostgreSQL's log that read a large table wholly, each statement once.
fn plans_with_whole_reads(backend: &Backend) -> String {
    let log = std::fs::read_to_string(backend.postgres.log_file()).expect("the log can be read");
    let log = log.replace("\n\t", "\t");
    let large = fill::relations(&mut backend.sql()).expect("the tables can be looked at");
    let is_whole = |line: &&str| large.iter().any(|table| line.contains(&format!("Seq Scan on {table} ")));
    let plans = log.lines().filter(is_whole).map(|line| line.split_once("plan:").map_or(line, |(_, plan)| plan));
    let mut by_statement = BTreeMap::new();
    for plan in plans {
        by_statement.entry(plan.split("cost=").next().unwrap_or_default()).or_insert(plan);
    }
    by_statement.into_values().map(|plan| plan.replace('\t', "\n")).collect::<Vec<_>>().join("\n---\n")
}
