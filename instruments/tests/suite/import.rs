//! Users in bulk: imported line by line, exported as a stream, and both again.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier};

const LINES: &str = "application/x-ndjson";

pub(crate) fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// An app with a database of its own: hashes of other systems cost every failed sign-in something.
pub(crate) fn guarded(backend: &Arc<Backend>) -> TestApp {
    TestApp::on(backend).variable("authorization", "required").start()
}

pub(crate) fn line(email: &str, more: &Value) -> Value {
    let mut line = json!({"email": email, "name": "Ada", "surname": "Lovelace"});
    line.as_object_mut().expect("it is an object").extend(more.as_object().cloned().unwrap_or_default());
    line
}

pub(crate) fn import(app: &TestApp, by: &Person, lines: &[Value]) -> Answer {
    let body: String = lines.iter().map(|line| format!("{line}\n")).collect();
    app.post("/users-ms/import").bearer(&by.access).body(LINES, body).send()
}

fn results(answer: &Value) -> Vec<&str> {
    answer["lines"].as_array().expect("lines").iter().filter_map(|line| line["result"].as_str()).collect()
}

fn export(app: &TestApp, by: &Person, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("/users-ms/export{query}")).bearer(&by.access).send().expect(200);
    assert_eq!(answer.header("content-type"), Some(LINES));
    answer.text().lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn count(app: &TestApp, of: &str) -> i64 {
    app.backend.sql().query_one(&format!("SELECT count(*) FROM {of}"), &[]).expect("it can be counted").get(0)
}

#[test]
fn each_line_is_answered_by_itself_and_a_second_time_nothing_happens() {
    let backend = Backend::new();
    let app = guarded(&backend);
    let root = app.admin("root@import.example");
    let (events, users) = (count(&app, "outbox"), count(&app, "users"));
    let lines = [
        line(
            "ada@import.example",
            &json!({"id": "b2c1d0", "phone": "+39 02 1234567", "locale": "de-at", "zoneinfo": "europe/vienna", "phone_verified": true, "role": "admin",
            "email_verified": true, "metadata": {"public": {"plan": "gold"}, "private": {"n": 1}},
            "created_at": "2020-05-04T09:30:00Z"}),
        ),
        line("grace@import.example", &json!({"id": 7, "suspended": true, "password_reset_required": true})),
        line("ADA@import.example", &json!({"name": "Augusta"})),
        line("root@import.example", &json!({"role": "user"})),
        line("nobody", &json!({"role": "root"})),
        json!({"email": "short@import.example", "name": "Ada"}),
        line("odd@import.example", &json!({"username": "ada"})),
        line("plain@import.example", &json!({"password_hash": "hunter2hunter2"})),
    ];
    let answer = import(&app, &root, &lines).expect(200).json();
    let expected = ["created", "created", "exists", "exists", "refused", "refused", "refused", "refused"];
    assert_eq!(results(&answer), expected);
    let counts = [&answer["created"], &answer["existing"], &answer["refused"]];
    assert_eq!(counts, [&json!(2), &json!(2), &json!(4)]);
    let shown = &answer["lines"];
    assert_eq!((&shown[2]["id"], &shown[3]["id"]), (&shown[0]["id"], &json!(root.id)));
    let slugs: Vec<_> = (4..8).map(|n| shown[n]["problem"]["type"].as_str().unwrap_or_default()).collect();
    let urn = |slug: &str| format!("urn:concierge:problem:{slug}");
    let expected = ["validation-failed", "missing-field", "unknown-field", "invalid-value"].map(urn);
    assert_eq!(slugs, expected);
    assert_eq!(shown[7]["problem"]["errors"][0]["pointer"], "/password_hash");
    assert!(!answer.to_string().contains("hunter2"), "{answer}");
    // The user is as the line says, and was told nothing.
    let id = shown[0]["id"].as_i64().expect("an id");
    let path = format!("/users-ms/users/{id}");
    let ada = app.get(&path).bearer(&root.access).send().expect(200).json();
    let is = |name: &str, value: &str| assert_eq!(ada[name], value, "{ada}");
    is("email", "ada@import.example");
    is("phone", "+39021234567");
    is("role", "admin");
    is("locale", "de-AT");
    is("zoneinfo", "Europe/Vienna");
    is("created_at", "2020-05-04T09:30:00.000000Z");
    let metadata = app.get(&format!("{path}/metadata")).bearer(&root.access).send().expect(200).json();
    assert_eq!(metadata, json!({"public": {"plan": "gold"}, "private": {"n": 1}}));
    assert_eq!((count(&app, "outbox"), count(&app, "users")), (events, users + 2), "no mail, no event");
    let rows = |action: &str| count(&app, &format!("audit_log WHERE action = '{action}' AND actor_id = {}", root.id));
    assert_eq!((rows("user-imported"), rows("users-imported")), (2, 1));
    let activity = app.get(&format!("{path}/activity")).bearer(&root.access).send().expect(200).json();
    assert_eq!(activity["items"][0]["action"], "user-imported");
    // Once more: nobody is made, and nobody changes.
    let again = import(&app, &root, &lines).expect(200).json();
    assert_eq!(results(&again)[..4], ["exists"; 4]);
    assert_eq!(again["lines"][0]["id"], json!(id));
    assert_eq!((count(&app, "users"), rows("user-imported"), rows("users-imported")), (users + 2, 2, 2));
    assert_eq!(app.get(&path).bearer(&root.access).send().expect(200).json(), ada);
}

#[test]
fn an_import_is_bounded_and_for_administrators_who_signed_in_a_moment_ago() {
    let backend = Backend::new();
    let app = guarded(&backend);
    let (root, ada) = (app.admin("root@bounds.example"), app.person("ada@bounds.example"));
    let one = [line("one@bounds.example", &json!({}))];
    assert_eq!(app.post("/users-ms/import").body(LINES, one[0].to_string()).send().status, 401);
    assert_eq!(refusal(&import(&app, &ada, &one)), (403, "forbidden".into()));
    assert_eq!(refusal(&import(&app, &root, &[])), (400, "malformed-json".into()));
    let send = |media_type: &str, body: String| {
        app.post("/users-ms/import").bearer(&root.access).body(media_type, body).send()
    };
    assert_eq!(refusal(&send("application/json", one[0].to_string())), (415, "unsupported-media-type".into()));
    let empty = |bytes: usize| format!("{}{}", " ".repeat(bytes - 1), "\n");
    assert_eq!(refusal(&send(LINES, empty(1024 * 1024))), (400, "malformed-json".into()));
    assert_eq!(refusal(&send(LINES, empty(1024 * 1024 + 1))), (413, "body-too-large".into()));
    let many = |count: usize| -> Vec<_> {
        (0..count).map(|n| line(&format!("user-{n}@bounds.example"), &json!({}))).collect()
    };
    assert_eq!(refusal(&import(&app, &root, &many(1001))), (413, "body-too-large".into()));
    assert_eq!(count(&app, "users"), 2);
    let all = import(&app, &root, &many(1000)).expect(200).json();
    assert_eq!(all["created"], 1000, "{all}");
    // What is no JSON and what is too long is the fault of its line.
    let long = json!({"email": "x".repeat(70_000)}).to_string();
    let answer = send(LINES, format!("{{\r\n\n{long}\n{}", one[0])).expect(200).json();
    assert_eq!(results(&answer), ["refused", "refused", "created"]);
    let problem = |n: usize| answer["lines"][n]["problem"]["type"].as_str().unwrap_or_default().to_owned();
    assert!(problem(0).ends_with(":malformed-json") && problem(1).ends_with(":body-too-large"), "{answer}");
    assert_eq!(answer["lines"][2]["line"], 4, "lines are counted as they were sent");
    for path in ["/users-ms/export", "/users-ms/export?hashes=include"] {
        assert_eq!(app.get(path).send().status, 401);
        assert_eq!(refusal(&app.get(path).bearer(&ada.access).send()), (403, "forbidden".into()));
    }
    let exports = || app.get("/users-ms/export").bearer(&root.access).send();
    for query in ["hashes=some", "after=0", "limit=1"] {
        let answer = app.get(&format!("/users-ms/export?{query}")).bearer(&root.access).send();
        assert_eq!(refusal(&answer), (400, "invalid-query".into()), "{query}");
    }
    let age = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(age, &[&root.id]).expect("sessions can be aged"), 1);
    assert_eq!(refusal(&import(&app, &root, &one)), (403, "reauthentication-required".into()));
    assert_eq!(refusal(&exports()), (403, "reauthentication-required".into()));
    // Nor is it open where everything else is.
    let open = TestApp::on(&Backend::new()).start();
    let answer = open.post("/users-ms/import").body(LINES, one[0].to_string()).send();
    assert_eq!(refusal(&answer), (403, "forbidden".into()));
    assert_eq!(refusal(&open.get("/users-ms/export").send()), (403, "forbidden".into()));
}

#[test]
fn what_one_database_exports_another_takes() {
    let (here, there) = (Backend::new(), Backend::new());
    let (one, other) = (guarded(&here), guarded(&there));
    let root = one.admin("root@round-trip.example");
    let ada = one.person("ada@round-trip.example");
    let body = json!({"public": {"plan": "gold"}, "private": {"note": "\u{e9}"}});
    let _ = one.put(&format!("{}/metadata", ada.path())).bearer(&root.access).json(&body).send().expect(200);
    let suspended = one.sign_up("bob@round-trip.example");
    let path = format!("/users-ms/users/{suspended}/suspension");
    let _ = one.put(&path).bearer(&root.access).send().expect(204);
    let more: Vec<_> = (0..600).map(|n| line(&format!("user-{n}@round-trip.example"), &json!({}))).collect();
    let _ = import(&one, &root, &more).expect(200);
    // Without hashes, unless they are asked for.
    let plain = export(&one, &root, "");
    assert_eq!(plain.len(), 603, "more than a page of the database");
    assert!(plain.iter().all(|user| user.get("password_hash").is_none()));
    assert!(plain.is_sorted_by_key(|user| user["id"].as_i64()));
    assert_eq!(export(&one, &root, "?hashes=omit"), plain);
    let last = plain[599]["id"].as_i64().expect("an id");
    assert_eq!(export(&one, &root, &format!("?after={last}")), plain[600..]);
    assert!(export(&one, &root, "?after=9223372036854775807").is_empty());
    let all = export(&one, &root, "?hashes=include");
    assert!(all.iter().all(|user| user["password_hash"].as_str().is_some_and(|hash| hash.starts_with("v2:v1:$2b$"))));
    let rows = |action: &str| count(&one, &format!("audit_log WHERE action = '{action}' AND actor_id = {}", root.id));
    assert_eq!((rows("users-exported"), rows("users-exported-with-hashes")), (4, 1));
    let head = one.request("HEAD", "/users-ms/export").bearer(&root.access).send().expect(200);
    assert!(head.body.is_empty());
    // Into another database, where they sign in with the password that they have.
    let operator = other.admin("operator@round-trip.example");
    let answer = import(&other, &operator, &all).expect(200).json();
    assert_eq!((&answer["created"], &answer["refused"]), (&json!(603), &json!(0)));
    let _ = other.login("ada@round-trip.example", PASSWORD).expect(200);
    assert_eq!(refusal(&other.login("bob@round-trip.example", PASSWORD)), (403, "account-suspended".into()));
    assert_eq!(refusal(&other.login("user-1@round-trip.example", "")), (401, "invalid-credentials".into()));
    let by_address = |users: Vec<Value>| -> BTreeMap<String, Value> {
        let address = |user: &Value| user["email"].as_str().unwrap_or_default().to_owned();
        let nameless = |mut user: Value| (address(&user), std::mem::take(&mut user["id"]), user);
        users.into_iter().map(nameless).map(|(address, _, user)| (address, user)).collect()
    };
    let mut taken = by_address(export(&other, &operator, "?hashes=include"));
    taken.remove("operator@round-trip.example");
    assert!(taken == by_address(all), "nothing is lost");
}

#[test]
fn of_two_imports_at_once_each_address_is_made_once() {
    let backend = Backend::new();
    let app = &guarded(&backend);
    let root = &app.admin("root@raced-import.example");
    for round in 0..3 {
        let lines = |reversed: bool| {
            let mut lines: Vec<_> =
                (0..300).map(|n| line(&format!("{round}-{n}@raced-import.example"), &json!({}))).collect();
            if reversed {
                lines.reverse();
            }
            lines
        };
        let start = &Barrier::new(2);
        let made: i64 = std::thread::scope(|scope| {
            let running: Vec<_> = [false, true]
                .map(|reversed| {
                    let lines = lines(reversed);
                    scope.spawn(move || {
                        start.wait();
                        import(app, root, &lines).expect(200).json()["created"].as_i64().expect("a number")
                    })
                })
                .into_iter()
                .collect();
            running.into_iter().map(|run| run.join().expect("it ends")).sum()
        });
        assert_eq!(made, 300);
    }
}
