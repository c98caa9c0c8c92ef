//! Peppers: one is replaced while people sign in, and nobody is lost.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::turn;
use serde_json::json;
use std::sync::Arc;

const NEW: &str = "2026-11=another-pepper-for-tests-of-32-bytes-or-more";
/// The pepper that tests have, as an entry.
const FIRST: &str = "v1=a-pepper-for-tests-of-32-bytes-or-more";
const EMAIL: &str = "ada@peppers.example";

fn on(backend: &Arc<Backend>, peppers: &str) -> TestApp {
    TestApp::on(backend).variable("password_peppers", peppers).only(&["users", "auth"]).start()
}

fn hash(backend: &Backend) -> String {
    backend.sql().query_one("SELECT password_hash FROM users", &[]).expect("there is one user").get(0)
}

#[test]
fn a_hash_is_renewed_at_login_after_the_pepper_was_rotated() {
    let _turn = turn::together();
    let backend = Backend::new();
    let _ = on(&backend, "").sign_up(EMAIL);
    let old = hash(&backend);
    assert!(old.starts_with("v2:v1:$2b$"), "{old}");
    // First the new one is known, and not used.
    let _ = on(&backend, &format!("{FIRST},{NEW}")).login(EMAIL, PASSWORD).expect(200);
    assert_eq!(hash(&backend), old);
    let app = on(&backend, NEW);
    let _ = app.login(EMAIL, "incorrect horse").expect(401);
    assert_eq!(hash(&backend), old, "a failed login renews nothing");
    let _ = app.login(EMAIL, PASSWORD).expect(200);
    let renewed = hash(&backend);
    assert!(renewed.starts_with("v2:2026-11:$2b$"), "{renewed}");
    let _ = app.login(EMAIL, PASSWORD).expect(200);
    assert_eq!(hash(&backend), renewed);
    // Nothing is left that needs the old one: it may have another value.
    let app = TestApp::on(&backend)
        .variable("password_peppers", NEW)
        .variable("password_pepper", "a-third-pepper-for-tests-of-32-bytes-or-more")
        .start();
    let _ = app.login(EMAIL, PASSWORD).expect(200);
}

#[test]
fn a_hash_of_the_scheme_before_lets_in_and_is_renewed() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = on(&backend, "");
    let _ = app.sign_up(EMAIL);
    let before = hash(&backend).replace("v2:v1:", "v1:");
    backend.sql().execute("UPDATE users SET password_hash = $1", &[&before]).expect("it fits the table");
    let _ = app.login(EMAIL, "incorrect horse").expect(401);
    let _ = app.login(EMAIL, PASSWORD).expect(200);
    assert!(hash(&backend).starts_with("v2:v1:$2b$"), "{}", hash(&backend));
    let _ = app.login(EMAIL, PASSWORD).expect(200);
}

#[test]
fn a_password_that_would_be_refused_today_is_renewed_too() {
    let _turn = turn::together();
    let backend = Backend::new();
    let _ = on(&backend, "").sign_up(EMAIL);
    let app = TestApp::on(&backend).variable("password_peppers", NEW).variable("password_min_length", 64).start();
    let _ = app.login(EMAIL, PASSWORD).expect(200);
    assert!(hash(&backend).starts_with("v2:2026-11:$2b$"), "{}", hash(&backend));
}

#[test]
fn a_pepper_that_is_not_known_is_a_fault_of_ours_and_counts_for_nothing() {
    let _turn = turn::together();
    let backend = Backend::new();
    let id = on(&backend, NEW).sign_up(EMAIL);
    let app = TestApp::on(&backend).variable("login_throttling", "on").variable("authorization", "required").start();
    for password in [PASSWORD, "incorrect horse"].repeat(4) {
        let answer = app.login(EMAIL, password).expect(500);
        assert_eq!(answer.problem(), "internal-error");
        assert!(!answer.text().contains("2026-11"), "{}", answer.text());
    }
    app.wait_for_log("the hash was made with the pepper 2026-11, which the variable password_peppers does not have");
    drop(app);
    let app = TestApp::on(&backend).variable("password_peppers", NEW).start();
    let _ = app.sign_in(id, EMAIL);
}

#[test]
fn what_is_counted_and_repeated_goes_on_through_a_rotation() {
    let _turn = turn::together();
    let backend = Backend::new();
    let start = |peppers: &str| {
        let setup = TestApp::on(&backend).variable("password_peppers", peppers).variable("login_throttling", "on");
        setup.only(&["users", "auth"]).start()
    };
    let form = blackbox::people::sign_up_form(EMAIL);
    let sign_up =
        |app: &TestApp| app.post("/users-ms/users").header("idempotency-key", "one").json(&form).send().expect(201);
    let app = start("");
    let _ = sign_up(&app);
    for _ in 0..5 {
        let _ = app.login(EMAIL, "incorrect horse").expect(401);
    }
    drop(app);
    // So that the wait outlasts the start of an app.
    let longer = "UPDATE attempts SET failures = failures + 9 WHERE failures >= 5";
    assert!(backend.sql().execute(longer, &[]).expect("the test is made so") > 0);
    let app = start(NEW);
    assert_eq!(app.login(EMAIL, PASSWORD).expect(429).problem(), "too-many-attempts");
    assert_eq!(sign_up(&app).header("idempotent-replayed"), Some("true"));
}

#[test]
fn a_current_password_is_checked_with_the_pepper_of_its_hash() {
    let _turn = turn::together();
    let backend = Backend::new();
    let _ = on(&backend, "").sign_up(EMAIL);
    let app = TestApp::on(&backend).variable("password_peppers", NEW).variable("authorization", "required").start();
    let tokens = app.login(EMAIL, PASSWORD).expect(200).json();
    let access = tokens["access_token"].as_str().expect("a token is a text");
    let id: i64 = backend.sql().query_one("SELECT id FROM users", &[]).expect("there is one").get(0);
    let change = |current: &str| {
        let body = json!({"password": "another good password", "current_password": current});
        app.patch(&format!("/users-ms/users/{id}")).bearer(access).json(&body).send()
    };
    assert_eq!(change("incorrect horse").expect(403).problem(), "wrong-current-password");
    let _ = change(PASSWORD).expect(200);
    assert!(hash(&backend).starts_with("v2:2026-11:$2b$"), "{}", hash(&backend));
}
