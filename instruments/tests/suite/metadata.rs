//! What applications keep about a user: the public part for the user too, the private one for administrators alone; and in tokens, if
//! the operator wants it.

use crate::sessions::{introspect, refresh};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::Person;
use blackbox::post_office::claims;
use serde_json::{Value, json};
use std::sync::Barrier;

fn path(person: &Person) -> String {
    format!("{}/metadata", person.path())
}

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

fn put(app: &TestApp, of: &Person, by: &Person, body: &Value) -> Answer {
    app.put(&path(of)).bearer(&by.access).json(body).send()
}

fn get(app: &TestApp, of: &Person, by: &Person) -> Value {
    app.get(&path(of)).bearer(&by.access).send().expect(200).json()
}

#[test]
fn the_user_sees_the_public_part_and_administrators_both() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@metadata.example"), app.person("ada@metadata.example"));
    assert_eq!(get(&app, &ada, &ada), json!({"public": {}}));
    assert_eq!(get(&app, &ada, &root), json!({"public": {}, "private": {}}));
    let both = json!({"public": {"plan": "gold", "seats": 3}, "private": {"note": "\u{e9}", "flags": [true, null]}});
    assert_eq!(put(&app, &ada, &root, &both).expect(200).json(), both);
    assert_eq!(get(&app, &ada, &root), both);
    assert_eq!(get(&app, &ada, &ada), json!({"public": both["public"]}));
    // One is replaced and the other stays.
    let changed = put(&app, &ada, &root, &json!({"public": {"plan": "tin"}})).expect(200).json();
    assert_eq!(changed, json!({"public": {"plan": "tin"}, "private": both["private"]}));
    assert_eq!(put(&app, &ada, &root, &json!({"public": null})).expect(200).json(), changed);
    assert_eq!(put(&app, &ada, &root, &json!({"private": {}})).expect(200).json()["private"], json!({}));
    // The user is as before, and the audit log says who did it.
    let user = app.get(&ada.path()).bearer(&ada.access).send().expect(200).json();
    assert_eq!(user["version"], 1);
    let activity = app.get(&format!("{}/activity?limit=1", ada.path())).bearer(&ada.access).send().expect(200).json();
    let last = &activity["items"][0];
    assert_eq!((&last["action"], &last["actor"]), (&json!("metadata-changed"), &json!("administrator")));
    // A person takes all of it along, and all of it goes with them.
    let _ = put(&app, &ada, &root, &both).expect(200);
    let export = app.get(&format!("{}/export", ada.path())).bearer(&ada.access).send().expect(200).json();
    assert_eq!(export["metadata"], both);
    let _ = app.delete(&ada.path()).bearer(&ada.access).send().expect(204);
    let left = "SELECT count(*) FROM user_metadata WHERE user_id = $1";
    let left: i64 = app.backend.sql().query_one(left, &[&ada.id]).expect("it can be read").get(0);
    assert_eq!(left, 0);
    assert_eq!(refusal(&put(&app, &ada, &root, &both)), (404, "user-not-found".into()));
}

#[test]
fn only_administrators_who_signed_in_a_moment_ago_change_it() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@own-metadata.example"), app.person("ada@own-metadata.example"));
    let bob = app.person("bob@own-metadata.example");
    let body = json!({"public": {"admin": true}});
    assert_eq!(app.get(&path(&ada)).send().status, 401);
    for caller in [&ada, &bob] {
        assert_eq!(refusal(&put(&app, &ada, caller, &body)), (403, "forbidden".into()));
    }
    let foreign = app.get(&path(&ada)).bearer(&bob.access).send();
    let missing = app.get("/users-ms/users/9223372036854775807/metadata").bearer(&bob.access).send();
    assert_eq!((refusal(&foreign), foreign.shown()), ((404, "user-not-found".into()), missing.shown()));
    let missing = app.get("/users-ms/users/9223372036854775807/metadata").bearer(&root.access).send();
    assert_eq!(refusal(&missing), (404, "user-not-found".into()));
    let age = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(age, &[&root.id]).expect("sessions can be aged"), 1);
    assert_eq!(refusal(&put(&app, &ada, &root, &body)), (403, "reauthentication-required".into()));
    assert_eq!(get(&app, &ada, &ada), json!({"public": {}}));
    let open = TestApp::on(&Backend::new()).start();
    let id = open.sign_up("ada@open-metadata.example");
    let answer = open.put(&format!("/users-ms/users/{id}/metadata")).json(&body).send();
    assert_eq!(refusal(&answer), (403, "forbidden".into()));
    let shown = open.get(&format!("/users-ms/users/{id}/metadata")).send().expect(200).json();
    assert_eq!(shown, json!({"public": {}}), "what is private stays so where the API is open");
}

#[test]
fn metadata_are_objects_of_four_kibibytes() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@bounded-metadata.example"), app.person("ada@bounded-metadata.example"));
    let long = |bytes: usize| json!({"a": "x".repeat(bytes - r#"{"a":""}"#.len())});
    let _ = put(&app, &ada, &root, &json!({"public": long(4096), "private": long(4096)})).expect(200);
    for (body, status, problem) in [
        (json!({"public": long(4097)}), 422, "invalid-value"),
        (json!({"public": long(4097), "private": long(4097)}), 422, "validation-failed"),
        (json!({"private": {"a": "b\u{0}c"}}), 422, "invalid-value"),
        (json!({"private": {"a": [{"b": -1.797_693_134_862_315_7e308}]}}), 422, "invalid-value"),
        (json!({"public": []}), 422, "wrong-type"),
        (json!({"public": "text"}), 422, "wrong-type"),
        (json!({"hidden": {}}), 422, "unknown-field"),
    ] {
        assert_eq!(refusal(&put(&app, &ada, &root, &body)), (status, problem.into()), "{body}");
    }
    assert_eq!(get(&app, &ada, &root), json!({"public": long(4096), "private": long(4096)}));
}

#[test]
fn numbers_are_shown_as_they_were_given() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@number-metadata.example"), app.person("ada@number-metadata.example"));
    let numbers = json!({"all": [1e300, 6.388_654_137_916_363e129, -4.459_809_781_666_496e108, 5e-324]});
    let _ = put(&app, &ada, &root, &json!({"public": numbers, "private": {}})).expect(200);
    assert_eq!(get(&app, &ada, &root)["public"], numbers);
}

#[test]
fn of_changes_at_once_none_is_lost() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let app = &app;
    let root = app.admin("root@racing-metadata.example");
    for round in 0..5 {
        let ada = app.person(&format!("ada-{round}@racing-metadata.example"));
        let start = Barrier::new(2);
        let (start, ada, root) = (&start, &ada, &root);
        std::thread::scope(|scope| {
            for body in [json!({"public": {"round": round}}), json!({"private": {"round": round}})] {
                scope.spawn(move || {
                    start.wait();
                    let _ = put(app, ada, root, &body).expect(200);
                });
            }
        });
        assert_eq!(get(app, ada, root), json!({"public": {"round": round}, "private": {"round": round}}));
    }
}

#[test]
fn tokens_have_the_public_metadata_that_are_listed() {
    let backend = Backend::new();
    let app =
        TestApp::on(&backend).variable("authorization", "required").variable("token_metadata", "plan, seats").start();
    let (root, ada) = (app.admin("root@token-metadata.example"), app.person("ada@token-metadata.example"));
    let tokens = |answer: Answer| answer.expect(200).json();
    let sign_in = || tokens(app.login(&ada.email, blackbox::people::PASSWORD));
    assert_eq!(claims(&sign_in()).get("metadata"), None);
    let body = json!({"public": {"plan": "gold", "note": "x"}, "private": {"seats": 7}});
    let _ = put(&app, &ada, &root, &body).expect(200);
    let signed_in = sign_in();
    assert_eq!(
        claims(&signed_in)["metadata"],
        json!({"plan": "gold"}),
        "neither what is private nor what is not listed"
    );
    let access = signed_in["access_token"].as_str().expect("a token");
    assert_eq!(introspect(&app, access)["metadata"], json!({"plan": "gold"}));
    // A change is in the next token, and ends no session.
    let _ = put(&app, &ada, &root, &json!({"public": {"plan": "tin", "seats": [1, null]}})).expect(200);
    let renewed = tokens(refresh(&app, signed_in["refresh_token"].as_str().expect("a token")));
    assert_eq!(claims(&renewed)["metadata"], json!({"plan": "tin", "seats": [1, null]}));
    // What does not fit is left out, and somebody is told.
    let _ = put(&app, &ada, &root, &json!({"public": {"plan": "x".repeat(1024), "seats": 3}})).expect(200);
    let signed_in = sign_in();
    assert_eq!(claims(&signed_in)["metadata"], json!({"seats": 3}));
    let access = signed_in["access_token"].as_str().expect("a token");
    let _ = app.get(&ada.path()).bearer(access).send().expect(200);
    app.wait_for_log("metadata does not fit into a token");
    // Nobody else's, and none where none is listed.
    assert_eq!(claims(&tokens(app.login(&root.email, blackbox::people::PASSWORD))).get("metadata"), None);
    let other = TestApp::on(&backend).variable("authorization", "required").start();
    assert_eq!(claims(&tokens(other.login(&ada.email, blackbox::people::PASSWORD))).get("metadata"), None);
}
