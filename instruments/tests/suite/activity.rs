//! What people and administrators read of the audit log.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use serde_json::{Value, json};

fn activity(person: &Person) -> String {
    format!("{}/activity", person.path())
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// The actions of a page.
fn actions(page: &Value) -> Vec<&str> {
    let items = page["items"].as_array().expect("a page has items");
    items.iter().map(|item| item["action"].as_str().expect("an action is a text")).collect()
}

/// All pages, from the newest row on.
fn all_pages(app: &TestApp, path: &str, reader: &Person) -> Vec<Value> {
    let (mut all, mut next) = (Vec::new(), Some(path.to_owned()));
    while let Some(path) = next {
        let answer = app.get(&path).bearer(&reader.access).send().expect(200);
        let page = answer.json();
        all.extend(page["items"].as_array().expect("a page has items").clone());
        assert!(all.len() < 1000, "pages end");
        next = answer.header("link").map(|link| {
            let (path, rel) = link.split_once('>').expect("a link has a target");
            assert_eq!(rel, "; rel=\"next\"");
            assert!(path.contains(page["next_cursor"].as_str().expect("there is a cursor")));
            path.trim_start_matches('<').to_owned()
        });
        assert_eq!(next.is_some(), page["next_cursor"].is_string());
    }
    all
}

#[test]
fn people_see_what_happened_to_their_access() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@activity.example"), app.person("ada@activity.example"));
    let wrong = json!({"username": ada.email, "password": "wrong horse"});
    let guess = app.post("/auth-ms/auth/login").header("user-agent", "Guess/1.0").header("x-request-id", "guessed");
    let _ = guess.json(&wrong).send().expect(401);
    let patch = app.patch(&ada.path()).bearer(&root.access).header("user-agent", "Admin/1.0");
    let _ = patch.json(&json!({"phone": "+39021234567"})).send().expect(200);
    let page = app.get(&activity(&ada)).bearer(&ada.access).send().expect(200).json();
    assert_eq!(actions(&page), ["phone-changed", "login", "login", "sign-up"]);
    let items = page["items"].as_array().expect("a page has items");
    // That it was an administrator is theirs to know, and not who, or from where.
    assert_eq!((&items[0]["actor"], &items[0]["network"]), (&json!("administrator"), &Value::Null));
    assert_eq!(items[0]["user_agent"], Value::Null);
    let guessed = json!({"time": items[1]["time"], "action": "login", "result": "invalid-credentials", "actor": "nobody",
        "network": "127.0.0.0/24", "user_agent": "Guess/1.0", "request_id": "guessed"});
    assert_eq!(items[1], guessed);
    // An administrator reads the same, and the whole row elsewhere.
    let theirs = app.get(&activity(&ada)).bearer(&root.access).send().expect(200).json();
    assert_eq!(theirs, page);
    let path = format!("/users-ms/audit?user_id={}&action=phone-changed", ada.id);
    let rows = app.get(&path).bearer(&root.access).send().expect(200).json();
    let row = &rows["items"][0];
    let whole = json!({"time": items[0]["time"], "action": "phone-changed", "result": "success", "user_id": ada.id,
        "actor": "administrator", "actor_id": root.id, "network": "127.0.0.0/24", "user_agent": "Admin/1.0",
        "request_id": row["request_id"]});
    assert_eq!((row, rows["items"].as_array().map(Vec::len)), (&whole, Some(1)));
    // It is among what they take with them.
    let export = app.get(&format!("{}/export", ada.path())).bearer(&ada.access).send().expect(200).json();
    assert_eq!(export["activity"], page["items"]);
}

#[test]
fn nobody_else_sees_it() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@private-activity.example"), app.person("ada@private-activity.example"));
    let bob = app.person("bob@private-activity.example");
    assert_eq!(app.get(&activity(&ada)).send().status, 401);
    assert_eq!(app.get("/users-ms/audit").send().status, 401);
    let missing = app.get("/users-ms/users/9223372036854775807/activity").bearer(&bob.access).send();
    let foreign = app.get(&activity(&ada)).bearer(&bob.access).send();
    assert_eq!((refusal(&foreign), foreign.shown()), ((404, "user-not-found".into()), missing.shown()));
    assert_eq!(refusal(&app.get("/users-ms/audit").bearer(&ada.access).send()), (403, "forbidden".into()));
    let missing = app.get("/users-ms/users/9223372036854775807/activity").bearer(&root.access).send();
    assert_eq!(refusal(&missing), (404, "user-not-found".into()));
    // Whoever is suspended or has signed out reads nothing any more.
    let _ = app.put(&format!("{}/suspension", ada.path())).bearer(&root.access).send().expect(204);
    assert_eq!(refusal(&app.get(&activity(&ada)).bearer(&ada.access).send()), (401, "invalid-token".into()));
    let _ = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": root.refresh})).send().expect(204);
    assert_eq!(refusal(&app.get("/users-ms/audit").bearer(&root.access).send()), (401, "invalid-token".into()));
}

#[test]
fn where_the_api_is_open_the_audit_log_is_not() {
    let app = TestApp::on(&Backend::new()).start();
    let ada = app.sign_up("ada@open-audit.example");
    let _ = app.get(&format!("/users-ms/users/{ada}/activity")).send().expect(200);
    assert_eq!(refusal(&app.get("/users-ms/audit").send()), (403, "forbidden".into()));
}

#[test]
fn an_administrator_finds_rows_by_whom_what_and_when() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (root, eve) = (app.admin("root@found-rows.example"), app.admin("eve@found-rows.example"));
    let (ada, bob) = (app.person("ada@found-rows.example"), app.person("bob@found-rows.example"));
    let _ = app.login(&ada.email, "wrong horse").expect(401);
    let _ = app.login("nobody@found-rows.example", PASSWORD).expect(401);
    let _ = app.put(&format!("{}/suspension", bob.path())).bearer(&eve.access).send().expect(204);
    let find = |query: &str| {
        let page = app.get(&format!("/users-ms/audit?{query}")).bearer(&root.access).send().expect(200).json();
        page["items"].as_array().expect("a page has items").clone()
    };
    let all = all_pages(&app, "/users-ms/audit", &root);
    // Four sign-ups and sign-ins, two roles, two failures and a suspension.
    assert_eq!(all.len(), 13);
    let of =
        |name: &str, value: Value| -> Vec<Value> { all.iter().filter(|row| row[name] == value).cloned().collect() };
    assert_eq!(find(&format!("user_id={}", ada.id)), of("user_id", json!(ada.id)));
    assert_eq!(find("action=login"), of("action", json!("login")));
    assert_eq!(find("action=role-changed"), of("action", json!("role-changed")));
    assert_eq!(find("result=invalid-credentials"), of("result", json!("invalid-credentials")));
    assert_eq!(find(&format!("administrator_id={}", eve.id)), of("action", json!("user-suspended")));
    assert_eq!(find(&format!("user_id={}&action=login&result=success", ada.id)).len(), 1);
    assert_eq!(find("action=what-never-happens"), [] as [Value; 0]);
    let third = all[3]["time"].as_str().expect("a time is a text");
    let until: Vec<_> = all.iter().filter(|row| row["time"].as_str() < Some(third)).cloned().collect();
    assert_eq!(find(&format!("until={third}")), until);
    let since: Vec<_> = all.iter().filter(|row| row["time"].as_str() >= Some(third)).cloned().collect();
    assert_eq!(find(&format!("since={third}")), since);
    assert_eq!(find(&format!("since={third}&until={third}")), [] as [Value; 0]);
    assert_eq!(find("since=2001-01-01T00:00:00Z").len(), all.len());
    for query in
        ["user_id=0", "administrator_id=x", "action=Login", "result=%27", "since=today", "until=2026", "limit=0", "q=1"]
    {
        let answer = app.get(&format!("/users-ms/audit?{query}")).bearer(&root.access).send();
        assert_eq!(refusal(&answer), (400, "invalid-query".into()), "{query}");
    }
    for cursor in ["dTE6Nw", "1-0", "-1", "1777887002123456-42x"] {
        let answer = app.get(&format!("/users-ms/audit?cursor={cursor}")).bearer(&root.access).send();
        assert_eq!(refusal(&answer), (400, "invalid-cursor".into()), "{cursor}");
        let answer = app.get(&format!("{}?cursor={cursor}", activity(&ada))).bearer(&ada.access).send();
        assert_eq!(refusal(&answer), (400, "invalid-cursor".into()), "{cursor}");
    }
}

#[test]
fn pages_neither_repeat_nor_hide_rows_while_others_are_written() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (root, ada) = (app.admin("root@paged-rows.example"), app.person("ada@paged-rows.example"));
    // Many of the same moment, as one statement writes them.
    let write = "INSERT INTO audit_log (created_at, action, result, user_id, actor_kind, actor_id, request_id)
        SELECT now() - make_interval(mins => n / 7), 'login', 'success', $1, 'self', $1, 'n' || n
        FROM generate_series(1, 60) AS n";
    assert_eq!(app.backend.sql().execute(write, &[&ada.id]).expect("rows can be written"), 60);
    let path = format!("{}?limit=7", activity(&ada));
    let (mut seen, mut next, mut pages) = (Vec::new(), Some(path), 0);
    while let Some(path) = next {
        let page = app.get(&path).bearer(&ada.access).send().expect(200).json();
        seen.extend(page["items"].as_array().expect("a page has items").clone());
        next = page["next_cursor"].as_str().map(|cursor| format!("{}?limit=7&cursor={cursor}", activity(&ada)));
        // What happens meanwhile is newer than what is still to come.
        let _ = app.login(&ada.email, "wrong horse").expect(401);
        pages += 1;
        assert!(pages < 20, "pages end");
    }
    let mut numbers: Vec<_> = seen.iter().filter_map(|row| row["request_id"].as_str()?.strip_prefix('n')).collect();
    assert_eq!(numbers.len(), 60);
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 60);
    assert!(seen.windows(2).all(|pair| pair[0]["time"].as_str() >= pair[1]["time"].as_str()), "the newest come first");
    let limited = all_pages(&app, &format!("/users-ms/audit?user_id={}&limit=100", ada.id), &root);
    assert_eq!(limited.len(), 60 + 2 + pages);
}
