//! What the HTTP trigger does with requests.

use std::io::{BufRead, BufReader, Write};
use std::time::{Duration, Instant};

use crate::support::Setup;

#[test]
fn a_component_answers() {
    let app = Setup::default().start();
    assert_eq!(app.text("/hello"), "hello");
    assert_eq!(app.post("/echo", "what was sent").body, "what was sent");
    assert_eq!(app.text("/authority"), "test");
}

#[test]
fn the_reserved_paths_need_no_component() {
    let app = Setup::default().start();
    assert_eq!(app.text("/.well-known/spin/health"), "OK");
    let info = app.get("/.well-known/spin/info");
    assert!(info.headers.contains("application/json"));
    assert_eq!(info.body, r#"{"name":"test","version":"1.2.3"}"#);
}

#[test]
fn routes_are_told_at_start_and_to_components() {
    let app = Setup::default()
        .triggers(
            r#"
            [[trigger.http]]
            route = "/spin-headers"
            component = "guest"
            [[trigger.http]]
            route = "/chained/:id/..."
            component = "guest"
            [[trigger.http]]
            route = "/static"
            static_response = { status_code = 302, headers = { location = "/there" }, body = "moved" }
            [[trigger.http]]
            route = { private = true }
            component = "guest"
            "#,
        )
        .start();
    let address = app.address().to_owned();
    assert!(app.output().contains(&format!("guest: http://{address}/chained/:id (wildcard)")), "{}", app.output());
    let headers = app.request(
        "GET /chained/7/x?y=1 HTTP/1.1\r\nhost: test\r\nspin-path-info: forged\r\nspin-path-match-other: forged\r\nconnection: close\r\n\r\n",
    );
    let body = &headers.body;
    for line in [
        "spin-path-info: /x",
        "spin-full-url: http://test/chained/7/x?y=1",
        "spin-matched-route: /chained/:id/...",
        "spin-raw-component-route: /chained/:id/...",
        "spin-component-route: /chained/:id",
        "spin-base-path: /",
        "spin-path-match-id: 7",
        "spin-client-addr: 127.0.0.1:",
    ] {
        assert!(body.contains(line), "{line} is not in {body}");
    }
    assert!(!body.contains("connection"), "{body}");
    // What a caller sends under these names stays beside what is so. The guest sorts them.
    let of = |name: &str| body.lines().filter(|line| line.starts_with(name)).collect::<Vec<_>>();
    assert_eq!(of("spin-path-info: "), ["spin-path-info: /x", "spin-path-info: forged"]);
    assert_eq!(of("spin-path-match-other: "), ["spin-path-match-other: forged"]);
    let request = |line: &str, host: &str| {
        app.request(&format!("GET {line} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n")).status
    };
    assert_eq!(request("http://a.example/chained/7/x", "a.example"), 200);
    assert_eq!(request("/.well-known/spin/anything", "test"), 404);
    let moved = app.get("/static");
    assert_eq!((moved.status, moved.body.as_str()), (302, "moved"));
    assert!(moved.headers.contains("location: /there"));
    let missing = app.get("/nowhere");
    assert!(missing.is_problem(404), "{missing:?}");
}

#[test]
fn a_trap_is_a_500_and_harms_nobody_else() {
    let mut app = Setup::default().start();
    let response = app.get("/trap");
    assert!(response.is_problem(500), "{response:?}");
    app.wait_for_output("an HTTP handler failed");
    assert_eq!(app.text("/hello"), "hello");
}

#[test]
fn a_response_is_streamed() {
    let app = Setup::default().start();
    let mut stream = app.connect();
    stream.write_all(b"GET /stream HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "first"));
    let between = Instant::now();
    assert!(lines.any(|line| line == "second"));
    assert!(between.elapsed() > Duration::from_millis(150), "both parts came at once");
}

#[test]
fn a_connection_is_kept_for_more_requests() {
    let app = Setup::default().start();
    let mut stream = app.connect();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for _ in 0..3 {
        stream.write_all(b"GET /.well-known/spin/health HTTP/1.1\r\nhost: test\r\n\r\n").unwrap();
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head).unwrap();
        }
        assert!(head.starts_with("HTTP/1.1 200"), "{head}");
        let mut body = [0; 2];
        std::io::Read::read_exact(&mut reader, &mut body).unwrap();
        assert_eq!(&body, b"OK");
    }
}

#[test]
fn guests_output_comes_out_line_by_line() {
    let mut app = Setup::default().start();
    app.text("/print?text=one");
    assert_eq!(app.wait_for_output("out one"), "guest: out one");
    assert_eq!(app.wait_for_output("err one"), "guest: err one");
    let app = Setup::default().arguments(&["--log-dir", "logs"]).start();
    app.text("/print?text=two");
    let read = |name: &str| std::fs::read_to_string(app.dir().join("logs").join(name)).unwrap_or_default();
    crate::support::until(|| (read("guest_stdout.txt") == "out two\n").then_some(()));
    crate::support::until(|| (read("guest_stderr.txt") == "err two\n").then_some(()));
}

#[test]
fn requests_name_one_host_and_their_target_in_one_of_the_forms() {
    let app = Setup::default().start();
    let send = |head: &str| app.request(&format!("{head}\r\nconnection: close\r\n\r\n"));
    for head in [
        "GET /hello HTTP/1.1",
        "GET http://a.example/hello HTTP/1.1",
        "GET /hello HTTP/1.1\r\nhost: a.example\r\nhost: a.example",
        "GET /hello HTTP/1.1\r\nhost: ",
        "GET /hello HTTP/1.1\r\nhost: a b",
        "GET /hello HTTP/1.1\r\nhost: user@a.example",
        "GET /hello HTTP/1.1\r\nhost: a.example:port",
        "GET /hello HTTP/1.1\r\nhost: guest.spin.internal",
        "GET http://guest.spin.internal/hello HTTP/1.1\r\nhost: guest.spin.internal",
        "GET http://a.example/hello HTTP/1.1\r\nhost: b.example",
        "GET /.well-known/spin/health HTTP/1.1",
        "GET * HTTP/1.1\r\nhost: test",
    ] {
        let response = send(head);
        assert!(response.is_problem(400), "{head}: {response:?}");
    }
    for head in [
        "GET /hello HTTP/1.0",
        "GET /hello HTTP/1.1\r\nhost: [::1]:4000",
        "GET http://a.example/hello HTTP/1.1\r\nhost: a.example",
    ] {
        assert_eq!(send(head).body, "hello", "{head}");
    }
    assert_eq!(send("OPTIONS * HTTP/1.1\r\nhost: test").status, 204);
    assert!(send("CONNECT test:80 HTTP/1.1\r\nhost: test:80").is_problem(501));
    let posted = send("POST /.well-known/spin/health HTTP/1.1\r\nhost: test\r\ncontent-length: 0");
    assert!(posted.is_problem(405) && posted.headers.contains("allow: get, head"), "{posted:?}");
    assert!(send("GET /.well-known/spin/other HTTP/1.1\r\nhost: test").is_problem(404));
}

#[test]
fn codings_and_conditions_are_the_component_s_own() {
    let app = Setup::default().start();
    let request = "GET /spin-headers HTTP/1.1\r\nhost: test\r\nconnection: close\r\naccept-encoding: gzip\r\n\
                   range: bytes=0-1\r\nif-none-match: *\r\nif-match: \"x\"\r\n\r\n";
    let response = app.request(request);
    assert_eq!(response.status, 200);
    assert!(!response.headers.contains("content-encoding"), "{response:?}");
    for line in ["accept-encoding: gzip", "range: bytes=0-1", "if-none-match: *", "if-match: \"x\""] {
        assert!(response.body.contains(line), "{line} is not in {}", response.body);
    }
}

#[test]
fn a_body_is_told_to_go_on_only_if_it_fits() {
    let app = Setup::default().arguments(&["--max-request-body", "10"]).start();
    let request = |length: usize| {
        let mut stream = app.connect();
        let head = format!("content-length: {length}\r\nexpect: 100-continue\r\nconnection: close");
        write!(stream, "POST /echo HTTP/1.1\r\nhost: test\r\n{head}\r\n\r\n").unwrap();
        let mut first = [0; 12];
        std::io::Read::read_exact(&mut stream, &mut first).unwrap();
        String::from_utf8(first.to_vec()).unwrap()
    };
    assert_eq!(request(10), "HTTP/1.1 100");
    assert_eq!(request(11), "HTTP/1.1 413");
}

#[test]
fn conditions_are_evaluated_for_what_spindle_serves_itself_and_ranges_get_the_whole() {
    let app = Setup::default()
        .manifest(
            "[[trigger.http]]\nroute = \"/s\"\nstatic_response = { headers = { etag = '\"a\"' }, body = \"whole\" }\n",
        )
        .start();
    let ask = |method: &str, path: &str, header: &str| {
        app.request(&format!("{method} {path} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{header}\r\n\r\n"))
    };
    let unchanged = ask("GET", "/s", "if-none-match: W/\"a\"");
    assert!(unchanged.status == 304 && unchanged.body.is_empty(), "{unchanged:?}");
    assert!(unchanged.headers.contains("etag: \"a\""), "{unchanged:?}");
    assert_eq!(ask("GET", "/s", "if-none-match: \"b\"").body, "whole");
    assert!(ask("POST", "/s", "if-none-match: \"a\"").is_problem(412));
    assert!(ask("GET", "/s", "if-match: \"b\"").is_problem(412));
    let health = "/.well-known/spin/health";
    assert!(ask("GET", health, "if-match: \"a\"").is_problem(412));
    assert_eq!(ask("HEAD", health, "if-none-match: *").status, 304);
    // Without a time of change, conditions about one are ignored.
    assert_eq!(ask("GET", health, "if-modified-since: Fri, 27 Nov 2026 12:00:00 GMT").status, 200);
    assert_eq!(ask("GET", health, "if-unmodified-since: Fri, 27 Nov 2020 12:00:00 GMT").status, 200);
    let part = ask("GET", "/s", "range: bytes=0-1");
    assert_eq!((part.status, part.body.as_str()), (200, "whole"));
    // What is no success is what it would be.
    assert_eq!(ask("POST", health, "if-match: \"a\"").status, 405);
}
