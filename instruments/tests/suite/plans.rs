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
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How many people there are by default: so many that an index pays for PostgreSQL.
const PEOPLE: i32 = 30_000;
/// Tables whose rows grow with people, sign-ins or messages.
const LARGE: [&str; 14] = [
    "users",
    "user_metadata",
    "sessions",
    "former_refresh_tokens",
    "attempts",
    "audit_log",
    "outbox",
    "idempotency_keys",
    "tickets",
    "totp_factors",
    "recovery_codes",
    "passkeys",
    "passkey_handles",
    "oauth_consents",
];

/// Who looks after all of them.
const ROOT: &str = "root@plans.example";
/// What may be read wholly, by which part: tickets live for hours, and those that are open are counted for the metrics.
const EXCEPT: [(&str, &str); 1] = [("programs", "tickets")];

/// Fills the tables as a service of some age has them: most sessions alive, most events published.
fn fill(backend: &Backend, people: i32) {
    let statements = [
        "INSERT INTO users (email, email_key, name, surname, phone, password_hash, created_at, email_verified_at, locale)
         SELECT 'old' || n || '@large.example', 'old' || n || '@large.example', 'Ada' || n / 50, 'Lovelace' || n / 20,
            '+49' || 1000000 + n, 'v1:$2b$04$abcdefghijklmnopqrstuuAwpwJBgsJZyWKMkZRNnjQYHLpDVCaSm',
            now() - make_interval(mins => n), CASE WHEN n % 10 > 0 THEN now() END, 'en'
         FROM generate_series(1, $1::int4) n",
        "INSERT INTO user_metadata (user_id, public) SELECT n, '{\"plan\": \"free\"}' FROM generate_series(1, $1::int4) n",
        "INSERT INTO sessions (id, user_id, refresh_digest, created_at, used_at, idle_until, ends_at, previous_digest)
         SELECT gen_random_uuid(), 1 + n / 2, 'digest-' || n, now() - make_interval(mins => n), now(),
            now() + interval '10 days', now() + make_interval(days => 1 + n % 80), 'before-' || n
         FROM generate_series(1, 2 * $1::int4 - 2) n",
        "INSERT INTO former_refresh_tokens (digest, session_id)
         SELECT 'former-' || row_number() OVER (), id FROM sessions WHERE user_id <= $1::int4",
        "INSERT INTO attempts (key, failures, failed_at, known_until, keep_until)
         SELECT 'key-' || n, n % 5, now() - make_interval(mins => n), now() + interval '60 days',
            CURRENT_DATE + 1 + n % 60
         FROM generate_series(1, 2 * $1::int4) n",
        "INSERT INTO audit_log (created_at, action, result, user_id, actor_kind, actor_id, request_id)
         SELECT now() - make_interval(secs => 10 * n),
            (ARRAY['login', 'login', 'logout', 'sign-up', 'password-changed', 'user-suspended'])[1 + n % 6],
            CASE WHEN n % 4 = 0 THEN 'invalid-credentials' ELSE 'success' END, 1 + n % $1::int4,
            CASE WHEN n % 600 = 5 THEN 'administrator' ELSE 'self' END, 1 + n % 97, 'request-' || n
         FROM generate_series(1, 5 * $1::int4) n",
        "INSERT INTO outbox (exchange, event, created_at, leased_until, published_at)
         SELECT 'user_login_event', jsonb_build_object('id', gen_random_uuid(), 'type', 'user_login_event',
            'data', jsonb_build_object('user_id', n)), now() - make_interval(secs => n), now(), now()
         FROM generate_series(1, $1::int4) n",
        "INSERT INTO idempotency_keys (key_digest, body_digest, user_id, response)
         SELECT 'key-' || n, 'body', n, '{}' FROM generate_series(1, $1::int4) n",
        "INSERT INTO tickets (digest, purpose, user_id, email_key, credentials_epoch, code_digest, expires_at)
         SELECT 'ticket-' || n, 'verification', n, 'old' || n || '@large.example', 0, 'code',
            now() + make_interval(mins => n)
         FROM generate_series(1, $1::int4) n",
        "INSERT INTO totp_factors (user_id, factor_id, sealed_secret, confirmed_at)
         SELECT n, gen_random_uuid(), 'sealed', now() FROM generate_series(1, $1::int4) n",
        "INSERT INTO recovery_codes (user_id, digest)
         SELECT n / 3 + 1, 'code-' || n FROM generate_series(1, $1::int4) n",
        "INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, backup)
         SELECT gen_random_uuid(), n, 'credential-' || n, 'key', 'Phone', 0, 'none' FROM generate_series(1, $1::int4) n",
        "INSERT INTO passkey_handles (user_id) SELECT n FROM generate_series(1, $1::int4) n",
        "INSERT INTO oauth_consents (user_id, client_id, scopes)
         SELECT n, '00000000-0000-4000-8000-000000000001', '{openid}' FROM generate_series(1, $1::int4) n",
    ];
    let mut sql = backend.sql();
    // What triggers and references would do for each row is done here.
    sql.batch_execute("SET session_replication_role = replica; SET synchronous_commit = off").expect("a superuser may");
    let mut tables = Vec::new();
    for statement in statements {
        sql.execute(statement, &[&people]).unwrap_or_else(|error| panic!("{error:?}: {statement}"));
        tables.extend(statement.split_whitespace().nth(2));
    }
    assert_eq!(tables.into_iter().collect::<std::collections::BTreeSet<_>>(), LARGE.into_iter().collect());
    sql.batch_execute("VACUUM ANALYZE").expect("the tables can be analysed");
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
    let counts = sql
        .query("SELECT relname::text, seq_scan FROM pg_stat_user_tables WHERE relname = ANY ($1)", &[&LARGE.as_slice()])
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
        "?email=old77@large.example",
        "?name=ada7",
        "?surname=lovelace9",
        "?search=old4711@",
        "?search=lovelace12",
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
    fill(&backend, people);
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
        let read = after
            .into_iter()
            .filter(|(table, count)| before.get(table) != Some(count) && !EXCEPT.contains(&(name, table.as_str())));
        found.extend(
            read.map(|(table, count)| format!("{name}: {table} was read wholly, {} times", count - before[&table])),
        );
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
    let is_whole = |line: &&str| LARGE.iter().any(|table| line.contains(&format!("Seq Scan on {table} ")));
    let plans = log.lines().filter(is_whole).map(|line| line.split_once("plan:").map_or(line, |(_, plan)| plan));
    let mut by_statement = BTreeMap::new();
    for plan in plans {
        by_statement.entry(plan.split("cost=").next().unwrap_or_default()).or_insert(plan);
    }
    by_statement.into_values().map(|plan| plan.replace('\t', "\n")).collect::<Vec<_>>().join("\n---\n")
}
