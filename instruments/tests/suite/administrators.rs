//! Administrators: how the first one is made, and that the last one stays.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::{PASSWORD, Person};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::time::Duration;

fn guarded(backend: &Arc<Backend>) -> TestApp {
    TestApp::on(backend).variable("authorization", "required").start()
}

/// How many administrators there are.
fn administrators(app: &TestApp) -> i64 {
    let count = "SELECT count(*) FROM users WHERE role = 'admin'";
    app.backend.sql().query_one(count, &[]).expect("users can be counted").get(0)
}

fn last() -> (u16, String) {
    (409, "last-administrator".into())
}

#[test]
fn the_last_administrator_neither_goes_nor_becomes_a_user() {
    let app = guarded(&Backend::new());
    let root = app.admin("root@last.example");
    let demotion = json!({"role": "user"});
    assert_eq!(app.patch(&root.path()).bearer(&root.access).json(&demotion).send().outcome(), last());
    let whole = json!({"name": "R", "surname": "T", "email": root.email, "role": "user"});
    assert_eq!(app.put(&root.path()).bearer(&root.access).json(&whole).send().outcome(), last());
    assert_eq!(app.delete(&root.path()).bearer(&root.access).send().outcome(), last());
    // Nothing else of the change was made, and the session goes on.
    let read = app.get(&root.path()).bearer(&root.access).send().expect(200).json();
    assert_eq!((&read["role"], &read["name"]), (&json!("admin"), &json!("Ada")));
    // What is no change of it may be made, and a version that is another is told first.
    let _ = app.patch(&root.path()).bearer(&root.access).json(&json!({"role": "admin"})).send().expect(200);
    let stale = app.delete(&root.path()).bearer(&root.access).header("if-match", &format!("\"{}.99\"", root.id)).send();
    assert_eq!(stale.outcome(), (412, "precondition-failed".into()));

    let other = app.admin("other@last.example");
    let _ = app.patch(&root.path()).bearer(&root.access).json(&demotion).send().expect(200);
    assert_eq!(app.delete(&other.path()).bearer(&other.access).send().outcome(), last());
    let _ = app.delete(&root.path()).bearer(&other.access).send().expect(204);
    assert_eq!(administrators(&app), 1);
}

#[test]
fn an_open_api_keeps_the_last_administrator_too() {
    let app = TestApp::on(&Backend::new()).start();
    let root = app.admin("root@open-last.example");
    assert_eq!(app.delete(&root.path()).send().outcome(), last());
    assert_eq!(administrators(&app), 1);
}

#[test]
fn of_two_administrators_who_act_on_each_other_at_once_one_stays() {
    let app = guarded(&Backend::new());
    let app = &app;
    for round in 0..12 {
        let admins: [Person; 2] = [0, 1].map(|number| app.admin(&format!("root-{round}-{number}@each-other.example")));
        // Those of the rounds before would be further ones.
        let ids = admins.each_ref().map(|admin| admin.id);
        app.backend
            .sql()
            .execute("UPDATE users SET role = 'user' WHERE NOT id = ANY ($1)", &[&ids.as_slice()])
            .expect("roles can be changed");
        let start = Barrier::new(2);
        let answers = std::thread::scope(|scope| {
            let both = [(0, 1), (1, 0)].map(|(by, of)| {
                let (start, by, of) = (&start, &admins[by], &admins[of]);
                scope.spawn(move || {
                    let path = of.path();
                    let request = match round % 3 {
                        0 => app.patch(&path).json(&json!({"role": "user"})),
                        1 => app.delete(&path),
                        _ => app.patch(&by.path()).json(&json!({"role": "user"})),
                    };
                    start.wait();
                    request.bearer(&by.access).send()
                })
            });
            both.map(|thread| thread.join().expect("no thread fails"))
        });
        let done = answers.iter().filter(|answer| answer.status < 300).count();
        assert_eq!((done, administrators(app)), (1, 1), "round {round}");
        // The other was the last one by then, or was no administrator any more.
        let other = answers.iter().find(|answer| answer.status >= 300).expect("one has failed");
        assert!([401, 409].contains(&other.status), "{}", other.shown());
    }
}

#[test]
fn an_administrator_who_loses_the_role_meanwhile_does_not_give_it_back_to_themselves() {
    let app = guarded(&Backend::new());
    let (root, _other) = (app.admin("root@own-role.example"), app.admin("other@own-role.example"));
    let mut sql = app.backend.sql();
    let mut change = sql.transaction().expect("a transaction begins");
    // As by another administrator whose change is under way: the token is looked at before, the row after it.
    change.execute("UPDATE users SET role = 'user' WHERE id = $1", &[&root.id]).expect("a role can be changed");
    let answer = std::thread::scope(|scope| {
        let raised =
            scope.spawn(|| app.patch(&root.path()).bearer(&root.access).json(&json!({"role": "admin"})).send());
        blackbox::poll::until(Duration::from_secs(10), "the change waits for the row", || {
            let waiting =
                "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
            app.backend.sql().query_one(waiting, &[]).expect("activity is shown").get::<_, i64>(0) > 0
        });
        change.commit().expect("it is committed");
        raised.join().expect("no thread fails")
    });
    assert_eq!(answer.outcome(), (403, "forbidden".into()));
    assert_eq!(administrators(&app), 1);
}

#[test]
fn the_database_makes_an_administrator_at_its_owners_word() {
    let app = guarded(&Backend::new());
    let ada = app.person("Ada@bootstrap.example");
    let tag = app.get(&ada.path()).bearer(&ada.access).send().expect(200).header("etag").map(str::to_owned);
    let mut sql = app.backend.sql();
    let mut make = |address: &str| -> Value {
        let row = sql.query_one("SELECT make_administrator($1)::text", &[&address]).expect("it answers");
        serde_json::from_str(&row.get::<_, String>(0)).expect("it is JSON")
    };
    let nobody = make("nobody@bootstrap.example");
    assert_eq!((&nobody["result"], nobody.get("user_id")), (&json!("unknown"), None));
    let made = make("ada@bootstrap.example");
    assert_eq!((&made["audit"], &made["result"]), (&json!("role-changed"), &json!("success")));
    assert_eq!((&made["user_id"], &made["by"]), (&json!(ada.id.to_string()), &json!("operator")));
    assert!(!made.to_string().contains("bootstrap.example"), "nothing personal is logged");
    assert_eq!(make("Ada@bootstrap.example")["result"], "unchanged");

    // The sessions of before are over, and the user is shown anew.
    assert_eq!(app.get(&ada.path()).bearer(&ada.access).send().status, 401);
    let root = app.sign_in(ada.id, &ada.email);
    let read = app.get(&ada.path()).bearer(&root.access).header("if-none-match", &tag.expect("a tag")).send();
    assert_eq!((read.status, &read.json()["role"]), (200, &json!("admin")));
    let _ = app.get("/users-ms/users").bearer(&root.access).send().expect(200);
    let _ = app.login(&ada.email, PASSWORD).expect(200);
}

#[test]
fn the_role_of_the_service_makes_no_administrator_by_itself() {
    let backend = Backend::new();
    let tried = backend.sql().batch_execute("SET ROLE concierge_users; SELECT make_administrator('a@b.example')");
    let code = tried.expect_err("it is refused").code().cloned();
    assert_eq!(code, Some(postgres::error::SqlState::INSUFFICIENT_PRIVILEGE));
}
