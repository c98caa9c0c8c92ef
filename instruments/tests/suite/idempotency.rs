//! `idempotency-key`: a sign-up that is asked for again under its key happens once.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::SIGN_UPS;
use blackbox::http::{Answer, Request};
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::turn;
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;

fn users(backend: &Arc<Backend>) -> TestApp {
    TestApp::on(backend).only(&["users", "auth"]).start()
}

fn sign_up<'a>(app: &'a TestApp, key: &str, form: &Value) -> Request<'a> {
    app.post("/users-ms/users").header("idempotency-key", key).json(form)
}

fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

fn count(backend: &Backend, table: &str) -> i64 {
    backend.sql().query_one(&format!("SELECT count(*) FROM {table}"), &[]).expect("a table can be counted").get(0)
}

#[test]
fn a_repeated_sign_up_gets_the_answer_of_the_first_and_makes_nobody() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let form = sign_up_form("again@idempotency.example");
    let key = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let first = sign_up(&app, key, &form).send().expect(201);
    assert!(!is_replayed(&first));
    let second = sign_up(&app, key, &form).send();
    assert_snapshot!(second.shown(), @r#"
    201
    cache-control: no-store
    content-type: application/json
    etag: "[id].1"
    idempotent-replayed: true
    location: /users-ms/users/[id]
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "created_at": "[time]",
      "email": "again@idempotency.example",
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
    for header in ["location", "etag", "content-type"] {
        assert_eq!(first.header(header), second.header(header), "{header}");
    }
    assert_eq!(first.body, second.body);
    // What was answered was answered, whatever has become of the user since.
    let path = first.header("location").unwrap().to_owned();
    let _ = app.patch(&path).json(&json!({"name": "Augusta"})).send().expect(200);
    assert_eq!(sign_up(&app, key, &form).send().expect(201).body, first.body);
    backend.wait_until_published();
    assert_eq!((count(&backend, "users"), backend.broker().length(SIGN_UPS)), (1, 1));
}

#[test]
fn a_key_that_came_with_another_body_is_refused() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let form = sign_up_form("body@idempotency.example");
    let _ = sign_up(&app, "a-key", &form).send().expect(201);
    let mut other = form.clone();
    other["password"] = "another good password".into();
    assert_snapshot!(sign_up(&app, "a-key", &other).send().shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This key was used with another body. Use a new one for another sign-up.",
      "errors": [
        {
          "detail": "This key was used with another body. Use a new one for another sign-up.",
          "pointer": "/idempotency-key"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Idempotency key reused",
      "type": "urn:concierge:problem:idempotency-key-reused"
    }
    "#);
    let spaced = format!("{form} ");
    let request = app.post("/users-ms/users").header("idempotency-key", "a-key").body("application/json", spaced);
    assert_eq!(request.send().expect(422).problem(), "idempotency-key-reused", "a body is compared byte by byte");
    assert_eq!(count(&backend, "users"), 1);
    // Another key is another request.
    assert_eq!(sign_up(&app, "A-key", &form).send().expect(409).problem(), "email-taken");
}

#[test]
fn what_is_no_key_is_refused() {
    let app = TestApp::shared();
    let form = sign_up_form("odd@idempotency.example");
    assert_snapshot!(sign_up(&app, "a key", &form).send().shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "idempotency-key has 1 to 255 characters of visible ASCII, such as a UUID.",
      "errors": [
        {
          "detail": "idempotency-key has 1 to 255 characters of visible ASCII, such as a UUID.",
          "pointer": "/idempotency-key"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid header",
      "type": "urn:concierge:problem:invalid-header"
    }
    "#);
    let long = "x".repeat(256);
    for key in ["", " ", "a, b", "k\u{e9}y", &long] {
        assert_eq!(sign_up(&app, key, &form).send().expect(400).problem(), "invalid-header", "{key:?}");
    }
    let twice = sign_up(&app, "one", &form).header("idempotency-key", "two");
    assert_eq!(twice.send().expect(400).problem(), "invalid-header");
    let _ = sign_up(&app, &long[1..], &form).send().expect(201);
}

#[test]
fn of_the_same_sign_ups_at_once_one_makes_the_user_and_all_get_its_answer() {
    const REQUESTS: usize = 12;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let form = sign_up_form("once@idempotency.example");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..REQUESTS).map(|_| scope.spawn(|| sign_up(&app, "at-once", &form).send())).collect();
        threads.into_iter().map(|thread| thread.join().expect("there is an answer")).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 201), "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| !is_replayed(answer)).count(), 1);
    assert_eq!(answers.iter().map(|answer| &answer.body).collect::<HashSet<_>>().len(), 1);
    backend.wait_until_published();
    assert_eq!((count(&backend, "users"), backend.broker().length(SIGN_UPS)), (1, 1));
}

#[test]
fn callers_that_count_are_not_in_each_others_way() {
    let app = TestApp::shared();
    for name in ["first", "second"] {
        for key in ["1", "2"] {
            let form = sign_up_form(&format!("{name}-{key}@counting.example"));
            assert!(!is_replayed(&sign_up(&app, key, &form).send().expect(201)));
            assert!(is_replayed(&sign_up(&app, key, &form).send().expect(201)));
        }
    }
    // The same address is the same caller, however it is typed.
    let form = sign_up_form("FIRST-1@counting.example");
    assert_eq!(sign_up(&app, "1", &form).send().expect(422).problem(), "idempotency-key-reused");
}

#[test]
fn of_different_sign_ups_at_once_under_one_key_one_is_made() {
    const REQUESTS: usize = 8;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let answers: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..REQUESTS)
            .map(|number| {
                let mut form = sign_up_form("different@idempotency.example");
                form["name"] = format!("Ada {number}").into();
                let app = &app;
                scope.spawn(move || sign_up(app, "one-key", &form).send())
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("there is an answer")).collect()
    });
    assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1, "{answers:?}");
    let refused = answers.iter().filter(|answer| answer.problem() == "idempotency-key-reused");
    assert_eq!(refused.count(), REQUESTS - 1);
    backend.wait_until_published();
    assert_eq!((count(&backend, "users"), backend.broker().length(SIGN_UPS)), (1, 1));
}

#[test]
fn only_successes_are_kept() {
    let app = TestApp::shared();
    let taken = sign_up_form("taken@idempotency.example");
    let id = app.sign_up_with(&taken);
    assert_eq!(sign_up(&app, "failures", &taken).send().expect(409).problem(), "email-taken");
    let mut bad = taken.clone();
    bad["password"] = "short".into();
    assert_eq!(sign_up(&app, "failures", &bad).send().expect(422).problem(), "invalid-password");
    let _ = app.delete(&format!("/users-ms/users/{id}")).send().expect(204);
    let answer = sign_up(&app, "failures", &taken).send().expect(201);
    assert!(!is_replayed(&answer));
}

#[test]
fn a_repeated_sign_up_is_answered_without_hashing() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let form = sign_up_form("hash@idempotency.example");
    let _ = sign_up(&app, "hash", &form).send().expect(201);
    let _ = backend.hold_permits(i32::MAX);
    let new = sign_up(&app, "new", &sign_up_form("new@idempotency.example"));
    assert_eq!(new.send().expect(503).problem(), "too-busy", "there is no place to hash in");
    assert!(is_replayed(&sign_up(&app, "hash", &form).send().expect(201)));
}

#[test]
fn a_sign_up_that_was_kept_while_the_broker_was_away_is_published_once() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let form = sign_up_form("broker@idempotency.example");
    backend.redis.stop();
    for _ in 0..2 {
        let _ = sign_up(&app, "broker", &form).send().expect(201);
    }
    assert_eq!(backend.outbox_length(), 1);
}

#[test]
fn a_key_is_good_for_a_day_and_as_long_as_its_user() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let sweep = || app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send().expect(200);
    let form = |name: &str| sign_up_form(&format!("{name}@idempotency.example"));
    let age = |interval: &str| {
        let older = format!("UPDATE idempotency_keys SET created_at = now() - interval '{interval}'");
        assert_eq!(backend.sql().execute(&older, &[]).expect("keys can age"), 1);
    };
    let _ = sign_up(&app, "day", &form("first")).send().expect(201);
    age("23 hours 59 minutes");
    let _ = sweep();
    assert!(is_replayed(&sign_up(&app, "day", &form("first")).send().expect(201)));
    age("24 hours 1 second");
    // A key that is over is free, whether it was swept or not.
    let first = backend.sql().query_one("SELECT id FROM users", &[]).expect("there is one user").get::<_, i64>(0);
    assert_eq!(sign_up(&app, "day", &form("first")).send().expect(409).problem(), "email-taken");
    assert_eq!(count(&backend, "idempotency_keys"), 0, "it made way");
    let _ = app.delete(&format!("/users-ms/users/{first}")).send().expect(204);
    let _ = sign_up(&app, "day", &form("first")).send().expect(201);
    age("24 hours 1 second");
    let _ = sweep();
    assert_eq!(count(&backend, "idempotency_keys"), 0);
    let third = sign_up(&app, "day", &form("third")).send().expect(201);
    let _ = app.delete(third.header("location").unwrap()).send().expect(204);
    assert_eq!(count(&backend, "idempotency_keys"), 0);
    let again = sign_up(&app, "day", &form("third")).send().expect(201);
    assert!(!is_replayed(&again) && again.header("location") != third.header("location"));
}

#[test]
fn neither_the_key_nor_the_password_can_be_read_where_they_are_kept() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = users(&backend);
    let _ = sign_up(&app, "a-readable-key", &sign_up_form("kept@idempotency.example")).send().expect(201);
    assert_eq!(backend.places_of(&["a-readable-key", PASSWORD]), [""; 0]);
    let row: String = backend.sql().query_one("SELECT to_jsonb(k)::text FROM idempotency_keys k", &[]).unwrap().get(0);
    assert!(!row.contains("$2b$"), "{row}");
    assert!(!app.log().contains("a-readable-key"), "{}", app.log());
}

#[test]
fn routes_that_give_out_tokens_refuse_a_key_and_the_others_do_not_look_at_it() {
    let app = TestApp::shared();
    let _ = app.sign_up("tokens@idempotency.example");
    let credentials = json!({"username": "tokens@idempotency.example", "password": PASSWORD});
    let post = |path: &str, body: &Value| app.post(path).header("idempotency-key", "k").json(body).send();
    assert_snapshot!(post("/auth-ms/auth/login", &credentials).shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This operation returns tokens, which are not stored, so its response cannot be repeated. Remove idempotency-key.",
      "errors": [
        {
          "detail": "This operation returns tokens, which are not stored, so its response cannot be repeated. Remove idempotency-key.",
          "pointer": "/idempotency-key"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid header",
      "type": "urn:concierge:problem:invalid-header"
    }
    "#);
    let tokens = app.login("tokens@idempotency.example", PASSWORD).expect(200).json();
    let refresh = json!({"refresh_token": tokens["refresh_token"]});
    assert_eq!(post("/auth-ms/auth/refresh", &refresh).expect(400).problem(), "invalid-header");
    // It was not rotated.
    let _ = app.post("/auth-ms/auth/refresh").json(&refresh).send().expect(200);
    let _ = post("/auth-ms/auth/logout", &refresh).expect(204);
}
