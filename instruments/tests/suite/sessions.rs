//! Sessions: tokens that can be checked, refresh tokens that are rotated, and the ways in which a session ends.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// The tokens of a fresh login.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl Tokens {
    pub(crate) fn of(answer: &Answer) -> Self {
        let text = |name: &str| answer.json()[name].as_str().expect("the answer has both tokens").to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

pub(crate) fn sign_in(app: &TestApp, email: &str) -> (i64, Tokens) {
    let id = app.sign_up(email);
    (id, Tokens::of(&app.login(email, PASSWORD).expect(200)))
}

pub(crate) fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": token})).send()
}

pub(crate) fn introspect(app: &TestApp, token: &str) -> Value {
    let form = format!("token={token}&token_type_hint=access_token");
    let request = app.post("/auth-ms/auth/introspect").bearer(app.operator());
    request.body("application/x-www-form-urlencoded", form).send().expect(200).json()
}

/// The ids of the sessions that the owner of this access token has.
fn sessions(app: &TestApp, access: &str) -> Vec<Value> {
    let answer = app.get("/auth-ms/auth/sessions").bearer(access).send().expect(200).json();
    answer["items"].as_array().expect("a list of sessions").clone()
}

#[test]
fn an_access_token_names_a_published_key_and_is_active() {
    let app = TestApp::shared();
    let (id, tokens) = sign_in(&app, "active@sessions.example");
    let keys = app.get("/auth-ms/.well-known/jwks.json").send().expect(200);
    assert_eq!(keys.header("cache-control"), Some("public, max-age=300"));
    let key = &keys.json()["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert!(key.get("d").is_none());
    let said = introspect(&app, &tokens.access);
    assert_eq!((&said["active"], &said["sub"], &said["role"]), (&json!(true), &json!(id.to_string()), &json!("user")));
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 900);
}

#[test]
fn introspection_is_for_services_and_calls_nothing_else_active() {
    let app = TestApp::shared();
    let (_, tokens) = sign_in(&app, "introspect@sessions.example");
    let form = format!("token={}", tokens.access);
    let refused = app.post("/auth-ms/auth/introspect").body("application/x-www-form-urlencoded", form).send();
    assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid-service-token"));
    let cut = &tokens.access[..tokens.access.len() - 1];
    for token in ["", "a.b.c", cut, &tokens.refresh] {
        assert_eq!(introspect(&app, token), json!({"active": false}));
    }
    for form in ["", "token_type_hint=access_token"] {
        let request = app.post("/auth-ms/auth/introspect").bearer(app.operator());
        let answer = request.body("application/x-www-form-urlencoded", form).send();
        assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-query"));
        assert_eq!(answer.pointers(), ["/token"]);
    }
}

#[test]
fn a_session_is_forgotten_a_day_after_it_ended_unused_or_at_its_absolute_end() {
    let app = TestApp::on(&Backend::new()).start();
    let mut sql = app.backend.sql();
    let mut session = |email: &str, idle_until: &str, ends_at: &str| {
        let (id, _) = sign_in(&app, email);
        let change = format!(
            "UPDATE sessions SET idle_until = now() + interval '{idle_until}', ends_at = now() + interval '{ends_at}'
             WHERE user_id = $1"
        );
        assert_eq!(sql.execute(&change, &[&id]).expect("a session can be changed"), 1);
        id
    };
    let _unused = session("unused@forgotten.example", "-25 hours", "56 days");
    let _over = session("over@forgotten.example", "10 days", "-25 hours");
    let kept = [
        session("ended@forgotten.example", "-23 hours", "56 days"),
        session("alive@forgotten.example", "1 hour", "1 day"),
    ];
    let _ = app.sweep();
    let rows = sql.query("SELECT user_id FROM sessions ORDER BY user_id", &[]).expect("the sessions are there");
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), kept);
}

/// On Kubernetes there is a sweep each minute: at a thousand sign-ins a second it has this to do. Each leaves a session, and what is
/// known of its address, its account and the two together.
#[test]
fn one_sweep_forgets_what_a_minute_of_a_thousand_sign_ins_a_second_left() {
    const MINUTE: i32 = 60_000;
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).start();
    let id = app.sign_up("many@forgotten.example");
    let mut sql = app.backend.sql();
    let sessions = "INSERT INTO sessions (id, user_id, refresh_digest, idle_until, ends_at)
        SELECT gen_random_uuid(), $1, n::text, now() - interval '2 days', now() + interval '2 days'
        FROM generate_series(1, $2::int4) n";
    sql.execute(sessions, &[&id, &MINUTE]).expect("sessions can be made");
    let attempts = "INSERT INTO attempts (key, keep_until)
        SELECT 'old-' || n, CURRENT_DATE - 1 FROM generate_series(1, 3 * $1::int4) n";
    sql.execute(attempts, &[&MINUTE]).expect("attempts can be made");
    let start = Instant::now();
    let _ = app.sweep();
    let left = "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM attempts WHERE key LIKE 'old-%')";
    let left: i64 = sql.query_one(left, &[]).expect("a count").get(0);
    let seconds = start.elapsed().as_secs_f64();
    println!("{} rows in {seconds:.1} s, {left} left", 4 * i64::from(MINUTE));
    // What is left is for the next, on a slow machine; none falls behind.
    assert!(left == 0 || seconds > 6.0, "{left} left after {seconds:.1} s");
    let gone = f64::from(4 * MINUTE) - left as f64;
    assert!(gone / 60.0 > 1_000.0, "{gone} rows a minute");
    if left > 0 {
        let _ = app.sweep();
    }
}

#[test]
fn a_refresh_leaves_the_indexes_of_sessions_alone() {
    const REFRESHES: i64 = 40;
    let app = TestApp::on(&Backend::new()).start();
    let (_, mut tokens) = sign_in(&app, "hot@sessions.example");
    for _ in 0..REFRESHES {
        tokens = Tokens::of(&refresh(&app, &tokens.refresh).expect(200));
    }
    let statement = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'sessions'";
    let mut counts = (0, 0);
    poll::until(Duration::from_secs(10), "the updates are counted", || {
        let row = app.backend.sql().query_one(statement, &[]).expect("the statistics are there");
        counts = (row.get(0), row.get(1));
        counts.0 >= REFRESHES
    });
    // At midnight, UTC, one changes the day on which the session ends.
    assert!(counts.1 >= counts.0 - 1, "{counts:?}");
}

#[test]
fn logout_ends_the_session_and_says_nothing() {
    let app = TestApp::shared();
    let (_, tokens) = sign_in(&app, "logout@sessions.example");
    for _ in 0..2 {
        let answer = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": tokens.refresh})).send();
        assert_eq!((answer.status, answer.text().as_str()), (204, ""));
    }
    let _ = refresh(&app, &tokens.refresh).expect(401);
    assert_eq!(introspect(&app, &tokens.access), json!({"active": false}));
}

#[test]
fn people_see_and_end_their_own_sessions() {
    let app = TestApp::shared();
    let (_, here) = sign_in(&app, "own@sessions.example");
    let there = Tokens::of(&app.login("own@sessions.example", PASSWORD).expect(200));
    let (_, somebody) = sign_in(&app, "somebody@sessions.example");

    let listed = sessions(&app, &here.access);
    assert_eq!(listed.len(), 2);
    let current: Vec<_> = listed.iter().filter(|session| session["current"] == true).collect();
    assert_eq!(current.len(), 1);
    assert_eq!(current[0]["id"], introspect(&app, &here.access)["sid"]);

    let other = introspect(&app, &there.access)["sid"].as_str().unwrap().to_owned();
    let path = format!("/auth-ms/auth/sessions/{other}");
    let not_theirs = app.delete(&path).bearer(&somebody.access).send();
    assert_eq!((not_theirs.status, not_theirs.problem().as_str()), (404, "session-not-found"));
    let _ = app.delete(&path).bearer(&here.access).send().expect(204);
    let _ = refresh(&app, &there.refresh).expect(401);
    assert_eq!(sessions(&app, &here.access).len(), 1);

    let _ = app.delete("/auth-ms/auth/sessions").bearer(&here.access).send().expect(204);
    let _ = refresh(&app, &here.refresh).expect(401);
    assert_eq!(sessions(&app, &somebody.access).len(), 1);
}

#[test]
fn sessions_need_a_good_token() {
    let app = TestApp::shared();
    for request in [app.get("/auth-ms/auth/sessions"), app.delete("/auth-ms/auth/sessions")] {
        let answer = request.send();
        assert_eq!((answer.status, answer.problem().as_str()), (401, "invalid-token"));
    }
    let by_service = app.get("/auth-ms/auth/sessions").bearer(app.operator()).send();
    assert_eq!(by_service.status, 401);
    let (_, tokens) = sign_in(&app, "needs@sessions.example");
    let odd = app.delete("/auth-ms/auth/sessions/7").bearer(&tokens.access).send();
    assert_eq!((odd.status, odd.problem().as_str()), (400, "invalid-id"));
}

#[test]
fn a_changed_password_ends_all_sessions_and_a_changed_name_none() {
    let app = TestApp::shared();
    let (id, tokens) = sign_in(&app, "changed@sessions.example");
    let path = format!("/users-ms/users/{id}");
    let _ = app.patch(&path).json(&json!({"name": "Augusta"})).send().expect(200);
    let tokens = Tokens::of(&refresh(&app, &tokens.refresh).expect(200));
    let _ = app.patch(&path).json(&json!({"password": "another good password"})).send().expect(200);
    let _ = refresh(&app, &tokens.refresh).expect(401);
    let _ = app.login("changed@sessions.example", "another good password").expect(200);
}

#[test]
fn a_removed_user_has_no_sessions() {
    let app = TestApp::shared();
    let (id, tokens) = sign_in(&app, "removed@sessions.example");
    let _ = app.delete(&format!("/users-ms/users/{id}")).send().expect(204);
    let _ = refresh(&app, &tokens.refresh).expect(401);
    assert_eq!(introspect(&app, &tokens.access), json!({"active": false}));
}

#[test]
fn tokens_are_kept_as_digests_alone() {
    let app = TestApp::on(&Backend::new()).start();
    let (_, first) = sign_in(&app, "digest@sessions.example");
    let second = Tokens::of(&refresh(&app, &first.refresh).expect(200));
    let rows = app
        .backend
        .sql()
        .query(
            "SELECT to_jsonb(s)::text FROM sessions s UNION ALL SELECT to_jsonb(t)::text FROM former_refresh_tokens t",
            &[],
        )
        .expect("the tables are there");
    assert_eq!(rows.len(), 1, "one row, however often it is refreshed");
    for row in &rows {
        let text: String = row.get(0);
        for token in [&first.refresh, &second.refresh, &first.access, &second.access] {
            assert!(!text.contains(token.as_str()));
            // Nor the secret in a refresh token.
            assert!(!token.get(40..70).is_some_and(|part| text.contains(part)));
        }
    }
}

#[test]
fn a_session_ends_when_it_is_not_used_and_at_its_absolute_end() {
    let app = TestApp::on(&Backend::new()).start();
    for column in ["idle_until", "ends_at"] {
        let (_, tokens) = sign_in(&app, &format!("{}@sessions.example", column.replace('_', "-")));
        app.backend
            .sql()
            .execute(&format!("UPDATE sessions SET {column} = now() - interval '1 second'"), &[])
            .expect("the column is there");
        let _ = refresh(&app, &tokens.refresh).expect(401);
        assert_eq!(introspect(&app, &tokens.access), json!({"active": false}));
    }
}

#[test]
fn keys_are_replaced_without_anybody_being_signed_out() {
    const OLD: &str = "1111111111111111111111111111111111111111111111111111111111111111";
    const NEW: &str = "2222222222222222222222222222222222222222222222222222222222222222";
    let backend = Backend::new();
    let start = |key: &str, others: &Value| {
        TestApp::on(&backend).variable("token_signing_key", key).variable("token_public_keys", others).start()
    };
    let before = start(OLD, &json!({"keys": []}));
    let (_, tokens) = sign_in(&before, "rotation@sessions.example");
    let old_keys = before.get("/auth-ms/.well-known/jwks.json").send().expect(200).json();
    drop(before);

    let after = start(NEW, &old_keys);
    let published = after.get("/auth-ms/.well-known/jwks.json").send().expect(200).json();
    assert_eq!(published["keys"].as_array().unwrap().len(), 2);
    assert_eq!(introspect(&after, &tokens.access)["active"], true);
    let renewed = Tokens::of(&refresh(&after, &tokens.refresh).expect(200));
    assert_eq!(introspect(&after, &renewed.access)["active"], true);
    drop(after);

    let later = start(NEW, &json!({"keys": []}));
    assert_eq!(introspect(&later, &tokens.access), json!({"active": false}));
    assert_eq!(introspect(&later, &renewed.access)["active"], true);
}

#[test]
fn wrong_methods_say_which_are_right() {
    let app = TestApp::shared();
    for (method, path, allow) in [
        ("GET", "/auth-ms/auth/refresh", "POST"),
        ("GET", "/auth-ms/auth/logout", "POST"),
        ("GET", "/auth-ms/auth/introspect", "POST"),
        ("POST", "/auth-ms/auth/sessions", "GET, HEAD, DELETE"),
        ("POST", "/auth-ms/.well-known/jwks.json", "GET, HEAD"),
    ] {
        let answer = app.request(method, path).send().expect(405);
        assert_eq!(answer.header("allow"), Some(allow));
    }
}

#[test]
fn more_sessions_than_fifty_push_the_least_recently_used_out() {
    let app = TestApp::shared();
    let (_, first) = sign_in(&app, "fifty@sessions.example");
    let mut logins: Vec<_> =
        (0..49).map(|_| Tokens::of(&app.login("fifty@sessions.example", PASSWORD).expect(200))).collect();
    // The one that was begun first is used, so that the second is now the one that was not used for longest.
    let first = Tokens::of(&refresh(&app, &first.refresh).expect(200));
    logins.push(Tokens::of(&app.login("fifty@sessions.example", PASSWORD).expect(200)));
    assert_eq!(sessions(&app, &logins[49].access).len(), 50);
    let _ = refresh(&app, &logins[0].refresh).expect(401);
    let _ = refresh(&app, &first.refresh).expect(200);
    let _ = refresh(&app, &logins[1].refresh).expect(200);
}

#[test]
fn sign_ins_at_once_leave_no_more_than_fifty_sessions() {
    const AT_ONCE: usize = 16;
    let app = TestApp::shared();
    let email = "at-once@sessions.example";
    let (id, _) = sign_in(&app, email);
    let mut sql = app.backend.sql();
    let some = "INSERT INTO sessions (id, user_id, credentials_epoch, refresh_digest, idle_until, ends_at)
        SELECT gen_random_uuid(), u.id, u.credentials_epoch, n::text, now() + interval '1 day', now() + interval '1 day'
        FROM users u, generate_series(1, 47) n WHERE u.id = $1";
    sql.execute(some, &[&id]).expect("sessions can be made");
    let start = Barrier::new(AT_ONCE);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                start.wait();
                let _ = app.login(email, PASSWORD).expect(200);
            });
        }
    });
    let count = "SELECT count(*) FROM sessions WHERE user_id = $1";
    assert_eq!(sql.query_one(count, &[&id]).expect("a count").get::<_, i64>(0), 50);
}

#[test]
fn a_session_tells_its_owner_where_it_was_begun() {
    let app = TestApp::on(&Backend::new()).variable("trusted_proxies", "127.0.0.0/8").start();
    let _ = app.sign_up("origin@sessions.example");
    let form = json!({"username": "origin@sessions.example", "password": PASSWORD});
    let login = |agent: &str, address: &str| {
        let request = app.post("/auth-ms/auth/login").header("user-agent", agent).header("x-forwarded-for", address);
        Tokens::of(&request.json(&form).send().expect(200))
    };
    let _ = login("Phone/1.0", "203.0.113.77");
    let _ = login(&"y".repeat(500), "2001:db8:1:2::3");
    let tokens = login("Desk/2.0", "198.51.100.9");
    let shown = sessions(&app, &tokens.access);
    let mut origins: Vec<_> =
        shown.iter().map(|session| (session["user_agent"].clone(), session["network"].clone())).collect();
    origins.sort_by_key(|(agent, _)| agent.to_string());
    let expected =
        [("Desk/2.0", "198.51.100.0/24"), ("Phone/1.0", "203.0.113.0/24"), (&"y".repeat(200), "2001:db8:1::/48")];
    assert_eq!(origins, expected.map(|(agent, network)| (json!(agent), json!(network))));
    // A refresh is no sign-in: it changes nothing.
    let renewed = Tokens::of(&refresh(&app, &tokens.refresh).expect(200));
    let shown = sessions(&app, &renewed.access);
    let current: Vec<_> = shown.iter().filter(|session| session["current"] == true).collect();
    assert_eq!((current.len(), &current[0]["user_agent"]), (1, &json!("Desk/2.0")));
    assert_eq!(current[0]["network"], "198.51.100.0/24");
}
