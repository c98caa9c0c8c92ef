//! Bad input: each kind has its own problem, none is an error of the service, and nothing of it ends in the log.

use blackbox::app::{TestApp, is_spindle, runtime};
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use dev_servers::app::RuntimeKind;
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

/// What bad bodies carry: it must come back in no answer and stand in no log.
pub(crate) const MARKER: &str = "s3cr3t-m4rk3r";

pub(crate) fn post(app: &TestApp, body: impl Into<Vec<u8>>) -> Answer {
    app.post("/users-ms/users").body("application/json", body).send()
}

/// A sign-up with one field changed.
pub(crate) fn sign_up_but(app: &TestApp, field: &str, value: Value) -> Answer {
    let mut form = sign_up_form("but@bad.example");
    form[field] = value;
    post(app, form.to_string())
}

#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, problem: &str, pointers: &[&str]) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, problem), "{}", answer.text());
    assert_eq!(answer.pointers(), pointers, "{}", answer.text());
}

#[test]
fn a_body_that_is_no_json_is_malformed() {
    let app = TestApp::shared();
    assert_snapshot!(post(&app, r#"{"name": "Ada", "#).shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The body is not valid JSON (line 1, column 16).",
      "instance": "[uuid]",
      "status": 400,
      "title": "Malformed JSON",
      "type": "urn:concierge:problem:malformed-json"
    }
    "#);
    for body in ["", "{", "}", "hello", "{'name': 1}", "\u{feff}{}", "{\"name\": NaN}"] {
        assert_problem(&post(&app, body), 400, "malformed-json", &[]);
    }
    let body = format!("{} x", sign_up_form("more@bad.example"));
    assert_problem(&post(&app, body), 400, "malformed-json", &[]);
}

#[test]
fn a_body_that_is_no_utf_8_is_malformed() {
    let app = TestApp::shared();
    let mut body = sign_up_form("utf-8@bad.example").to_string().into_bytes();
    let place = body.windows(3).position(|window| window == b"Ada").unwrap();
    body[place] = 0xff;
    assert_snapshot!(post(&app, body).shown(), @r#"
    400
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The body is not valid JSON (line 1, column 38).",
      "instance": "[uuid]",
      "status": 400,
      "title": "Malformed JSON",
      "type": "urn:concierge:problem:malformed-json"
    }
    "#);
    assert_problem(&post(&app, b"\xff\xfe\x00".to_vec()), 400, "malformed-json", &[]);
    assert_problem(&post(&app, br#"{"name": "\ud800"}"#.to_vec()), 400, "malformed-json", &[]);
}

#[test]
fn a_deeply_nested_body_is_refused() {
    let app = TestApp::shared();
    for depth in [200, 30_000] {
        let answer = post(&app, "[".repeat(depth));
        assert!(matches!(answer.status, 400 | 422), "{}", answer.shown());
        let answer = post(&app, format!(r#"{{"name": {}1{}}}"#, "[".repeat(depth), "]".repeat(depth)));
        assert!(matches!(answer.status, 400 | 422), "{}", answer.shown());
    }
}

#[test]
fn an_unknown_field_is_named() {
    let app = TestApp::shared();
    let answer = sign_up_but(&app, "nickname", MARKER.into());
    assert_snapshot!(answer.shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Unknown field.",
      "errors": [
        {
          "detail": "Unknown field.",
          "pointer": "/nickname"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Unknown field",
      "type": "urn:concierge:problem:unknown-field"
    }
    "#);
    assert_problem(&sign_up_but(&app, "role", "admin".into()), 422, "unknown-field", &["/role"]);
    assert_problem(&sign_up_but(&app, "a/b~c", 1.into()), 422, "unknown-field", &["/a~1b~0c"]);
}

#[test]
fn a_missing_field_is_named() {
    let app = TestApp::shared();
    assert_snapshot!(post(&app, "{}").shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The field name is required.",
      "errors": [
        {
          "detail": "The field name is required.",
          "pointer": "/name"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Missing field",
      "type": "urn:concierge:problem:missing-field"
    }
    "#);
    for field in ["name", "surname", "email", "password"] {
        let mut form = sign_up_form("missing@bad.example");
        form.as_object_mut().unwrap().remove(field);
        assert_problem(&post(&app, form.to_string()), 422, "missing-field", &[&format!("/{field}")]);
    }
}

#[test]
fn a_field_that_is_there_twice_is_named() {
    let app = TestApp::shared();
    let body = format!(r#"{{"name": "Ada", "email": "a@b.example", "email": "{MARKER}"}}"#);
    assert_snapshot!(post(&app, body).shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "Duplicate field.",
      "errors": [
        {
          "detail": "Duplicate field.",
          "pointer": "/email"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Duplicate field",
      "type": "urn:concierge:problem:duplicate-field"
    }
    "#);
}

#[test]
fn a_field_of_another_type_is_named() {
    let app = TestApp::shared();
    assert_snapshot!(sign_up_but(&app, "password", json!([MARKER])).shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This must be a string.",
      "errors": [
        {
          "detail": "This must be a string.",
          "pointer": "/password"
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Wrong type",
      "type": "urn:concierge:problem:wrong-type"
    }
    "#);
    for wrong in [json!(7), json!(true), json!([MARKER]), json!({MARKER: MARKER}), json!(null)] {
        for field in ["name", "surname", "email", "password"] {
            assert_problem(&sign_up_but(&app, field, wrong.clone()), 422, "wrong-type", &[&format!("/{field}")]);
        }
    }
    assert_problem(&sign_up_but(&app, "phone", json!(39_021_234)), 422, "wrong-type", &["/phone"]);
}

#[test]
fn a_body_that_is_no_object_is_of_the_wrong_type() {
    let app = TestApp::shared();
    assert_snapshot!(post(&app, "null").shown(), @r#"
    422
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "This must be an object.",
      "errors": [
        {
          "detail": "This must be an object.",
          "pointer": ""
        }
      ],
      "instance": "[uuid]",
      "status": 422,
      "title": "Wrong type",
      "type": "urn:concierge:problem:wrong-type"
    }
    "#);
    for body in ["[]", "7", "\"hello\"", "true", "[[[]]]", "[\"Ada\", \"L\", \"a@b.example\", \"12345678\", null]"] {
        assert_problem(&post(&app, body), 422, "wrong-type", &[""]);
    }
}

#[test]
fn a_body_over_the_limit_is_refused_and_the_answer_arrives() {
    let app = TestApp::shared();
    let mut form = sign_up_form("large@bad.example");
    form["name"] = "x".repeat(2 * 1024 * 1024).into();
    assert_snapshot!(post(&app, form.to_string()).shown(), @r#"
    413
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The body may have at most 65536 bytes.",
      "instance": "[uuid]",
      "status": 413,
      "title": "Body too large",
      "type": "urn:concierge:problem:body-too-large"
    }
    "#);
    for path in ["/auth-ms/auth/login", "/users-ms/internal/sign-in/begin"] {
        let request = app.post(path).bearer(app.auth());
        let answer = request.body("application/json", vec![b' '; 2 * 1024 * 1024]).send();
        assert_problem(&answer, 413, "body-too-large", &[]);
    }
    // The limit itself is no fault.
    let mut body = sign_up_form("limit@bad.example").to_string();
    body.push_str(&" ".repeat(64 * 1024 - body.len()));
    let _ = post(&app, body.clone()).expect(201);
    body.push(' ');
    assert_problem(&post(&app, body), 413, "body-too-large", &[]);
}

#[test]
fn a_body_far_over_the_limit_harms_nobody() {
    let app = TestApp::shared();
    let request = app.post("/users-ms/users").body("application/json", vec![b'x'; 32 * 1024 * 1024]);
    // Nobody reads so much for the sake of an answer: the connection may be closed in the middle.
    if let Ok(answer) = request.try_send() {
        // It is more than Spindle hands on, and Spin has no limit.
        match runtime() {
            RuntimeKind::Spindle => assert!(answer.status == 413 && answer.is_of_the_runtime(), "{answer:?}"),
            RuntimeKind::Spin => assert_problem(&answer, 413, "body-too-large", &[]),
        }
    }
    let _ = app.get("/users-ms/healthcheck").send().expect(200);
}

#[test]
fn a_body_that_breaks_off_harms_nobody() {
    let app = TestApp::shared();
    let mut connection = std::net::TcpStream::connect(app.app.address()).unwrap();
    let head =
        "POST /users-ms/users HTTP/1.1\r\nhost: app\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{";
    std::io::Write::write_all(&mut connection, head.as_bytes()).unwrap();
    drop(connection);
    let _ = app.get("/users-ms/healthcheck").send().expect(200);
}

#[test]
fn a_body_that_breaks_off_is_not_taken_for_a_large_one() {
    let app = TestApp::shared();
    const FORM: &str = "application/x-www-form-urlencoded";
    for (path, media_type) in [
        ("/users-ms/users", "application/json"),
        ("/auth-ms/auth/introspect", FORM),
        ("/users-ms/email-verification/page", FORM),
        ("/users-ms/password-recovery/page", FORM),
        ("/users-ms/email-change/page", FORM),
        ("/users-ms/email-return/page", FORM),
        ("/users-ms/invitation/page", FORM),
        ("/auth-ms/auth/mail/page", FORM),
        ("/users-ms/not-me/page", FORM),
    ] {
        let token = app.operator();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: app\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: {media_type}\r\n"
        );
        // A chunk without a length ends it.
        let request = format!("{head}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\nno length\r\n");
        let answer = app.client().raw(request.as_bytes()).unwrap();
        assert_problem(&answer, 400, "malformed-json", &[]);
    }
}

#[test]
fn an_integer_is_written_without_a_fraction() {
    let app = TestApp::shared();
    let id = app.sign_up("integer@bad.example");
    let permit = format!(r#"{{"number":1,"holder":"{}"}}"#, Uuid::new_v4());
    let (a, b, c, d) = ("a".repeat(64), "b".repeat(64), "c".repeat(64), "d".repeat(64));
    let begin = |seconds: Value, user: String| {
        let body = format!(
            r#"{{"permit":{permit},"keys":{{"account":"{a}","client":"{b}","pair":"{c}"}},"succeeded":true,"session":{{
                "session_id":"{}","user_id":{user},"email":"integer@bad.example","credentials_epoch":1,
                "refresh_digest":"{d}","idle_seconds":{seconds},"absolute_seconds":600}}}}"#,
            Uuid::new_v4(),
        );
        app.post("/users-ms/internal/sign-in/end").bearer(app.auth()).body("application/json", body).send()
    };
    let begun = begin(json!(60), id.to_string()).expect(200).json();
    assert_eq!(begun["session"]["user_id"], id);
    for (answer, problem, pointer, detail) in [
        (begin(json!(60.0), id.to_string()), "wrong-type", "/session/idle_seconds", "This must be an integer."),
        (begin(json!("60"), id.to_string()), "wrong-type", "/session/idle_seconds", "This must be an integer."),
        (
            begin(json!(60), "0".to_owned()),
            "invalid-value",
            "/session/user_id",
            "This must be an integer from 1 to 9223372036854775807.",
        ),
    ] {
        assert_problem(&answer, 422, problem, &[pointer]);
        assert_eq!(answer.json()["detail"], detail);
    }
}

#[test]
fn a_body_in_chunks_is_bounded_too() {
    let app = TestApp::shared();
    let mut request = b"POST /users-ms/users HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\
        content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n"
        .to_vec();
    for _ in 0..100 {
        request.extend(format!("{:x}\r\n{}\r\n", 1024, "x".repeat(1024)).bytes());
    }
    request.extend(b"0\r\n\r\n");
    assert_problem(&app.client().raw(&request).unwrap(), 413, "body-too-large", &[]);
}

#[test]
fn a_body_of_another_media_type_is_refused() {
    let app = TestApp::shared();
    let body = sign_up_form("media@bad.example").to_string();
    assert_snapshot!(app.post("/users-ms/users").body("text/plain", body.clone()).send().shown(), @r#"
    415
    accept-post: application/json
    cache-control: no-store
    content-type: application/problem+json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The content-type of this request must be application/json.",
      "instance": "[uuid]",
      "status": 415,
      "title": "Unsupported media type",
      "type": "urn:concierge:problem:unsupported-media-type"
    }
    "#);
    for media_type in ["application/x-www-form-urlencoded", "application/jsonp", "application/merge-patch+json", ""] {
        let answer = app.post("/users-ms/users").body(media_type, body.clone()).send();
        assert_problem(&answer, 415, "unsupported-media-type", &[]);
    }
    // A PATCH tells in a header of its own what it takes, a PUT in none: RFC 5789, 3.1, and no RFC.
    let id = app.sign_up("media-too@bad.example");
    let sent = |method: &str| app.request(method, &format!("/users-ms/users/{id}")).body("text/plain", "{}").send();
    let patch = sent("PATCH").expect(415);
    assert_eq!(patch.header("accept-patch"), Some("application/merge-patch+json, application/json"));
    assert_eq!(patch.header("accept-post"), None);
    let put = sent("PUT").expect(415);
    assert_eq!((put.header("accept-post"), put.header("accept-patch")), (None, None));
    let answer = app.post("/auth-ms/auth/login").body("text/json", "{}").send();
    assert_problem(&answer, 415, "unsupported-media-type", &[]);
    let _ = app.post("/users-ms/users").body("Application/JSON; charset=utf-8", body).send().expect(201);
}

#[test]
fn odd_bytes_in_headers_are_no_error_of_the_service() {
    if !is_spindle("Spin itself answers 500 to header bytes that are no UTF-8; no component is called") {
        return;
    }
    let app = TestApp::shared();
    for header in ["x-request-id: \u{ff}\u{fe}", "if-none-match: \u{ff}", "authorization: Bearer \u{ff}", "x: "] {
        let request =
            format!("GET /users-ms/users/999999999 HTTP/1.1\r\nhost: app\r\nconnection: close\r\n{header}\r\n\r\n");
        // Latin-1 on the wire: bytes that are no UTF-8.
        let bytes: Vec<u8> = request.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
        let answer = app.client().raw(&bytes).unwrap();
        assert!((400..500).contains(&answer.status), "{header}: {}", answer.shown());
    }
}

#[test]
fn nothing_that_a_caller_sends_is_logged() {
    let app = TestApp::shared();
    let email = format!("{MARKER}@logged.example");
    let password = format!("{MARKER} and more words than a name has");
    let form =
        json!({"name": MARKER, "surname": MARKER, "email": email, "password": password, "phone": "+39555000111"});
    let id = app.sign_up_with(&form);
    let _ = app.login(&email, &password).expect(200);
    let _ = app.login(&email, &format!("{MARKER}-wrong")).expect(401);
    let _ = app.login(MARKER, MARKER).expect(401);
    let _ = app.patch(&format!("/users-ms/users/{id}")).json(&json!({"name": [MARKER]})).send().expect(422);
    let _ = post(&app, format!("{MARKER}: {{")).expect(400);
    let _ = post(&app, format!("{{\"{MARKER}\": 1}}")).expect(422);
    let _ = app.get(&format!("/users-ms/users?name={MARKER}&limit=0")).send().expect(400);
    let _ = app.get(&format!("/users-ms/{MARKER}")).send().expect(404);
    let _ = app.post("/users-ms/internal/sign-in/begin").bearer(MARKER).send().expect(401);
    let secrets = [MARKER, PASSWORD, "logged.example", "+39555000111", app.auth(), "$2b$"];
    // Lines may come a little after the answers that they are about.
    poll::throughout(Duration::from_millis(500), "no line of the log has anything of it", || {
        let log = app.log();
        let line = log.lines().find(|line| secrets.iter().any(|secret| line.contains(secret)));
        assert_eq!(line, None);
        true
    });
}
