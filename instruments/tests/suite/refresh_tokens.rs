//! Refresh tokens: rotated at each use, repeated for half a minute, and the end of a session when an older one is used.

use crate::sessions::{Tokens, introspect, refresh, sign_in};
use auth_domain::{RefreshKeys, RefreshSecret};
use blackbox::app::{REFRESH_TOKEN_KEY, TestApp};
use blackbox::backend::Backend;
use serde_json::json;
use std::sync::Barrier;
use std::time::Duration;
use uuid::Uuid;

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
    let last = if token.ends_with('A') { 'E' } else { 'A' };
    let forged = format!("{}{last}", &token[..token.len() - 1]);
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
#[test]
fn what_is_no_refresh_token_is_refused() {
    let app = TestApp::shared();
    for token in ["", "abc", "\u{0}", &"A".repeat(43), &"A".repeat(96), &"x".repeat(5000)] {
        assert_eq!(refresh(&app, token).expect(401).problem(), "invalid-token", "{token:?}");
    }
    let unknown = app.post("/auth-ms/auth/refresh").json(&json!({"token": "x"})).send();
    assert_eq!((unknown.status, unknown.problem().as_str()), (422, "unknown-field"));
}
