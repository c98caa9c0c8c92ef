//! The internal routes: for services that show the service token, and for nobody else.

use blackbox::app::TestApp;
use blackbox::broker::login_event;
use insta::assert_snapshot;
use serde_json::json;
use uuid::Uuid;

const INTERNAL: &[(&str, &str)] = &[
    ("GET", "/users-ms/internal/credentials?email=token@internal.example"),
    ("PUT", "/users-ms/internal/credentials/1"),
    ("POST", "/users-ms/internal/attempts"),
    ("POST", "/users-ms/internal/attempts/end"),
    ("POST", "/users-ms/internal/sessions"),
    ("POST", "/users-ms/internal/sessions/rotate"),
    ("POST", "/users-ms/internal/sessions/end"),
    ("GET", "/users-ms/internal/sessions/00000000-0000-0000-0000-000000000001"),
    ("GET", "/users-ms/internal/users/1/sessions"),
    ("DELETE", "/users-ms/internal/users/1/sessions"),
    ("DELETE", "/users-ms/internal/users/1/sessions/00000000-0000-0000-0000-000000000001"),
    ("POST", "/users-ms/internal/outbox"),
    ("POST", "/users-ms/internal/outbox/sweep"),
    ("POST", "/notification-ms/internal/ring"),
    ("GET", "/notification-ms/internal/queues"),
];

#[test]
fn nothing_internal_answers_without_the_service_token() {
    let app = TestApp::shared();
    let _ = app.sign_up("token@internal.example");
    let token = app.service_token();
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
    for (method, path) in INTERNAL {
        for authorization in &wrong {
            let request = app.request(method, path);
            let request = match authorization {
                Some(value) => request.header("authorization", value),
                None => request,
            };
            let answer = request.send();
            let seen = (answer.status, answer.problem());
            assert_eq!(seen, (401, "invalid-service-token".to_owned()), "{method} {path} {authorization:?}");
        }
    }
    assert_snapshot!(app.get(INTERNAL[0].1).send().shown(), @r#"
    401
    cache-control: no-store
    content-type: application/problem+json
    www-authenticate: Bearer realm="concierge"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This route is for other services; it needs the service token as a bearer token.",
      "instance": "[uuid]",
      "status": 401,
      "title": "Invalid service token",
      "type": "urn:concierge:problem:invalid-service-token"
    }
    "#);
}

#[test]
fn credentials_are_given_to_a_service() {
    let app = TestApp::shared();
    let id = app.sign_up("Credentials@internal.example");
    let path = "/users-ms/internal/credentials?email=credentials@INTERNAL.example";
    let answer = app.get(path).bearer(app.service_token()).send();
    assert_snapshot!(answer.shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "email": "Credentials@internal.example",
      "id": "[id]",
      "password_hash": "v1:$2b$04$[salt and hash]",
      "phone": null,
      "role": "user"
    }
    "#);
    assert_eq!(answer.json()["id"], id);
}

#[test]
fn credentials_of_nobody_are_not_found() {
    let app = TestApp::shared();
    let ask = |query: &str| {
        let path = format!("/users-ms/internal/credentials{query}");
        app.get(&path).bearer(app.service_token()).send()
    };
    assert_snapshot!(ask("?email=nobody@internal.example").shown(), @r#"
    404
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "No user has this email.",
      "instance": "[uuid]",
      "status": 404,
      "title": "User not found",
      "type": "urn:concierge:problem:user-not-found"
    }
    "#);
    assert_eq!(ask("?email=no-address").expect(404).problem(), "user-not-found");
    assert_snapshot!(ask("").shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The query parameter email is required.",
      "errors": [
        {
          "detail": "The query parameter email is required.",
          "pointer": "/email"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid query",
      "type": "urn:concierge:problem:invalid-query"
    }
    "#);
    assert_eq!(ask("?mail=a@b.example").expect(400).problem(), "invalid-query");
}

#[test]
fn a_hash_is_renewed_only_in_the_place_of_the_one_that_was_checked() {
    let app = TestApp::shared();
    let id = app.sign_up("renew@internal.example");
    let of = |path: &str| app.get(path).bearer(app.service_token()).send().expect(200).json();
    let kept = of("/users-ms/internal/credentials?email=renew@internal.example")["password_hash"].clone();
    let renew = |previous: &str, renewed: &str| {
        let body = json!({"previous_hash": previous, "password_hash": renewed});
        app.put(&format!("/users-ms/internal/credentials/{id}")).bearer(app.service_token()).json(&body).send()
    };
    let kept = kept.as_str().unwrap();
    let other = format!("{}{}", &kept[..kept.len() - 1], if kept.ends_with('a') { "e" } else { "a" });
    assert_snapshot!(renew(&other, kept).shown(), @r#"
    409
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The password has changed since, or the user is gone.",
      "instance": "[uuid]",
      "status": 409,
      "title": "Conflict",
      "type": "urn:concierge:problem:conflict"
    }
    "#);
    assert_snapshot!(renew(kept, kept).shown(), @"
    204
    cache-control: no-store
    x-content-type-options: nosniff
    x-request-id: [uuid]
    ");
    let odd = renew(kept, "v1:hello").expect(422);
    assert_eq!(odd.problem(), "invalid-value");
    assert_eq!(odd.json()["detail"], "This is no hash of a password: the hash is malformed.");
    assert_eq!(renew("$2b$04$x", kept).expect(422).pointers(), ["/previous_hash"]);
    let user = app.get(&format!("/users-ms/users/{id}")).send().json();
    assert_eq!(user["version"], 1, "nobody sees that a hash was renewed");
}

#[test]
fn an_event_is_kept_for_another_service() {
    let app = TestApp::shared();
    let keep = |event: serde_json::Value| {
        app.post("/users-ms/internal/outbox").bearer(app.service_token()).json(&json!({"event": event})).send()
    };
    let id = Uuid::new_v4().to_string();
    let event: serde_json::Value = serde_json::from_str(&login_event(&id, "kept@internal.example")).unwrap();
    let answer = keep(event);
    assert_snapshot!(answer.shown(), @r#"
    202
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "kept": "[id]"
    }
    "#);
    assert_eq!(answer.json()["kept"], id.as_str());
    let to_nobody: serde_json::Value = serde_json::from_str(&login_event(&id, "")).unwrap();
    assert_eq!(keep(to_nobody).expect(422).problem(), "invalid-value");
    assert_snapshot!(keep(json!({"type": "order_event"})).shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This is no event to keep: the message is no CloudEvents 1.0 JSON.",
      "errors": [
        {
          "detail": "This is no event to keep: the message is no CloudEvents 1.0 JSON.",
          "pointer": "/event"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Invalid value",
      "type": "urn:concierge:problem:invalid-value"
    }
    "#);
}

#[test]
fn a_sweep_tells_what_it_did() {
    let app = TestApp::shared();
    let answer = app.post("/users-ms/internal/outbox/sweep").bearer(app.service_token()).send().expect(200).json();
    assert!(answer["published"].is_u64() && answer["left"] == 0, "{answer}");
}

#[test]
fn a_ring_is_accepted() {
    let app = TestApp::shared();
    assert_snapshot!(app.post("/notification-ms/internal/ring").bearer(app.service_token()).send().shown(), @"
    202
    cache-control: no-store
    x-content-type-options: nosniff
    x-request-id: [uuid]
    ");
}

#[test]
fn the_queues_are_shown_to_an_operator() {
    let app = TestApp::shared();
    let answer = app.get("/notification-ms/internal/queues").bearer(app.service_token()).send().expect(200).json();
    let items = answer["items"].as_array().unwrap();
    let named: Vec<_> = items.iter().map(|item| (item["queue"].as_str(), item["exchange"].as_str())).collect();
    let expected = [
        (Some("login_email_notification"), Some("user_login_event")),
        (Some("login_sms_notification"), Some("user_login_event")),
        (Some("welcome_email_notification"), Some("new_user_event")),
        (Some("account_locked_email_notification"), Some("account_locked_event")),
    ];
    assert_eq!(named, expected);
    for item in items {
        for number in ["waiting", "in_flight", "consumers", "dead"] {
            assert!(item[number].is_u64(), "{item}");
        }
    }
    assert_eq!(answer["next_cursor"], serde_json::Value::Null);
}

#[test]
fn an_attempt_takes_a_place_and_gives_it_back() {
    let app = TestApp::on(&blackbox::backend::Backend::new()).variable("login_throttling", "on").start();
    let post = |path: &str, body: &serde_json::Value| app.post(path).bearer(app.service_token()).json(body).send();
    let keys = json!({"account": "a".repeat(64), "client": "b".repeat(64), "pair": "c".repeat(64)});
    let begun = post("/users-ms/internal/attempts", &keys).expect(200).json();
    assert_eq!((&begun["place"]["number"], &begun["retry_after"]), (&json!(1), &json!(null)));
    assert_eq!(post("/users-ms/internal/attempts", &keys).expect(200).json()["place"]["number"], 2);
    for _ in 0..5 {
        let ended = json!({"place": begun["place"], "counted": keys, "succeeded": false});
        let _ = post("/users-ms/internal/attempts/end", &ended).expect(204);
    }
    let waiting = post("/users-ms/internal/attempts", &keys).expect(200).json();
    assert_eq!(waiting, json!({"place": null, "retry_after": 1}));

    for (body, problem) in [
        (json!({"account": "ada@example.org", "client": "b".repeat(64), "pair": "c".repeat(64)}), "invalid-value"),
        (json!({"account": "a".repeat(64)}), "missing-field"),
        (json!({"place": null}), "unknown-field"),
    ] {
        assert_eq!(post("/users-ms/internal/attempts", &body).expect(422).problem(), problem);
    }
    let odd = json!({"place": {"number": 1, "holder": "x"}, "counted": keys, "succeeded": null});
    assert_eq!(post("/users-ms/internal/attempts/end", &odd).expect(422).problem(), "invalid-value");
}

#[test]
fn a_session_is_begun_goes_on_and_ends() {
    let app = TestApp::shared();
    let id = app.sign_up("sessions@internal.example");
    let post = |path: &str, body: &serde_json::Value| {
        app.post(&format!("/users-ms/internal/sessions{path}")).bearer(app.service_token()).json(body).send()
    };
    let get = |path: &str| app.get(&format!("/users-ms/internal{path}")).bearer(app.service_token()).send().expect(200);
    let digest = || format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let begin = |session: Uuid, user: i64, digest: &str| {
        let body = json!({"session_id": session, "user_id": user, "refresh_digest": digest, "idle_seconds": 60,
            "absolute_seconds": 600});
        post("", &body)
    };
    let (session, first, second) = (Uuid::new_v4(), digest(), digest());
    let _ = begin(session, id, &first).expect(204);
    assert_eq!(get(&format!("/sessions/{session}")).json(), json!({"alive": true}));
    let listed = get(&format!("/users/{id}/sessions")).json();
    assert_eq!(listed["items"][0]["id"], session.to_string());

    let rotate =
        |from: &str, to: &str| post("/rotate", &json!({"refresh_digest": from, "next_digest": to, "idle_seconds": 60}));
    let rotated = rotate(&first, &second).expect(200).json();
    let going_on = json!({"session_id": session, "user_id": id, "role": "user"});
    assert_eq!(rotated, json!({"session": going_on, "was_reused": false}));
    assert_eq!(rotate(&digest(), &digest()).expect(200).json(), json!({"session": null, "was_reused": false}));
    // The next token is another session's.
    let (other, of_other) = (Uuid::new_v4(), digest());
    let _ = begin(other, id, &of_other).expect(204);
    assert_eq!(rotate(&second, &of_other).expect(409).problem(), "conflict");

    let end = |digest: &str| post("/end", &json!({"refresh_digest": digest})).expect(200).json();
    assert_eq!(end(&first), json!({"ended": {"session_id": session, "user_id": id}}), "a spent one will do");
    assert_eq!(end(&first), json!({"ended": null}));
    assert_eq!(get(&format!("/sessions/{session}")).json(), json!({"alive": false}));
    let delete = |path: &str| {
        let path = format!("/users-ms/internal/users/{id}/sessions{path}");
        app.delete(&path).bearer(app.service_token()).send().expect(200).json()
    };
    assert_eq!(delete(&format!("/{session}")), json!({"ended": 0}));
    assert_eq!(delete(&format!("/{other}")), json!({"ended": 1}));
    let _ = begin(Uuid::new_v4(), id, &digest()).expect(204);
    assert_eq!(delete(""), json!({"ended": 1}));
}

#[test]
fn a_session_of_nobody_is_not_begun() {
    let app = TestApp::shared();
    let body = json!({"session_id": Uuid::new_v4(), "user_id": i64::MAX, "refresh_digest": "0".repeat(64),
        "idle_seconds": 60, "absolute_seconds": 600});
    let answer = app.post("/users-ms/internal/sessions").bearer(app.service_token()).json(&body).send();
    assert_eq!((answer.status, answer.problem().as_str()), (404, "user-not-found"));
}
