//! A new password at the word of an administrator: sessions end, the old password opens nothing, a recovery does.

use crate::sessions::refresh;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::passkey_device::Device;
use blackbox::people::{PASSWORD, Person};
use blackbox::post_office::Office;
use blackbox::{poll, turn};
use serde_json::json;
use std::sync::Barrier;
use std::time::Duration;

const NEW: &str = "a better horse battery";

fn reset(person: &Person) -> String {
    format!("{}/password-reset", person.path())
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// The audit log about somebody, without sign-ups and sign-ins.
fn audited(app: &TestApp, id: i64) -> Vec<String> {
    let rows = "SELECT action FROM audit_log WHERE user_id = $1 AND action NOT IN ('sign-up', 'login')
        ORDER BY created_at, audit_log.id";
    let rows = app.backend.sql().query(rows, &[&id]).expect("the audit log can be read");
    rows.iter().map(|row| row.get(0)).collect()
}

#[test]
fn whoever_needs_a_new_password_is_signed_out_and_stays_out_until_there_is_one() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@reset.example"), app.person("ada@reset.example"));
    for _ in 0..2 {
        assert!(app.put(&reset(&ada)).bearer(&root.access).send().expect(204).body.is_empty());
    }
    assert_eq!(refusal(&app.get(&ada.path()).bearer(&ada.access).send()), (401, "invalid-token".into()));
    assert_eq!(refusal(&refresh(&app, &ada.refresh)), (401, "invalid-token".into()));
    // Whoever knows the password is told, and nobody else.
    assert_eq!(refusal(&app.login(&ada.email, PASSWORD)), (403, "password-reset-required".into()));
    let wrong = app.login(&ada.email, "wrong horse");
    let nobody = app.login("nobody@reset.example", "wrong horse");
    assert_eq!((wrong.status, wrong.shown()), (401, nobody.shown()));
    let shown = app.get(&ada.path()).bearer(&root.access).send().expect(200).json();
    assert_eq!(shown["version"], 2);
    // Another name is no new password; one that an administrator sets is.
    let change = |body| app.patch(&ada.path()).bearer(&root.access).json(&body).send().expect(200);
    let _ = change(json!({"name": "Augusta"}));
    assert_eq!(refusal(&app.login(&ada.email, PASSWORD)), (403, "password-reset-required".into()));
    let _ = change(json!({"password": NEW}));
    let _ = app.login(&ada.email, NEW).expect(200);
    let done = ["password-reset-required", "name-changed", "password-changed"];
    assert_eq!(audited(&app, ada.id), done);
}

#[test]
fn a_password_that_has_to_be_replaced_proves_nothing_in_a_session_that_is_left() {
    let app = TestApp::guarded();
    let ada = app.person("ada@reset-session.example");
    // A report of somebody else's sign-in leaves the sessions of before: one of them may be somebody else's, too.
    let demand = "UPDATE users SET password_reset_required = true WHERE id = $1";
    app.backend.sql().execute(demand, &[&ada.id]).expect("the test is made so");
    let required = (403, "password-reset-required".to_owned());
    for new in [json!({"password": NEW}), json!({"email": "eve@reset-session.example"})] {
        let mut change = new.clone();
        change["current_password"] = PASSWORD.into();
        let answer = app.patch(&ada.path()).bearer(&ada.access).json(&change).send();
        assert_eq!(answer.outcome(), required, "{new}");
        let mut whole = json!({"name": "Ada", "surname": "Lovelace", "email": ada.email});
        whole.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        let answer = app.put(&ada.path()).bearer(&ada.access).json(&whole).send();
        assert_eq!(answer.outcome(), required, "{new}");
    }
    let again = app.post(&format!("{}/reauthenticate", ada.path())).bearer(&ada.access);
    assert_eq!(again.json(&json!({"current_password": PASSWORD})).send().outcome(), required);
    assert_eq!(app.login(&ada.email, PASSWORD).outcome(), required);
    let _ = app.patch(&ada.path()).bearer(&ada.access).json(&json!({"name": "Augusta"})).send().expect(200);
}

#[test]
fn nothing_that_was_under_way_outlives_what_ends_the_session() {
    let app = TestApp::guarded();
    // The password was shown, or the device has answered, and then somebody says that it was not they, before it is written.
    let ends = [
        "UPDATE users SET credentials_epoch = credentials_epoch + 1 WHERE id = $1",
        "UPDATE users SET password_reset_required = true WHERE id = $1",
        "DELETE FROM sessions WHERE user_id = $1",
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let ada = app.person(&format!("ada-{number}@reset-under-way.example"));
        let passkey = app.begin_passkey(&ada).expect(200).json();
        let credential = Device::new().create(&passkey["public_key"]);
        let mut sql = app.backend.sql();
        let mut lock = sql.transaction().expect("a transaction");
        let _ = lock.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", &[&ada.id]).expect("a lock");
        let body = json!({"password": NEW, "current_password": PASSWORD});
        let (changed, added) = std::thread::scope(|scope| {
            let change = scope.spawn(|| app.patch(&ada.path()).bearer(&ada.access).json(&body).send());
            let add = scope.spawn(|| app.send_passkey(&ada, &credential));
            let waits =
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
            let both = || app.backend.sql().query_one(waits, &[]).expect("a count").get::<_, i64>(0) >= 2;
            poll::until(Duration::from_secs(20), "both wait for the account", both);
            let _ = lock.execute(end, &[&ada.id]).expect("it ends");
            lock.commit().expect("it is written");
            (change.join().expect("it answers"), add.join().expect("it answers"))
        });
        if number != 1 {
            assert_ne!(added.status, 200, "{end}");
        }
        if number != 2 {
            assert_eq!(changed.outcome(), (401, "invalid-token".to_owned()), "{end}");
            let _ = app.login(&ada.email, NEW).expect(401);
        }
    }
}

#[test]
fn a_recovery_gives_the_new_password() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup.variable("authorization", "required"));
    let (app, email) = (&office.app, "ada@reset-recovery.example");
    for address in [email, "root@reset-recovery.example"] {
        let _ = office.sign_up(address).expect(202);
    }
    let make = "SELECT make_administrator('root@reset-recovery.example')";
    app.backend.sql().query_one(make, &[]).expect("roles can be changed");
    let id = |email: &str| office.claims(email)["sub"].as_str().and_then(|sub| sub.parse().ok()).expect("an id");
    let ada = app.sign_in(id(email), email);
    let root = app.sign_in(id("root@reset-recovery.example"), "root@reset-recovery.example");
    // A mail of before is good for nothing: credentials have changed.
    let request = || app.post("/users-ms/password-recovery").json(&json!({"email": email})).send().expect(202);
    let secrets =
        |number| office.secrets_of("Choose a new password", "/users-ms/password-recovery/page", email, number);
    let confirm = |token: &str| {
        app.post("/users-ms/password-recovery/confirm").json(&json!({"token": token, "password": NEW})).send()
    };
    let _ = request();
    let before = secrets(1);
    let _ = app.put(&reset(&ada)).bearer(&root.access).send().expect(204);
    assert_eq!(refusal(&confirm(&before.token)), (403, "invalid-ticket".into()));
    assert_eq!(refusal(&app.login(email, PASSWORD)), (403, "password-reset-required".into()));
    let _ = request();
    let _ = confirm(&secrets(2).token).expect(204);
    assert_eq!(refusal(&app.login(email, PASSWORD)), (401, "invalid-credentials".into()));
    let _ = app.login(email, NEW).expect(200);
    let _ = app.login(email, NEW).expect(200);
    assert_eq!(audited(app, ada.id), ["password-reset-required", "password-recovery"]);
}

#[test]
fn an_administrator_may_think_better_of_it() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@withdrawn.example"), app.person("ada@withdrawn.example"));
    let _ = app.put(&reset(&ada)).bearer(&root.access).send().expect(204);
    for _ in 0..2 {
        let _ = app.delete(&reset(&ada)).bearer(&root.access).send().expect(204);
    }
    let _ = app.login(&ada.email, PASSWORD).expect(200);
    assert_eq!(refresh(&app, &ada.refresh).status, 401, "sessions of before stay ended");
    assert_eq!(audited(&app, ada.id), ["password-reset-required", "password-reset-withdrawn"]);
}

#[test]
fn only_administrators_who_signed_in_a_moment_ago_demand_a_new_password() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@demands.example"), app.person("ada@demands.example"));
    for method in ["PUT", "DELETE"] {
        assert_eq!(app.request(method, &reset(&ada)).send().status, 401, "{method}");
        let own = app.request(method, &reset(&ada)).bearer(&ada.access).send();
        assert_eq!(refusal(&own), (403, "forbidden".into()), "{method}");
        let missing = "/users-ms/users/9223372036854775807/password-reset";
        let missing = app.request(method, missing).bearer(&root.access).send();
        assert_eq!(refusal(&missing), (404, "user-not-found".into()), "{method}");
    }
    let age = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(age, &[&root.id]).expect("sessions can be aged"), 1);
    for method in ["PUT", "DELETE"] {
        let answer = app.request(method, &reset(&ada)).bearer(&root.access).send();
        assert_eq!(refusal(&answer), (403, "reauthentication-required".into()), "{method}");
    }
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
    let open = TestApp::on(&Backend::new()).start();
    let id = open.sign_up("ada@open-demands.example");
    let answer = open.put(&format!("/users-ms/users/{id}/password-reset")).send();
    assert_eq!(refusal(&answer), (403, "forbidden".into()));
}

#[test]
fn no_sign_in_under_way_outlives_the_demand() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (app, root) = (&app, app.admin("root@under-way.example"));
    for round in 0..6 {
        let ada = app.person(&format!("ada-{round}@under-way.example"));
        let start = Barrier::new(4);
        let start = &start;
        let (ada, root) = (&ada, &root);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(move || {
                    start.wait();
                    let answer = app.login(&ada.email, PASSWORD);
                    assert!([200, 401, 403, 503].contains(&answer.status), "{}", answer.text());
                });
            }
            start.wait();
            let _ = app.put(&reset(ada)).bearer(&root.access).send().expect(204);
        });
        let alive = "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id
            WHERE u.id = $1 AND s.credentials_epoch = u.credentials_epoch";
        let alive: i64 = app.backend.sql().query_one(alive, &[&ada.id]).expect("sessions can be counted").get(0);
        assert_eq!(alive, 0);
    }
}

#[test]
fn people_sign_out_everywhere_else() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@elsewhere.example"), app.person("ada@elsewhere.example"));
    let others = [(); 2].map(|()| app.sign_in(ada.id, &ada.email));
    let bob = app.person("bob@elsewhere.example");
    let end =
        |query: &str, by: &Person| app.delete(&format!("/auth-ms/auth/sessions{query}")).bearer(&by.access).send();
    assert_eq!(refusal(&end("?others=maybe", &ada)), (400, "invalid-query".into()));
    let _ = end("?others=true", &ada).expect(204);
    for other in &others {
        assert_eq!(refusal(&refresh(&app, &other.refresh)), (401, "invalid-token".into()));
    }
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
    let _ = app.get(&bob.path()).bearer(&bob.access).send().expect(200);
    assert_eq!(audited(&app, ada.id), ["sessions-ended"]);
    // Of somebody else's sessions none is the administrator's own.
    let _ = end(&format!("?others=true&user_id={}", ada.id), &root).expect(204);
    assert_eq!(refusal(&app.get(&ada.path()).bearer(&ada.access).send()), (401, "invalid-token".into()));
    let _ = end("?others=false", &bob).expect(204);
    assert_eq!(refusal(&app.get(&bob.path()).bearer(&bob.access).send()), (401, "invalid-token".into()));
}
