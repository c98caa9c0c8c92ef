//! The audit log: every event of authentication is one line that says who, what, with which result and in which
//! request, and nothing that is secret or personal.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::time::Duration;

/// The lines of the audit log about one request.
fn lines_of(app: &TestApp, request_id: &str) -> Vec<Value> {
    let lines = || -> Vec<Value> {
        app.log()
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line.get(line.find('{')?..)?).ok())
            .filter(|line| line["audit"].is_string() && line["request_id"] == request_id)
            .collect()
    };
    poll::until(Duration::from_secs(5), &format!("{request_id} is in the audit log"), || !lines().is_empty());
    lines()
}

#[test]
fn every_event_of_authentication_is_one_line() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("login_throttling", "on");
    let app = app.start();
    let root = app.admin("root@audit.example");
    let ada = app.person("ada@audit.example");
    let other = app.person("other@audit.example");
    let login = |name: &str, password: &str| json!({"username": name, "password": password});
    let requests = [
        ("login", "success", app.post("/auth-ms/auth/login").json(&login(&ada.email, PASSWORD))),
        ("login", "invalid-credentials", app.post("/auth-ms/auth/login").json(&login(&ada.email, "wrong horse 1"))),
        ("login", "invalid-credentials", app.post("/auth-ms/auth/login").json(&login("nobody@audit.example", "x"))),
        ("refresh", "success", app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": ada.refresh}))),
        ("refresh", "repeated", app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": ada.refresh}))),
        ("logout", "success", app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": other.refresh}))),
        ("access-token", "refused", app.get("/users-ms/users").bearer("a.b.c")),
        ("service-token", "wrong", app.post("/auth-ms/auth/introspect").bearer("no")),
        ("service-token", "missing", app.post("/users-ms/internal/sign-in/begin")),
        ("sign-up", "email-taken", app.post("/users-ms/users").json(&blackbox::people::sign_up_form(&ada.email))),
        ("role-changed", "success", app.patch(&other.path()).bearer(&root.access).json(&json!({"role": "admin"}))),
        (
            "password-changed",
            "success",
            app.patch(&other.path()).bearer(&root.access).json(&json!({"password": "another good one"})),
        ),
        (
            "email-changed",
            "success",
            app.patch(&other.path()).bearer(&root.access).json(&json!({"email": "third@audit.example"})),
        ),
        (
            "current-password",
            "wrong",
            app.patch(&root.path())
                .bearer(&root.access)
                .json(&json!({"password": "another good one", "current_password": "wrong horse 2"})),
        ),
        ("access", "refused", app.get("/users-ms/users").bearer(&other.access)),
        ("access", "refused", app.get("/notification-ms/notifications").bearer(&other.access)),
        ("user-removed", "success", app.delete(&other.path()).bearer(&root.access)),
        ("sessions-ended", "success", app.delete("/auth-ms/auth/sessions").bearer(&root.access)),
    ];
    for (number, (event, result, request)) in requests.into_iter().enumerate() {
        let id = format!("audited-{number}");
        let _ = request.header("x-request-id", &id).send();
        // A session that begins has a line of its own, which has the request's id too.
        let (begun, lines): (Vec<_>, Vec<_>) =
            lines_of(&app, &id).into_iter().partition(|line| line["audit"] == "session-begun");
        assert_eq!(lines.len(), 1, "{event}: {lines:?}");
        assert_eq!((&lines[0]["audit"], &lines[0]["result"]), (&json!(event), &json!(result)), "{lines:?}");
        assert_eq!(begun.len(), usize::from((event, result) == ("login", "success")), "{begun:?}");
        for line in begun {
            assert_eq!((&line["user_id"], &line["session_id"]), (&lines[0]["user_id"], &lines[0]["session_id"]));
        }
    }
    let by = lines_of(&app, "audited-12");
    assert_eq!((&by[0]["user_id"], &by[0]["by"]), (&json!(other.id.to_string()), &json!(root.id.to_string())));
    let log = app.log();
    for secret in [
        "audit.example",
        PASSWORD,
        "wrong horse",
        "another good one",
        &ada.refresh,
        &ada.access,
        app.auth(),
        app.operator(),
        "127.0.0.1",
    ] {
        let shown = log.lines().filter(|line| line.contains("\"audit\"")).find(|line| line.contains(secret));
        assert_eq!(shown, None, "the audit log has {secret}");
    }
}

#[test]
fn an_attempt_that_has_to_wait_is_in_the_audit_log() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("login_throttling", "on").start();
    for _ in 0..5 {
        let _ = app.login("nobody@waits.example", "wrong horse").expect(401);
    }
    let form = json!({"username": "nobody@waits.example", "password": "wrong horse"});
    let _ = app.post("/auth-ms/auth/login").header("x-request-id", "waits").json(&form).send().expect(429);
    assert_eq!(lines_of(&app, "waits")[0]["result"], "too-many-attempts");
}
