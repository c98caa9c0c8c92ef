//! Who may do what with whom, with `authorization = "required"`.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::{PASSWORD, Person};
use insta::assert_snapshot;
use serde_json::json;

#[test]
fn sign_up_is_open_and_everything_else_about_users_needs_a_token() {
    let app = TestApp::guarded();
    let id = app.sign_up("needs@authorization.example");
    let path = format!("/users-ms/users/{id}");
    let change = json!({"name": "Eve"});
    let answer = app.get(&path).send();
    assert_snapshot!(answer.shown(), @r#"
    401
    cache-control: no-store
    content-type: application/problem+json
    www-authenticate: Bearer realm="concierge"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "An access token is required as a bearer token. Sign in to get one.",
      "instance": "[uuid]",
      "status": 401,
      "title": "Invalid token",
      "type": "urn:concierge:problem:invalid-token"
    }
    "#);
    for request in [
        app.get("/users-ms/users"),
        app.put(&path).json(&change),
        app.patch(&path).json(&change),
        app.patch(&path).body("text/plain", "not even JSON"),
        app.delete(&path),
        app.get("/users-ms/users/999999"),
        app.get("/notification-ms/notifications"),
    ] {
        assert_eq!(request.send().outcome(), (401, "invalid-token".into()));
    }
    let _ = app.login("needs@authorization.example", PASSWORD).expect(200);
}

#[test]
fn a_token_that_is_none_is_refused_with_the_reason_that_the_standard_names() {
    let app = TestApp::guarded();
    let id = app.sign_up("odd-token@authorization.example");
    for token in ["x", "a.b.c", app.operator()] {
        let answer = app.get(&format!("/users-ms/users/{id}")).bearer(token).send().expect(401);
        assert_eq!(answer.header("www-authenticate"), Some("Bearer realm=\"concierge\", error=\"invalid_token\""));
    }
}

#[test]
fn a_user_reads_changes_and_removes_itself() {
    let app = TestApp::guarded();
    let ada = app.person("itself@authorization.example");
    let shown = app.get(&ada.path()).bearer(&ada.access).send().expect(200).json();
    assert_eq!(shown["email"], "itself@authorization.example");
    let changed = app.patch(&ada.path()).bearer(&ada.access).json(&json!({"name": "Augusta"})).send().expect(200);
    assert_eq!(changed.json()["name"], "Augusta");
    let whole = json!({"name": "Ada", "surname": "Byron", "email": ada.email});
    let _ = app.put(&ada.path()).bearer(&ada.access).json(&whole).send().expect(200);
    let _ = app.delete(&ada.path()).bearer(&ada.access).send().expect(204);
    let _ = app.login(&ada.email, PASSWORD).expect(401);
}

#[test]
fn others_are_as_good_as_absent() {
    let app = TestApp::guarded();
    let (ada, eve) = (app.person("ada@private.example"), app.person("eve@private.example"));
    let absent = "/users-ms/users/999999".to_owned();
    for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE"] {
        let ask = |path: &str| {
            let request = app.request(method, path).bearer(&eve.access);
            let answer = match method {
                "PUT" | "PATCH" => request.json(&json!({"name": "Eve"})).send(),
                _ => request.send(),
            };
            (answer.status, answer.problem(), answer.headers.len())
        };
        assert_eq!(ask(&ada.path()), ask(&absent), "{method}");
        assert_eq!(ask(&ada.path()).0, 404, "{method}");
    }
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
}

#[test]
fn an_administrator_does_all() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@all.example"), app.person("ada@all.example"));
    let listed = app.get("/users-ms/users?email=ada@all.example").bearer(&root.access).send().expect(200).json();
    assert_eq!(listed["items"][0]["id"], ada.id);
    let _ = app.get(&ada.path()).bearer(&root.access).send().expect(200);
    let change = json!({"email": "new-ada@all.example", "password": "set by an administrator"});
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&change).send().expect(200);
    let _ = app.login("new-ada@all.example", "set by an administrator").expect(200);
    let _ = app.get("/notification-ms/notifications").bearer(&root.access).send().expect(200);
    let _ = app.delete(&ada.path()).bearer(&root.access).send().expect(204);
}

#[test]
fn listing_and_the_delivery_log_are_an_administrators() {
    let app = TestApp::guarded();
    let ada = app.person("ada@listing.example");
    let answer = app.get("/users-ms/users").bearer(&ada.access).send();
    assert_snapshot!(answer.shown(), @r#"
    403
    cache-control: no-store
    content-type: application/problem+json
    www-authenticate: Bearer realm="concierge", error="insufficient_scope"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Only an administrator may list users.",
      "instance": "[uuid]",
      "status": 403,
      "title": "Forbidden",
      "type": "urn:concierge:problem:forbidden"
    }
    "#);
    let log = app.get("/notification-ms/notifications").bearer(&ada.access).send();
    assert_eq!(log.outcome(), (403, "forbidden".into()));
    let by_service = app.get("/notification-ms/notifications").bearer(app.operator()).send();
    assert_eq!(by_service.status, 200);
}

#[test]
fn roles_are_an_administrators_to_give_and_a_new_role_ends_the_sessions() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@roles.example"), app.person("ada@roles.example"));
    for form in [json!({"role": "admin"}), json!({"role": "user"}), json!({"name": "Ada", "role": "admin"})] {
        let own = app.patch(&ada.path()).bearer(&ada.access).json(&form).send();
        assert_eq!(own.outcome(), (403, "forbidden".into()), "{form}");
    }
    let whole = json!({"name": "Ada", "surname": "L", "email": ada.email, "role": "admin"});
    let own = app.put(&ada.path()).bearer(&ada.access).json(&whole).send();
    assert_eq!(own.outcome(), (403, "forbidden".into()));
    let signed_up_so = app.post("/users-ms/users").json(&json!({"name": "A", "surname": "B",
        "email": "role@roles.example", "password": PASSWORD, "role": "admin"}));
    assert_eq!(signed_up_so.send().outcome(), (422, "unknown-field".into()));

    let odd = app.patch(&ada.path()).bearer(&root.access).json(&json!({"role": "root"})).send();
    assert_eq!(odd.outcome(), (422, "invalid-value".into()));
    // The same role is no change, and ends nothing.
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&json!({"role": "user"})).send().expect(200);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
    let promoted = app.patch(&ada.path()).bearer(&root.access).json(&json!({"role": "admin"})).send().expect(200);
    assert_eq!(promoted.json()["role"], "admin");
    assert_eq!(app.get(&ada.path()).bearer(&ada.access).send().outcome(), (401, "invalid-token".into()));
    let refreshed = app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": ada.refresh})).send();
    assert_eq!(refreshed.status, 401);

    let ada = app.sign_in(ada.id, &ada.email);
    let _ = app.get("/users-ms/users").bearer(&ada.access).send().expect(200);
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&json!({"role": "user"})).send().expect(200);
    // The token still says admin, and is good for minutes; its session is not.
    assert_eq!(app.get("/users-ms/users").bearer(&ada.access).send().outcome(), (401, "invalid-token".into()));
}

#[test]
fn an_own_new_password_or_email_needs_the_current_password() {
    let app = TestApp::guarded();
    let ada = app.person("ada@current.example");
    let change = |body: serde_json::Value| app.patch(&ada.path()).bearer(&ada.access).json(&body).send();
    for body in [
        json!({"password": "a new good password"}),
        json!({"email": "other@current.example"}),
        // The same account to us, another mailbox or none to whoever delivers mail.
        json!({"email": "\u{ff41}da@current.example"}),
    ] {
        let answer = change(body.clone());
        assert_eq!(
            (answer.outcome(), answer.pointers()),
            ((422, "missing-field".into()), vec!["/current_password".into()])
        );
        let mut wrong = body.clone();
        wrong["current_password"] = "incorrect horse".into();
        let answer = change(wrong.clone());
        assert_eq!(answer.outcome(), (403, "wrong-current-password".into()), "{body}");
        assert_eq!(answer.pointers(), ["/current_password"]);
        // A replacement asks as a patch does.
        let mut whole = json!({"name": "Ada", "surname": "L", "email": ada.email});
        whole.as_object_mut().unwrap().extend(wrong.as_object().unwrap().clone());
        let answer = app.put(&ada.path()).bearer(&ada.access).json(&whole).send();
        assert_eq!(answer.outcome(), (403, "wrong-current-password".into()), "{body}");
    }
    let _ = app.login(&ada.email, PASSWORD).expect(200);
    // What is no change of the email needs none.
    let whole = json!({"name": "Ada", "surname": "L", "email": "ADA@current.example"});
    let _ = app.put(&ada.path()).bearer(&ada.access).json(&whole).send().expect(200);
    let _ = change(json!({"email": "new@current.example", "current_password": PASSWORD})).expect(200);
    let _ = change(json!({"password": "a new good password", "current_password": PASSWORD})).expect(200);
    let _ = app.login("new@current.example", "a new good password").expect(200);
    let _ = app.login("new@current.example", PASSWORD).expect(401);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
}

#[test]
fn an_administrators_own_password_needs_the_current_one_too() {
    let app = TestApp::guarded();
    let root = app.admin("root@current.example");
    let new = json!({"password": "a new good password"});
    let answer = app.patch(&root.path()).bearer(&root.access).json(&new).send();
    assert_eq!(answer.outcome(), (422, "missing-field".into()));
}

#[test]
fn an_access_token_is_worth_nothing_once_its_session_has_ended() {
    let app = TestApp::guarded();
    let end = |name: &str, end: &dyn Fn(&Person)| {
        let person = app.person(&format!("{name}@ended.example"));
        let _ = app.get(&person.path()).bearer(&person.access).send().expect(200);
        end(&person);
        for request in
            [app.get(&person.path()), app.patch(&person.path()).json(&json!({"name": "X"})), app.delete(&person.path())]
        {
            assert_eq!(request.bearer(&person.access).send().outcome(), (401, "invalid-token".into()), "{name}");
        }
    };
    end("logout", &|person| {
        let body = json!({"refresh_token": person.refresh});
        let _ = app.post("/auth-ms/auth/logout").json(&body).send().expect(204);
    });
    end("all", &|person| {
        let _ = app.delete("/auth-ms/auth/sessions").bearer(&person.access).send().expect(204);
    });
    end("removed", &|person| {
        let root = app.admin("root@ended.example");
        let _ = app.delete(&person.path()).bearer(&root.access).send().expect(204);
    });
}

#[test]
fn a_lab_may_leave_the_api_open_but_for_roles_and_the_delivery_log() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "off").start();
    let id = app.sign_up("lab@open.example");
    let path = format!("/users-ms/users/{id}");
    let _ = app.get("/users-ms/users").send().expect(200);
    let _ = app.patch(&path).json(&json!({"email": "lab2@open.example"})).send().expect(200);
    let _ = app.get(&path).bearer("whatever").send().expect(200);
    let role = app.patch(&path).json(&json!({"role": "admin"})).send();
    assert_eq!(role.outcome(), (403, "forbidden".into()));
    assert_eq!(app.get("/notification-ms/notifications").send().status, 401);
    let root = app.admin("root@open.example");
    let _ = app.patch(&path).bearer(&root.access).json(&json!({"role": "admin"})).send().expect(200);
    let _ = app.delete(&path).send().expect(204);
}

#[test]
fn a_setting_that_is_neither_closes_the_api_and_says_so_in_the_log() {
    for (name, value) in
        [("authorization", "maybe"), ("token_public_keys", "{\"keys\":[]}"), ("token_public_keys", "x")]
    {
        let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable(name, value).start();
        let answer = app.get("/users-ms/users/1").send();
        assert_eq!(answer.outcome(), (500, "internal-error".into()), "{name}");
        app.wait_for_log(&format!("the variable {name} "));
    }
}

#[test]
fn an_administrator_sees_and_ends_the_sessions_of_others_and_nobody_else_does() {
    let app = TestApp::guarded();
    let (root, ada, eve) = (
        app.admin("root@sessions-of.example"),
        app.person("ada@sessions-of.example"),
        app.person("eve@sessions-of.example"),
    );
    let of_ada = format!("/auth-ms/auth/sessions?user_id={}", ada.id);
    let refused = app.get(&of_ada).bearer(&eve.access).send();
    assert_eq!(refused.outcome(), (403, "forbidden".into()));
    assert_eq!(app.delete(&of_ada).bearer(&eve.access).send().status, 403);
    let listed = app.get(&of_ada).bearer(&root.access).send().expect(200).json();
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(listed["items"][0]["current"], false);
    let _ = app.delete(&of_ada).bearer(&root.access).send().expect(204);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(401);
    // What is ended is ended for auth as well.
    let _ = app.get("/auth-ms/auth/sessions").bearer(&ada.access).send().expect(401);
    let _ = app.get("/auth-ms/auth/sessions").bearer(&root.access).send().expect(200);
    let one = format!("/auth-ms/auth/sessions/00000000-0000-0000-0000-000000000001?user_id={}", ada.id);
    assert_eq!(app.delete(&one).bearer(&eve.access).send().outcome(), (403, "forbidden".into()));
    assert_eq!(app.delete(&one).bearer(&root.access).send().outcome(), (404, "session-not-found".into()));
    let odd = app.get("/auth-ms/auth/sessions?user_id=x").bearer(&root.access).send();
    assert_eq!(odd.outcome(), (400, "invalid-query".into()));
}
