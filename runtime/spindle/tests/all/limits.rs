//! What a guest or a caller may use, and what happens beyond that.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::support::{Setup, read_response};

#[test]
fn memory_is_limited() {
    let mut app = Setup::default().arguments(&["--max-instance-memory", "33554432"]).start();
    assert_eq!(app.text("/memory?mb=8"), (8 << 20).to_string());
    let response = app.get("/memory?mb=64");
    assert_eq!((response.status, response.body.as_str()), (500, ""));
    app.wait_for_output("more memory than an instance may have");
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn time_is_limited() {
    let mut app = Setup::default().arguments(&["--http-deadline", "300ms"]).start();
    for path in ["/loop", "/sleep?ms=5000"] {
        let start = Instant::now();
        let response = app.get(path);
        assert_eq!((response.status, response.body.as_str()), (500, ""), "{path}");
        assert!(start.elapsed() < Duration::from_secs(3), "{path} took {:?}", start.elapsed());
    }
    app.wait_for_output("took too long");
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn a_declared_body_that_is_too_large_is_a_413() {
    let app = Setup::default().arguments(&["--max-request-body", "10"]).start();
    assert_eq!(app.post("/echo", "1234567890").body, "1234567890");
    let response = app.post("/echo", "12345678901");
    assert_eq!((response.status, response.body.as_str()), (413, ""));
}

#[test]
fn an_undeclared_body_is_cut_off() {
    let app = Setup::default().arguments(&["--max-request-body", "10"]).start();
    let response = app.request(
        "POST /echo HTTP/1.1\r\nhost: test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         b\r\n12345678901\r\n0\r\n\r\n",
    );
    assert_eq!(response.status, 418, "{response:?}");
    assert!(!response.body.contains("12345678901"), "{response:?}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let app = Setup::default().start();
    let mut stream = app.connect();
    let filler = "x".repeat(100_000);
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nhost: test\r\nx: {filler}\r\n\r\n").as_bytes());
    assert_eq!(read_response(stream).status, 431);
}

#[test]
fn the_log_says_where_a_guest_has_trapped() {
    let mut app = Setup::default().start();
    assert_eq!(app.get("/trap").status, 500);
    let line = app.wait_for_output("an HTTP handler failed");
    let place = line.split("instruction executed in ").nth(1).unwrap_or_default();
    assert!(!place.is_empty() && line.contains("unreachable"), "{line}");
}
