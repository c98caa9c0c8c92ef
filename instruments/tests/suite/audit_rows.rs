//! The audit log in the database: a row for each event, written by the statement that does what it records.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::{PASSWORD, Person};
use serde_json::{Value, json};

/// A row about a user, with the result: by which kind of actor, and by whom.
type Row = (String, String, String, Option<i64>);

/// The rows about this user, in the order in which they were written.
fn rows_about(app: &TestApp, id: i64) -> Vec<Row> {
    let rows = "SELECT action, result, actor_kind, actor_id FROM audit_log WHERE user_id = $1 ORDER BY created_at, id";
    let rows = app.backend.sql().query(rows, &[&id]).expect("the audit log can be read");
    rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect()
}

fn by_owner(of: &Person, action: &str) -> Row {
    (action.to_owned(), "success".to_owned(), "self".to_owned(), Some(of.id))
}

fn by_nobody(action: &str, result: &str) -> Row {
    (action.to_owned(), result.to_owned(), "nobody".to_owned(), None)
}

fn by_admin(root: &Person, action: &str) -> Row {
    (action.to_owned(), "success".to_owned(), "administrator".to_owned(), Some(root.id))
}

#[test]
fn what_happens_to_somebodys_access_is_written_down() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@rows.example"), app.person("ada@rows.example"));
    let mut expected = vec![by_owner(&ada, "sign-up"), by_owner(&ada, "login")];
    assert_eq!(rows_about(&app, ada.id), expected);

    let _ = app.login(&ada.email, "wrong horse").expect(401);
    expected.push(by_nobody("login", "invalid-credentials"));
    let taken = app.post("/users-ms/users").header("x-request-id", "rows-1");
    let _ = taken.json(&blackbox::people::sign_up_form(&ada.email)).send().expect(409);
    let change = |of: &Person, by: &Person, body: Value| app.patch(&of.path()).bearer(&by.access).json(&body).send();
    let _ = change(&ada, &ada, json!({"name": "Augusta"})).expect(200);
    expected.push(by_owner(&ada, "name-changed"));
    // What is as it was is no change.
    let _ = change(&ada, &ada, json!({"name": "Augusta", "phone": null})).expect(200);
    let _ = change(&ada, &ada, json!({"password": "another good one", "current_password": "wrong"})).expect(403);
    expected.push(("current-password".into(), "wrong".into(), "self".into(), Some(ada.id)));
    let _ = change(&ada, &ada, json!({"password": "another good one", "current_password": PASSWORD})).expect(200);
    expected.push(by_owner(&ada, "password-changed"));
    let _ = change(&ada, &root, json!({"phone": "+39021234567"})).expect(200);
    expected.push(by_admin(&root, "phone-changed"));
    let path = format!("{}/reauthenticate", ada.path());
    let proof = json!({"current_password": "another good one"});
    let _ = app.post(&path).bearer(&ada.access).json(&proof).send().expect(204);
    expected.push(by_owner(&ada, "reauthentication"));
    let _ = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": ada.refresh})).send().expect(204);
    expected.push(by_owner(&ada, "logout"));
    // What has ended already cannot end.
    let _ = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": ada.refresh})).send().expect(204);
    for (method, path, action) in [
        ("PUT", "suspension", "user-suspended"),
        ("PUT", "suspension", ""),
        ("DELETE", "suspension", "suspension-lifted"),
        // Nothing was locked.
        ("DELETE", "lock", ""),
    ] {
        let _ = app.request(method, &format!("{}/{path}", ada.path())).bearer(&root.access).send().expect(204);
        expected.extend((!action.is_empty()).then(|| by_admin(&root, action)));
    }
    let tokens = app.login(&ada.email, "another good one").expect(200).json();
    expected.push(by_owner(&ada, "login"));
    let sessions = format!("/auth-ms/auth/sessions?user_id={}", ada.id);
    let _ = app.delete(&sessions).bearer(&root.access).send().expect(204);
    expected.push(by_admin(&root, "sessions-ended"));
    assert!(tokens["access_token"].is_string());
    let _ = change(&ada, &root, json!({"role": "admin"})).expect(200);
    expected.push(by_admin(&root, "role-changed"));
    let _ = app.get(&format!("{}/export", ada.path())).bearer(&root.access).send().expect(200);
    expected.push(by_admin(&root, "user-exported"));
    assert_eq!(rows_about(&app, ada.id), expected);

    let of_root = rows_about(&app, root.id);
    assert_eq!(of_root[1], ("role-changed".into(), "success".into(), "service".into(), None));
    // Nobody is known to have tried these.
    let nobody = json!({"username": "nobody@rows.example", "password": "wrong horse"});
    let _ = app.post("/auth-ms/auth/login").header("x-request-id", "rows-2").json(&nobody).send().expect(401);
    let nobody =
        "SELECT action, result FROM audit_log WHERE user_id IS NULL AND actor_id IS NULL AND actor_kind = 'nobody'
        AND request_id IN ('rows-1', 'rows-2') ORDER BY created_at, id";
    let nobody = app.backend.sql().query(nobody, &[]).expect("the audit log can be read");
    let nobody: Vec<(String, String)> = nobody.iter().map(|row| (row.get(0), row.get(1))).collect();
    let tried = [("sign-up", "email-taken"), ("login", "invalid-credentials")];
    assert_eq!(nobody, tried.map(|(action, result)| (action.to_owned(), result.to_owned())));
}

#[test]
fn a_row_says_from_where_and_in_which_request_and_nothing_else_about_a_person() {
    let app = TestApp::guarded();
    let ada = app.person("ada@traced.example");
    let form = |password: &str| json!({"username": ada.email, "password": password});
    let login = app.post("/auth-ms/auth/login").header("user-agent", "Traced/1.0").header("x-request-id", "traced-1");
    let _ = login.json(&form("wrong horse 7")).send().expect(401);
    // Only services say for whom they act.
    let patch = app.patch(&ada.path()).bearer(&ada.access).header("x-request-id", "traced-2");
    let patch = patch.header("x-client-network", "203.0.113.0/24").header("x-acting-user", "1");
    let _ = patch.header("user-agent", "Traced/2.0").json(&json!({"surname": "King"})).send().expect(200);
    let rows = "SELECT to_jsonb(a)::text FROM audit_log a WHERE request_id LIKE 'traced-%' ORDER BY created_at";
    let rows: Vec<Value> = app
        .backend
        .sql()
        .query(rows, &[])
        .expect("the audit log can be read")
        .iter()
        .map(|row| serde_json::from_str(row.get(0)).expect("a row is JSON"))
        .collect();
    let shown = |row: &Value| [row["network"].clone(), row["user_agent"].clone(), row["request_id"].clone()];
    assert_eq!(shown(&rows[0]), [json!("127.0.0.0/24"), json!("Traced/1.0"), json!("traced-1")]);
    assert_eq!(shown(&rows[1]), [json!("127.0.0.0/24"), json!("Traced/2.0"), json!("traced-2")]);
    let all = app.backend.sql().query_one("SELECT json_agg(a)::text FROM audit_log a", &[]).expect("it can be read");
    let all: String = all.get(0);
    for secret in ["traced.example", "Lovelace", "King", PASSWORD, "wrong horse", "127.0.0.1", &ada.refresh] {
        assert!(!all.contains(secret), "the audit log has {secret}");
    }
}

#[test]
fn a_refresh_token_that_was_used_before_is_written_down_with_its_owner() {
    let app = TestApp::guarded();
    let ada = app.person("ada@reused.example");
    let refresh = |token: &str| app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": token})).send();
    let mut token = ada.refresh.clone();
    for _ in 0..2 {
        token = refresh(&token).expect(200).json()["refresh_token"].as_str().expect("a token").to_owned();
    }
    // A refresh that is good changes nobody's access.
    assert_eq!(rows_about(&app, ada.id).len(), 2);
    let _ = refresh(&ada.refresh).expect(401);
    let _ = refresh(&ada.refresh).expect(401);
    assert_eq!(rows_about(&app, ada.id)[2..], [by_nobody("refresh", "reused")]);
}

#[test]
fn whether_an_address_is_taken_the_same_is_written_and_its_owner_is_no_actor() {
    let app = TestApp::on(&Backend::new()).variable("email_verification", "encouraged").start();
    let form = blackbox::people::sign_up_form("ada@taken-row.example");
    for _ in 0..2 {
        let _ = app.post("/users-ms/users").json(&form).send().expect(202);
    }
    let id: i64 = app.backend.sql().query_one("SELECT id FROM users", &[]).expect("there is one user").get(0);
    let success = ("sign-up".to_owned(), "success".to_owned(), "self".to_owned(), Some(id));
    assert_eq!(rows_about(&app, id), [success, by_nobody("sign-up", "email-taken")]);
}

#[test]
fn a_lock_is_written_once_and_an_attempt_without_a_hash_is_not() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("login_throttling", "on");
    let app = app.start();
    let root = app.admin("root@locked-row.example");
    let ada = app.sign_up("ada@locked-row.example");
    let count = "UPDATE attempts SET failures_in_a_row = 99, failures = 0, failed_at = now() - interval '50 minutes'
        WHERE failures_in_a_row > 0";
    let _ = app.login("ada@locked-row.example", "wrong horse").expect(401);
    app.backend.sql().execute(count, &[]).expect("failures can be counted");
    let _ = app.login("ada@locked-row.example", "wrong horse").expect(401);
    let _ = app.login("ada@locked-row.example", "wrong horse").expect(403);
    for _ in 0..2 {
        let lock = format!("/users-ms/users/{ada}/lock");
        let _ = app.delete(&lock).bearer(&root.access).send().expect(204);
    }
    let failed = by_nobody("login", "invalid-credentials");
    let locked = by_nobody("account-locked", "success");
    assert_eq!(rows_about(&app, ada)[1..], [failed.clone(), failed, locked, by_admin(&root, "account-unlocked")]);
}

#[test]
fn a_removed_person_is_gone_from_the_audit_log_and_what_administrators_did_stays() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("authorization", "required").start();
    let (root, eve) = (app.admin("root@forgotten.example"), app.admin("eve@forgotten.example"));
    let (ada, bob) = (app.person("ada@forgotten.example"), app.person("bob@forgotten.example"));
    let _ = app.login(&ada.email, "wrong horse").expect(401);
    for person in [&ada, &bob] {
        let _ = app.put(&format!("{}/suspension", person.path())).bearer(&eve.access).send().expect(204);
    }
    let _ = app.delete(&ada.path()).bearer(&root.access).send().expect(204);
    let _ = app.delete(&eve.path()).bearer(&eve.access).send().expect(204);
    backend.wait_until_looked_through(ada.id);
    backend.wait_until_looked_through(eve.id);
    let rows = "SELECT action, actor_kind, actor_id, user_id, network IS NOT NULL FROM audit_log
        WHERE action IN ('user-suspended', 'user-removed') ORDER BY created_at, id";
    let rows = backend.sql().query(rows, &[]).expect("the audit log can be read");
    let of = |row: &postgres::Row| -> (String, String, Option<i64>, Option<i64>, bool) {
        (row.get(0), row.get(1), row.get(2), row.get(3), row.get(4))
    };
    let rows: Vec<_> = rows.iter().map(of).collect();
    let row = |action: &str, kind: &str, by, user, network| (action.to_owned(), kind.to_owned(), by, user, network);
    let expected = [
        row("user-suspended", "administrator", None, None, false),
        row("user-suspended", "administrator", None, Some(bob.id), false),
        row("user-removed", "administrator", Some(root.id), None, true),
        row("user-removed", "self", None, None, false),
    ];
    assert_eq!(rows, expected);
    let about = "SELECT count(*) FROM audit_log WHERE user_id = $1 OR actor_id = $1";
    for (person, expected) in [(&ada, 0), (&eve, 0)] {
        let left: i64 = backend.sql().query_one(about, &[&person.id]).expect("it can be read").get(0);
        assert_eq!(left, expected, "{}", person.email);
    }
    // A sign-in that failed at the moment of the removal goes with the second pass.
    let late = "INSERT INTO audit_log (action, result, user_id, actor_kind, request_id)
        VALUES ('login', 'invalid-credentials', $1, 'nobody', 'late')";
    backend.sql().execute(late, &[&ada.id]).expect("a row can be written");
    backend.sql().execute("UPDATE erasures SET due_at = now()", &[]).expect("the second pass can be due");
    let _ = app.sweep();
    let left: i64 = backend.sql().query_one(about, &[&ada.id]).expect("it can be read").get(0);
    assert_eq!(left, 0);
}

#[test]
fn rows_are_kept_as_long_as_is_set() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("audit_retention", 7).start();
    let write = "INSERT INTO audit_log (created_at, action, result, actor_kind, request_id)
        SELECT now() - make_interval(days => days), 'login', 'success', 'nobody', days::text
        FROM generate_series(1, 9) AS days, generate_series(1, 900)";
    assert_eq!(backend.sql().execute(write, &[]).expect("rows can be written"), 8_100);
    let _ = app.sweep();
    let kept = "SELECT string_agg(DISTINCT request_id, ',') FROM audit_log";
    let kept: String = backend.sql().query_one(kept, &[]).expect("it can be read").get(0);
    assert_eq!(kept, "1,2,3,4,5,6");
}
