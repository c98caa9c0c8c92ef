//! How Spindle ends.

use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Setup, read_response, until};

fn slow_request(app: &crate::support::App, milliseconds: u32) -> TcpStream {
    let mut stream = app.connect();
    let request = format!("GET /sleep?ms={milliseconds} HTTP/1.1\r\nhost: test\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    // The guest has the request once others are answered after it.
    app.text("/hello");
    stream
}

#[test]
fn what_is_under_way_is_finished() {
    let mut app = Setup::default().start();
    let slow = slow_request(&app, 700);
    app.signal("TERM");
    until(|| TcpStream::connect(app.address()).is_err().then_some(()));
    let response = read_response(slow);
    assert_eq!((response.status, response.body.as_str()), (200, "slept"));
    assert_eq!(app.wait_for_end().code(), Some(0));
}

#[test]
fn the_grace_period_is_not_exceeded() {
    let mut app = Setup::default().arguments(&["--grace-period", "300ms"]).start();
    let slow = slow_request(&app, 20_000);
    let start = Instant::now();
    app.signal("TERM");
    assert_eq!(app.wait_for_end().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_ne!(read_response(slow).status, 200);
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut app = Setup::default().arguments(&["--grace-period", "60s"]).start();
    let _slow = slow_request(&app, 20_000);
    let start = Instant::now();
    app.signal("INT");
    app.wait_for_output("stopping");
    app.signal("TERM");
    assert_eq!(app.wait_for_end().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(5));
}
