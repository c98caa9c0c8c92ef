//! Web pages that call the API from a browser, of origins that are let in and of others.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form};
use serde_json::json;

const APP: &str = "https://app.example";
const OTHER: &str = "https://other.example";

fn app(origins: &str) -> TestApp {
    TestApp::on(&Backend::new()).variable("authorization", "required").variable("allowed_origins", origins).start()
}

/// A browser's question before a request that a page may not send without asking.
fn preflight(app: &TestApp, path: &str, origin: &str) -> Answer {
    let request = app.request("OPTIONS", path).header("origin", origin);
    let request = request.header("access-control-request-method", "PATCH");
    request.header("access-control-request-headers", "authorization,content-type").send()
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

#[test]
fn a_page_that_is_let_in_signs_somebody_up_and_in_and_reads_what_it_needs() {
    let app = app(&format!("http://localhost:5173, {APP}"));
    for path in ["/users-ms/users", "/users-ms/users/7", "/auth-ms/auth/login", "/notification-ms/notifications"] {
        let answer = preflight(&app, path, APP).expect(204);
        assert_eq!(allowed(&answer), Some(APP), "{path}");
        let says = |header: &str, part: &str| {
            let value = answer.header(header).unwrap_or_default();
            assert!(value.split(", ").any(|one| one == part), "{path}: {header}: {value}");
        };
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            says("access-control-allow-methods", method);
        }
        for header in ["authorization", "content-type", "idempotency-key", "if-match"] {
            says("access-control-allow-headers", header);
        }
        assert_eq!((answer.header("vary"), answer.header("access-control-max-age")), (Some("origin"), Some("600")));
        // Nothing that a browser sends by itself lets anybody in.
        assert_eq!(answer.header("access-control-allow-credentials"), None);
    }
    let signed_up = app.post("/users-ms/users").header("origin", APP).json(&sign_up_form("ada@cors.example")).send();
    let form = json!({"username": "ada@cors.example", "password": PASSWORD});
    let signed_in = app.post("/auth-ms/auth/login").header("origin", APP).json(&form).send().expect(200);
    // Refusals can be read as well.
    let refused = app.get("/users-ms/users").header("origin", APP).send().expect(401);
    for answer in [&signed_up.expect(201), &signed_in, &refused] {
        assert_eq!((allowed(answer), answer.header("vary")), (Some(APP), Some("origin")));
        let exposed = answer.header("access-control-expose-headers").unwrap_or_default();
        for header in ["etag", "location", "retry-after", "x-request-id"] {
            assert!(exposed.split(", ").any(|one| one == header), "{exposed}");
        }
    }
}

#[test]
fn a_page_of_another_origin_is_told_nothing_by_its_browser() {
    let app = app(APP);
    for origin in [OTHER, "http://app.example", "https://app.example.other.example", "null", ""] {
        let answer = preflight(&app, "/auth-ms/auth/login", origin).expect(405);
        assert_eq!((allowed(&answer), answer.header("access-control-allow-methods")), (None, None), "{origin}");
        let answer = app.get("/users-ms/healthcheck").header("origin", origin).send().expect(200);
        assert_eq!(allowed(&answer), None, "{origin}");
    }
    // What is no page is served as always.
    assert_eq!(allowed(&app.get("/users-ms/healthcheck").send().expect(200)), None);
    // OPTIONS is a preflight only when it asks for something.
    let asked = app.request("OPTIONS", "/auth-ms/auth/login").header("origin", APP).send().expect(405);
    assert_eq!(asked.header("allow"), Some("POST"));
}

#[test]
fn no_page_is_let_in_to_internal_operations_or_where_none_is_named() {
    let open = app(&format!("{APP},{OTHER}"));
    for path in ["/users-ms/internal/outbox", "/users-ms/internal/sign-in/begin", "/notification-ms/internal/queues"] {
        let answer = preflight(&open, path, APP);
        assert_eq!((answer.status, allowed(&answer)), (405, None), "{path}");
    }
    let closed = app("");
    assert_eq!(allowed(&preflight(&closed, "/auth-ms/auth/login", APP).expect(405)), None);
    assert_eq!(allowed(&closed.get("/users-ms/healthcheck").header("origin", APP).send().expect(200)), None);
}

#[test]
fn every_page_is_let_in_by_a_star_and_reads_public_keys_in_any_case() {
    let app = app("*");
    for origin in [APP, OTHER, "null"] {
        let answer = preflight(&app, "/auth-ms/auth/login", origin).expect(204);
        assert_eq!((allowed(&answer), answer.header("vary")), (Some("*"), None), "{origin}");
    }
    let closed = TestApp::shared();
    // Caches keep the keys, whoever asked for them.
    for origin in [None, Some(APP)] {
        let request = closed.get("/auth-ms/.well-known/jwks.json");
        let request = match origin {
            Some(origin) => request.header("origin", origin),
            None => request,
        };
        assert_eq!(allowed(&request.send().expect(200)), Some("*"));
    }
}
