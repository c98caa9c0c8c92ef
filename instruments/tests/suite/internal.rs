//! The internal routes: each for one service that shows its credential, and for nobody else.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::openapi::operations;
use blackbox::people::PASSWORD;
use blackbox::turn;
use insta::assert_snapshot;
use serde_json::{Value, json};
use uuid::Uuid;

/// All routes for services, and who may call each.
const INTERNAL: &[(&str, &str, &str)] = &[
    ("POST", "/users-ms/internal/sign-in/begin", "auth"),
    ("POST", "/users-ms/internal/sign-in/end", "auth"),
    ("POST", "/users-ms/internal/second-factor/begin", "auth"),
    ("POST", "/users-ms/internal/second-factor/enrol", "auth"),
    ("POST", "/users-ms/internal/second-factor/end", "auth"),
    ("POST", "/users-ms/internal/passkeys/begin", "auth"),
    ("POST", "/users-ms/internal/passkeys/end", "auth"),
    ("POST", "/users-ms/internal/mail-sign-in/begin", "auth"),
    ("POST", "/users-ms/internal/mail-sign-in/end", "auth"),
    ("GET", "/users-ms/internal/oauth/clients/00000000-0000-0000-0000-000000000001", "auth"),
    ("POST", "/users-ms/internal/oauth/clients/authenticate", "auth"),
    ("POST", "/users-ms/internal/oauth/codes", "auth"),
    ("POST", "/users-ms/internal/oauth/codes/spend", "auth"),
    ("POST", "/users-ms/internal/oauth/sessions/rotate", "auth"),
    (
        "GET",
        "/users-ms/internal/oauth/clients/00000000-0000-0000-0000-000000000001/sessions/00000000-0000-0000-0000-000000000001",
        "auth",
    ),
    (
        "DELETE",
        "/users-ms/internal/oauth/clients/00000000-0000-0000-0000-000000000001/sessions/00000000-0000-0000-0000-000000000001",
        "auth",
    ),
    ("POST", "/users-ms/internal/sessions/rotate", "auth"),
    ("POST", "/users-ms/internal/sessions/end", "auth"),
    ("GET", "/users-ms/internal/sessions/00000000-0000-0000-0000-000000000001", "auth"),
    ("GET", "/users-ms/internal/users/9223372036854775807/sessions", "auth"),
    ("DELETE", "/users-ms/internal/users/9223372036854775807/sessions", "auth"),
    ("DELETE", "/users-ms/internal/users/9223372036854775807/sessions/00000000-0000-0000-0000-000000000001", "auth"),
    ("DELETE", "/users-ms/internal/outbox/00000000-0000-0000-0000-000000000001", "auth"),
    ("GET", "/users-ms/internal/outbox", "scheduler"),
    ("POST", "/users-ms/internal/outbox/sweep", "scheduler"),
    ("POST", "/notification-ms/internal/consumers/wake", "scheduler"),
    ("POST", "/auth-ms/auth/introspect", "operator"),
    ("GET", "/users-ms/internal/metrics", "metrics"),
    ("GET", "/auth-ms/internal/metrics", "metrics"),
    ("GET", "/notification-ms/internal/metrics", "metrics"),
];

/// All callers, with what each shows.
fn callers(app: &TestApp) -> [(&'static str, &str); 4] {
    [("auth", app.auth()), ("scheduler", app.scheduler()), ("operator", app.operator()), ("metrics", app.metrics())]
}

#[test]
fn each_internal_route_answers_the_one_service_that_may_call_it() {
    let app = TestApp::shared();
    for (method, path, may) in INTERNAL {
        for (caller, credential) in callers(&app) {
            let answer = app.request(method, path).bearer(credential).send();
            let is_refused = (answer.status, answer.problem().as_str()) == (401, "invalid-service-token");
            assert_eq!(is_refused, caller != *may, "{caller} asks {method} {path}: {}", answer.shown());
        }
    }
}

#[test]
fn the_list_of_internal_routes_is_that_of_the_openapi_files() {
    let credentials = ["authCredential", "schedulerCredential", "operatorCredential", "metricsCredential"];
    for operation in operations() {
        let tokens = operation.tokens();
        let [only] = tokens.as_slice() else { continue };
        if !credentials.contains(only) {
            continue;
        }
        let target = operation.example_target(&[]);
        let known = target.split('?').next().unwrap_or_default();
        let listed = INTERNAL
            .iter()
            .find(|(method, path, _)| *method == operation.method.to_uppercase() && same_route(path, known));
        assert!(listed.is_some_and(|(_, _, may)| only.starts_with(may)), "{} {known}", operation.method);
    }
}

/// Whether two paths are of the same route: ids may differ.
fn same_route(one: &str, other: &str) -> bool {
    let is_id = |part: &str| part.parse::<i64>().is_ok() || Uuid::try_parse(part).is_ok();
    let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
    one.len() == other.len() && one.iter().zip(&other).all(|(a, b)| a == b || is_id(a) && is_id(b))
}

#[test]
fn nothing_internal_answers_without_a_credential() {
    let app = TestApp::shared();
    let _ = app.sign_up("token@internal.example");
    for (method, path, _) in INTERNAL {
        for (_, token) in callers(&app) {
            let wrong = [
                None,
                Some("Bearer ".to_owned()),
                Some("Bearer wrong".to_owned()),
                Some(format!("Bearer {}", &token[1..])),
                Some(format!("Bearer {token}x")),
                Some(format!("Bearer {}", token.to_uppercase())),
                Some(format!("Basic {token}")),
                Some(token.to_owned()),
            ];
            for authorization in wrong {
                let request = app.request(method, path);
                let request = match &authorization {
                    Some(value) => request.header("authorization", value),
                    None => request,
                };
                let answer = request.send();
                let seen = (answer.status, answer.problem());
                assert_eq!(seen, (401, "invalid-service-token".to_owned()), "{method} {path} {authorization:?}");
            }
        }
    }
    assert_snapshot!(app.post(INTERNAL[0].1).send().shown(), @r#"
    401
    cache-control: no-store
    content-type: application/problem+json
    www-authenticate: Bearer realm="concierge"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This operation is internal. Send the calling service's credential as a bearer token.",
      "instance": "[uuid]",
      "status": 401,
      "title": "Invalid service token",
      "type": "urn:concierge:problem:invalid-service-token"
    }
    "#);
}

#[test]
fn a_credential_is_rotated_without_a_moment_in_which_nobody_is_let_in() {
    let _turn = turn::together();
    let backend = Backend::new();
    let (old, new) = (backend.auth_credential.clone(), "n".repeat(40));
    // Between the steps of a rotation each service may be a step ahead of the other.
    let steps = [old.clone(), format!("{old},{new}"), format!("{new},{old}"), new.clone()];
    for (users_has, auth_has) in [(0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (2, 3), (3, 2), (3, 3)] {
        let users = TestApp::on(&backend).only(&["users"]).variable("auth_credential", &steps[users_has]).start();
        let auth = TestApp::on(&backend)
            .only(&["auth"])
            .variable("users_url", users.app.url())
            .variable("auth_credential", &steps[auth_has])
            .start();
        let email = format!("rotation-{users_has}-{auth_has}@internal.example");
        let _ = users.sign_up(&email);
        let _ = auth.login(&email, PASSWORD).expect(200);
        for (value, is_good) in [(&old, users_has < 3), (&new, users_has > 0)] {
            let answer = users.get("/users-ms/internal/users/9223372036854775807/sessions").bearer(value).send();
            assert_eq!(answer.status, if is_good { 200 } else { 401 }, "step {users_has}");
        }
    }
}

/// The keys that attempts for this name are counted under.
fn keys(name: &str) -> Value {
    let pepper = identity::Peppers::new("a pepper for keys alone, of 32 bytes").expect("it is long enough");
    json!(identity::AttemptKeys::new(&pepper, name, "10.0.0.1"))
}

fn begin(app: &TestApp, email: &str) -> Answer {
    let body = json!({"keys": keys(email), "email": email});
    app.post("/users-ms/internal/sign-in/begin").bearer(app.auth()).json(&body).send()
}

fn end(app: &TestApp, body: &Value) -> Answer {
    app.post("/users-ms/internal/sign-in/end").bearer(app.auth()).json(body).send()
}

/// A digest that no other token has.
fn digest() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

/// The body that ends a sign-in with a success, under the credentials that its begin has given.
fn success(email: &str, begun: &Value, session: Uuid, digest: &str) -> Value {
    let credentials = &begun["credentials"];
    json!({"permit": begun["permit"], "keys": keys(email), "succeeded": true, "session": {
        "session_id": session, "user_id": credentials["id"], "email": credentials["email"],
        "credentials_epoch": credentials["credentials_epoch"], "refresh_digest": digest, "idle_seconds": 60,
        "absolute_seconds": 600}})
}

#[test]
fn credentials_are_given_with_the_permit_to_check_them() {
    let app = TestApp::shared();
    let id = app.sign_up("Credentials@internal.example");
    let answer = begin(&app, "credentials@INTERNAL.example").expect(200).json();
    let expected = json!({"id": id, "email": "Credentials@internal.example", "phone": null, "role": "user",
        "password_hash": answer["credentials"]["password_hash"], "credentials_epoch": 1, "suspended": false,
        "password_reset_required": false, "has_second_factor": false, "has_passkey": false});
    assert_eq!(answer["credentials"], expected);
    assert!(answer["credentials"]["password_hash"].as_str().unwrap().starts_with("v2:v1:$2b$04$"), "{answer}");
    assert!(answer["permit"]["number"].is_u64() && answer["retry_after"].is_null(), "{answer}");
    for nobody in ["nobody@internal.example", "no address"] {
        let answer = begin(&app, nobody).expect(200).json();
        assert!(answer["permit"]["number"].is_u64() && answer["credentials"].is_null(), "{answer}");
        let _ = end(&app, &json!({"permit": answer["permit"], "keys": keys(nobody)})).expect(200);
    }
    let _ = end(&app, &json!({"permit": answer["permit"], "keys": keys("credentials@INTERNAL.example")})).expect(200);
}

#[test]
fn a_hash_is_renewed_only_in_the_place_of_the_one_that_was_checked() {
    let app = TestApp::shared();
    let email = "renew@internal.example";
    let id = app.sign_up(email);
    let begun = begin(&app, email).expect(200).json();
    let kept = begun["credentials"]["password_hash"].as_str().unwrap();
    let other = format!("{}{}", &kept[..kept.len() - 1], if kept.ends_with('a') { "e" } else { "a" });
    let renew = |previous: &str, renewed: &str| {
        let mut body = success(email, &begun, Uuid::new_v4(), &digest());
        body["session"]["renewal"] = json!({"previous_hash": previous, "password_hash": renewed});
        end(&app, &body)
    };
    let hash = || {
        let begun = begin(&app, email).expect(200).json();
        let _ = end(&app, &json!({"permit": begun["permit"], "keys": keys(email)})).expect(200);
        (begun["credentials"]["password_hash"].clone(), begun["credentials"]["credentials_epoch"].clone())
    };
    let _ = renew(&other, &other).expect(200);
    assert_eq!(hash(), (json!(kept), json!(1)));
    let _ = renew(kept, &other).expect(200);
    assert_eq!(hash(), (json!(other), json!(1)), "it is a hash of the same password");
    assert_eq!(renew(kept, "v1:hello").expect(422).pointers(), ["/session/renewal/password_hash"]);
    let user = app.get(&format!("/users-ms/users/{id}")).send().json();
    assert_eq!(user["version"], 1, "nobody sees that a hash was renewed");
}

#[test]
fn a_success_gives_a_session_and_an_event_that_waits_for_its_publisher() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    let email = "success@internal.example";
    let id = app.sign_up(email);
    backend.wait_until_published();
    let begun = begin(&app, email).expect(200).json();
    let session = Uuid::new_v4();
    let ended = end(&app, &success(email, &begun, session, &digest())).expect(200).json();
    let mut started = ended["session"].clone();
    let said = started["authentication"].take();
    assert_eq!(said["amr"], json!(["pwd"]));
    assert_eq!(started, json!({"session_id": session, "user_id": id, "role": "user", "authentication": null}));
    let mut data = ended["event"]["data"].clone();
    let link = data.as_object_mut().and_then(|data| data.remove("link")).expect("the mail has a link");
    assert!(link.as_str().is_some_and(|link| link.contains("/users-ms/not-me/page?token=nm1.")), "{link}");
    assert_eq!(data, json!({"user_id": id, "email": email, "phone": null}));
    assert_eq!((&ended["event"]["type"], &ended["event"]["source"]), (&json!("user_login_event"), &json!("/auth-ms")));
    let sweep = || app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send().expect(200).json();
    assert_eq!(sweep()["published"], 0, "it is its publisher's for a while");
    backend.sql().execute("UPDATE outbox SET leased_until = now()", &[]).unwrap();
    assert_eq!(sweep()["published"], 1, "then a sweep publishes it");

    let ended = end(&app, &success(email, &begun, Uuid::new_v4(), &digest())).expect(200).json();
    let path = format!("/users-ms/internal/outbox/{}", ended["event"]["id"].as_str().unwrap());
    assert_eq!(backend.outbox_length(), 1);
    for _ in 0..2 {
        let _ = app.delete(&path).bearer(app.auth()).send().expect(204);
    }
    assert_eq!(backend.outbox_length(), 0, "its publisher has published it");
    let odd = app.delete("/users-ms/internal/outbox/1").bearer(app.auth()).send();
    assert_eq!((odd.status, odd.problem()), (400, "invalid-id".to_owned()));
}

#[test]
fn a_session_begins_only_under_the_credentials_that_were_read() {
    let app = TestApp::shared();
    let email = "epoch@internal.example";
    let id = app.sign_up(email);
    let path = format!("/users-ms/users/{id}");
    let root = app.admin("root@internal.example");
    let mut address = email.to_owned();
    for change in [
        json!({"password": "another loom altogether"}),
        json!({"role": "admin"}),
        json!({"email": "moved@internal.example"}),
    ] {
        let begun = begin(&app, &address).expect(200).json();
        let _ = app.patch(&path).bearer(&root.access).json(&change).send().expect(200);
        let ended = end(&app, &success(&address, &begun, Uuid::new_v4(), &digest())).expect(200).json();
        assert_eq!(ended, json!({"session": null, "event": null}), "{change}");
        if let Some(moved) = change["email"].as_str() {
            address = moved.to_owned();
        }
        let begun = begin(&app, &address).expect(200).json();
        let session = Uuid::new_v4();
        let ended = end(&app, &success(&address, &begun, session, &digest())).expect(200).json();
        assert_eq!(ended["session"]["session_id"], session.to_string(), "{change}");
    }
    let begun = begin(&app, &address).expect(200).json();
    let _ = app.delete(&path).bearer(&root.access).send().expect(204);
    let ended = end(&app, &success(&address, &begun, Uuid::new_v4(), &digest())).expect(200).json();
    assert_eq!(ended["session"], Value::Null, "the user is gone");
}

#[test]
fn a_sweep_tells_what_it_did() {
    let app = TestApp::shared();
    let answer = app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send().expect(200).json();
    assert!(answer["published"].is_u64() && answer["left"] == 0, "{answer}");
}

#[test]
fn a_ring_is_accepted() {
    let app = TestApp::shared();
    assert_snapshot!(app.post("/notification-ms/internal/consumers/wake").bearer(app.scheduler()).send().shown(), @"
    202
    cache-control: no-store
    x-content-type-options: nosniff
    x-request-id: [uuid]
    ");
}

#[test]
fn the_queues_are_shown_to_an_operator() {
    let app = TestApp::shared();
    let answer = app.get("/notification-ms/internal/queues").bearer(app.operator()).send().expect(200).json();
    let items = answer["items"].as_array().unwrap();
    let named: Vec<_> = items.iter().map(|item| (item["queue"].as_str(), item["exchange"].as_str())).collect();
    let expected = [
        (Some("login_email_notification"), Some("user_login_event")),
        (Some("login_sms_notification"), Some("user_login_event")),
        (Some("welcome_email_notification"), Some("new_user_event")),
        (Some("account_locked_email_notification"), Some("account_locked_event")),
        (Some("verification_email_notification"), Some("verification_requested_event")),
        (Some("sign_up_repeated_email_notification"), Some("sign_up_repeated_event")),
        (Some("phone_verification_sms_notification"), Some("phone_verification_requested_event")),
        (Some("recovery_email_notification"), Some("recovery_requested_event")),
        (Some("sign_in_link_email_notification"), Some("sign_in_requested_event")),
        (Some("password_changed_email_notification"), Some("password_changed_event")),
        (Some("second_factor_changed_email_notification"), Some("second_factor_changed_event")),
        (Some("email_change_email_notification"), Some("email_change_requested_event")),
        (Some("email_changed_email_notification"), Some("email_changed_event")),
        (Some("invitation_email_notification"), Some("user_invited_event")),
        (Some("login_webhook_notification"), Some("user_login_event")),
        (Some("new_user_webhook_notification"), Some("new_user_event")),
        (Some("account_locked_webhook_notification"), Some("account_locked_event")),
        (Some("password_changed_webhook_notification"), Some("password_changed_event")),
        (Some("second_factor_changed_webhook_notification"), Some("second_factor_changed_event")),
        (Some("email_changed_webhook_notification"), Some("email_changed_event")),
        (Some("user_removed_webhook_notification"), Some("user_removed_event")),
        (Some("removal_notice_email_notification"), Some("removal_notice_requested_event")),
    ];
    assert_eq!(named, expected);
    for item in items {
        for number in ["waiting", "in_flight", "retrying", "dead", "consumers", "failures_in_a_row"] {
            assert!(item[number].is_u64(), "{item}");
        }
        assert_eq!(item["paused_for"], serde_json::Value::Null);
    }
    assert_eq!(answer["next_cursor"], serde_json::Value::Null);
}

#[test]
fn a_sign_in_takes_a_permit_and_gives_it_back() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("login_throttling", "on").start();
    let email = "nobody@internal.example";
    let begun = begin(&app, email).expect(200).json();
    // Two of sixteen are for known devices alone.
    assert_eq!((&begun["permit"]["number"], &begun["retry_after"]), (&json!(14), &json!(null)));
    assert_eq!(begin(&app, email).expect(200).json()["permit"]["number"], 13);
    for _ in 0..5 {
        let ended = json!({"permit": begun["permit"], "keys": keys(email), "succeeded": false});
        assert_eq!(end(&app, &ended).expect(200).json(), json!({"session": null, "event": null}));
    }
    let waiting = begin(&app, email).expect(200).json();
    let seconds = waiting["retry_after"].as_u64().expect("it says for how long");
    assert!((1..=2).contains(&seconds), "five have failed, and one is under way: {waiting}");
    assert!(waiting["permit"].is_null() && waiting["credentials"].is_null() && waiting["locked"] == false, "{waiting}");

    let post = |path: &str, body: &Value| app.post(path).bearer(app.auth()).json(body).send();
    let mut odd = keys(email);
    odd["account"] = json!("ada@example.org");
    for (body, problem) in [
        (json!({"keys": odd, "email": email}), "invalid-value"),
        (json!({"keys": {"account": "a".repeat(64)}}), "missing-field"),
        (json!({"email": email}), "missing-field"),
        (json!({"place": null}), "unknown-field"),
    ] {
        assert_eq!(post("/users-ms/internal/sign-in/begin", &body).expect(422).problem(), problem);
    }
    let permit = json!({"number": 1, "holder": Uuid::new_v4()});
    for (body, problem) in [
        (json!({"permit": {"number": 1, "holder": "x"}, "keys": keys(email)}), "invalid-value"),
        (json!({"permit": permit, "keys": odd}), "invalid-value"),
        (json!({"permit": permit, "keys": keys(email), "succeeded": true}), "missing-field"),
    ] {
        assert_eq!(post("/users-ms/internal/sign-in/end", &body).expect(422).problem(), problem);
    }
}

#[test]
fn a_challenge_that_nobody_has_leads_nowhere() {
    let app = TestApp::shared();
    let nobody = "challenge@internal.example";
    let id = app.sign_up(nobody);
    let post = |path: &str, body: &Value| {
        app.post(&format!("/users-ms/internal/second-factor/{path}")).bearer(app.auth()).json(body).send()
    };
    let shown = json!({"challenge_digest": digest(), "client_digest": digest()});
    let enrolled = post("enrol", &shown).expect(200).json();
    assert_eq!(enrolled, json!({"enrolment": null}));
    let mut ended = shown.clone();
    ended["code"] = "123456".into();
    ended["session"] = json!({"session_id": Uuid::new_v4(), "refresh_digest": digest(), "idle_seconds": 60,
        "absolute_seconds": 600});
    let ended = post("end", &ended).expect(200).json();
    assert_eq!((&ended["outcome"], &ended["session"]), (&json!("invalid-challenge"), &Value::Null));
    // Of an epoch that is over, no challenge is begun.
    let permit = begin(&app, nobody).expect(200).json()["permit"].clone();
    let mut begun = shown;
    for (name, value) in [
        ("permit", permit),
        ("keys", keys(nobody)),
        ("user_id", id.into()),
        ("credentials_epoch", 0.into()),
        ("task", "code".into()),
    ] {
        begun[name] = value;
    }
    assert_eq!(post("begin", &begun).expect(200).json(), json!({"expires_in": null}));
}

#[test]
fn a_session_goes_on_and_ends() {
    let app = TestApp::shared();
    let email = "sessions@internal.example";
    let id = app.sign_up(email);
    let post = |path: &str, body: &Value| {
        app.post(&format!("/users-ms/internal/sessions{path}")).bearer(app.auth()).json(body).send()
    };
    let get = |path: &str| app.get(&format!("/users-ms/internal{path}")).bearer(app.auth()).send().expect(200);
    let begin = |session: Uuid, digest: &str| {
        let begun = begin(&app, email).expect(200).json();
        let ended = end(&app, &success(email, &begun, session, digest)).expect(200).json();
        assert_eq!(ended["session"]["session_id"], session.to_string());
        ended["session"]["authentication"].clone()
    };
    let (session, first, second) = (Uuid::new_v4(), digest(), digest());
    let said = begin(session, &first);
    assert_eq!(get(&format!("/sessions/{session}")).json(), json!({"alive": true, "recent": true}));
    let listed = get(&format!("/users/{id}/sessions")).json();
    assert_eq!(listed["items"][0]["id"], session.to_string());

    let rotate = |generation: i64, from: &str, to: &str| {
        let body = json!({"session_id": session, "generation": generation, "refresh_digest": from, "next_digest": to,
            "idle_seconds": 60, "leeway_seconds": 30});
        post("/rotate", &body).expect(200).json()
    };
    let going_on = json!({"session_id": session, "user_id": id, "role": "user",
        "authentication": said});
    assert_eq!(rotate(0, &first, &second), json!({"outcome": "renewed", "session": going_on}));
    assert_eq!(rotate(0, &first, &second), json!({"outcome": "repeated", "session": going_on}));
    // Another successor, another token of this generation, or one of a generation to come: nothing happens.
    for (generation, from) in [(0, &first), (1, &digest()), (2, &second)] {
        assert_eq!(rotate(generation, from, &digest()), json!({"outcome": "unknown", "session": null}));
    }
    let (other, of_other) = (Uuid::new_v4(), digest());
    begin(other, &of_other);

    let end = |digest: &str| post("/end", &json!({"session_id": session, "refresh_digest": digest})).expect(200).json();
    assert_eq!(end(&first), json!({"ended": {"session_id": session, "user_id": id}}), "an earlier one will do");
    assert_eq!(end(&first), json!({"ended": null}));
    assert_eq!(get(&format!("/sessions/{session}")).json(), json!({"alive": false, "recent": false}));
    let delete = |path: &str| {
        let path = format!("/users-ms/internal/users/{id}/sessions{path}");
        app.delete(&path).bearer(app.auth()).send().expect(200).json()
    };
    assert_eq!(delete(&format!("/{session}")), json!({"ended": 0}));
    assert_eq!(delete(&format!("/{other}")), json!({"ended": 1}));
    begin(Uuid::new_v4(), &digest());
    assert_eq!(delete(""), json!({"ended": 1}));
}
