//! What a guest or a caller may use, and what happens beyond that.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use crate::h2::{DATA, END_STREAM, H2, RST_STREAM};
use crate::support::{Setup, read_response};

#[test]
fn memory_is_limited() {
    let mut app = Setup::default().arguments(&["--max-instance-memory", "33554432"]).start();
    assert_eq!(app.text("/memory?mb=8"), (8 << 20).to_string());
    let response = app.get("/memory?mb=64");
    assert!(response.is_problem(500), "{response:?}");
    app.wait_for_output("more memory than an instance may have");
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn time_is_limited() {
    let mut app = Setup::default().arguments(&["--http-deadline", "300ms"]).start();
    for path in ["/loop", "/sleep?ms=5000"] {
        let start = Instant::now();
        let response = app.get(path);
        assert!(response.is_problem(500), "{path}: {response:?}");
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
    assert!(response.is_problem(413), "{response:?}");
}

#[test]
fn an_undeclared_body_that_is_too_large_is_a_413() {
    let app = Setup::default().arguments(&["--max-request-body", "10"]).start();
    let response = app.request(
        "POST /echo HTTP/1.1\r\nhost: test\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n\
         b\r\n12345678901\r\n0\r\n\r\n",
    );
    assert!(response.is_problem(413), "{response:?}");
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    let app = Setup::default().start();
    let mut stream = app.connect();
    let filler = "x".repeat(100_000);
    let _ = stream.write_all(format!("GET / HTTP/1.1\r\nhost: test\r\nx: {filler}\r\n\r\n").as_bytes());
    let response = read_response(stream);
    assert!(response.is_problem(431), "{response:?}");
}

#[test]
fn an_answer_that_was_cut_does_not_look_complete() {
    let mut app = Setup::default().arguments(&["--http-deadline", "200ms"]).start();
    // The guest sends a part, and would send another one.
    for (path, reason) in [("/stream", "took too long"), ("/stream?trap=1", "an HTTP handler failed")] {
        let mut stream = app.connect();
        write!(stream, "GET {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        assert!(text.starts_with("HTTP/1.1 200") && text.contains("first"), "{text}");
        // A chunk of no length would be the end.
        assert!(!text.contains("second") && !text.contains("\r\n0\r\n"), "{text}");
        app.wait_for_output(reason);
        let mut client = H2::start(app.connect(), &[]);
        assert!(client.request(1, "GET", path, END_STREAM));
        let frames: Vec<_> =
            std::iter::from_fn(|| client.read()).take_while(|frame| frame.kind != RST_STREAM).collect();
        assert!(frames.iter().any(|frame| frame.kind == DATA && frame.payload == b"first\n"), "{frames:?}");
        assert!(!frames.iter().any(|frame| frame.kind == DATA && frame.flags & END_STREAM != 0), "{frames:?}");
    }
}

#[test]
fn the_log_says_where_a_guest_has_trapped() {
    let mut app = Setup::default().start();
    assert_eq!(app.get("/trap").status, 500);
    let line = app.wait_for_output("an HTTP handler failed");
    let place = line.split("instruction executed in ").nth(1).unwrap_or_default();
    assert!(!place.is_empty() && line.contains("unreachable"), "{line}");
}
