//! The AMQP trigger over TLS.

use std::path::Path;

use crate::rabbit::Rabbit;
use crate::support::Setup;
use crate::tls_proxy::TlsProxy;

/// An app that consumes through the proxy, which it calls `host`, and trusts the certificates of the file.
fn setup(rabbit: &Rabbit, proxy: &TlsProxy, host: &str, trusted: &Path) -> Setup {
    let through = format!("{host}:{}", proxy.address.port());
    let address = rabbit.url().replace("amqp://", "amqps://").replace(&rabbit.server.host(), &through);
    rabbit.setup_at(&address, "").env("SSL_CERT_FILE", &trusted.display().to_string())
}

#[test]
fn messages_come_over_tls() {
    let rabbit = Rabbit::new();
    let dir = tempfile::tempdir().unwrap();
    let proxy = TlsProxy::start(dir.path(), rabbit.server.host());
    let mut app = setup(&rabbit, &proxy, "localhost", &proxy.certificate).start();
    app.wait_for_output("the amqp trigger is connected");
    let large = "x".repeat(200_000);
    rabbit.send(&["hello", &large]);
    app.wait_for_output("done hello");
    app.wait_for_output("(200000 bytes)");
    app.signal("TERM");
    app.wait_for_end();
    assert!(rabbit.try_take("q").is_none(), "they were acknowledged");
}

#[test]
fn a_broker_that_is_not_trusted_or_has_another_name_gets_no_password() {
    let rabbit = Rabbit::new();
    let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let proxy = TlsProxy::start(dir.path(), rabbit.server.host());
    let stranger = TlsProxy::start(other.path(), rabbit.server.host());
    for (host, trusted, part) in [
        ("localhost", &stranger.certificate, "invalid peer certificate"),
        ("127.0.0.1", &proxy.certificate, "not valid for name"),
    ] {
        let mut app = setup(&rabbit, &proxy, host, trusted).start();
        let line = app.wait_for_output("cannot connect and keeps trying");
        assert!(line.contains(part), "{part:?} is not in: {line}");
        assert!(!line.contains(rabbit.server.password()), "{line}");
    }
}
