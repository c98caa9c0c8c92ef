//! Who may sign up (`sign_up`), and who may invite.

use crate::invitations::Invites;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person, sign_up_form};
use blackbox::post_office::Office;
use blackbox::turn;
use serde_json::{Value, json};
use std::sync::Arc;

const INVITATIONS: &str = "/users-ms/invitations";
const PAGE: &str = "/users-ms/invitation/page";

fn refusal(answer: &Answer) -> (u16, String) {
    (answer.status, answer.problem())
}

/// An app with this mode, and an administrator who has signed up elsewhere.
fn office_with_root(backend: &Arc<Backend>, mode: &str) -> (Office, Person) {
    let root = TestApp::on(backend).only(&["users", "auth"]).start().admin("root@modes.example");
    (Office::new(backend, |setup| setup.variable("authorization", "required").variable("sign_up", mode)), root)
}

fn sign_up(office: &Office, token: Option<&str>, email: &str) -> Answer {
    let request = office.app.post("/users-ms/users").json(&sign_up_form(email));
    match token {
        Some(token) => request.bearer(token).send(),
        None => request.send(),
    }
}

#[test]
fn with_invite_only_the_invited_sign_up_and_administrators_create_users() {
    let _turn = turn::together();
    let (office, root) = office_with_root(&Backend::new(), "invite");
    for email in ["ada@modes.example", "root@modes.example", "nobody"] {
        let answer = sign_up(&office, None, email);
        assert_eq!(refusal(&answer), (403, "sign-up-by-invitation".into()));
        assert!(answer.text().contains("Ask an administrator"), "{}", answer.text());
    }
    let (_, secrets) = office.invited(&root, "bob@modes.example", 1);
    let _ = office.by_link(&secrets).expect(201);
    let bob = office.app.login("bob@modes.example", PASSWORD).expect(200).json();
    // Users are no administrators, and a token that is none is nobody's.
    for token in [bob["access_token"].as_str().expect("a token"), "x.y.z"] {
        assert_eq!(refusal(&sign_up(&office, Some(token), "cyd@modes.example")), (403, "sign-up-by-invitation".into()));
    }
    let _ = sign_up(&office, Some(&root.access), "cyd@modes.example").expect(202);
    let id = office.claims("cyd@modes.example")["sub"].as_str().expect("an id").to_owned();
    let path = format!("/users-ms/users/{id}/activity");
    let activity = office.app.get(&path).bearer(&root.access).send().expect(200).json();
    let rows = activity["items"].as_array().expect("a list");
    assert!(rows.iter().any(|row| row["action"] == "sign-up" && row["actor"] == "administrator"), "{rows:?}");
    // A session that has ended is worth nothing.
    let _ = office.app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": root.refresh})).send().expect(204);
    assert_eq!(
        refusal(&sign_up(&office, Some(&root.access), "dan@modes.example")),
        (403, "sign-up-by-invitation".into())
    );
}

#[test]
fn with_closed_nobody_signs_up_or_is_invited_and_administrators_create_users() {
    let _turn = turn::together();
    let backend = Backend::new();
    let (office, root) = office_with_root(&backend, "closed");
    assert_eq!(refusal(&sign_up(&office, None, "ada@modes.example")), (403, "sign-up-closed".into()));
    let body = json!({"email": "bob@modes.example"});
    assert_eq!(refusal(&office.invite(&root, &body)), (403, "sign-up-closed".into()));
    let _ = sign_up(&office, Some(&root.access), "cyd@modes.example").expect(202);
    // An invitation of before is not good as long as nobody may sign up.
    let inviting =
        TestApp::on(&backend).variable("public_url", "https://concierge.example").only(&["users", "auth"]).start();
    let invitation = inviting.post(INVITATIONS).bearer(&root.access).json(&body).send().expect(201).json();
    let id = invitation["id"].as_i64().expect("an id");
    let secrets = office.secrets_of("Invitation", PAGE, "bob@modes.example", 1);
    let again = format!("{INVITATIONS}/{id}/mail");
    assert_eq!(refusal(&office.app.post(&again).bearer(&root.access).send()), (403, "sign-up-closed".into()));
    assert_eq!(refusal(&office.by_link(&secrets)), (403, "invalid-ticket".into()));
    let form = format!("token={}&name=Bob&surname=Bell&password=correct+horse+battery", secrets.token);
    let _ = office.app.post(PAGE).body("application/x-www-form-urlencoded", form).send().expect(403);
    let body = json!({"token": secrets.token, "name": "Bob", "surname": "Bell", "password": PASSWORD});
    let _ = inviting.post("/users-ms/invitation/accept").json(&body).send().expect(201);
}

#[test]
fn only_administrators_who_signed_in_a_moment_ago_invite_and_revoke() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@inviting.example"), app.person("ada@inviting.example"));
    let one = format!("{INVITATIONS}/4711");
    let mail = format!("{one}/mail");
    let body = json!({"email": "bob@inviting.example"});
    let send = |method: &str, path: &str, token: Option<&str>| {
        let mut request = app.request(method, path);
        if path == INVITATIONS && method == "POST" {
            request = request.json(&body);
        }
        token.map_or_else(|| app.request(method, path), |token| request.bearer(token)).send()
    };
    let each = [("POST", INVITATIONS), ("DELETE", &one), ("POST", &mail), ("GET", &one), ("GET", INVITATIONS)];
    for (method, path) in each {
        let bare = if path == INVITATIONS && method == "POST" {
            app.post(path).json(&body).send()
        } else {
            send(method, path, None)
        };
        assert_eq!(bare.status, 401, "{method} {path}");
        assert_eq!(refusal(&send(method, path, Some(&ada.access))), (403, "forbidden".into()), "{method} {path}");
    }
    for (method, path) in &each[1..4] {
        let answer = send(method, path, Some(&root.access));
        assert_eq!(refusal(&answer), (404, "invitation-not-found".into()), "{method} {path}");
    }
    for (body, problem, pointer) in [
        (json!({"email": "bob"}), "invalid-email", "/email"),
        (json!({"email": "bob@inviting.example", "role": "root"}), "invalid-value", "/role"),
        (json!({"email": "bob@inviting.example", "locale": "english!"}), "invalid-value", "/locale"),
        (json!({"email": "ADA@inviting.example"}), "email-taken", "/email"),
    ] {
        let answer = app.post(INVITATIONS).bearer(&root.access).json(&body).send();
        assert_eq!((answer.problem().as_str(), answer.pointers()), (problem, vec![pointer.to_owned()]));
    }
    let body = json!({"email": "bob", "role": "root"});
    let answer = app.post(INVITATIONS).bearer(&root.access).json(&body).send().expect(422);
    assert_eq!(answer.problem(), "validation-failed");
    let age = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(age, &[&root.id]).expect("a session can age"), 1);
    for (method, path) in &each[..3] {
        let answer = send(method, path, Some(&root.access));
        assert_eq!(refusal(&answer), (403, "reauthentication-required".into()), "{method} {path}");
    }
    let _ = send("GET", INVITATIONS, Some(&root.access)).expect(200);
}

#[test]
fn invitations_are_listed_in_pages_newest_first() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let root = app.admin("root@listed.example");
    let invite = |number: usize| {
        let body = json!({"email": format!("bob-{number}@listed.example")});
        app.post(INVITATIONS).bearer(&root.access).json(&body).send().expect(201).json()
    };
    let mut invited: Vec<Value> = (0..5).map(invite).collect();
    let shown = app.get(&format!("{INVITATIONS}/{}", invited[0]["id"])).bearer(&root.access).send().expect(200);
    assert_eq!(shown.json(), invited[0]);
    // Whoever is invited again keeps the place.
    let again = invite(1);
    assert_eq!((&again["id"], &again["created_at"]), (&invited[1]["id"], &invited[1]["created_at"]));
    invited[1] = again;
    invited.reverse();
    let (mut listed, mut path) = (Vec::new(), format!("{INVITATIONS}?limit=2"));
    for _ in 0..3 {
        let answer = app.get(&path).bearer(&root.access).send().expect(200);
        let page = answer.json();
        listed.extend(page["items"].as_array().expect("a list").clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => path = format!("{INVITATIONS}?limit=2&cursor={cursor}"),
            None => assert!(answer.header("link").is_none()),
        }
    }
    assert_eq!(listed, invited);
    let bad = app.get(&format!("{INVITATIONS}?cursor=x")).bearer(&root.access).send().expect(400);
    assert_eq!(bad.problem(), "invalid-cursor");
    let expire = "UPDATE invitations SET expires_at = now() - interval '1 hour'";
    assert_eq!(app.backend.sql().execute(expire, &[]).expect("they can expire"), 5);
    let page = app.get(INVITATIONS).bearer(&root.access).send().expect(200).json();
    assert_eq!(page, json!({"items": [], "next_cursor": null}));
    let _ = app.sweep();
    let left: i64 = app.backend.sql().query_one("SELECT count(*) FROM invitations", &[]).expect("it counts").get(0);
    assert_eq!(left, 0);
}

#[test]
fn an_administrator_and_an_address_have_limits() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("login_throttling", "on")
        .variable("sign_ups_per_hour", 1000)
        .start();
    let root = app.admin("root@limited.example");
    let invite = |email: &str| app.post(INVITATIONS).bearer(&root.access).json(&json!({"email": email})).send();
    for _ in 0..5 {
        let _ = invite("bob@limited.example").expect(201);
    }
    let refused = invite("bob@limited.example").expect(429);
    assert_eq!(refused.problem(), "too-many-requests");
    assert!(refused.header("retry-after").is_some());
    for number in 5..100 {
        let _ = invite(&format!("bob-{number}@limited.example")).expect(201);
    }
    let _ = invite("last@limited.example").expect(429);
    // Others are not held up, and what is refused counts for nobody.
    let other = app.admin("other@limited.example");
    let body = json!({"email": "last@limited.example"});
    let invitation = app.post(INVITATIONS).bearer(&other.access).json(&body).send().expect(201).json();
    let again = format!("{INVITATIONS}/{}/mail", invitation["id"]);
    assert_eq!(app.post(&again).bearer(&root.access).send().expect(429).problem(), "too-many-requests");
    let _ = app.post(&again).bearer(&other.access).send().expect(200);
}

#[test]
fn too_many_links_and_codes_of_one_client_have_to_wait() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("login_throttling", "on").start();
    let body = json!({"token": "x", "name": "Bob", "surname": "Bell", "password": PASSWORD});
    for _ in 0..50 {
        let _ = app.post("/users-ms/invitation/accept").json(&body).send().expect(403);
    }
    assert_eq!(refusal(&app.post("/users-ms/invitation/accept").json(&body).send()), (429, "too-many-attempts".into()));
    let form = "token=x&name=Bob&surname=Bell&password=correct+horse+battery";
    let answer = app.post(PAGE).body("application/x-www-form-urlencoded", form).send();
    assert_eq!(refusal(&answer), (429, "too-many-attempts".into()));
}
