//! What the OpenAPI files say of many routes at once: each is asked what it says of itself, with the requests that the
//! files show. A route that is new is in it as soon as it is described.

use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::http::{Answer, Request};
use blackbox::openapi::{Operation, operations};
use blackbox::turn;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

const JSON: &str = "application/json";
const MERGE_PATCH: &str = "application/merge-patch+json";
const FORM: &str = "application/x-www-form-urlencoded";
const LINES: &str = "application/x-ndjson";
const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_LINES_BYTES: usize = 1024 * 1024;

/// Operations whose fields have other names than those of people.
const OF_OTHER_FIELDS: &[&str] =
    &["change_metadata", "invite_user", "accept_invitation", "register_oauth_client", "change_oauth_client"];
/// Operations that may answer with this problem.
fn with(slug: &str) -> Vec<&'static Operation<'static>> {
    let slug = format!("urn:concierge:problem:{slug}");
    let may = |operation: &&Operation<'_>| {
        operation.responses().iter().any(|response| response.problems().contains(&slug.as_str()))
    };
    operations().iter().filter(may).collect()
}

/// Operations that may answer with this problem and read JSON.
fn with_json(slug: &str) -> impl Iterator<Item = &'static Operation<'static>> {
    with(slug).into_iter().filter(|operation| matches!(operation.media_type(), Some(JSON | MERGE_PATCH)))
}

#[track_caller]
fn assert_problem(operation: &Operation<'_>, answer: &Answer, status: u16, slug: &str) {
    assert_eq!((answer.status, answer.problem().as_str()), (status, slug), "{}: {}", operation.id(), answer.text());
}

/// Somebody who has all tokens and shows those that are asked for.
struct Caller<'a> {
    app: &'a TestApp,
    access: String,
    id: String,
}

impl<'a> Caller<'a> {
    fn new(app: &'a TestApp, email: &str) -> Self {
        let admin = app.admin(email);
        Self { app, access: admin.access, id: admin.id.to_string() }
    }

    /// A request for what is about the caller's own account, without a body.
    fn ask(&self, operation: &'a Operation<'_>) -> Request<'a> {
        // In auth's paths an id is a session's.
        let own = [("id", self.id.as_str())];
        let known = if operation.path.starts_with("/users") { own.as_slice() } else { &[] };
        self.ask_for(operation, &operation.example_target(known))
    }

    fn ask_for(&self, operation: &'a Operation<'_>, target: &str) -> Request<'a> {
        let request = self.app.request(&operation.method, target);
        match operation.tokens().as_slice() {
            [] => request,
            tokens if tokens.contains(&"authCredential") => request.bearer(self.app.auth()),
            tokens if tokens.contains(&"schedulerCredential") => request.bearer(self.app.scheduler()),
            tokens if tokens.contains(&"operatorCredential") => request.bearer(self.app.operator()),
            tokens if tokens.contains(&"metricsCredential") => request.bearer(self.app.metrics()),
            _ => request.bearer(&self.access),
        }
    }

    fn send(&self, operation: &'a Operation<'_>, body: impl Into<Vec<u8>>) -> Answer {
        self.ask(operation).body(operation.media_type().unwrap_or_default(), body).send()
    }

    /// The request that the file shows.
    fn send_example(&self, operation: &'a Operation<'_>) -> Answer {
        match (operation.example_body(), operation.media_type()) {
            // A token shown is one's own, since others are looked at no further where tokens are introspected.
            (Some(body), Some(FORM)) => {
                let fields = body.as_object().into_iter().flatten().map(|(name, value)| match name.as_str() {
                    "token" => format!("token={}", self.access),
                    _ => format!("{name}={}", value.as_str().unwrap_or_default().replace(' ', "+")),
                });
                self.send(operation, fields.collect::<Vec<_>>().join("&"))
            }
            (Some(body), _) => self.send(operation, body.to_string()),
            (None, _) => self.ask(operation).send(),
        }
    }
}

/// An administrator of the shared app, the same for all tests of this file.
fn caller(app: &TestApp) -> Caller<'_> {
    static ADMIN: OnceLock<(String, String)> = OnceLock::new();
    let (access, id) = ADMIN.get_or_init(|| {
        let Caller { access, id, .. } = Caller::new(app, "root@documented.example");
        (access, id)
    });
    Caller { app, access: access.clone(), id: id.clone() }
}

fn object(operation: &Operation<'_>) -> Map<String, Value> {
    operation.example_body().and_then(|body| body.as_object().cloned()).expect("a body is an object")
}

#[test]
fn what_is_no_json_is_malformed_wherever_json_is_read() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with_json("malformed-json") {
        for body in ["", "{", "hello"] {
            assert_problem(operation, &caller.send(operation, body), 400, "malformed-json");
        }
    }
}

#[test]
fn every_body_has_the_same_limit() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with("body-too-large") {
        let max = if operation.media_type() == Some(LINES) { MAX_LINES_BYTES } else { MAX_BODY_BYTES };
        let answer = caller.send(operation, vec![b' '; max + 1]);
        assert_problem(operation, &answer, 413, "body-too-large");
        let answer = caller.send(operation, vec![b' '; max]);
        assert_ne!(answer.status, 413, "{}", operation.id());
    }
}

#[test]
fn a_route_that_refuses_a_media_type_says_which_it_reads() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with("unsupported-media-type") {
        for request in [caller.ask(operation).body("text/plain", "{}"), caller.ask(operation)] {
            let answer = request.send();
            assert_problem(operation, &answer, 415, "unsupported-media-type");
            let header = match operation.method.as_str() {
                "POST" => "accept-post",
                "PATCH" => "accept-patch",
                // There is no such header for PUT.
                _ => {
                    assert_eq!((answer.header("accept-post"), answer.header("accept-patch")), (None, None));
                    continue;
                }
            };
            let mut said: Vec<_> = answer.header(header).unwrap_or_default().split(", ").collect();
            said.sort_unstable();
            let described: Vec<_> = operation.request_bodies().iter().map(|(media_type, _)| *media_type).collect();
            assert_eq!(said, described, "{}", operation.id());
        }
    }
}

#[test]
fn a_field_too_many_is_named_by_every_route() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with_json("unknown-field") {
        let mut body = object(operation);
        body.insert("unheard_of".into(), 1.into());
        let answer = caller.send(operation, Value::from(body).to_string());
        assert_problem(operation, &answer, 422, "unknown-field");
        assert_eq!(answer.pointers(), ["/unheard_of"], "{}", operation.id());
    }
}

#[test]
fn each_field_that_is_required_is_missed_by_every_route() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with_json("missing-field") {
        let schema = operation.body_schema().expect("a body has a schema");
        let required: Vec<_> = schema.items("required").iter().filter_map(|name| name.value.as_str()).collect();
        for name in required {
            let mut body = object(operation);
            assert!(body.remove(name).is_some(), "{} has no {name} in its example", operation.id());
            let answer = caller.send(operation, Value::from(body).to_string());
            assert_problem(operation, &answer, 422, "missing-field");
            assert_eq!(answer.pointers(), [format!("/{name}")], "{}", operation.id());
        }
    }
}

#[test]
fn a_field_that_is_there_twice_is_named_by_every_route() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with_json("duplicate-field") {
        let (name, value) = object(operation).into_iter().next().expect("an example has a field");
        let answer = caller.send(operation, format!("{{\"{name}\": {value}, \"{name}\": {value}}}"));
        assert_problem(operation, &answer, 422, "duplicate-field");
        assert_eq!(answer.pointers(), [format!("/{name}")], "{}", operation.id());
    }
}

#[test]
fn a_body_is_an_object_for_every_route_that_reads_json() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with_json("wrong-type") {
        for body in ["[]", "null", "7"] {
            let answer = caller.send(operation, body);
            assert_problem(operation, &answer, 422, "wrong-type");
            assert_eq!(answer.pointers(), [""], "{}", operation.id());
        }
    }
}

#[test]
fn a_value_that_is_not_acceptable_is_named_by_every_route_that_has_it() {
    const BAD: &[(&str, &str, &str)] = &[
        ("invalid-name", "name", ""),
        ("invalid-surname", "surname", "\u{7}"),
        ("invalid-email", "email", "no-address"),
        ("invalid-password", "password", "short"),
        ("invalid-phone", "phone", "1"),
    ];
    let app = TestApp::shared();
    let caller = caller(&app);
    for (slug, field, value) in BAD {
        for operation in with_json(slug) {
            let mut body = object(operation);
            body.insert((*field).into(), (*value).into());
            let answer = caller.send(operation, Value::from(body).to_string());
            assert_problem(operation, &answer, 422, slug);
            assert_eq!(answer.pointers(), [format!("/{field}")], "{}", operation.id());
        }
    }
    // These have other fields.
    for operation in with_json("validation-failed").filter(|operation| !OF_OTHER_FIELDS.contains(&operation.id())) {
        let mut body = object(operation);
        body.extend(BAD.iter().map(|(_, field, value)| ((*field).to_owned(), Value::from(*value))));
        let answer = caller.send(operation, Value::from(body).to_string());
        assert_problem(operation, &answer, 422, "validation-failed");
        assert_eq!(answer.pointers().len(), BAD.len(), "{}", operation.id());
    }
}

#[test]
fn a_value_of_an_internal_route_that_is_not_acceptable_is_named() {
    const PERMIT: &str = "1102a751-c9c5-4a86-b0a6-1c0d4a0c5d51";
    let keys = json!({"account": "ada@example.org", "client": "b".repeat(64), "pair": "c".repeat(64)});
    let permit = json!({"number": 1, "holder": PERMIT});
    let session = json!({"session_id": PERMIT, "refresh_digest": "a", "idle_seconds": 60, "absolute_seconds": 600});
    let bad = [
        ("create_user", "locale", json!("english!"), "/locale"),
        ("replace_user", "role", json!("root"), "/role"),
        ("patch_user", "role", json!("Admin"), "/role"),
        ("begin_sign_in", "keys", keys.clone(), "/keys"),
        ("end_sign_in", "keys", keys.clone(), "/keys"),
        ("rotate_token", "next_digest", json!("a"), "/next_digest"),
        ("rotate_token", "generation", json!(-1), "/generation"),
        ("rotate_token", "leeway_seconds", json!(301), "/leeway_seconds"),
        ("rotate_token", "session_id", json!("7"), "/session_id"),
        ("end_session_by_token", "refresh_digest", json!(""), "/refresh_digest"),
        ("confirm_verification", "token", json!("x"), "/token"),
        ("confirm_recovery", "token", json!("x"), "/token"),
        ("change_metadata", "public", json!({"a": "\0"}), "/public"),
        ("confirm_email_change", "token", json!("x"), "/token"),
        ("accept_invitation", "token", json!("x"), "/token"),
        ("invite_user", "role", json!("root"), "/role"),
        ("begin_second_factor", "keys", keys.clone(), "/keys"),
        ("begin_second_factor", "challenge_digest", json!("a"), "/challenge_digest"),
        ("enrol_at_sign_in", "challenge_digest", json!("A".repeat(64)), "/challenge_digest"),
        ("end_second_factor", "client_digest", json!(""), "/client_digest"),
        ("end_passkey_sign_in", "session", session.clone(), "/session/refresh_digest"),
        ("begin_mail_sign_in", "email", json!("no-address"), "/email"),
        ("end_mail_sign_in", "session", session, "/session/refresh_digest"),
        ("end_mail_sign_in", "challenge_digest", json!("a"), "/challenge_digest"),
        ("end_mail_sign_in", "token", json!("x"), "/token"),
        ("confirm_mail_login", "token", json!("x"), "/token"),
        ("decide_authorization", "request", json!("x"), "/request"),
        ("register_oauth_client", "grants", json!(["password"]), "/grants"),
        ("change_oauth_client", "redirect_uris", json!(["x"]), "/redirect_uris"),
        ("authenticate_oauth_client", "secret_digest", json!("a"), "/secret_digest"),
        ("issue_oauth_code", "code", json!("a"), "/code"),
        ("spend_oauth_code", "code_challenge", json!("a"), "/code_challenge"),
        ("rotate_oauth_token", "next_digest", json!("a"), "/next_digest"),
    ];
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with_json("invalid-value") {
        let of_it: Vec<_> = bad.iter().filter(|(id, ..)| *id == operation.id()).collect();
        assert!(!of_it.is_empty(), "nothing bad is known for {}", operation.id());
        for (_, field, value, pointer) in of_it {
            let mut body = object(operation);
            body.insert((*field).into(), value.clone());
            let answer = caller.send(operation, Value::from(body).to_string());
            assert_problem(operation, &answer, 422, "invalid-value");
            assert_eq!(answer.pointers(), [*pointer], "{}", operation.id());
        }
    }
    // A permit that nobody holds is given back to nobody, which is no fault.
    let keys = json!({"account": "a".repeat(64), "client": "b".repeat(64), "pair": "c".repeat(64)});
    let body = json!({"permit": permit, "keys": keys, "succeeded": false});
    let answer = app.post("/users-ms/internal/sign-in/end").bearer(app.auth()).json(&body).send();
    assert_eq!(answer.expect(200).json(), json!({"session": null, "event": null}));
}

#[test]
fn a_parameter_that_nobody_knows_is_refused_by_every_route_that_reads_any() {
    let app = TestApp::shared();
    let caller = caller(&app);
    // Load tests are off here, and told of elsewhere.
    for operation in with("invalid-query").into_iter().filter(|operation| operation.id() != "load_test") {
        let answer = if operation.media_type() == Some(FORM) {
            caller.send(operation, "unheard_of=1")
        } else {
            let target = operation.example_target(&[]);
            let mark = if target.contains('?') { '&' } else { '?' };
            caller.ask_for(operation, &format!("{target}{mark}unheard_of=1")).send()
        };
        assert_problem(operation, &answer, 400, "invalid-query");
        assert_eq!(answer.pointers(), ["/unheard_of"], "{}", operation.id());
    }
}

#[test]
fn an_id_that_cannot_be_one_is_refused_by_every_route_with_one() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with("invalid-id") {
        let parameters = operation.parameters().iter().filter(|parameter| parameter.text("in") == "path");
        for name in parameters.map(|parameter| parameter.text("name")) {
            let answer = caller.ask_for(operation, &operation.example_target(&[(name, "x-1")])).send();
            assert_problem(operation, &answer, 400, "invalid-id");
            // The one that is wrong, by the name that all ids have.
            assert_eq!(answer.pointers(), ["/id"], "{}", operation.id());
        }
    }
}

#[test]
fn an_id_in_another_spelling_names_nobody_for_every_route_with_one() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with("user-not-found").into_iter().filter(|operation| operation.path.contains("{id}")) {
        for id in [format!("00{}", caller.id), format!("{}.0", caller.id)] {
            let answer = caller.ask_for(operation, &operation.example_target(&[("id", &id)])).send();
            assert_problem(operation, &answer, 404, "user-not-found");
        }
    }
}

#[test]
fn a_queue_and_a_dead_letter_that_are_not_there_are_told_apart_by_every_route() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with("queue-not-found") {
        let answer = caller.ask_for(operation, &operation.example_target(&[("queue", "nothing")])).send();
        assert_problem(operation, &answer, 404, "queue-not-found");
    }
    for operation in with("dead-letter-not-found") {
        for id in ["1795405395602-0", "nothing"] {
            let answer = caller.ask_for(operation, &operation.example_target(&[("id", id)])).send();
            assert_problem(operation, &answer, 404, "dead-letter-not-found");
        }
    }
    let path = "/notification-ms/internal/queues/welcome_email_notification/dead?cursor=x";
    let answer = app.get(path).bearer(app.operator()).send();
    assert_eq!((answer.status, answer.problem().as_str()), (400, "invalid-cursor"));
}

#[test]
fn what_needs_the_management_api_of_rabbitmq_says_so_without_it() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let app = TestApp::on(&backend).variable("rabbitmq_management_url", "http://none.invalid").start();
    let caller = Caller { app: &app, access: String::new(), id: "1".into() };
    for operation in with("not-configured").into_iter().filter(|operation| operation.path.starts_with("/notification"))
    {
        let answer = caller.ask(operation).send();
        assert_problem(operation, &answer, 501, "not-configured");
        assert!(answer.text().contains("rabbitmq_management_url"), "{}", answer.text());
    }
}

#[test]
fn a_precondition_or_key_that_cannot_be_read_is_refused_by_every_route_that_has_one() {
    let app = TestApp::shared();
    let caller = caller(&app);
    for operation in with("invalid-header") {
        for (name, value) in [("if-match", "7.1"), ("if-none-match", "7.1"), ("idempotency-key", "not one")] {
            if !operation.parameters().iter().any(|parameter| parameter.text("name") == name) {
                continue;
            }
            let request = caller.ask(operation).header(name, value);
            let answer = match (operation.example_body(), operation.media_type()) {
                (Some(body), Some(media_type)) => request.body(media_type, body.to_string()).send(),
                _ => request.send(),
            };
            assert_problem(operation, &answer, 400, "invalid-header");
            assert_eq!(answer.pointers(), [format!("/{name}")], "{}", operation.id());
        }
    }
}

#[test]
fn every_route_that_asks_for_a_token_refuses_none_and_a_wrong_one() {
    let app = TestApp::guarded();
    for operation in operations().iter().filter(|operation| !operation.tokens().is_empty()) {
        let tokens = operation.tokens();
        let is_of_people = tokens.contains(&"accessToken") || tokens.contains(&"clientToken");
        let slug = if is_of_people { "invalid-token" } else { "invalid-service-token" };
        let target = operation.example_target(&[]);
        for request in [
            app.request(&operation.method, &target),
            app.request(&operation.method, &target).bearer("wrong"),
            app.request(&operation.method, &target).header("authorization", "Basic d3Jvbmc6d3Jvbmc="),
        ] {
            let answer = request.send();
            assert_problem(operation, &answer, 401, slug);
            assert!(answer.header("www-authenticate").is_some_and(|how| how.starts_with("Bearer ")));
        }
    }
}

#[test]
fn the_other_spelling_is_redirected_whatever_the_method() {
    let app = TestApp::shared();
    let redirected =
        operations().iter().filter(|operation| operation.responses().iter().any(|response| response.status == 308));
    for operation in redirected {
        let target = operation.example_target(&[]);
        let answer = app.request(&operation.method, &format!("{target}?limit=1")).send();
        let expected = format!("{}?limit=1", target.replacen("/users", "/users-ms/users", 1));
        assert_eq!((answer.status, answer.header("location")), (308, Some(expected.as_str())), "{}", operation.id());
    }
}

#[test]
fn a_service_that_is_not_configured_as_it_should_be_says_so_and_no_more() {
    let _turn = turn::together();
    let backend = Backend::new();
    let admin = Caller::new(&TestApp::on(&backend).start(), "root@broken.example").access;
    let app = TestApp::on(&backend)
        .variable("authorization", "maybe")
        .variable("load_test", "maybe")
        .variable("public_url", "x")
        .variable("password_pepper", "")
        .variable("auth_credential", "")
        .variable("scheduler_credential", "")
        .variable("operator_credential", "")
        .variable("metrics_credential", "short")
        .variable("token_public_keys", "x")
        .variable("token_signing_key", "x")
        .start();
    let caller = Caller { app: &app, access: admin, id: "1".into() };
    for operation in with("internal-error") {
        let answer = caller.send_example(operation);
        assert_problem(operation, &answer, 500, "internal-error");
        for secret in ["variable", "authorization", "token_", "pepper"] {
            assert!(!answer.text().contains(secret), "{}: {}", operation.id(), answer.text());
        }
    }
    app.wait_for_log("the variable auth_credential ");
}

#[test]
fn whatever_needs_a_server_that_is_away_says_so_and_when_to_come_back() {
    if !is_spindle("Spin ends when it loses Redis, and its supervisor starts it again") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::with_own_postgres();
    let app = TestApp::on(&backend).variable("sign_in_by_mail", "on").start();
    let caller = Caller::new(&app, "root@away.example");
    let assert_away = |slug: &str| {
        // What is for applications refuses what the files show, and is told of elsewhere.
        let asked = with(slug).into_iter().filter(|operation| !operation.path.starts_with("/auth-ms/oauth/"));
        std::thread::scope(|scope| {
            for operation in asked {
                let caller = &caller;
                // Side by side: each may take its time.
                scope.spawn(move || {
                    let answer = caller.send_example(operation);
                    assert_problem(operation, &answer, 503, slug);
                    assert!(answer.header("retry-after").is_some(), "{}", operation.id());
                });
            }
        });
    };
    backend.redis.stop();
    assert_away("broker-unavailable");
    backend.postgres.stop();
    assert_away("database-unavailable");
    assert_away("users-unavailable");
    for service in ["users-ms", "notification-ms"] {
        let _ = app.get(&format!("/{service}/readiness")).send().expect(503);
    }
}
