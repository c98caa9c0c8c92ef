//! Probes, and what holds on every path: HEAD, unknown routes, wrong methods, request ids.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use insta::assert_snapshot;
use serde_json::{Map, json};

/// Holds the answer of a service's readiness to these checks, by name, each `ok` or `unavailable`; 503 if one is unavailable.
#[track_caller]
pub(crate) fn assert_readiness(app: &TestApp, service: &str, checks: &[(&str, &str)]) {
    let status = |name: &str| if name == "ok" { 200 } else { 503 };
    let overall = checks.iter().map(|(_, status)| *status).find(|status| *status != "ok").unwrap_or("ok");
    let answer = app.get(&format!("/{service}/readiness")).send().expect(status(overall));
    let mut body = answer.json();
    for (name, _) in checks {
        assert!(body["checks"][name]["latency_ms"].take().is_number(), "{name} of {}", answer.text());
    }
    let entries =
        checks.iter().map(|(name, status)| ((*name).to_owned(), json!({"status": status, "latency_ms": null})));
    let expected: Map<_, _> = entries.collect();
    assert_eq!(body, json!({"status": overall, "checks": expected}), "{service}");
}

#[test]
fn each_service_is_alive() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/healthcheck").send().shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "status": "ok"
    }
    "#);
    for service in ["auth-ms", "notification-ms"] {
        let answer = app.get(&format!("/{service}/healthcheck")).send();
        assert_eq!(answer.shown(), app.get("/users-ms/healthcheck").send().shown());
    }
}

#[test]
fn each_service_is_ready() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/readiness").send().shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "checks": {
        "configuration": {
          "latency_ms": "[milliseconds]",
          "status": "ok"
        },
        "database": {
          "latency_ms": "[milliseconds]",
          "status": "ok"
        }
      },
      "status": "ok"
    }
    "#);
    assert_readiness(&app, "auth-ms", &[("configuration", "ok"), ("users", "ok")]);
    assert_readiness(&app, "notification-ms", &[("broker", "ok"), ("configuration", "ok")]);
}

#[test]
fn auth_is_not_ready_without_users() {
    let app = TestApp::on(&Backend::new()).only(&["auth"]).start();
    assert_readiness(&app, "auth-ms", &[("configuration", "ok"), ("users", "unavailable")]);
    let _ = app.get("/auth-ms/healthcheck").send().expect(200);
}

#[test]
fn head_answers_as_get_does_without_the_body() {
    let app = TestApp::shared();
    let id = app.sign_up("head@probes.example");
    for path in [
        &format!("/users-ms/users/{id}"),
        "/users-ms/users?email=head@probes.example",
        "/users-ms/healthcheck",
        "/auth-ms/healthcheck",
        "/notification-ms/healthcheck",
        "/users-ms/users/abc",
    ] {
        let (head, get) = (app.request("HEAD", path).send(), app.get(path).send());
        assert!(head.body.is_empty(), "{path}");
        assert_eq!(head.status, get.status, "{path}");
        for name in ["content-type", "etag", "cache-control"] {
            assert_eq!(head.header(name), get.header(name), "{path}: {name}");
        }
    }
}

#[test]
fn a_path_without_route_is_not_found() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/nothing").send().shown(), @r#"
    404
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Not found. See the OpenAPI document.",
      "instance": "[uuid]",
      "status": 404,
      "title": "No such route",
      "type": "urn:concierge:problem:no-such-route"
    }
    "#);
    for path in [
        "/users-ms",
        "/users-ms/",
        "/users-ms/users/",
        "/users-ms/users/7/more",
        "/users-ms//users",
        "/users-ms/Users",
        "/users-ms/internal",
        "/auth-ms/nothing",
        "/auth-ms/auth",
        "/auth-ms/auth/login/",
        "/notification-ms/nothing",
        "/notification-ms/internal",
    ] {
        let answer = app.get(path).send();
        // An empty id is an id, and none that a user has.
        let expected = if path == "/users-ms/users/" { (400, "invalid-id") } else { (404, "no-such-route") };
        assert_eq!((answer.status, answer.problem().as_str()), expected, "{path}");
    }
    assert_eq!(app.get("/nothing").send().status, 404);
}

#[test]
fn a_method_that_a_path_does_not_have_is_answered_with_those_that_it_has() {
    let app = TestApp::shared();
    assert_snapshot!(app.delete("/users-ms/users").send().shown(), @r#"
    405
    allow: GET, HEAD, POST
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Allowed methods: GET, HEAD, POST.",
      "instance": "[uuid]",
      "status": 405,
      "title": "Method not allowed",
      "type": "urn:concierge:problem:method-not-allowed"
    }
    "#);
    for (method, path, allowed) in [
        ("PUT", "/users-ms/users", "GET, HEAD, POST"),
        ("POST", "/users-ms/users/7", "GET, HEAD, PUT, PATCH, DELETE"),
        ("OPTIONS", "/users-ms/users/7", "GET, HEAD, PUT, PATCH, DELETE"),
        ("BREW", "/users-ms/users/7", "GET, HEAD, PUT, PATCH, DELETE"),
        ("POST", "/users-ms/healthcheck", "GET, HEAD"),
        ("POST", "/users-ms/readiness", "GET, HEAD"),
        ("DELETE", "/users-ms/load-test", "GET, HEAD"),
        ("GET", "/users-ms/internal/sign-in/begin", "POST"),
        ("DELETE", "/users-ms/internal/sign-in/end", "POST"),
        ("GET", "/users-ms/internal/outbox/0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e11", "DELETE"),
        ("DELETE", "/users-ms/internal/outbox", "GET, HEAD"),
        ("GET", "/users-ms/internal/outbox/sweep", "POST"),
        ("GET", "/auth-ms/auth/login", "POST"),
        ("PUT", "/auth-ms/auth/login", "POST"),
        ("POST", "/auth-ms/healthcheck", "GET, HEAD"),
        ("PATCH", "/auth-ms/readiness", "GET, HEAD"),
        ("POST", "/notification-ms/notifications", "GET, HEAD"),
        ("POST", "/notification-ms/healthcheck", "GET, HEAD"),
        ("DELETE", "/notification-ms/readiness", "GET, HEAD"),
        ("POST", "/notification-ms/internal/queues", "GET, HEAD"),
        ("GET", "/notification-ms/internal/consumers/wake", "POST"),
    ] {
        let answer = app.request(method, path).send();
        assert_eq!((answer.status, answer.problem().as_str()), (405, "method-not-allowed"), "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
    }
}

#[test]
fn a_sane_request_id_comes_back_and_another_is_replaced() {
    let app = TestApp::shared();
    let sent = |id: &str| {
        let answer = app.get("/users-ms/users/abc").header("x-request-id", id).send().expect(400);
        let shown = answer.header("x-request-id").unwrap().to_owned();
        assert_eq!(answer.json()["instance"], shown.as_str());
        shown
    };
    for sane in ["a", "abc-1.2:3_4", &"x".repeat(64)] {
        assert_eq!(sent(sane), sane);
    }
    for odd in ["", "a b", "<script>", "a;b", "ä", &"x".repeat(65), "${jndi:ldap://x}"] {
        let shown = sent(odd);
        assert_ne!(shown, odd);
        assert_eq!(shown.len(), 36, "{shown}");
    }
    assert_ne!(sent(""), sent(""));
}

#[test]
fn trace_is_answered_by_nobody() {
    let app = TestApp::shared();
    for path in ["/users-ms/users", "/auth-ms/auth/login", "/notification-ms/notifications"] {
        let answer = app.request("TRACE", path).header("x-marked", "do-not-echo").send().expect(405);
        assert!(!answer.text().contains("do-not-echo"));
    }
}
