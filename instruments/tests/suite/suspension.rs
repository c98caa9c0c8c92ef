//! What an administrator does to an account that is misused or locked.

use crate::sessions::{introspect, refresh};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::Duration;

fn suspension(person: &Person) -> String {
    format!("{}/suspension", person.path())
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

fn suspend(app: &TestApp, root: &Person, person: &Person) {
    assert!(app.put(&suspension(person)).bearer(&root.access).send().expect(204).body.is_empty());
}

/// By whom this was done to a user, as the audit log has it.
fn audited(app: &TestApp, what: &str, id: i64) -> Vec<String> {
    let (log, id) = (app.log(), id.to_string());
    let lines = log.lines().filter_map(|line| line.find('{').and_then(|at| serde_json::from_str(&line[at..]).ok()));
    let of_user = lines.filter(|line: &Value| line["audit"] == what && line["user_id"].as_str() == Some(&id));
    of_user.map(|line| line["by"].as_str().unwrap_or_default().to_owned()).collect()
}

fn wait_until_audited(app: &TestApp, what: &str, person: &Person, root: &Person) {
    poll::until(Duration::from_secs(5), what, || audited(app, what, person.id) == [root.id.to_string()]);
}

fn suspended_at(app: &TestApp, root: &Person, person: &Person) -> Value {
    app.get(&suspension(person)).bearer(&root.access).send().expect(200).json()["suspended_at"].clone()
}

#[test]
fn a_suspended_user_is_signed_out_and_stays_out_until_the_suspension_is_lifted() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@suspended.example"), app.person("ada@suspended.example"));
    assert_eq!(suspended_at(&app, &root, &ada), json!(null));
    suspend(&app, &root, &ada);
    let since = suspended_at(&app, &root, &ada);
    assert!(since.is_string());
    // Every token that there was is worth nothing.
    assert_eq!(refusal(&app.get(&ada.path()).bearer(&ada.access).send()), (401, "invalid-token".into()));
    assert_eq!(refusal(&refresh(&app, &ada.refresh)), (401, "invalid-token".into()));
    assert_eq!(introspect(&app, &ada.access), json!({"active": false}));
    // Whoever knows the password is told, and nobody else.
    assert_eq!(refusal(&app.login(&ada.email, PASSWORD)), (403, "account-suspended".into()));
    let wrong = app.login(&ada.email, "wrong horse");
    let nobody = app.login("nobody@suspended.example", "wrong horse");
    assert_eq!((wrong.status, wrong.shown()), (401, nobody.shown()));
    // The same again changes nothing.
    suspend(&app, &root, &ada);
    assert_eq!(suspended_at(&app, &root, &ada), since);
    // Nothing was deleted.
    let shown = app.get(&ada.path()).bearer(&root.access).send().expect(200).json();
    assert_eq!((&shown["email"], &shown["version"]), (&json!(ada.email), &json!(2)));

    for _ in 0..2 {
        let _ = app.delete(&suspension(&ada)).bearer(&root.access).send().expect(204);
        assert_eq!(suspended_at(&app, &root, &ada), json!(null));
    }
    let again = app.sign_in(ada.id, &ada.email);
    let _ = app.get(&ada.path()).bearer(&again.access).send().expect(200);
    // The sessions of before stay ended.
    assert_eq!(refresh(&app, &ada.refresh).status, 401);
    for what in ["user-suspended", "suspension-lifted"] {
        wait_until_audited(&app, what, &ada, &root);
    }
}

#[test]
fn only_administrators_who_signed_in_a_moment_ago_suspend_and_unlock() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@not-yours.example"), app.person("ada@not-yours.example"));
    let bob = app.person("bob@not-yours.example");
    let lock = format!("{}/lock", ada.path());
    let each: [(&str, &str); 4] =
        [("GET", &suspension(&ada)), ("PUT", &suspension(&ada)), ("DELETE", &suspension(&ada)), ("DELETE", &lock)];
    for (method, path) in each {
        assert_eq!(app.request(method, path).send().status, 401, "{method} {path}");
        for caller in [&ada, &bob] {
            let answer = app.request(method, path).bearer(&caller.access).send();
            assert_eq!(refusal(&answer), (403, "forbidden".into()), "{method} {path}");
        }
    }
    let missing = "/users-ms/users/9223372036854775807";
    for (method, path) in [("GET", "suspension"), ("PUT", "suspension"), ("DELETE", "suspension"), ("DELETE", "lock")] {
        let answer = app.request(method, &format!("{missing}/{path}")).bearer(&root.access).send();
        assert_eq!(refusal(&answer), (404, "user-not-found".into()), "{method} {path}");
    }
    let age = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(age, &[&root.id]).expect("sessions can be aged"), 1);
    for (method, path) in &each[1..] {
        let answer = app.request(method, path).bearer(&root.access).send();
        assert_eq!(refusal(&answer), (403, "reauthentication-required".into()), "{method} {path}");
    }
    let _ = app.get(&suspension(&ada)).bearer(&root.access).send().expect(200);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
}

#[test]
fn where_the_api_is_open_suspending_is_not() {
    let app = TestApp::on(&Backend::new()).start();
    let ada = app.sign_up("ada@open-suspension.example");
    for (method, path) in [("GET", "suspension"), ("PUT", "suspension"), ("DELETE", "suspension"), ("DELETE", "lock")] {
        let answer = app.request(method, &format!("/users-ms/users/{ada}/{path}")).send();
        assert_eq!(refusal(&answer), (403, "forbidden".into()), "{method} {path}");
    }
    let _ = app.login("ada@open-suspension.example", PASSWORD).expect(200);
}

#[test]
fn an_administrator_who_is_not_suspended_stays() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let last = (409, "last-administrator".to_owned());
    let root = app.admin("root@suspending.example");
    assert_eq!(refusal(&app.put(&suspension(&root)).bearer(&root.access).send()), last);
    let _ = app.get(&root.path()).bearer(&root.access).send().expect(200);
    // One who is suspended is nobody who could take over.
    let other = app.admin("other@suspending.example");
    suspend(&app, &root, &other);
    assert_eq!(refusal(&app.put(&suspension(&root)).bearer(&root.access).send()), last);
    assert_eq!(refusal(&app.delete(&root.path()).bearer(&root.access).send()), last);
    let demotion = app.patch(&root.path()).bearer(&root.access).json(&json!({"role": "user"}));
    assert_eq!(refusal(&demotion.send()), last);
}

#[test]
fn of_two_administrators_who_suspend_each_other_at_once_one_stays() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let app = &app;
    for round in 0..8 {
        let admins = [0, 1].map(|number| app.admin(&format!("root-{round}-{number}@duel.example")));
        let ids = admins.each_ref().map(|admin| admin.id);
        let others = "UPDATE users SET role = 'user' WHERE NOT id = ANY ($1)";
        app.backend.sql().execute(others, &[&ids.as_slice()]).expect("roles can be changed");
        let start = Barrier::new(2);
        let statuses = std::thread::scope(|scope| {
            let both = [(0, 1), (1, 0)].map(|(by, of)| {
                let (start, by, of) = (&start, &admins[by], &admins[of]);
                scope.spawn(move || {
                    start.wait();
                    app.put(&suspension(of)).bearer(&by.access).send().status
                })
            });
            both.map(|one| one.join().expect("it is answered"))
        });
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [204, 401, 409].contains(status)), "{statuses:?}");
    }
}

#[test]
fn no_sign_in_under_way_outlives_a_suspension() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("bcrypt_cost", 9).start();
    let root = app.admin("root@race.example");
    let mut let_in = 0;
    for round in 0..8_u64 {
        let email = format!("ada-{round}@race.example");
        let id = app.sign_up(&email);
        let person = Person { id, email, access: String::new(), refresh: String::new() };
        let (app, root, person) = (&app, &root, &person);
        let answers = std::thread::scope(|scope| {
            let sign_ins: Vec<_> = (0..4_u64)
                .map(|number| {
                    scope.spawn(move || {
                        std::thread::sleep(Duration::from_millis(4 * number));
                        app.login(&person.email, PASSWORD)
                    })
                })
                .collect();
            std::thread::sleep(Duration::from_millis(5 + 3 * round));
            suspend(app, root, person);
            sign_ins.into_iter().map(|one| one.join().expect("it is answered")).collect::<Vec<_>>()
        });
        for answer in answers {
            if answer.status == 200 {
                let_in += 1;
                let token = answer.json()["refresh_token"].as_str().expect("there is a token").to_owned();
                assert_eq!(refresh(app, &token).status, 401, "it was ended by the suspension");
            } else {
                assert!([401, 403].contains(&answer.status), "{answer:?}");
            }
        }
        // One that began in the moment of the suspension may be left as a row, of an earlier epoch: it never is alive again.
        let left =
            "SELECT count(*) FROM sessions s JOIN users u USING (credentials_epoch) WHERE s.user_id = $1 AND u.id = $1";
        let left: i64 = app.backend.sql().query_one(left, &[&person.id]).expect("sessions can be counted").get(0);
        assert_eq!(left, 0);
    }
    assert!(let_in < 32, "each race was lost by the suspension");
}

#[test]
fn an_administrator_unlocks_an_account() {
    let app =
        TestApp::on(&Backend::new()).variable("authorization", "required").variable("login_throttling", "on").start();
    let (root, ada) = (app.admin("root@unlock.example"), app.person("Ada.Öz@unlock.example"));
    assert_eq!(app.login(&ada.email, "wrong horse").status, 401);
    let locked = "UPDATE attempts SET failures_in_a_row = 100, failures = 0 WHERE failures_in_a_row > 0";
    assert_eq!(app.backend.sql().execute(locked, &[]).expect("attempts can be changed"), 1);
    assert_eq!(refusal(&app.login(&ada.email, PASSWORD)), (403, "account-locked".into()));
    for _ in 0..2 {
        let _ = app.delete(&format!("{}/lock", ada.path())).bearer(&root.access).send().expect(204);
    }
    let _ = app.login(&ada.email, PASSWORD).expect(200);
    wait_until_audited(&app, "account-unlocked", &ada, &root);
}
