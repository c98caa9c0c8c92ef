//! /users-ms/users: sign-up, and one user read, replaced, changed and removed.

use blackbox::app::TestApp;
use blackbox::people::{PASSWORD, sign_up_form};
use insta::assert_snapshot;
use serde_json::json;

#[test]
fn a_sign_up_gives_the_user_and_where_it_is() {
    let app = TestApp::shared();
    let form = json!({"name": " Ada ", "surname": "Lovelace", "email": "Ada@sign-up.example",
        "password": PASSWORD, "phone": "+39 (02) 123-4567"});
    let answer = app.post("/users-ms/users").json(&form).send();
    assert_snapshot!(answer.shown(), @r#"
    201
    cache-control: no-store
    content-type: application/json
    etag: "[id].1"
    location: /users-ms/users/[id]
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "created_at": "[time]",
      "email": "Ada@sign-up.example",
      "email_verified": false,
      "id": "[id]",
      "locale": null,
      "name": "Ada",
      "phone": "+39021234567",
      "phone_verified": false,
      "role": "user",
      "roles": [],
      "surname": "Lovelace",
      "updated_at": "[time]",
      "version": 1,
      "zoneinfo": null
    }
    "#);
    let id = &answer.json()["id"];
    assert_eq!(answer.header("location"), Some(format!("/users-ms/users/{id}").as_str()));
    assert_eq!(answer.header("etag"), Some(format!("\"{id}.1\"").as_str()));
}

#[test]
fn a_phone_number_is_read_as_people_paste_it() {
    let app = TestApp::shared();
    for (index, (typed, kept)) in [
        ("\u{202a}+12025550123\u{202c}", "+12025550123"),
        ("+1\u{a0}202\u{2011}555\u{2013}0123", "+12025550123"),
        ("(+39) 02/123.45.67", "+39021234567"),
        ("0039 02 1234567", "+39021234567"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut form = sign_up_form(&format!("pasted-{index}@phones.example"));
        form["phone"] = typed.into();
        let answer = app.post("/users-ms/users").json(&form).send().expect(201);
        assert_eq!(answer.json()["phone"], kept, "{typed:?}");
    }
    let mut form = sign_up_form("zero@phones.example");
    form["phone"] = "+44 (0)20 7946 0958".into();
    let answer = app.post("/users-ms/users").json(&form).send().expect(422);
    assert!(answer.text().contains("Leave (0) out"), "{}", answer.text());
}

#[test]
fn a_sign_up_without_phone_has_none() {
    let app = TestApp::shared();
    let answer = app.post("/users-ms/users").json(&sign_up_form("no-phone@sign-up.example")).send().expect(201);
    assert_eq!(answer.json()["phone"], json!(null));
}

#[test]
fn an_email_that_is_taken_is_a_conflict() {
    let app = TestApp::shared();
    let _ = app.sign_up("taken@sign-up.example");
    let answer = app.post("/users-ms/users").json(&sign_up_form("taken@sign-up.example")).send();
    assert_snapshot!(answer.shown(), @r#"
    409
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Another user already has this email.",
      "errors": [
        {
          "detail": "Another user already has this email.",
          "pointer": "/email"
        }
      ],
      "instance": "[uuid]",
      "status": 409,
      "title": "Email taken",
      "type": "urn:concierge:problem:email-taken"
    }
    "#);
}

#[test]
fn a_duplicate_email_in_other_case_is_a_conflict() {
    let app = TestApp::shared();
    let _ = app.sign_up("Case@sign-up.example");
    for email in ["case@sign-up.example", "CASE@SIGN-UP.EXAMPLE", " cASE@sign-up.example "] {
        let answer = app.post("/users-ms/users").json(&sign_up_form(email)).send().expect(409);
        assert_eq!(answer.problem(), "email-taken", "{email}");
    }
}

#[test]
fn a_user_is_shown_by_id() {
    let app = TestApp::shared();
    let id = app.sign_up("get@users.example");
    let answer = app.get(&format!("/users-ms/users/{id}")).send();
    assert_snapshot!(answer.shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    etag: "[id].1"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "created_at": "[time]",
      "email": "get@users.example",
      "email_verified": false,
      "id": "[id]",
      "locale": null,
      "name": "Ada",
      "phone": null,
      "phone_verified": false,
      "role": "user",
      "roles": [],
      "surname": "Lovelace",
      "updated_at": "[time]",
      "version": 1,
      "zoneinfo": null
    }
    "#);
    assert_eq!(answer.json()["id"], id);
}

#[test]
fn times_are_rfc_3339_in_utc() {
    let app = TestApp::shared();
    let id = app.sign_up("times@users.example");
    let user = app.get(&format!("/users-ms/users/{id}")).send().json();
    for field in ["created_at", "updated_at"] {
        let text = user[field].as_str().unwrap();
        let shape: String = text.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
        assert_eq!(shape, "0000-00-00T00:00:00.000000Z", "{field}");
    }
}

#[test]
fn a_user_that_the_caller_has_already_is_not_sent_again() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("etag@users.example"));
    let tag = app.get(&path).send().header("etag").unwrap().to_owned();
    assert_snapshot!(app.get(&path).header("if-none-match", &tag).send().shown(), @r#"
    304
    cache-control: no-store
    etag: "[id].1"
    x-content-type-options: nosniff
    x-request-id: [uuid]
    "#);
    for known in [format!("W/{tag}"), format!("\"x\", {tag}"), "*".to_owned()] {
        let answer = app.get(&path).header("if-none-match", &known).send().expect(304);
        assert!(answer.body.is_empty(), "{known}");
    }
    let _ = app.get(&path).header("if-none-match", "\"0.1\"").send().expect(200);
}

#[test]
fn a_user_that_is_not_there_is_not_found() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/users/999999999").send().shown(), @r#"
    404
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "No user has this id.",
      "instance": "[uuid]",
      "status": 404,
      "title": "User not found",
      "type": "urn:concierge:problem:user-not-found"
    }
    "#);
    let change = json!({"name": "A", "surname": "B", "email": "nobody@users.example"});
    for answer in [
        app.get("/users-ms/users/9223372036854775807").send(),
        app.put("/users-ms/users/999999999").json(&change).send(),
        app.patch("/users-ms/users/999999999").json(&change).send(),
        app.delete("/users-ms/users/999999999").send(),
    ] {
        assert_eq!((answer.status, answer.problem().as_str()), (404, "user-not-found"));
    }
}

#[test]
fn a_replacement_takes_the_place_of_everything_but_the_password() {
    let app = TestApp::shared();
    let mut form = sign_up_form("before@put.example");
    form["phone"] = "+390212345".into();
    let path = format!("/users-ms/users/{}", app.sign_up_with(&form));
    let whole = json!({"name": "Augusta", "surname": "King", "email": "After@put.example"});
    assert_snapshot!(app.put(&path).json(&whole).send().shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    etag: "[id].2"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "created_at": "[time]",
      "email": "After@put.example",
      "email_verified": false,
      "id": "[id]",
      "locale": null,
      "name": "Augusta",
      "phone": null,
      "phone_verified": false,
      "role": "user",
      "roles": [],
      "surname": "King",
      "updated_at": "[time]",
      "version": 2,
      "zoneinfo": null
    }
    "#);
    assert_eq!(app.get(&path).send().json()["phone"], json!(null));
    let _ = app.login("after@put.example", PASSWORD).expect(200);
    let _ = app.login("before@put.example", PASSWORD).expect(401);
}

#[test]
fn a_replacement_that_is_not_whole_is_refused() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("whole@put.example"));
    assert_snapshot!(app.put(&path).json(&json!({"name": "Augusta"})).send().shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Several fields are not acceptable; see errors.",
      "errors": [
        {
          "detail": "A replacement requires this field. Use PATCH to change some fields only.",
          "pointer": "/surname"
        },
        {
          "detail": "A replacement requires this field. Use PATCH to change some fields only.",
          "pointer": "/email"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Validation failed",
      "type": "urn:concierge:problem:validation-failed"
    }
    "#);
}

#[test]
fn a_merge_patch_changes_what_it_names() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("patch@users.example"));
    let patch = json!({"surname": "King", "phone": "+3902123456"}).to_string();
    let answer = app.patch(&path).body("application/merge-patch+json", patch).send();
    assert_snapshot!(answer.shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    etag: "[id].2"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "created_at": "[time]",
      "email": "patch@users.example",
      "email_verified": false,
      "id": "[id]",
      "locale": null,
      "name": "Ada",
      "phone": "+3902123456",
      "phone_verified": false,
      "role": "user",
      "roles": [],
      "surname": "King",
      "updated_at": "[time]",
      "version": 2,
      "zoneinfo": null
    }
    "#);
    let user = answer.json();
    assert!(user["updated_at"].as_str() > user["created_at"].as_str());
}

#[test]
fn null_in_a_merge_patch_takes_the_phone_away_and_nothing_else() {
    let app = TestApp::shared();
    let mut form = sign_up_form("null@patch.example");
    form["phone"] = "+390212345".into();
    let path = format!("/users-ms/users/{}", app.sign_up_with(&form));
    let answer = app.patch(&path).json(&json!({"phone": null})).send().expect(200);
    assert_eq!(answer.json()["phone"], json!(null));
    for field in ["name", "surname", "email", "password"] {
        let answer = app.patch(&path).json(&json!({field: null})).send().expect(422);
        assert_eq!((answer.problem(), answer.pointers()), ("wrong-type".into(), vec![format!("/{field}")]));
    }
}

#[test]
fn a_patch_of_nothing_is_no_new_version() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("nothing@patch.example"));
    let answer = app.patch(&path).json(&json!({})).send().expect(200);
    assert_eq!(answer.json()["version"], 1);
}

#[test]
fn a_changed_password_is_the_one_that_lets_in() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("password@patch.example"));
    let _ = app.patch(&path).json(&json!({"password": "another password"})).send().expect(200);
    let _ = app.login("password@patch.example", PASSWORD).expect(401);
    let _ = app.login("password@patch.example", "another password").expect(200);
}

#[test]
fn what_the_service_gives_cannot_be_changed() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("read-only@patch.example"));
    for field in ["id", "version", "created_at", "updated_at"] {
        let answer = app.patch(&path).json(&json!({field: 1})).send().expect(422);
        assert_eq!((answer.problem(), answer.pointers()), ("unknown-field".into(), vec![format!("/{field}")]));
    }
}

#[test]
fn an_email_that_another_user_has_cannot_be_taken_over() {
    let app = TestApp::shared();
    let _ = app.sign_up("first@conflict.example");
    let path = format!("/users-ms/users/{}", app.sign_up("second@conflict.example"));
    let answer = app.patch(&path).json(&json!({"email": "FIRST@conflict.example"})).send();
    assert_eq!((answer.status, answer.problem().as_str()), (409, "email-taken"));
    let answer = app.put(&path).json(&json!({"name": "A", "surname": "L", "email": "first@CONFLICT.example"})).send();
    assert_eq!((answer.status, answer.problem().as_str()), (409, "email-taken"));
    // One's own, in other letters, can.
    let answer = app.patch(&path).json(&json!({"email": "Second@conflict.example"})).send().expect(200);
    assert_eq!(answer.json()["email"], "Second@conflict.example");
}

#[test]
fn a_change_is_made_only_to_the_version_that_it_was_meant_for() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("if-match@users.example"));
    let first = app.get(&path).send().header("etag").unwrap().to_owned();
    let changed = app.patch(&path).header("if-match", &first).json(&json!({"name": "A"})).send().expect(200);
    assert_ne!(changed.header("etag"), Some(first.as_str()));
    let late = app.patch(&path).header("if-match", &first).json(&json!({"name": "B"})).send();
    assert_snapshot!(late.shown(), @r#"
    412
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The user has changed. Read it again and use its etag.",
      "instance": "[uuid]",
      "status": 412,
      "title": "Precondition failed",
      "type": "urn:concierge:problem:precondition-failed"
    }
    "#);
    let whole = json!({"name": "C", "surname": "C", "email": "if-match@users.example"});
    let _ = app.put(&path).header("if-match", &first).json(&whole).send().expect(412);
    let _ = app.delete(&path).header("if-match", &first).send().expect(412);
    // A weak tag never matches here (RFC 9110, 13.1.1).
    let weak = format!("W/{}", changed.header("etag").unwrap());
    let _ = app.patch(&path).header("if-match", &weak).json(&json!({"name": "D"})).send().expect(412);
    let _ = app.patch(&path).header("if-match", "*").json(&json!({"name": "E"})).send().expect(200);
    // A GET has its precondition checked as well (RFC 9110, 13.1.1).
    assert_eq!(app.get(&path).header("if-match", &first).send().expect(412).problem(), "precondition-failed");
    let _ = app.get(&path).header("if-match", "\"0.1\", , *").send().expect(400);
    let _ = app.get(&path).header("if-match", "*").send().expect(200);
    assert_eq!(app.get(&path).send().json()["name"], "E");
}

#[test]
fn a_precondition_that_is_none_is_refused() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("odd-if-match@users.example"));
    let answer = app.patch(&path).header("if-match", "7.1").json(&json!({"name": "A"})).send();
    assert_snapshot!(answer.shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "if-match and if-none-match are * or a list of entity tags such as \"7.1\".",
      "errors": [
        {
          "detail": "if-match and if-none-match are * or a list of entity tags such as \"7.1\".",
          "pointer": "/if-match"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid header",
      "type": "urn:concierge:problem:invalid-header"
    }
    "#);
    let answer = app.get(&path).header("if-none-match", "abc").send();
    assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-header"));
    assert_eq!(answer.pointers(), ["/if-none-match"]);
}

#[test]
fn a_removed_user_is_gone() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("remove@users.example"));
    assert_snapshot!(app.delete(&path).send().shown(), @"
    204
    cache-control: no-store
    x-content-type-options: nosniff
    x-request-id: [uuid]
    ");
    let _ = app.get(&path).send().expect(404);
    let _ = app.delete(&path).send().expect(404);
    let _ = app.login("remove@users.example", PASSWORD).expect(401);
    // The address is free again, the id is not used again.
    let again = app.sign_up("remove@users.example");
    assert_ne!(path, format!("/users-ms/users/{again}"));
}

#[test]
fn the_other_spelling_leads_to_the_same_user() {
    let app = TestApp::shared();
    let id = app.sign_up("spelling@users.example");
    let answer = app.get(&format!("/users/{id}")).send();
    assert_snapshot!(answer.shown(), @"
    308
    cache-control: no-store
    location: /users-ms/users/[id]
    x-content-type-options: nosniff
    x-request-id: [uuid]
    ");
    assert_eq!(answer.header("location"), Some(format!("/users-ms/users/{id}").as_str()));
    let answer = app.delete(&format!("/users/{id}?a=b")).send().expect(308);
    assert_eq!(answer.header("location"), Some(format!("/users-ms/users/{id}?a=b").as_str()));
    let answer = app.post("/users").json(&json!({})).send().expect(308);
    assert_eq!(answer.header("location"), Some("/users-ms/users"));
    assert_eq!(app.get("/users/abc").send().expect(400).problem(), "invalid-id");
    assert_eq!(app.get(&format!("/users/{id}/more")).send().expect(404).problem(), "no-such-route");
}

#[test]
fn the_other_spelling_has_the_same_methods() {
    let app = TestApp::shared();
    for (path, methods) in [("/users", "GET, HEAD, POST"), ("/users/7", "GET, HEAD, PUT, PATCH, DELETE")] {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "QUERY", "BREW"] {
            let (here, there) = (
                app.request(method, path).send(),
                app.request(method, &path.replace("/users", "/users-ms/users")).send(),
            );
            let is_known = methods.split(", ").any(|known| known == method);
            assert_eq!(here.status, if is_known { 308 } else { 405 }, "{method} {path}");
            assert_eq!(there.status == 405, !is_known, "{method} {path}");
            assert_eq!(here.header("allow"), (!is_known).then_some(methods), "{method} {path}");
        }
    }
}
