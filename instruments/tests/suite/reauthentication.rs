//! Reauthentication: what destroys, hands out or opens an account needs a sign-in of the last ten minutes, or the current
//! password. Whoever found an open browser or a token has neither.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Request;
use blackbox::people::{PASSWORD, Person};
use serde_json::json;

fn required() -> (u16, String) {
    (403, "reauthentication-required".into())
}

/// Lets minutes pass since somebody has shown who they are, in all of their sessions.
fn let_pass(app: &TestApp, person: &Person, minutes: i32) {
    let statement = "UPDATE sessions SET authenticated_at = authenticated_at - make_interval(mins => $2::int4),
        created_at = created_at - make_interval(mins => $2::int4) WHERE user_id = $1";
    let changed = app.backend.sql().execute(statement, &[&person.id, &minutes]).expect("a session can be changed");
    assert!(changed > 0);
}

/// What needs a recent sign-in, of somebody's own account.
fn needing<'a>(app: &'a TestApp, person: &Person) -> Vec<Request<'a>> {
    let whole = json!({"name": "Ada", "surname": "Lovelace", "email": person.email, "phone": "+4912345678"});
    vec![
        app.patch(&person.path()).json(&json!({"phone": "+4912345678"})),
        app.put(&person.path()).json(&whole),
        app.get(&format!("{}/export", person.path())),
        app.delete(&person.path()),
    ]
}

#[test]
fn ten_minutes_after_the_sign_in_a_token_ends_no_session_but_its_own() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@ends.example"), app.person("ada@ends.example"));
    let other = app.sign_in(ada.id, &ada.email);
    let_pass(&app, &ada, 11);
    let_pass(&app, &root, 11);
    let all = "/auth-ms/auth/sessions";
    let sessions = app.get(all).bearer(&ada.access).send().expect(200).json();
    let of = |current: bool| {
        let items = sessions["items"].as_array().expect("sessions are a list");
        let session = items.iter().find(|session| session["current"] == current).expect("both are there");
        format!("{all}/{}", session["id"].as_str().expect("a text"))
    };
    for path in [all.to_owned(), format!("{all}?others=true"), of(false)] {
        assert_eq!(app.delete(&path).bearer(&ada.access).send().outcome(), required(), "{path}");
    }
    let of_ada = format!("{all}?user_id={}", ada.id);
    assert_eq!(app.delete(&of_ada).bearer(&root.access).send().outcome(), required());
    let _ = app.get(&ada.path()).bearer(&other.access).send().expect(200);
    // The own session is anybody's who holds it.
    let _ = app.delete(&of(true)).bearer(&ada.access).send().expect(204);
    // The current password does in the place of a sign-in.
    let path = format!("{}/reauthenticate", ada.path());
    let _ = app.post(&path).bearer(&other.access).json(&json!({"current_password": PASSWORD})).send().expect(204);
    let _ = app.delete(&format!("{all}?others=true")).bearer(&other.access).send().expect(204);
}

#[test]
fn ten_minutes_after_the_sign_in_a_token_neither_removes_nor_exports_nor_changes_the_phone() {
    let app = TestApp::guarded();
    let ada = app.person("ada@recent.example");
    let_pass(&app, &ada, 11);
    // A refresh is no sign-in.
    let body = json!({"refresh_token": ada.refresh});
    let refreshed = app.post("/auth-ms/auth/refresh").json(&body).send().expect(200).json();
    let access = refreshed["access_token"].as_str().expect("a token");
    for request in needing(&app, &ada) {
        assert_eq!(request.bearer(access).send().outcome(), required());
    }
    let read = app.get(&ada.path()).bearer(access).send().expect(200).json();
    assert_eq!(read["phone"], json!(null));
    let _ = app.patch(&ada.path()).bearer(access).json(&json!({"name": "Augusta"})).send().expect(200);

    let ada = app.sign_in(ada.id, &ada.email);
    for (request, status) in needing(&app, &ada).into_iter().zip([200, 200, 200, 204]) {
        let _ = request.bearer(&ada.access).send().expect(status);
    }
}

#[test]
fn nine_minutes_after_the_sign_in_a_token_still_does() {
    let app = TestApp::guarded();
    let ada = app.person("nine@recent.example");
    let_pass(&app, &ada, 9);
    for (request, status) in needing(&app, &ada).into_iter().zip([200, 200, 200, 204]) {
        let _ = request.bearer(&ada.access).send().expect(status);
    }
}

#[test]
fn the_current_password_makes_a_session_a_recent_one_and_no_other() {
    let app = TestApp::guarded();
    let ada = app.person("ada@again.example");
    let elsewhere = app.sign_in(ada.id, &ada.email);
    let_pass(&app, &ada, 30);
    let again = |person: &Person, password: &str| {
        let path = format!("{}/reauthenticate", person.path());
        app.post(&path).bearer(&ada.access).json(&json!({"current_password": password})).send()
    };
    assert_eq!(again(&ada, "wrong horse 1").outcome(), (403, "wrong-current-password".into()));
    assert_eq!(app.delete(&ada.path()).bearer(&ada.access).send().outcome(), required());
    let _ = again(&ada, PASSWORD).expect(204);
    assert_eq!(app.delete(&elsewhere.path()).bearer(&elsewhere.access).send().outcome(), required());
    let_pass(&app, &ada, 11);
    assert_eq!(app.delete(&ada.path()).bearer(&ada.access).send().outcome(), required());
    let _ = again(&ada, PASSWORD).expect(204);
    let _ = app.delete(&ada.path()).bearer(&ada.access).send().expect(204);
    assert_eq!(again(&ada, PASSWORD).status, 401, "the session has gone with its user");
}

#[test]
fn nobody_shows_a_password_for_somebody_else() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@for-others.example"), app.person("ada@for-others.example"));
    let path = format!("{}/reauthenticate", ada.path());
    let form = json!({"current_password": PASSWORD});
    let by_admin = app.post(&path).bearer(&root.access).json(&form).send();
    assert_eq!(by_admin.outcome(), (403, "forbidden".into()));
    let eve = app.person("eve@for-others.example");
    assert_eq!(app.post(&path).bearer(&eve.access).json(&form).send().outcome(), (404, "user-not-found".into()));
}

#[test]
fn the_password_beside_a_change_does_in_the_place_of_a_recent_sign_in() {
    let app = TestApp::guarded();
    let ada = app.person("ada@beside-it.example");
    let_pass(&app, &ada, 30);
    let change = |body: serde_json::Value| app.patch(&ada.path()).bearer(&ada.access).json(&body).send();
    assert_eq!(change(json!({"phone": "+4912345678"})).outcome(), required());
    let wrong = change(json!({"phone": "+4912345678", "current_password": "wrong horse 1"}));
    assert_eq!(wrong.outcome(), (403, "wrong-current-password".into()));
    let _ = change(json!({"phone": "+4912345678", "current_password": PASSWORD})).expect(200);
    // The same phone again is no change.
    let _ = change(json!({"phone": "+4912345678"})).expect(200);
    let _ = change(json!({"email": "new@beside-it.example", "current_password": PASSWORD})).expect(200);
}

#[test]
fn an_administrator_shows_a_recent_sign_in_before_others_are_changed() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@others.example"), app.person("ada@others.example"));
    let_pass(&app, &root, 11);
    let forms = [
        json!({"email": "new@others.example"}),
        json!({"password": "set by an administrator"}),
        json!({"phone": "+4912345678"}),
        json!({"role": "admin"}),
        // The administrator's own password is nobody else's, and not looked at.
        json!({"role": "admin", "current_password": PASSWORD}),
    ];
    for form in &forms {
        let answer = app.patch(&ada.path()).bearer(&root.access).json(form).send();
        assert_eq!(answer.outcome(), required(), "{form}");
    }
    let whole = json!({"name": "Ada", "surname": "L", "email": "new@others.example"});
    assert_eq!(app.put(&ada.path()).bearer(&root.access).json(&whole).send().outcome(), required());
    for request in [app.delete(&ada.path()), app.get(&format!("{}/export", ada.path()))] {
        assert_eq!(request.bearer(&root.access).send().outcome(), required());
    }
    let _ = app.get(&ada.path()).bearer(&root.access).send().expect(200);
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&json!({"surname": "King"})).send().expect(200);

    let path = format!("{}/reauthenticate", root.path());
    let _ = app.post(&path).bearer(&root.access).json(&json!({"current_password": PASSWORD})).send().expect(204);
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&forms[3]).send().expect(200);
    let _ = app.delete(&ada.path()).bearer(&root.access).send().expect(204);
}

#[test]
fn an_open_api_asks_for_nothing() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "off").start();
    let (root, ada) = (app.admin("root@open-recent.example"), app.person("ada@open-recent.example"));
    for person in [&root, &ada] {
        let_pass(&app, person, 60);
    }
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&json!({"role": "admin"})).send().expect(200);
    let _ = app.patch(&ada.path()).json(&json!({"phone": "+4912345678"})).send().expect(200);
    let _ = app.get(&format!("{}/export", ada.path())).send().expect(200);
    let _ = app.delete(&ada.path()).send().expect(204);
    // But to show a password one has to be somebody.
    let path = format!("{}/reauthenticate", root.path());
    let anyone = app.post(&path).json(&json!({"current_password": PASSWORD})).send();
    assert_eq!(anyone.outcome(), (401, "invalid-token".into()));
}

#[test]
fn the_session_in_which_a_password_is_changed_goes_on_and_all_others_end() {
    let app = TestApp::guarded();
    let ada = app.person("ada@goes-on.example");
    let elsewhere = app.sign_in(ada.id, &ada.email);
    let new = json!({"password": "a new good password", "current_password": PASSWORD});
    let _ = app.patch(&ada.path()).bearer(&ada.access).json(&new).send().expect(200);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(200);
    let refresh = |token: &str| app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": token})).send();
    let _ = refresh(&ada.refresh).expect(200);
    let _ = app.get(&ada.path()).bearer(&elsewhere.access).send().expect(401);
    let _ = refresh(&elsewhere.refresh).expect(401);
    // Whom an administrator gives another password is signed out everywhere, and the administrator is not.
    let root = app.admin("root@goes-on.example");
    let set = json!({"password": "set by an administrator"});
    let _ = app.patch(&ada.path()).bearer(&root.access).json(&set).send().expect(200);
    let _ = app.get(&ada.path()).bearer(&ada.access).send().expect(401);
    let _ = app.get(&ada.path()).bearer(&root.access).send().expect(200);
}
