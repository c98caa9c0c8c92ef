//! The AMQP trigger over TLS.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use crate::rabbit::Rabbit;
use crate::support::Setup;

/// What speaks TLS in front of a broker that does not.
struct TlsProxy {
    address: SocketAddr,
    /// The file with its certificate, for `localhost`.
    certificate: PathBuf,
    _runtime: Runtime,
}

impl TlsProxy {
    fn start(dir: &Path, broker: String) -> Self {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = dir.join("certificate.pem");
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, broker) = (acceptor.clone(), broker.clone());
                tokio::spawn(async move {
                    let Ok(mut client) = acceptor.accept(stream).await else { return };
                    let mut server = TcpStream::connect(broker).await.unwrap();
                    // However it ends, both are closed.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
                });
            }
        });
        Self { address, certificate, _runtime: runtime }
    }
}

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
