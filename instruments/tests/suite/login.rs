//! POST /auth-ms/auth/login: who is let in, and what others learn (nothing).

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::turn;
use insta::assert_snapshot;
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn the_right_password_gives_tokens() {
    let app = TestApp::shared();
    let _ = app.sign_up("tokens@login.example");
    let answer = app.login("tokens@login.example", PASSWORD);
    assert_snapshot!(answer.shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "access_token": "[token]",
      "device_token": "[token]",
      "expires_in": 900,
      "refresh_token": "[token]",
      "token_type": "Bearer"
    }
    "#);
    let again = app.login("tokens@login.example", PASSWORD).json();
    for token in ["access_token", "refresh_token"] {
        assert!(answer.json()[token].as_str().unwrap().len() >= 43, "256 bits at least");
        assert_ne!(answer.json()[token], again[token]);
    }
}

#[test]
fn the_user_name_is_the_email_without_regard_to_case() {
    let app = TestApp::shared();
    let _ = app.sign_up("Name@Login.example");
    for username in ["Name@Login.example", "name@login.example", "NAME@LOGIN.EXAMPLE", " name@login.example "] {
        let _ = app.login(username, PASSWORD).expect(200);
    }
}

#[test]
fn a_wrong_password_an_unknown_user_and_an_odd_name_are_the_same_answer() {
    let app = TestApp::shared();
    let _ = app.sign_up("wrong@login.example");
    let wrong = app.login("wrong@login.example", "incorrect horse");
    assert_snapshot!(wrong.shown(), @r#"
    401
    cache-control: no-store
    content-type: application/problem+json
    www-authenticate: Bearer realm="concierge"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Incorrect email or password.",
      "instance": "[uuid]",
      "status": 401,
      "title": "Invalid credentials",
      "type": "urn:concierge:problem:invalid-credentials"
    }
    "#);
    for (username, password) in [
        ("nobody@login.example", PASSWORD),
        ("wrong@login.example", ""),
        ("wrong@login.example", &"x".repeat(10_000)),
        ("no-address", PASSWORD),
        ("", PASSWORD),
        ("wrong@login.example\0", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        (&"x".repeat(10_000), PASSWORD),
    ] {
        let answer = app.login(username, password);
        assert_eq!(answer.shown(), wrong.shown(), "{username}");
    }
}

#[test]
fn the_time_of_a_failure_does_not_tell_who_exists() {
    const TRIES: usize = 40;
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).variable("bcrypt_cost", 8).start();
    let _ = app.sign_up("known@timing.example");
    let time = |username: &str| {
        let start = Instant::now();
        let _ = app.login(username, "incorrect horse").expect(401);
        start.elapsed()
    };
    let names = ["known@timing.example", "unknown@timing.example", "no-address"];
    let mut times: [Vec<Duration>; 3] = Default::default();
    // In turns, so that whatever else the machine does befalls all of them.
    for round in 0..TRIES + 3 {
        for (name, times) in names.iter().zip(&mut times) {
            let taken = time(name);
            if round >= 3 {
                times.push(taken);
            }
        }
    }
    let [known, unknown, odd] = times.map(|mut times| {
        times.sort_unstable();
        times[TRIES / 2]
    });
    for (name, other) in [("an unknown user", unknown), ("a name that is no address", odd)] {
        let ratio = other.as_secs_f64() / known.as_secs_f64();
        assert!((0.8..1.25).contains(&ratio), "{name} takes {other:?}, a wrong password {known:?}");
    }
}

#[test]
fn the_time_of_a_failure_does_not_tell_whose_hash_is_cheaper() {
    const TRIES: usize = 30;
    let _turn = turn::alone();
    let backend = Backend::new();
    let _ = TestApp::on(&backend).start().sign_up("cheap@timing.example");
    let app = TestApp::on(&backend).variable("bcrypt_cost", 8).start();
    let _ = app.sign_up("costly@timing.example");
    let names = ["costly@timing.example", "cheap@timing.example", "unknown@timing.example"];
    let mut times: [Vec<Duration>; 3] = Default::default();
    for round in 0..TRIES + 3 {
        for (name, times) in names.iter().zip(&mut times) {
            let start = Instant::now();
            let _ = app.login(name, "incorrect horse").expect(401);
            if round >= 3 {
                times.push(start.elapsed());
            }
        }
    }
    let [costly, cheap, unknown] = times.map(|mut times| {
        times.sort_unstable();
        times[TRIES / 2]
    });
    for (name, other) in [("a cheaper hash", cheap), ("an unknown user", unknown)] {
        let ratio = other.as_secs_f64() / costly.as_secs_f64();
        assert!((0.75..1.33).contains(&ratio), "{name} takes {other:?}, a hash of today's cost {costly:?}");
    }
}

#[test]
fn a_hash_is_renewed_at_login_after_hashing_became_costlier() {
    let _turn = turn::together();
    let backend = Backend::new();
    let hash = || {
        let row = backend.sql().query_one("SELECT password_hash, version FROM users", &[]).unwrap();
        (row.get::<_, String>(0), row.get::<_, i64>(1))
    };
    let id = {
        let app = TestApp::on(&backend).start();
        let id = app.sign_up("renewed@login.example");
        let _ = app.login("renewed@login.example", PASSWORD).expect(200);
        id
    };
    let cheap = hash();
    assert!(cheap.0.starts_with("v2:v1:$2b$04$"), "{}", cheap.0);
    let app = TestApp::on(&backend).variable("bcrypt_cost", 6).start();
    let _ = app.login("renewed@login.example", "incorrect horse").expect(401);
    assert_eq!(hash(), cheap, "a failed login renews nothing");
    let _ = app.login("renewed@login.example", PASSWORD).expect(200);
    let costly = hash();
    assert!(costly.0.starts_with("v2:v1:$2b$06$"), "{}", costly.0);
    assert_eq!(costly.1, cheap.1, "nobody sees that a hash was renewed");
    let _ = app.login("renewed@login.example", PASSWORD).expect(200);
    assert_eq!(hash(), costly, "a hash of today's cost stays");
    let _ = app.get(&format!("/users-ms/users/{id}")).send().expect(200);
}

#[test]
fn a_hash_that_was_made_more_costly_still_lets_in() {
    let _turn = turn::together();
    let backend = Backend::new();
    let _ = TestApp::on(&backend).variable("bcrypt_cost", 6).start().sign_up("costly@login.example");
    let app = TestApp::on(&backend).start();
    let _ = app.login("costly@login.example", PASSWORD).expect(200);
    let row = backend.sql().query_one("SELECT password_hash FROM users", &[]).unwrap();
    assert!(row.get::<_, String>(0).starts_with("v2:v1:$2b$06$"), "a hash never becomes cheaper");
}

/// An app, and somebody who has signed up to it and to whom this happens once, at the moment after a sign-in has read the
/// credentials.
fn app_where_in_between(email: &str, statement: &str) -> TestApp {
    let app = TestApp::on(&Backend::new()).start();
    let _ = app.sign_up(email);
    app.backend
        .sql()
        .batch_execute(&format!(
            "CREATE FUNCTION happen_in_between() RETURNS trigger SECURITY DEFINER LANGUAGE plpgsql
                 AS $$ BEGIN {statement}; RETURN NULL; END $$;
             CREATE TRIGGER in_between AFTER UPDATE ON hashing_places
                 FOR EACH ROW WHEN (NEW.holder IS NOT NULL) EXECUTE FUNCTION happen_in_between()",
        ))
        .expect("the trigger can be made");
    app
}

#[test]
fn somebody_who_is_removed_while_signing_in_is_not_let_in() {
    let _turn = turn::together();
    let app = app_where_in_between("gone@login.example", "DELETE FROM users");
    let answer = app.login("gone@login.example", PASSWORD);
    assert_eq!((answer.status, answer.problem().as_str()), (401, "invalid-credentials"));
    let left: i64 = app.backend.sql().query_one("SELECT count(*) FROM sessions", &[]).unwrap().get(0);
    assert_eq!((left, app.backend.outbox_length()), (0, 0));
}

#[test]
fn credentials_that_change_while_they_are_checked_let_nobody_in() {
    let _turn = turn::together();
    for change in [
        "UPDATE users SET role = 'admin' WHERE role = 'user'",
        "UPDATE users SET version = version + 1, password_hash = overlay(password_hash
             placing CASE substr(password_hash, 50, 1) WHEN 'e' THEN 'f' ELSE 'e' END from 50)
             WHERE version = 1",
        "UPDATE users SET email = 'new@login.example', email_key = 'new@login.example'",
    ] {
        let app = app_where_in_between("changed@login.example", change);
        let answer = app.login("changed@login.example", PASSWORD);
        assert_eq!((answer.status, answer.problem().as_str()), (401, "invalid-credentials"), "{change}");
        let left: i64 = app.backend.sql().query_one("SELECT count(*) FROM sessions", &[]).unwrap().get(0);
        assert_eq!((left, app.backend.outbox_length()), (0, 0), "{change}");
    }
}

#[test]
fn a_session_of_an_older_epoch_is_none() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let ada = app.person("epoch@login.example");
    let introspect = || {
        let form = format!("token={}", ada.access);
        let request = app.post("/auth-ms/auth/introspect").bearer(app.operator());
        request.body("application/x-www-form-urlencoded", form).send().expect(200).json()["active"].clone()
    };
    assert_eq!(introspect(), true);
    let raised = app.backend.sql().execute("UPDATE users SET credentials_epoch = credentials_epoch + 1", &[]);
    assert_eq!(raised.unwrap(), 1);
    assert_eq!(introspect(), false);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(401);
    let _ = app.get("/auth-ms/auth/sessions").bearer(&ada.access).send().expect(401);
    let _ = app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": ada.refresh})).send().expect(401);
}
