//! Sign-ins that are under way while the password or the role changes: they end with 401 or begin under what holds now.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::turn;
use serde_json::{Value, json};
use std::time::Duration;

/// How often each race is run.
const ROUNDS: u32 = 12;
/// How many sign-ins are under way.
const SIGN_INS: u32 = 5;
/// The time between two of them; a hash of this cost takes several times as long.
const APART: Duration = Duration::from_millis(4);
const COST: u32 = 9;

fn app() -> TestApp {
    TestApp::on(&Backend::new()).variable("authorization", "required").variable("bcrypt_cost", COST).start()
}

/// Sign-ins one after the other, and `change` in the middle of them.
fn race(app: &TestApp, email: &str, change: impl FnOnce() + Send) -> Vec<Answer> {
    std::thread::scope(|scope| {
        let sign_ins: Vec<_> = (0..SIGN_INS)
            .map(|number| {
                scope.spawn(move || {
                    std::thread::sleep(APART * number);
                    app.login(email, PASSWORD)
                })
            })
            .collect();
        scope.spawn(move || {
            std::thread::sleep(APART * SIGN_INS / 2);
            change();
        });
        sign_ins.into_iter().map(|sign_in| sign_in.join().expect("a sign-in is answered")).collect()
    })
}

/// The tokens of those that were let in. Those that were not were told so as always.
fn let_in(answers: &[Answer]) -> Vec<Value> {
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        assert_eq!((answer.status, answer.problem().as_str()), (401, "invalid-credentials"));
    }
    answers.iter().filter(|answer| answer.status == 200).map(Answer::json).collect()
}

#[test]
fn no_sign_in_with_the_old_password_outlives_the_change() {
    let _turn = turn::together();
    let app = app();
    let root = app.admin("root@races.example");
    let mut refused = 0;
    for round in 0..ROUNDS {
        let email = format!("password-{round}@races.example");
        let path = format!("/users-ms/users/{}", app.sign_up(&email));
        let answers = race(&app, &email, || {
            let change = json!({"password": "another loom altogether"});
            let _ = app.patch(&path).bearer(&root.access).json(&change).send().expect(200);
        });
        let tokens = let_in(&answers);
        refused += answers.len() - tokens.len();
        for token in tokens {
            let access = token["access_token"].as_str().expect("a token is a text");
            let _ = app.get(&path).bearer(access).send().expect(401);
            let form = json!({"refresh_token": token["refresh_token"]});
            let _ = app.post("/auth-ms/auth/refresh").json(&form).send().expect(401);
        }
        let _ = app.login(&email, PASSWORD).expect(401);
        let _ = app.login(&email, "another loom altogether").expect(200);
    }
    assert!(refused > 0, "no change came while somebody was signing in");
}

#[test]
fn no_sign_in_keeps_the_role_from_before_a_demotion() {
    let _turn = turn::together();
    let app = app();
    let root = app.admin("root@races.example");
    let mut refused = 0;
    for round in 0..ROUNDS {
        let email = format!("role-{round}@races.example");
        let path = format!("/users-ms/users/{}", app.sign_up(&email));
        let change = |role: &str| {
            let _ = app.patch(&path).bearer(&root.access).json(&json!({"role": role})).send().expect(200);
        };
        change("admin");
        let answers = race(&app, &email, || change("user"));
        let tokens = let_in(&answers);
        refused += answers.len() - tokens.len();
        for token in tokens {
            let access = token["access_token"].as_str().expect("a token is a text");
            let listed = app.get("/users-ms/users").bearer(access).send();
            assert!(matches!(listed.status, 401 | 403), "{}", listed.shown());
            let _ =
                app.patch(&path).bearer(access).json(&json!({"role": "admin"})).send().expect(match listed.status {
                    401 => 401,
                    _ => 403,
                });
        }
        let user = app.get(&path).bearer(&root.access).send().expect(200).json();
        assert_eq!(user["role"], "user");
    }
    assert!(refused > 0, "no demotion came while somebody was signing in");
}
