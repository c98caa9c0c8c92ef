//! The end of the app: what is under way is finished first. Spin ends at once, so this is about Spindle alone.

use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGINS, login_event};
use blackbox::poll;
use blackbox::turn;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;
use uuid::Uuid;

const REASON: &str = "Spin ends without finishing what is under way";

#[test]
fn a_request_under_way_is_answered_before_the_app_ends() {
    if !is_spindle(REASON) {
        return;
    }
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("load_test", "on").start();
    let mut connection = TcpStream::connect(app.app.address()).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    connection.write_all(b"GET /users-ms/load-test?n=40 HTTP/1.1\r\nhost: app\r\n\r\n").unwrap();
    // Later requests are answered, so the first one has arrived.
    for _ in 0..5 {
        let _ = app.get("/users-ms/healthcheck").send().expect(200);
    }
    app.app.stop();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:?}");
    assert!(answer.contains("102334155"), "{answer:?}");
    assert!(app.app.exit_status().is_some_and(|status| status.success()), "{:?}", app.app.exit_status());
    assert!(app.get("/users-ms/healthcheck").try_send().is_err(), "nobody is there any more");
}

#[test]
fn a_message_under_way_is_sent_and_acknowledged_before_the_app_ends() {
    if !is_spindle(REASON) {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::new();
    let consumer = || TestApp::on(&backend).only(&["notification"]);
    let app = consumer().variable("notification_send_ms", 1500).start();
    let mut broker = backend.broker();
    let to = "end@shutdown.example";
    // The consumer receives wake-ups once it listens; this one is sent until it does.
    broker.add(LOGINS, &login_event(&Uuid::new_v4().to_string(), to));
    poll::until(Duration::from_secs(10), "a delivery", || {
        broker.wake_consumers();
        !broker.pending(LOGINS, LOGIN_EMAIL).is_empty()
    });
    app.app.stop();
    assert_eq!(broker.pending(LOGINS, LOGIN_EMAIL), [], "the mail was sent and acknowledged");
    assert!(consumer().start().deliveries_to(to).iter().any(|delivery| delivery.queue == LOGIN_EMAIL));
}
