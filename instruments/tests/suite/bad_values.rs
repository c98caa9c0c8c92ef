//! Bad values in ids, bodies and queries: each has its own problem, and all faults of a body are reported at once.

use crate::bad_input::{MARKER, assert_problem, post, sign_up_but};
use blackbox::app::TestApp;
use insta::assert_snapshot;
use serde_json::json;

#[test]
fn an_id_that_is_no_positive_integer_is_refused() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/users-ms/users/abc").send().shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The id of a user is an integer from 1 to 9223372036854775807.",
      "errors": [
        {
          "detail": "The id of a user is an integer from 1 to 9223372036854775807.",
          "pointer": "/id"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid id",
      "type": "urn:concierge:problem:invalid-id"
    }
    "#);
    for id in ["-1", "0", "+1", "1.5", "1e3", "0x1", "99999999999999999999", "9223372036854775808", "%31%00", "%ff"] {
        for method in ["GET", "DELETE"] {
            let answer = app.request(method, &format!("/users-ms/users/{id}")).send();
            assert_problem(&answer, 400, "invalid-id", &["/id"]);
        }
    }
    let answer = app.patch("/users-ms/users/abc").json(&json!({"name": "A"})).send();
    assert_problem(&answer, 400, "invalid-id", &["/id"]);
}

#[test]
fn all_faults_of_the_values_are_told_at_once() {
    let app = TestApp::shared();
    let body = json!({"name": "", "surname": "A\u{0}", "email": MARKER, "password": "short", "phone": MARKER});
    assert_snapshot!(post(&app, body.to_string()).shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Several fields are not acceptable; see errors.",
      "errors": [
        {
          "detail": "This may not be empty.",
          "pointer": "/name"
        },
        {
          "detail": "This may not have control characters, line breaks or characters that change the direction of text.",
          "pointer": "/surname"
        },
        {
          "detail": "This is not an email address such as ada@example.org.",
          "pointer": "/email"
        },
        {
          "detail": "This is not a phone number such as +39 02 1234567 (+ and 7 to 15 digits).",
          "pointer": "/phone"
        },
        {
          "detail": "A password needs at least 8 characters.",
          "pointer": "/password"
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
fn each_value_that_is_not_acceptable_has_its_own_problem() {
    let app = TestApp::shared();
    for (field, value, problem) in [
        ("name", json!(""), "invalid-name"),
        ("name", json!("   "), "invalid-name"),
        ("name", json!("A\u{0}da"), "invalid-name"),
        ("name", json!("A\nda"), "invalid-name"),
        ("name", json!("x".repeat(101)), "invalid-name"),
        ("name", json!("\u{200b}"), "invalid-name"),
        ("name", json!("\u{3164}"), "invalid-name"),
        ("name", json!("\u{2800}"), "invalid-name"),
        ("name", json!("\u{301}"), "invalid-name"),
        ("name", json!("Ada \u{202e}cod.exe"), "invalid-name"),
        ("name", json!("A\u{2028}da"), "invalid-name"),
        ("name", json!("Claim at https://evil.example/p?u=1"), "invalid-name"),
        ("surname", json!("www.evil.example"), "invalid-surname"),
        ("surname", json!("\u{7}"), "invalid-surname"),
        ("email", json!(""), "invalid-email"),
        ("email", json!("ada"), "invalid-email"),
        ("email", json!("ada@localhost"), "invalid-email"),
        ("email", json!("Ada <ada@bad.example>"), "invalid-email"),
        ("email", json!("ada@bad.example\u{0}"), "invalid-email"),
        ("email", json!("a@b.example, c@d.example"), "invalid-email"),
        ("email", json!(format!("{}@bad.example", "x".repeat(250))), "invalid-email"),
        ("password", json!(""), "invalid-password"),
        ("password", json!("1234567"), "invalid-password"),
        ("password", json!("x".repeat(1025)), "invalid-password"),
        ("password", json!("            "), "invalid-password"),
        ("password", json!("\u{200b}".repeat(8)), "invalid-password"),
        ("password", json!("aaaaaaaaaaaa"), "invalid-password"),
        ("locale", json!("english!"), "invalid-value"),
        ("zoneinfo", json!("Europe/Atlantis"), "invalid-value"),
        ("phone", json!(""), "invalid-phone"),
        ("phone", json!("112"), "invalid-phone"),
        ("phone", json!("0212345678"), "invalid-phone"),
        ("phone", json!("+0123456"), "invalid-phone"),
        ("phone", json!("+44 (0)20 7946 0958"), "invalid-phone"),
        ("phone", json!("12"), "invalid-phone"),
        ("phone", json!("1234567890123456"), "invalid-phone"),
        ("phone", json!("call me"), "invalid-phone"),
        ("phone", json!("+39\u{0}02"), "invalid-phone"),
    ] {
        let answer = sign_up_but(&app, field, value.clone());
        assert_eq!(answer.problem(), problem, "{value}");
        assert_problem(&answer, 422, problem, &[&format!("/{field}")]);
    }
    assert_snapshot!(sign_up_but(&app, "password", json!("x".repeat(1025))).shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "A password may have at most 1024 bytes.",
      "errors": [
        {
          "detail": "A password may have at most 1024 bytes.",
          "pointer": "/password"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Invalid password",
      "type": "urn:concierge:problem:invalid-password"
    }
    "#);
}

#[test]
fn the_bounds_themselves_are_acceptable() {
    let app = TestApp::shared();
    let local = "x".repeat(64);
    let domain = format!("{}.{}.{}.example", "a".repeat(60), "b".repeat(60), "c".repeat(58));
    let email = format!("{local}@{domain}");
    assert!(email.len() <= 254);
    let form = json!({"name": "ß".repeat(100), "surname": "李", "email": email, "password": "xy".repeat(512),
        "phone": "+123456789012345"});
    let user = app.post("/users-ms/users").json(&form).send().expect(201).json();
    assert_eq!((&user["name"], &user["email"]), (&form["name"], &form["email"]));
    let form = json!({"name": "A", "surname": "B", "email": "a@b.co", "password": "1234567&", "phone": "+1234567"});
    let _ = app.post("/users-ms/users").json(&form).send().expect(201);
}

#[test]
fn a_login_is_decoded_as_strictly_as_a_sign_up() {
    let app = TestApp::shared();
    let login = |body: &str| app.post("/auth-ms/auth/login").body("application/json", body).send();
    assert_snapshot!(login("{").shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The body is not valid JSON (line 1, column 1).",
      "instance": "[uuid]",
      "status": 400,
      "title": "Malformed JSON",
      "type": "urn:concierge:problem:malformed-json"
    }
    "#);
    assert_problem(&login("{}"), 422, "missing-field", &["/username"]);
    assert_problem(&login(r#"{"username": "a"}"#), 422, "missing-field", &["/password"]);
    assert_problem(&login(r#"{"username": 1, "password": "x"}"#), 422, "wrong-type", &["/username"]);
    assert_problem(&login(r#"{"username": "a", "password": null}"#), 422, "wrong-type", &["/password"]);
    assert_problem(&login(r#"{"email": "a", "password": "x"}"#), 422, "unknown-field", &["/email"]);
    let twice = r#"{"username": "a", "password": "x", "password": "y"}"#;
    assert_problem(&login(twice), 422, "duplicate-field", &["/password"]);
}

#[test]
fn what_is_no_query_of_the_delivery_log_is_refused() {
    let app = TestApp::shared();
    let ask = |query: &str| app.get(&format!("/notification-ms/notifications?{query}")).bearer(app.operator()).send();
    assert_snapshot!(ask("limit=0").shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "limit is an integer from 1 to 100.",
      "errors": [
        {
          "detail": "limit is an integer from 1 to 100.",
          "pointer": "/limit"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid query",
      "type": "urn:concierge:problem:invalid-query"
    }
    "#);
    assert_snapshot!(ask("cursor=17").shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This cursor does not come from this list. Start without one.",
      "errors": [
        {
          "detail": "This cursor does not come from this list. Start without one.",
          "pointer": "/cursor"
        }
      ],
      "instance": "[uuid]",
      "status": 400,
      "title": "Invalid cursor",
      "type": "urn:concierge:problem:invalid-cursor"
    }
    "#);
    for (query, problem) in [
        ("limit=101", "invalid-query"),
        ("to=", "invalid-query"),
        ("to=a%40b.example&to=c%40d.example", "invalid-query"),
        ("from=a", "invalid-query"),
        ("cursor=a-b", "invalid-cursor"),
        ("cursor=99999999999999999999-0", "invalid-cursor"),
        ("cursor=%2B", "invalid-cursor"),
    ] {
        assert_eq!((ask(query).status, ask(query).problem().as_str()), (400, problem), "{query}");
    }
}

#[test]
fn query_parameters_that_a_route_does_not_know_are_refused() {
    let app = TestApp::shared();
    let id = app.sign_up("query@bad.example");
    let nobody = "0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e10";
    for (method, path) in [
        ("POST", "/users-ms/users".to_owned()),
        ("GET", format!("/users-ms/users/{id}")),
        ("PUT", format!("/users-ms/users/{id}")),
        ("PATCH", format!("/users-ms/users/{id}")),
        ("DELETE", format!("/users-ms/users/{id}")),
        ("GET", format!("/users-ms/users/{id}/export")),
        ("POST", "/users-ms/internal/outbox/sweep".to_owned()),
        ("DELETE", format!("/users-ms/internal/outbox/{nobody}")),
        ("POST", "/users-ms/internal/sign-in/begin".to_owned()),
        ("POST", "/users-ms/internal/sign-in/end".to_owned()),
        ("POST", "/users-ms/internal/sessions/rotate".to_owned()),
        ("POST", "/users-ms/internal/sessions/end".to_owned()),
        ("GET", format!("/users-ms/internal/sessions/{nobody}")),
        ("GET", format!("/users-ms/internal/users/{id}/sessions")),
        ("DELETE", format!("/users-ms/internal/users/{id}/sessions")),
        ("DELETE", format!("/users-ms/internal/users/{id}/sessions/{nobody}")),
        ("POST", "/auth-ms/auth/login".to_owned()),
        ("POST", "/auth-ms/auth/refresh".to_owned()),
        ("POST", "/auth-ms/auth/logout".to_owned()),
        ("POST", "/auth-ms/auth/introspect".to_owned()),
        ("GET", "/auth-ms/.well-known/jwks.json".to_owned()),
        ("GET", "/notification-ms/internal/queues".to_owned()),
        ("POST", "/notification-ms/internal/consumers/wake".to_owned()),
    ] {
        let answer = app.request(method, &format!("{path}?verbose=1")).bearer(app.credential_for(&path)).send();
        assert_problem(&answer, 400, "invalid-query", &["/verbose"]);
    }
    let user = app.get(&format!("/users-ms/users/{id}")).send().expect(200).json();
    assert_eq!(user["version"], 1, "nothing was done before the query was looked at");
}

#[test]
fn probes_look_at_no_query() {
    let app = TestApp::shared();
    for service in ["users-ms", "auth-ms", "notification-ms"] {
        for probe in ["healthcheck", "readiness"] {
            // Not held to the OpenAPI files, which have no such parameter.
            let _ = app.get(&format!("/{service}/{probe}?at=17")).send_unchecked().unwrap().expect(200);
        }
    }
}
