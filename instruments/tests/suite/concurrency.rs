//! Many at once: what only one may have, only one gets.

use blackbox::app::TestApp;
use blackbox::people::sign_up_form;
use serde_json::json;
use std::sync::Barrier;

/// Runs `act` in `count` threads that begin together, and gives what each saw.
fn at_once<T: Send>(count: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(count);
    let run = |number| {
        start.wait();
        act(number)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count).map(|number| scope.spawn(move || run(number))).collect();
        threads.into_iter().map(|thread| thread.join().expect("no thread fails")).collect()
    })
}

#[test]
fn of_fifty_sign_ups_with_one_email_one_is_taken() {
    let app = TestApp::shared();
    let app: &TestApp = &app;
    let mut statuses = at_once(50, |number| {
        let email = if number % 2 == 0 { "one@at-once.example" } else { "ONE@at-once.example" };
        app.post("/users-ms/users").json(&sign_up_form(email)).send().status
    });
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (201, &[409; 49][..]));
    let found = app.get("/users-ms/users?email=one@at-once.example").send().json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
}

#[test]
fn of_parallel_changes_to_one_version_one_is_made() {
    let app = TestApp::shared();
    let app: &TestApp = &app;
    let path = format!("/users-ms/users/{}", app.sign_up("change@at-once.example"));
    let tag = app.get(&path).send().header("etag").unwrap().to_owned();
    let mut statuses = at_once(20, |number| {
        let change = json!({"name": format!("Ada {number}")});
        app.patch(&path).header("if-match", &tag).json(&change).send().status
    });
    statuses.sort_unstable();
    assert_eq!((statuses[0], &statuses[1..]), (200, &[412; 19][..]));
    assert_eq!(app.get(&path).send().json()["version"], 2);
}

#[test]
fn no_change_is_lost_among_parallel_ones() {
    let app = TestApp::shared();
    let app: &TestApp = &app;
    let path = format!("/users-ms/users/{}", app.sign_up("lost@at-once.example"));
    let statuses = at_once(20, |number| app.patch(&path).json(&json!({"name": format!("A{number}")})).send().status);
    assert_eq!(statuses, [200; 20]);
    assert_eq!(app.get(&path).send().json()["version"], 21);
}

#[test]
fn of_parallel_removals_one_removes() {
    let app = TestApp::shared();
    let app: &TestApp = &app;
    // Several times: they are not always all at the row at the same moment.
    for round in 0..10 {
        let path = format!("/users-ms/users/{}", app.sign_up(&format!("remove-{round}@at-once.example")));
        let mut statuses = at_once(10, |_| app.delete(&path).send().status);
        statuses.sort_unstable();
        assert_eq!((statuses[0], &statuses[1..]), (204, &[404; 9][..]));
    }
}

#[test]
fn a_change_beside_a_removal_is_made_or_finds_nobody() {
    let app = TestApp::shared();
    let app: &TestApp = &app;
    for round in 0..10 {
        let path = format!("/users-ms/users/{}", app.sign_up(&format!("beside-{round}@at-once.example")));
        let statuses = at_once(10, |number| match number {
            0 => app.delete(&path).send().status,
            _ => app.patch(&path).json(&json!({"name": format!("A{number}")})).send().status,
        });
        assert_eq!(statuses[0], 204);
        assert!(statuses[1..].iter().all(|status| matches!(status, 200 | 404)), "{statuses:?}");
    }
}
