//! The trace that a request belongs to: it goes with the request from service to service, into its events, and to whoever
//! consumes them.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::LOGINS;
use blackbox::people::PASSWORD;
use blackbox::traces::{Span, logged};
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

fn sign_in(app: &TestApp, email: &str, traceparent: Option<&str>, request_id: &str) {
    let body = json!({"username": email, "password": PASSWORD});
    let request = app.post("/auth-ms/auth/login").header("x-request-id", request_id).json(&body);
    let request = match traceparent {
        Some(traceparent) => request.header("traceparent", traceparent),
        None => request,
    };
    let _ = request.send().expect(200);
}

/// The event of the sign-in with this request id, once it is published.
fn login_event(backend: &Backend, request_id: &str) -> Value {
    poll::eventually(SOON, "the login's event", || {
        let events = backend.broker().messages(LOGINS).into_iter();
        events.filter_map(|event| serde_json::from_str::<Value>(&event).ok()).find(|e| e["requestid"] == request_id)
    })
}

fn lines(app: &TestApp, request_id: &str) -> Vec<Value> {
    let log = app.log();
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line.get(line.find('{')?..)?).ok());
    lines.filter(|line| line["request_id"] == request_id).collect()
}

fn find<'a>(spans: &'a [Span], name: &str) -> Option<&'a Span> {
    spans.iter().find(|span| span.name == name && span.trace_id == TRACE)
}

#[test]
fn a_trace_goes_from_the_caller_into_the_event_and_to_its_consumer() {
    let _turn = turn::together();
    for backend in [Backend::new(), Backend::with_rabbitmq()] {
        let app = TestApp::on(&backend).start();
        backend.wait_for_queues();
        let _ = app.sign_up("ada@trace.example");
        let traceparent = format!("00-{TRACE}-{CALLER}-01");
        sign_in(&app, "ada@trace.example", Some(&traceparent), "traced");
        if backend.rabbit.is_none() {
            let event = login_event(&backend, "traced");
            let said = event["traceparent"].as_str().unwrap();
            assert!(said.starts_with(&format!("00-{TRACE}-")) && said.ends_with("-01"), "{said}");
        }
        let audit = lines(&app, "traced");
        assert!(audit.len() >= 2 && audit.iter().all(|line| line["trace_id"] == TRACE), "{audit:?}");
        let is_sent = || find(&logged(&app.log()), "login_email_notification process").is_some();
        poll::until(SOON, "the mail's span is in the log", is_sent);
        let spans = logged(&app.log());
        let [verify, process, send] = ["verify password", "login_email_notification process", "send message"]
            .map(|name| find(&spans, name).unwrap_or_else(|| panic!("{name}: {spans:?}")));
        assert_eq!((verify.service.as_str(), process.service.as_str()), ("auth", "notification"));
        assert_eq!(send.parent_id, process.span_id);
        assert_eq!(process.attributes["messaging.destination.name"], "login_email_notification");
        assert!(verify.from <= verify.to && verify.to <= process.from && process.from <= send.from);
        assert!(send.to <= process.to);
    }
}

#[test]
fn a_request_without_a_valid_trace_begins_one_that_is_not_recorded() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let _ = app.sign_up("new@trace.example");
    let zeros = format!("00-{}-{CALLER}-01", "0".repeat(32));
    let capitals = format!("00-{}-{CALLER}-01", TRACE.to_uppercase());
    let tries = [("none", None), ("text", Some("hello")), ("zeros", Some(&*zeros)), ("capitals", Some(&*capitals))];
    let mut traces = Vec::new();
    for (request_id, traceparent) in tries {
        sign_in(&app, "new@trace.example", traceparent, request_id);
        let said = login_event(&backend, request_id)["traceparent"].as_str().unwrap().to_owned();
        assert!(said.len() == 55 && said.ends_with("-00") && !said.to_lowercase().contains(TRACE), "{said}");
        let trace = said[3..35].to_owned();
        assert!(lines(&app, request_id).iter().all(|line| line["trace_id"] == trace), "{request_id}");
        traces.push(trace);
    }
    traces.sort_unstable();
    traces.dedup();
    assert_eq!(traces.len(), tries.len());
    assert_eq!(logged(&app.log()), []);
}
