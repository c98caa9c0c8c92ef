//! Requests of components: to others in the app, to the app, and out.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::support::Setup;

#[test]
fn a_component_reaches_another_without_the_network() {
    let app = Setup::default()
        .hosts(&["http://*.spin.internal"])
        .triggers(
            r#"
            [[trigger.http]]
            route = "/http"
            component = "guest"
            [[trigger.http]]
            route = { private = true }
            component = "guest"
            "#,
        )
        .start();
    let body = app.text("/http?url=http://guest.spin.internal/chained/a%3Fb=c");
    assert!(body.starts_with("200\n/chained/a\n"), "{body}");
    assert!(body.contains("spin-full-url: http://guest.spin.internal/chained/a?b=c"), "{body}");
    assert!(body.contains("spin-client-addr: 0.0.0.0:0"), "{body}");
    let missing = app.get("/http?url=http://other.spin.internal/");
    assert!(missing.body.contains("DestinationNotFound"), "{missing:?}");
    let trapped = app.get("/http?url=http://guest.spin.internal/trap");
    assert!(trapped.body.starts_with("500\n{"), "{trapped:?}");
}

#[test]
fn a_component_reaches_its_own_app() {
    let app = Setup::default().hosts(&["http://self"]).start();
    assert_eq!(app.text("/http?url=http://self.alt/hello"), "200\nhello");
    assert_eq!(app.text("/http?url=http://self.alt/.well-known/spin/health"), "200\nOK");
    assert!(app.text("/http?url=http://self.alt/nowhere").starts_with("418\n"), "it is the guest's answer");
    // As a host of a URL, `self` is a name like others.
    assert!(app.get("/http?url=http://self/hello").body.contains("HttpRequestDenied"));
}

#[test]
fn what_is_not_allowed_is_denied() {
    let mut app = Setup::default().hosts(&["http://127.0.0.1:1"]).start();
    for url in
        ["http://guest.spin.internal/hello", "http://self.alt/hello", "http://127.0.0.1:2/", "https://127.0.0.1:1/"]
    {
        let response = app.get(&format!("/http?url={url}"));
        assert!(response.body.contains("HttpRequestDenied"), "{url}: {response:?}");
    }
    app.wait_for_output("it is not in allowed_outbound_hosts");
    let refused = app.get("/http?url=http://127.0.0.1:1/");
    assert!(refused.body.contains("ConnectionRefused"), "{refused:?}");
}

#[test]
fn a_component_reaches_the_outside() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 4096];
        let length = stream.read(&mut request).unwrap();
        stream.write_all(b"HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\nmade").unwrap();
        String::from_utf8_lossy(&request[..length]).into_owned()
    });
    let app = Setup::default().hosts(&[&format!("http://127.0.0.1:{port}")]).start();
    assert_eq!(app.text(&format!("/http?url=http://127.0.0.1:{port}/path%3Fx=1")), "201\nmade");
    let request = server.join().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("get /path?x=1 http/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("host: 127.0.0.1:{port}\r\n")), "{request}");
}

#[test]
fn what_a_chained_call_does_after_its_response_is_waited_for() {
    let mut app = Setup::default().hosts(&["http://*.spin.internal"]).start();
    assert_eq!(app.text("/http?url=http://guest.spin.internal/after"), "200\n");
    app.signal("TERM");
    assert!(app.wait_for_end().success());
    assert!(app.output().contains("done after the response"), "{}", app.output());
}

#[test]
fn calls_of_components_never_wait_for_each_other() {
    // All places are taken by those that call, and each call needs one more.
    let app = Setup::default()
        .hosts(&["http://self", "http://*.spin.internal"])
        .runtime("[limits]\nrequests = 4\npeer_share = 100\nqueue_time = \"2s\"")
        .start();
    for host in ["self.alt", "guest.spin.internal"] {
        let path = format!("/http?url=http://{host}/http?url=http://{host}/sleep?ms=50");
        std::thread::scope(|scope| {
            let calls: Vec<_> = (0..12).map(|_| scope.spawn(|| app.text(&path))).collect();
            for call in calls {
                assert_eq!(call.join().unwrap(), "200\n200\nslept");
            }
        });
    }
    let endless = "/http?url=http://self.alt".repeat(12);
    assert!(app.text(&endless).contains("508"), "{}", app.text(&endless));
}
