//! Sessions: tokens that can be checked, refresh tokens that are rotated, and the ways in which a session ends.

use auth_domain::{RefreshKeys, RefreshSecret};
use blackbox::app::{REFRESH_TOKEN_KEY, TestApp};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::poll;
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::Duration;
use uuid::Uuid;

/// The tokens of a fresh login.
struct Tokens {
    access: String,
    refresh: String,
}

impl Tokens {
    fn of(answer: &Answer) -> Self {
        let text = |name: &str| answer.json()[name].as_str().expect("the answer has both tokens").to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token") }
    }
}

fn sign_in(app: &TestApp, email: &str) -> (i64, Tokens) {
    let id = app.sign_up(email);
    (id, Tokens::of(&app.login(email, PASSWORD).expect(200)))
}

fn refresh(app: &TestApp, token: &str) -> Answer {
    app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": token})).send()
}

fn introspect(app: &TestApp, token: &str) -> Value {
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
fn a_refresh_gives_the_next_token_of_the_same_session() {
    let app = TestApp::shared();
    let (id, first) = sign_in(&app, "rotated@sessions.example");
    let second = Tokens::of(&refresh(&app, &first.refresh).expect(200));
    assert_ne!(first.refresh, second.refresh);
    assert_eq!(introspect(&app, &second.access)["sub"], json!(id.to_string()));
    assert_eq!(introspect(&app, &second.access)["sid"], introspect(&app, &first.access)["sid"]);
    let third = Tokens::of(&refresh(&app, &second.refresh).expect(200));
    assert_ne!(second.refresh, third.refresh);
}

#[test]
fn a_refresh_whose_answer_was_lost_is_repeated_with_the_same_result() {
    let app = TestApp::shared();
    let (_, first) = sign_in(&app, "lost@sessions.example");
    let lost = Tokens::of(&refresh(&app, &first.refresh).expect(200));
    std::thread::sleep(Duration::from_secs(1));
    let repeated = Tokens::of(&refresh(&app, &first.refresh).expect(200));
    assert_eq!(lost.refresh, repeated.refresh);
    assert_ne!(lost.access, repeated.access);
    let next = Tokens::of(&refresh(&app, &repeated.refresh).expect(200));
    for access in [&first.access, &lost.access, &repeated.access, &next.access] {
        assert_eq!(introspect(&app, access)["active"], true);
    }
}

#[test]
fn two_tabs_that_refresh_get_the_same_successor_and_both_go_on() {
    let app = TestApp::shared();
    let app: &TestApp = &app;
    for apart in [0, 5, 30, 100] {
        for round in 0..5 {
            let (_, tokens) = sign_in(app, &format!("tabs-{apart}-{round}@sessions.example"));
            let start = Barrier::new(2);
            let [one, other] = std::thread::scope(|scope| {
                let tabs = [0, apart].map(|wait| {
                    let (start, tokens) = (&start, &tokens);
                    scope.spawn(move || {
                        start.wait();
                        std::thread::sleep(Duration::from_millis(wait));
                        Tokens::of(&refresh(app, &tokens.refresh).expect(200))
                    })
                });
                tabs.map(|tab| tab.join().expect("a tab gets its tokens"))
            });
            assert_eq!(one.refresh, other.refresh, "{apart} ms apart");
            assert_eq!(introspect(app, &one.access)["active"], true);
            // Each goes on with what it got.
            let again = Tokens::of(&refresh(app, &one.refresh).expect(200));
            assert_eq!(again.refresh, Tokens::of(&refresh(app, &other.refresh).expect(200)).refresh);
        }
    }
}

#[test]
fn of_refreshes_at_once_all_get_the_same_successor() {
    const TRIES: usize = 8;
    let app = TestApp::shared();
    let app: &TestApp = &app;
    for round in 0..5 {
        let (_, tokens) = sign_in(app, &format!("race-{round}@sessions.example"));
        let start = Barrier::new(TRIES);
        let mut given: Vec<String> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..TRIES)
                .map(|_| {
                    scope.spawn(|| {
                        start.wait();
                        Tokens::of(&refresh(app, &tokens.refresh).expect(200)).refresh
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread fails")).collect()
        });
        given.dedup();
        assert_eq!(given.len(), 1, "one successor");
        let _ = refresh(app, &given[0]).expect(200);
    }
}

#[test]
fn a_refresh_token_older_than_the_one_before_ends_the_whole_session() {
    let app = TestApp::shared();
    let (_, first) = sign_in(&app, "older@sessions.example");
    let second = Tokens::of(&refresh(&app, &first.refresh).expect(200));
    let third = Tokens::of(&refresh(&app, &second.refresh).expect(200));
    let reused = refresh(&app, &first.refresh).expect(401);
    assert_eq!(reused.problem(), "invalid-token");
    assert_eq!(reused.header("www-authenticate"), Some("Bearer realm=\"concierge\", error=\"invalid_token\""));
    let _ = refresh(&app, &third.refresh).expect(401);
    assert_eq!(introspect(&app, &third.access), json!({"active": false}));
    app.wait_for_log("a refresh token was used again");
    assert!(!app.log().contains(&first.refresh));
}

/// Lets this many seconds pass since the last refresh of a user's sessions.
fn let_pass(app: &TestApp, user: i64, seconds: i32) {
    let statement = "UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => $2::int4) WHERE user_id = $1";
    let changed = app.backend.sql().execute(statement, &[&user, &seconds]).expect("the column is there");
    assert_eq!(changed, 1);
}

#[test]
fn after_half_a_minute_the_refresh_token_before_ends_the_session() {
    let app = TestApp::shared();
    let (id, first) = sign_in(&app, "leeway@sessions.example");
    let second = Tokens::of(&refresh(&app, &first.refresh).expect(200));
    let_pass(&app, id, 25);
    assert_eq!(Tokens::of(&refresh(&app, &first.refresh).expect(200)).refresh, second.refresh);
    // The repetition has not made it longer.
    let_pass(&app, id, 6);
    let _ = refresh(&app, &first.refresh).expect(401);
    let _ = refresh(&app, &second.refresh).expect(401);
    assert_eq!(introspect(&app, &second.access), json!({"active": false}));
}

#[test]
fn of_a_thief_and_an_owner_at_once_neither_goes_on() {
    let app = TestApp::shared();
    let app: &TestApp = &app;
    for round in 0..5 {
        let (id, stolen) = sign_in(app, &format!("thief-{round}@sessions.example"));
        let owners = Tokens::of(&refresh(app, &stolen.refresh).expect(200));
        let_pass(app, id, 31);
        let start = Barrier::new(2);
        let answers = std::thread::scope(|scope| {
            let both = [&stolen.refresh, &owners.refresh].map(|token| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    refresh(app, token)
                })
            });
            both.map(|thread| thread.join().expect("no thread fails"))
        });
        assert_eq!(answers[0].status, 401, "the thief gets nothing");
        if answers[1].status == 200 {
            let _ = refresh(app, &Tokens::of(&answers[1]).refresh).expect(401);
        }
        assert_eq!(introspect(app, &owners.access), json!({"active": false}));
    }
}

#[test]
fn a_refresh_token_that_was_altered_or_made_by_others_changes_nothing() {
    let app = TestApp::shared();
    let (_, tokens) = sign_in(&app, "altered@sessions.example");
    let (_, other) = sign_in(&app, "foreign@sessions.example");
    let mut wrong: Vec<String> = (0..tokens.refresh.len())
        .step_by(5)
        .map(|place| {
            let mut altered = tokens.refresh.clone();
            let new = if &altered[place..=place] == "A" { "B" } else { "A" };
            altered.replace_range(place..=place, new);
            altered
        })
        .collect();
    // Session and generation of one with secret and tag of another.
    wrong.push(format!("{}{}", &tokens.refresh[..32], &other.refresh[32..]));
    let foreign = RefreshKeys::new("a key that somebody else has made up", "").expect("it is long enough");
    let session = introspect(&app, &tokens.access)["sid"].as_str().and_then(|id| Uuid::parse_str(id).ok());
    wrong.push(foreign.token(session.expect("a session has an id"), 0, RefreshSecret::new([7; 32])));
    for token in &wrong {
        assert_eq!(refresh(&app, token).expect(401).problem(), "invalid-token", "{token}");
        let _ = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": token})).send().expect(204);
    }
    let _ = refresh(&app, &tokens.refresh).expect(200);
    let _ = refresh(&app, &other.refresh).expect(200);
}

#[test]
fn what_auth_has_not_made_is_refused_without_asking_users() {
    let backend = Backend::new();
    // There is nobody to ask at this address.
    let app = TestApp::on(&backend).only(&["auth"]).variable("users_url", "http://127.0.0.1:1").start();
    let keys = RefreshKeys::new(REFRESH_TOKEN_KEY, "").expect("it is long enough");
    let token = keys.token(Uuid::new_v4(), 0, RefreshSecret::new([7; 32]));
    let forged = format!("{}A", &token[..token.len() - 1]);
    assert_eq!(refresh(&app, &forged).expect(401).problem(), "invalid-token");
    // About a token of its own it has to ask.
    assert_eq!(refresh(&app, &token).expect(503).problem(), "users-unavailable");
}

#[test]
fn the_key_of_refresh_tokens_is_replaced_without_anybody_being_signed_out() {
    const OLD: &str = "an old key of refresh tokens, for tests";
    const NEW: &str = "a new key of refresh tokens, for a test";
    let backend = Backend::new();
    let start = |key: &str, accepted: &str| {
        TestApp::on(&backend)
            .variable("refresh_token_key", key)
            .variable("refresh_token_accepted_key", accepted)
            .start()
    };
    let before = start(OLD, "");
    let (_, first) = sign_in(&before, "key@sessions.example");
    drop(before);
    let prepared = start(OLD, NEW);
    let second = Tokens::of(&refresh(&prepared, &first.refresh).expect(200));
    drop(prepared);
    let switched = start(NEW, OLD);
    let repeated = Tokens::of(&refresh(&switched, &first.refresh).expect(200));
    let third = Tokens::of(&refresh(&switched, &second.refresh).expect(200));
    drop(switched);
    let retired = start(NEW, "");
    let _ = refresh(&retired, &second.refresh).expect(401);
    assert_eq!(introspect(&retired, &repeated.access)["active"], true, "a token by the old key changes nothing");
    let _ = refresh(&retired, &third.refresh).expect(200);
}

#[test]
fn a_short_key_of_refresh_tokens_is_a_fault_of_the_configuration() {
    let app = TestApp::on(&Backend::new()).variable("refresh_token_key", "short").start();
    let answer = refresh(&app, "x").expect(500);
    assert_eq!(answer.problem(), "internal-error");
    app.wait_for_log("the variable refresh_token_key (or refresh_token_accepted_key) is shorter than 32 bytes");
}

#[test]
fn a_refresh_token_of_an_earlier_version_is_replaced_by_one_of_this() {
    const SPENT: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    const CURRENT: &str = "AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI";
    let app = TestApp::on(&Backend::new()).start();
    // As the migration leaves a session of before.
    let from_before = |email: &str| {
        let (id, _) = sign_in(&app, email);
        let mut sql = app.backend.sql();
        let digest = "encode(sha256($1::text::bytea), 'hex')";
        for token in [SPENT, CURRENT] {
            let statement =
                format!("INSERT INTO former_refresh_tokens SELECT {digest}, id FROM sessions WHERE user_id = $2");
            assert_eq!(sql.execute(&statement, &[&token, &id]).expect("a row can be added"), 1);
        }
        let current = format!("UPDATE sessions SET refresh_digest = {digest} WHERE user_id = $2");
        assert_eq!(sql.execute(&current, &[&CURRENT, &id]).expect("a row can be changed"), 1);
        id
    };
    let id = from_before("former@sessions.example");
    let next = Tokens::of(&refresh(&app, CURRENT).expect(200));
    assert_eq!(Tokens::of(&refresh(&app, CURRENT).expect(200)).refresh, next.refresh);
    let _ = refresh(&app, &next.refresh).expect(200);
    // By now it is older than the one before.
    let _ = refresh(&app, CURRENT).expect(401);
    assert_eq!(introspect(&app, &next.access), json!({"active": false}));
    let _ = app.delete(&format!("/users-ms/users/{id}")).send().expect(204);

    let _ = from_before("former-spent@sessions.example");
    let _ = refresh(&app, SPENT).expect(401);
    let _ = refresh(&app, CURRENT).expect(401);
}

/// Has everything forgotten that is over.
fn sweep(app: &TestApp) {
    let _ = app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send().expect(200);
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
    sweep(&app);
    let rows = sql.query("SELECT user_id FROM sessions ORDER BY user_id", &[]).expect("the sessions are there");
    assert_eq!(rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>(), kept);
}

#[test]
fn one_sweep_forgets_no_more_than_ten_thousand_sessions() {
    let app = TestApp::on(&Backend::new()).start();
    let id = app.sign_up("many@forgotten.example");
    let mut sql = app.backend.sql();
    let many = "INSERT INTO sessions (id, user_id, refresh_digest, idle_until, ends_at)
        SELECT gen_random_uuid(), $1, n::text, now() - interval '2 days', now() + interval '2 days'
        FROM generate_series(1, 10500) n";
    sql.execute(many, &[&id]).expect("sessions can be made");
    let mut left = || -> i64 { sql.query_one("SELECT count(*) FROM sessions", &[]).expect("a count").get(0) };
    sweep(&app);
    assert_eq!(left(), 500);
    sweep(&app);
    assert_eq!(left(), 0);
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
fn what_is_no_refresh_token_is_refused() {
    let app = TestApp::shared();
    for token in ["", "abc", "\u{0}", &"A".repeat(43), &"A".repeat(96), &"x".repeat(5000)] {
        assert_eq!(refresh(&app, token).expect(401).problem(), "invalid-token", "{token:?}");
    }
    let unknown = app.post("/auth-ms/auth/refresh").json(&json!({"token": "x"})).send();
    assert_eq!((unknown.status, unknown.problem().as_str()), (422, "unknown-field"));
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
