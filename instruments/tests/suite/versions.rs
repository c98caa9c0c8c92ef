//! What administrators do to people at a version: a change in between is told, also one in the very moment; and what keeps somebody out.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::poll;
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::Duration;

/// What is done to somebody: method and path.
fn actions(person: &Person) -> [(&'static str, String); 8] {
    let (user, id) = (person.path(), person.id);
    [
        ("PUT", format!("{user}/suspension")),
        ("DELETE", format!("{user}/suspension")),
        ("DELETE", format!("{user}/lock")),
        ("PUT", format!("{user}/password-reset")),
        ("DELETE", format!("{user}/password-reset")),
        ("DELETE", format!("{user}/second-factor")),
        ("DELETE", format!("/auth-ms/auth/sessions?user_id={id}")),
        ("PATCH", user),
    ]
}

fn ask(app: &TestApp, root: &Person, (method, path): (&str, &str), tag: Option<&str>) -> Answer {
    let mut request = app.request(method, path).bearer(&root.access);
    if method == "PATCH" {
        request = request.json(&json!({"roles": ["support"]}));
    }
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    request.send()
}

fn tag(app: &TestApp, root: &Person, person: &Person) -> String {
    let answer = app.get(&person.path()).bearer(&root.access).send().expect(200);
    answer.header("etag").expect("a user has a tag").to_owned()
}

/// How many rows of the audit log there are about somebody, but for those of signing up and in.
fn audited(app: &TestApp, person: &Person) -> i64 {
    let count = "SELECT count(*) FROM audit_log WHERE user_id = $1 AND action NOT IN ('sign-up', 'login')";
    app.backend.sql().query_one(count, &[&person.id]).expect("the log can be read").get(0)
}

const OTHER: (u16, &str) = (412, "precondition-failed");

#[test]
fn every_action_on_a_person_heeds_the_version_that_it_is_about() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@versions.example"), app.person("ada@versions.example"));
    let stale = tag(&app, &root, &ada);
    let name = json!({"name": "Augusta"});
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&name).send().expect(200);
    let before = audited(&app, &ada);
    for (method, path) in &actions(&ada) {
        let answer = ask(&app, &root, (method, path), Some(&stale));
        assert_eq!(answer.outcome(), (OTHER.0, OTHER.1.into()), "{method} {path}");
        let unreadable = ask(&app, &root, (method, path), Some("7.1"));
        assert_eq!(unreadable.outcome(), (400, "invalid-header".into()), "{method} {path}");
    }
    assert_eq!(audited(&app, &ada), before, "nothing was done");
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
    // auth's own route, which others call.
    let sessions = format!("/users-ms/internal/users/{}/sessions", ada.id);
    let answer = app.delete(&sessions).bearer(app.auth()).header("if-match", &stale).send();
    assert_eq!(answer.outcome(), (OTHER.0, OTHER.1.into()));
    // Now that it was seen. `*` is any version.
    for (method, path) in &actions(&ada) {
        let now = tag(&app, &root, &ada);
        let answer = ask(&app, &root, (method, path), Some(&now));
        assert!([200, 204].contains(&answer.status), "{method} {path}: {}", answer.shown());
        let answer = ask(&app, &root, (method, path), Some("*"));
        assert!([200, 204].contains(&answer.status), "{method} {path}: {}", answer.shown());
    }
    // Nobody has no version.
    let nobody = Person { id: i64::MAX, ..app.sign_in(ada.id, &ada.email) };
    for (method, path) in &actions(&nobody) {
        let answer = ask(&app, &root, (method, path), Some("\"7.1\""));
        // auth does not say who is there.
        let expected = if path.starts_with("/auth-ms") { OTHER } else { (404, "user-not-found") };
        assert_eq!(answer.outcome(), (expected.0, expected.1.into()), "{method} {path}");
    }
}

#[test]
fn a_passkey_is_removed_from_the_version_that_was_seen() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@passkey-version.example"), app.person("ada@passkey-version.example"));
    let _device = app.add_passkey(&ada);
    let passkeys = app.get(&format!("{}/passkeys", ada.path())).bearer(&root.access).send().expect(200).json();
    let path = format!("{}/passkeys/{}", ada.path(), passkeys["items"][0]["id"].as_str().expect("an id"));
    let other = format!("\"{}.99\"", ada.id);
    assert_eq!(ask(&app, &root, ("DELETE", &path), Some(&other)).outcome(), (OTHER.0, OTHER.1.into()));
    let now = tag(&app, &root, &ada);
    assert_eq!(ask(&app, &root, ("DELETE", &path), Some(&now)).status, 204);
    assert_eq!(ask(&app, &root, ("DELETE", &path), Some(&now)).outcome(), (404, "passkey-not-found".into()));
}

#[test]
fn a_change_in_the_very_moment_is_not_overlooked() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (root, ada) = (app.admin("root@moment.example"), app.person("ada@moment.example"));
    for (method, path) in &actions(&ada) {
        let (seen, before) = (tag(&app, &root, &ada), audited(&app, &ada));
        let mut sql = app.backend.sql();
        let mut change = sql.transaction().expect("a transaction begins");
        let pid: i32 = change.query_one("SELECT pg_backend_pid()", &[]).expect("it has an id").get(0);
        // As by somebody else whose change is under way: what is seen is looked at before it ends, the row after it.
        let rename = "UPDATE users SET surname = surname || 'x', version = version + 1 WHERE id = $1";
        change.execute(rename, &[&ada.id]).expect("a user can be changed");
        let answer = std::thread::scope(|scope| {
            let asked = scope.spawn(|| ask(&app, &root, (method, path), Some(&seen)));
            poll::until(Duration::from_secs(10), "it waits for the row", || {
                let waiting = "SELECT count(*) FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))";
                app.backend.sql().query_one(waiting, &[&pid]).expect("activity is shown").get::<_, i64>(0) > 0
            });
            change.commit().expect("it is committed");
            asked.join().expect("no thread fails")
        });
        assert_eq!(answer.outcome(), (OTHER.0, OTHER.1.into()), "{method} {path}");
        assert_eq!(audited(&app, &ada), before, "{method} {path}");
    }
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
}

#[test]
fn of_parallel_suspensions_of_one_version_one_is_made_and_without_a_version_all_succeed() {
    let app = TestApp::guarded();
    let app: &TestApp = &app;
    let root = app.admin("root@parallel-suspensions.example");
    for round in 0..4 {
        let ada = app.person(&format!("ada-{round}@parallel-suspensions.example"));
        let seen = (round % 2 == 0).then(|| tag(app, &root, &ada));
        let path = format!("{}/suspension", ada.path());
        let start = Barrier::new(8);
        let mut statuses: Vec<_> = std::thread::scope(|scope| {
            let run = || {
                start.wait();
                ask(app, &root, ("PUT", &path), seen.as_deref()).status
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().expect("no thread fails")).collect()
        });
        statuses.sort_unstable();
        let others = if seen.is_some() { 412 } else { 204 };
        assert_eq!((statuses[0], &statuses[1..]), (204, &[others; 7][..]));
        assert_eq!(audited(app, &ada), 1);
    }
}

#[test]
fn administrators_see_what_keeps_somebody_out_and_nobody_else_does() {
    let app =
        TestApp::on(&Backend::new()).variable("authorization", "required").variable("login_throttling", "on").start();
    let (root, ada) = (app.admin("root@access.example"), app.person("Ada@access.example"));
    let access = |person: &Person| format!("{}/access", person.path());
    let shown = || app.get(&access(&ada)).bearer(&root.access).send().expect(200).json();
    let free = json!({"suspended_at": null, "locked": false, "password_reset_required": false});
    assert_eq!(shown(), free);
    assert_eq!(app.login(&ada.email, "wrong horse").status, 401);
    let fail = |failures: i32| {
        let change = "UPDATE attempts SET failures_in_a_row = $1, failures = 0 WHERE failures_in_a_row > 0";
        assert_eq!(app.backend.sql().execute(change, &[&failures]).expect("attempts can be changed"), 1);
    };
    fail(99);
    assert_eq!(shown(), free);
    fail(100);
    assert_eq!(shown()["locked"], true);
    assert_eq!(app.login(&ada.email, PASSWORD).outcome(), (403, "account-locked".into()));
    let bob = app.person("bob@access.example");
    assert_eq!(app.get(&access(&bob)).bearer(&root.access).send().expect(200).json(), free);
    for caller in [&ada, &bob] {
        let answer = app.get(&access(&ada)).bearer(&caller.access).send();
        assert_eq!(answer.outcome(), (403, "forbidden".into()));
    }
    let nobody = app.get("/users-ms/users/9223372036854775807/access").bearer(&root.access).send();
    assert_eq!(nobody.outcome(), (404, "user-not-found".into()));
    let _ = ask(&app, &root, ("DELETE", &format!("{}/lock", ada.path())), None).expect(204);
    assert_eq!(shown(), free);
    for (path, of) in [("password-reset", "password_reset_required"), ("suspension", "suspended_at")] {
        let path = format!("{}/{path}", ada.path());
        let _ = ask(&app, &root, ("PUT", &path), None).expect(204);
        assert!(![json!(null), json!(false)].contains(&shown()[of]), "{}", shown());
        let _ = ask(&app, &root, ("DELETE", &path), None).expect(204);
    }
    assert_eq!(shown(), free);
    // What the user and lists of users show is no more than before.
    let user: Value = app.get(&ada.path()).bearer(&root.access).send().expect(200).json();
    assert!(user.get("locked").is_none() && user.get("password_reset_required").is_none());
}
