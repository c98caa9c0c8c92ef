//! What a collector sees of a sign-in and of a sign-up: the tree of their spans, from the request to what was sent.

use blackbox::app::{Setup, TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::QUEUES;
use blackbox::collector::Collector;
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::traces::{Tree, logged};
use blackbox::{poll, turn};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(30);
const SIGN_UP: &str = "0af7651916cd43dd8448eb211c80319c";
const LOGIN: &str = "1bf7651916cd43dd8448eb211c80319c";
const EMAIL: &str = "ada@traces.example";

fn traced(setup: Setup, collector: &Collector) -> Setup {
    collector.environment().into_iter().fold(setup, |setup, (name, value)| setup.environment(&name, &value))
}

fn with_mail(backend: &Arc<Backend>, mail_api: &MailApi) -> Setup {
    TestApp::on(backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail_api.url())
        .variable("mail_api_token", "mail-token")
        .variable("mail_from", "concierge@traces.example")
}

fn traceparent(trace: &str) -> String {
    format!("00-{trace}-b7ad6b7169203331-01")
}

fn sign_up_and_in(app: &TestApp) {
    let mut form = sign_up_form(EMAIL);
    form["name"] = "Marked Person".into();
    let sign_up = app.post("/users-ms/users").header("traceparent", &traceparent(SIGN_UP)).json(&form);
    let _ = sign_up.send().expect(201);
    let body = json!({"username": EMAIL, "password": PASSWORD});
    let login = app.post("/auth-ms/auth/login").header("traceparent", &traceparent(LOGIN)).json(&body);
    let _ = login.send().expect(200);
    let query = format!("/users-ms/users?email={EMAIL}");
    let _ = app.get(&query).header("traceparent", &traceparent(SIGN_UP)).send().expect(200);
}

/// The tree of a trace once it has spans of these names, from the collector and from the log.
fn tree(app: &TestApp, collector: &Collector, trace: &str, names: &[&str]) -> Tree {
    let now = || Tree::of(trace, collector.spans().into_iter().chain(logged(&app.log())));
    let start = Instant::now();
    while start.elapsed() < SOON && !names.iter().all(|name| now().find(name).is_some()) {
        std::thread::sleep(Duration::from_millis(100));
    }
    now()
}

#[track_caller]
fn has(tree: &Tree, path: &[&str]) {
    assert!(tree.has(path), "{path:?} is missing among\n{}", tree.shown());
}

#[test]
fn the_trees_of_a_sign_up_and_of_a_sign_in_lead_from_the_request_to_what_was_sent() {
    if !is_spindle("Spin tells components no span of its own: the next test has what it records") {
        return;
    }
    let _turn = turn::together();
    for backend in [Backend::new(), Backend::with_rabbitmq()] {
        let has_rabbit = backend.rabbit.is_some();
        let (collector, mail_api) = (Collector::start(), MailApi::start());
        let app = traced(with_mail(&backend, &mail_api), &collector).start();
        backend.wait_for_queues();
        sign_up_and_in(&app);
        let publish = if has_rabbit { "new_user_event publish" } else { "XADD" };
        let ends = if has_rabbit { "receive" } else { "process" };
        let last = ["welcome", "login"].map(|kind| format!("{kind}_email_notification {ends}"));
        let [last_of_sign_up, last_of_login] = last.each_ref().map(String::as_str);
        // A request may end after the mail that it led to was sent, and what was published may be recorded later still.
        let names =
            ["POST /users-ms/...", "welcome_email_notification process", "send message", last_of_sign_up, publish];
        let sign_up = tree(&app, &collector, SIGN_UP, &names);
        let users = ["POST /users-ms/...", "execute_wasm_component users"];
        let below = |parents: &[&'static str], more: &[&'static str]| [parents, more].concat();
        has(&sign_up, &users[..1]);
        has(&sign_up, &below(&users, &["hash password"]));
        has(&sign_up, &below(&users, &["spin_outbound_pg.open"]));
        has(&sign_up, &below(&users, &["WITH new_user AS ("]));
        has(&sign_up, &below(&users, &[publish]));

        let publish = if has_rabbit { "user_login_event publish" } else { "XADD" };
        let names =
            ["POST /auth-ms/...", "login_email_notification process", "send message", last_of_login, publish, "DELETE"];
        let login = tree(&app, &collector, LOGIN, &names);
        let auth = ["POST /auth-ms/...", "execute_wasm_component auth"];
        let users = below(&auth, &["POST", "execute_wasm_component users"]);
        has(&login, &below(&auth, &["verify password"]));
        has(&login, &below(&users, &["WITH acquired AS MATERIALIZED"]));
        has(&login, &below(&users, &["WITH account AS ("]));
        has(&login, &below(&auth, &[publish]));
        has(&login, &below(&auth, &["DELETE", "execute_wasm_component users"]));

        // From the event to the mail: by RabbitMQ the trigger's span is between.
        for (tree, queue, trigger, parents) in [
            (&sign_up, "welcome_email_notification process", "welcome_email_notification receive", users_alone()),
            (&login, "login_email_notification process", "login_email_notification receive", users.clone()),
        ] {
            let delivered = if has_rabbit { below(&parents, &[trigger, queue]) } else { below(&parents, &[queue]) };
            has(tree, &below(&delivered, &["send message"]));
            if has_rabbit {
                has(tree, &below(&parents, &[trigger, "POST"]));
            }
        }
        // In the order in which it happens.
        let begin = |name: &str| login.find(name).unwrap_or_else(|| panic!("{name}:\n{}", login.shown())).from;
        let order = ["POST /auth-ms/...", "WITH acquired", "verify password", "WITH account", publish, "send message"];
        assert!(order.windows(2).all(|pair| begin(pair[0]) <= begin(pair[1])), "{}", login.shown());
        assert!(login.spans().iter().all(|span| span.from <= span.to));

        // Of people there is nothing in it.
        for span in collector.spans() {
            let shown = format!("{span:?}");
            let personal = ["traces.example", "Marked", PASSWORD];
            assert!(!personal.iter().any(|word| shown.contains(word)), "{shown}");
        }
        // Who sends the mail is told nothing of it.
        assert!(mail_api.taken().iter().all(|posted| posted.header("traceparent").is_none()));
    }
}

fn users_alone() -> Vec<&'static str> {
    vec!["POST /users-ms/...", "execute_wasm_component users"]
}

#[test]
fn the_spans_that_spin_has_too_are_called_alike() {
    let _turn = turn::together();
    for backend in [Backend::new(), Backend::with_rabbitmq()] {
        spans_are_called_as_by_spin(&backend);
    }
}

fn spans_are_called_as_by_spin(backend: &Arc<Backend>) {
    let (collector, mail_api) = (Collector::start(), MailApi::start());
    let app = traced(with_mail(backend, &mail_api), &collector).start();
    backend.wait_for_queues();
    sign_up_and_in(&app);
    let (open, publish, last) = match backend.rabbit {
        Some(_) => {
            ("spin_outbound_mqtt.open_connection", "user_login_event publish", "login_email_notification receive")
        }
        None => ("spin_outbound_redis.open_connection", "XADD", "login_email_notification process"),
    };
    let names = ["execute_wasm_component auth", publish, "send message", "login_email_notification process", last];
    let login = tree(&app, &collector, LOGIN, &names);
    let auth = ["POST /auth-ms/...", "execute_wasm_component auth"];
    has(&login, &auth);
    has(&login, &[&auth[..], &["POST", "execute_wasm_component users", "spin_outbound_pg.open"]].concat());
    has(&login, &[&auth[..], &[open]].concat());
    has(&login, &[&auth[..], &[publish]].concat());
    let statements =
        login.spans().iter().filter(|span| span.attributes.get("db.system").is_some_and(|s| s == "postgresql"));
    assert!(statements.filter(|span| span.name.contains("WITH account AS (")).count() == 1, "{}", login.shown());
    let root = login.find("POST /auth-ms/...").expect("the request has a span");
    assert_eq!(root.parent_id, "b7ad6b7169203331");
    let expected = [
        ("http.request.method", "POST"),
        ("http.route", "/auth-ms/..."),
        ("http.response.status_code", "200"),
        ("url.path", "/auth-ms/auth/login"),
        ("network.protocol.name", "http"),
    ];
    for (name, value) in expected {
        assert_eq!(root.attributes.get(name).map(String::as_str), Some(value), "{root:?}");
    }
    for name in ["verify password", "login_email_notification process", "send message"] {
        assert!(login.find(name).is_some(), "{name}:\n{}", login.shown());
    }
    // By Redis a message is claimed in a call that is of no trace; RabbitMQ's trigger delivers each by itself.
    if backend.rabbit.is_some() {
        let [receive, process] = ["receive", "process"].map(|what| {
            let name = format!("login_email_notification {what}");
            login.find(&name).unwrap_or_else(|| panic!("{name}:\n{}", login.shown())).clone()
        });
        assert_eq!(process.parent_id, receive.span_id);
        assert_eq!(receive.attributes["messaging.system"], "rabbitmq");
    }
}

#[test]
fn nothing_is_recorded_of_a_trace_that_is_not_to_be() {
    let _turn = turn::together();
    let backend = Backend::new();
    let collector = Collector::start();
    let app = traced(TestApp::on(&backend), &collector).start();
    let not = "2cf7651916cd43dd8448eb211c80319c";
    let said = format!("00-{not}-b7ad6b7169203331-00");
    let _ = app.get("/users-ms/users?limit=1").header("traceparent", &said).send().expect(200);
    let _ = app.get("/users-ms/users?limit=1").header("traceparent", &traceparent(LOGIN)).send().expect(200);
    poll::until(SOON, "the recorded trace is there", || Tree::of(LOGIN, collector.spans()).find("GET").is_some());
    assert_eq!(Tree::of(not, collector.spans()).spans(), []);
}

#[test]
fn a_collector_that_hangs_holds_up_nobody() {
    let _turn = turn::together();
    let backend = Backend::new();
    let collector = Collector::start();
    collector.hang(true);
    let app = traced(TestApp::on(&backend), &collector)
        .environment("OTEL_BSP_MAX_QUEUE_SIZE", "64")
        .environment("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "16")
        .environment("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
        .start();
    let ask = || {
        let start = Instant::now();
        let _ = app.get("/users-ms/users?limit=1").header("traceparent", &traceparent(LOGIN)).send().expect(200);
        start.elapsed()
    };
    // Far more spans than may wait.
    let slowest = (0..200).map(|_| ask()).max();
    assert!(slowest < Some(Duration::from_secs(2)), "{slowest:?}");
    assert!(collector.requests() > 0 && collector.spans().is_empty());
    if is_spindle("what Spin says about its collector is Spin's") {
        app.wait_for_log("the collector of traces takes no spans; they are dropped");
    }
    collector.hang(false);
    poll::until(SOON, "later spans get through", || {
        let _ = ask();
        !collector.spans().is_empty()
    });
    // The end waits for the last spans, and not for a collector.
    collector.hang(true);
    let _ = ask();
    let start = Instant::now();
    app.app.stop();
    assert!(start.elapsed() < Duration::from_secs(8), "{:?}", start.elapsed());
}

#[test]
fn every_queue_has_the_trace_of_its_event() {
    let _turn = turn::together();
    for backend in [Backend::new(), Backend::with_rabbitmq()] {
        let app = TestApp::on(&backend).start();
        backend.wait_for_queues();
        let mut form = sign_up_form(EMAIL);
        form["phone"] = "+39 02 1234567".into();
        let sign_up = app.post("/users-ms/users").header("traceparent", &traceparent(LOGIN)).json(&form);
        let _ = sign_up.send().expect(201);
        app.confirm_phone(EMAIL);
        let body = json!({"username": EMAIL, "password": PASSWORD});
        let login = app.post("/auth-ms/auth/login").header("traceparent", &traceparent(LOGIN)).json(&body);
        let _ = login.send().expect(200);
        for queue in QUEUES {
            let name = format!("{queue} process");
            let seen = || Tree::of(LOGIN, logged(&app.log())).find(&name).is_some();
            poll::until(SOON, &name, seen);
        }
    }
}
