//! Roles beside that of administrators: given by them alone, in tokens, and a change of them ends sessions.

use crate::import::{import, line};
use crate::sessions::{introspect, refresh};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::Person;
use serde_json::{Value, json};

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok()).unwrap_or_default();
    serde_json::from_slice(&payload).expect("claims are JSON")
}

fn patch(app: &TestApp, of: &Person, by: &Person, body: &Value) -> Answer {
    app.patch(&of.path()).bearer(&by.access).json(body).send()
}

fn found(app: &TestApp, by: &Person, query: &str) -> Vec<i64> {
    let answer = app.get(&format!("/users-ms/users?{query}")).bearer(&by.access).send().expect(200).json();
    answer["items"].as_array().expect("users").iter().filter_map(|user| user["id"].as_i64()).collect()
}

#[test]
fn roles_are_in_the_user_in_tokens_and_in_introspection() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (root, ada) = (app.admin("root@many-roles.example"), app.person("ada@many-roles.example"));
    let shown = |person: &Person| app.get(&person.path()).bearer(&root.access).send().expect(200).json();
    assert_eq!((&shown(&ada)["roles"], &shown(&root)["roles"]), (&json!([]), &json!(["admin"])));
    assert_eq!(claims(&ada.access).get("roles"), None);
    assert_eq!(claims(&root.access)["roles"], json!(["admin"]));
    let changed = patch(&app, &ada, &root, &json!({"roles": ["support", "billing:read"]})).expect(200).json();
    assert_eq!((&changed["role"], &changed["roles"]), (&json!("user"), &json!(["billing:read", "support"])));
    // Sessions of before end, as with any new role.
    assert_eq!(refusal(&app.get(&ada.path()).bearer(&ada.access).send()), (401, "invalid-token".into()));
    assert_eq!(refusal(&refresh(&app, &ada.refresh)), (401, "invalid-token".into()));
    let ada = app.sign_in(ada.id, &ada.email);
    let expected = json!(["billing:read", "support"]);
    assert_eq!((&claims(&ada.access)["role"], &claims(&ada.access)["roles"]), (&json!("user"), &expected));
    let renewed = refresh(&app, &ada.refresh).expect(200).json();
    let access = renewed["access_token"].as_str().expect("a token");
    assert_eq!(claims(access)["roles"], expected);
    assert_eq!(introspect(&app, access)["roles"], expected);
    // They open nothing here.
    assert_eq!(refusal(&app.get("/users-ms/users").bearer(access).send()), (403, "forbidden".into()));
    // The same roles in another order are no change, and a new role alone leaves the others.
    let ada = Person { access: access.to_owned(), ..ada };
    let _ = patch(&app, &ada, &root, &json!({"roles": ["billing:read", "support"]})).expect(200);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
    let promoted = patch(&app, &ada, &root, &json!({"role": "admin"})).expect(200).json();
    assert_eq!(promoted["roles"], json!(["admin", "billing:read", "support"]));
    let ada = app.sign_in(ada.id, &ada.email);
    assert_eq!(claims(&ada.access)["roles"], promoted["roles"]);
    let _ = app.get("/users-ms/users").bearer(&ada.access).send().expect(200);
    let whole = json!({"name": "Ada", "surname": "L", "email": ada.email, "role": "user", "roles": ["support"]});
    let replaced = app.put(&ada.path()).bearer(&root.access).json(&whole).send().expect(200).json();
    assert_eq!((&replaced["role"], &replaced["roles"]), (&json!("user"), &json!(["support"])));
    let activity = app.get(&format!("{}/activity", ada.path())).bearer(&root.access).send().expect(200).json();
    let rows = activity["items"].as_array().expect("rows").iter();
    assert_eq!(rows.filter(|row| row["action"] == "role-changed").count(), 3);
}

#[test]
fn only_administrators_give_roles() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@given-roles.example"), app.person("ada@given-roles.example"));
    for body in [json!({"roles": ["support"]}), json!({"roles": []}), json!({"roles": ["admin"]})] {
        assert_eq!(refusal(&patch(&app, &ada, &ada, &body)), (403, "forbidden".into()), "{body}");
    }
    for (body, problem) in [
        (json!({"roles": ["Support"]}), "invalid-value"),
        (json!({"roles": ["user"]}), "invalid-value"),
        (json!({"roles": ["a", "a"]}), "invalid-value"),
        (json!({"roles": (0..17).map(|n| format!("role-{n}")).collect::<Vec<_>>()}), "invalid-value"),
        (json!({"roles": ["support"], "role": "admin"}), "invalid-value"),
        (json!({"roles": "support"}), "wrong-type"),
        (json!({"roles": null}), "wrong-type"),
    ] {
        assert_eq!(refusal(&patch(&app, &ada, &root, &body)), (422, problem.into()), "{body}");
    }
    let most: Vec<_> = (0..16).map(|n| format!("{n:x>32}")).collect();
    let _ = patch(&app, &ada, &root, &json!({"roles": most})).expect(200);
    let ada = app.sign_in(ada.id, &ada.email);
    assert_eq!(claims(&ada.access)["roles"].as_array().map(Vec::len), Some(16));
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
    let age = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(age, &[&root.id]).expect("sessions can be aged"), 1);
    let late = patch(&app, &ada, &root, &json!({"roles": ["support"]}));
    assert_eq!(refusal(&late), (403, "reauthentication-required".into()));
}

#[test]
fn roles_do_not_leave_an_app_without_administrator() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let root = app.admin("root@last-role.example");
    let last = patch(&app, &root, &root, &json!({"roles": ["support"]}));
    assert_eq!(refusal(&last), (409, "last-administrator".into()));
    let kept = patch(&app, &root, &root, &json!({"roles": ["admin", "support"]})).expect(200).json();
    assert_eq!(kept["roles"], json!(["admin", "support"]));
}

#[test]
fn users_are_found_by_a_role() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let root = app.admin("root@found-roles.example");
    let (ada, bob) = (app.person("ada@found-roles.example"), app.person("bob@found-roles.example"));
    let _ = patch(&app, &ada, &root, &json!({"roles": ["support", "billing"]})).expect(200);
    let _ = patch(&app, &bob, &root, &json!({"roles": ["support"]})).expect(200);
    assert_eq!(found(&app, &root, "role=support"), [ada.id, bob.id]);
    assert_eq!(found(&app, &root, "role=billing"), [ada.id]);
    assert_eq!(found(&app, &root, "role=admin"), [root.id]);
    assert_eq!(found(&app, &root, "role=nobody"), [0; 0]);
    assert_eq!(found(&app, &root, "role=support&email=bob@found-roles.example"), [bob.id]);
    for role in ["user", "Support", ""] {
        let answer = app.get(&format!("/users-ms/users?role={role}")).bearer(&root.access).send();
        assert_eq!(refusal(&answer), (400, "invalid-query".into()), "{role}");
    }
}

#[test]
fn roles_are_imported_and_exported() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let root = app.admin("root@moved-roles.example");
    let lines = [
        line("ada@moved-roles.example", &json!({"roles": ["support", "admin"]})),
        line("bob@moved-roles.example", &json!({"roles": ["Support"]})),
        line("eve@moved-roles.example", &json!({"roles": ["support"], "role": "admin"})),
    ];
    let answer = import(&app, &root, &lines).expect(200).json();
    assert_eq!((&answer["created"], &answer["refused"]), (&json!(1), &json!(2)));
    let pointers = [1, 2].map(|n| answer["lines"][n]["problem"]["errors"][0]["pointer"].clone());
    assert_eq!(pointers, ["/roles", "/role"]);
    let exported = app.get("/users-ms/export?after=1").bearer(&root.access).send().expect(200).json();
    assert_eq!((&exported["role"], &exported["roles"]), (&json!("admin"), &json!(["admin", "support"])));
    assert_eq!(import(&app, &root, &[exported]).expect(200).json()["existing"], 1);
}

#[test]
fn of_a_sign_in_under_way_and_new_roles_the_roles_win() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let root = app.admin("root@raced-roles.example");
    let (app, root) = (&app, &root);
    for round in 0..5 {
        let ada = app.person(&format!("ada-{round}@raced-roles.example"));
        let given = json!(["support"]);
        let tokens = std::thread::scope(|scope| {
            let signed_in = scope.spawn(|| app.login(&ada.email, blackbox::people::PASSWORD));
            let _ = patch(app, &ada, root, &json!({"roles": given})).expect(200);
            signed_in.join().expect("it ends")
        });
        if tokens.status == 200 {
            let access = tokens.json()["access_token"].as_str().unwrap_or_default().to_owned();
            let is_alive = app.get(&ada.path()).bearer(&access).send().status == 200;
            assert!(!is_alive || claims(&access)["roles"] == given, "a session with roles of before is alive");
        }
    }
}
