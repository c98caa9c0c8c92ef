//! `prefer` (RFC 7240): who does not want the whole user back gets what they need to go on.

use blackbox::app::TestApp;
use blackbox::people::sign_up_form;
use insta::assert_snapshot;
use serde_json::json;

#[test]
fn a_minimal_sign_up_is_answered_with_the_id_the_place_and_the_version() {
    let app = TestApp::shared();
    let form = sign_up_form("minimal@preferences.example");
    let answer = app.post("/users-ms/users").header("prefer", "return=minimal").json(&form).send();
    assert_snapshot!(answer.shown(), @r#"
    201
    cache-control: no-store
    content-type: application/json
    etag: "[id].1"
    location: /users-ms/users/[id]
    preference-applied: return=minimal
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "id": "[id]"
    }
    "#);
    let user = app.get(answer.header("location").unwrap()).send().expect(200);
    assert_eq!(user.header("etag"), answer.header("etag"));
    assert_eq!(user.json()["email"], "minimal@preferences.example");
}

#[test]
fn a_minimal_change_is_answered_with_the_version_alone() {
    let app = TestApp::shared();
    let path = format!("/users-ms/users/{}", app.sign_up("change@preferences.example"));
    let patch = app.patch(&path).header("prefer", "return=minimal").json(&json!({"name": "Augusta"})).send();
    assert_snapshot!(patch.shown(), @r#"
    204
    cache-control: no-store
    etag: "[id].2"
    preference-applied: return=minimal
    x-content-type-options: nosniff
    x-request-id: [uuid]
    "#);
    let whole = json!({"name": "Ada", "surname": "King", "email": "change@preferences.example"});
    let tag = patch.header("etag").unwrap();
    let put = app.put(&path).header("prefer", "RETURN=\"minimal\"").header("if-match", tag).json(&whole).send();
    assert_snapshot!(put.shown(), @r#"
    204
    cache-control: no-store
    etag: "[id].3"
    preference-applied: return=minimal
    x-content-type-options: nosniff
    x-request-id: [uuid]
    "#);
    assert_eq!(app.get(&path).send().json()["surname"], "King");
}

#[test]
fn a_failure_is_told_in_full_whatever_is_preferred() {
    let app = TestApp::shared();
    let request = app.post("/users-ms/users").header("prefer", "return=minimal").json(&json!({"name": "Ada"}));
    let answer = request.send().expect(422);
    assert_eq!((answer.problem().as_str(), answer.header("preference-applied")), ("missing-field", None));
}

#[test]
fn preferences_that_are_not_known_are_ignored() {
    let app = TestApp::shared();
    for (number, prefer) in
        ["return=representation", "respond-async, wait=10", "return", "note=\"x, return=minimal\""].iter().enumerate()
    {
        let form = sign_up_form(&format!("{number}@preferences.example"));
        let answer = app.post("/users-ms/users").header("prefer", prefer).json(&form).send().expect(201);
        assert_eq!(answer.header("preference-applied"), None, "{prefer}");
        assert_eq!(answer.json()["name"], "Ada", "{prefer}");
    }
    let path = format!("/users-ms/users/{}", app.sign_up("read@preferences.example"));
    let read = app.get(&path).header("prefer", "return=minimal").send().expect(200);
    assert_eq!(read.json()["name"], "Ada", "what is asked for is given");
}

#[test]
fn a_repeated_sign_up_is_shown_as_its_own_request_prefers() {
    let app = TestApp::shared();
    let form = sign_up_form("repeated@preferences.example");
    let sign_up = || app.post("/users-ms/users").header("idempotency-key", "preferences").json(&form);
    let first = sign_up().header("prefer", "return=minimal").send().expect(201);
    let id = first.json()["id"].clone();
    assert_eq!(first.json(), json!({"id": id}));
    let second = sign_up().send().expect(201);
    assert_eq!(second.json()["email"], "repeated@preferences.example");
    let third = sign_up().header("prefer", "return=minimal").send().expect(201);
    assert_eq!((third.json(), third.header("idempotent-replayed")), (json!({"id": id}), Some("true")));
    assert!([&first, &third].iter().all(|answer| answer.header("location") == second.header("location")));
}
