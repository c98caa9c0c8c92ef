//! HTTPS, as `spin up` serves it with the same two flags.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::support::{App, SOON, Setup, within};

pub(crate) struct Certified {
    dir: tempfile::TempDir,
    roots: RootCertStore,
}

pub(crate) fn certificate() -> Certified {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("cert.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    Certified { dir, roots }
}

impl Certified {
    /// The files of certificate and key.
    pub(crate) fn files(&self) -> [String; 2] {
        ["cert.pem", "key.pem"].map(|name| self.dir.path().join(name).display().to_string())
    }

    fn start(&self, setup: Setup) -> App {
        let [cert, key] = self.files();
        setup.arguments(&["--tls-cert", &cert, "--tls-key", &key]).start()
    }

    fn connect(&self, app: &App, protocols: &[&str]) -> StreamOwned<ClientConnection, TcpStream> {
        let mut config = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        let name = ServerName::try_from("localhost").unwrap();
        StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), app.connect())
    }

    pub(crate) fn get(&self, app: &App, path: &str) -> String {
        let mut stream = self.connect(app, &[]);
        write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        text
    }
}

#[test]
fn it_is_served_and_told_to_components() {
    let certified = certificate();
    let app = certified.start(Setup::default());
    assert!(app.output().contains("Serving https://"), "{}", app.output());
    let text = certified.get(&app, "/spin-headers?x=1");
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
    assert!(text.contains("spin-full-url: https://localhost/spin-headers?x=1"), "{text}");
    let mut stream = certified.connect(&app, &["h2", "http/1.1"]);
    let _ = stream.flush();
    within(SOON, || {
        let _ = stream.conn.complete_io(&mut stream.sock);
        (!stream.conn.is_handshaking()).then_some(())
    });
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"h2"[..]));
}

#[test]
fn slow_handshakes_are_cut_off_and_keep_nobody_waiting() {
    let certified = certificate();
    let app = certified.start(Setup::default().runtime("[limits]\nhead_time = \"1s\""));
    let mut slow: Vec<_> = (0..200)
        .map(|n| {
            let mut stream = app.connect();
            // The beginning of a record of 512 bytes, or plain HTTP.
            let bytes: &[u8] = if n % 2 == 0 { &[22, 3, 1, 2, 0, 1] } else { b"G" };
            stream.write_all(bytes).unwrap();
            stream
        })
        .collect();
    // Other programs may be in the way, so it has three tries.
    let quick = (0..3).any(|_| {
        let mut times: Vec<_> = (0..50)
            .map(|_| {
                let start = Instant::now();
                assert!(certified.get(&app, "/hello").contains("hello"));
                start.elapsed()
            })
            .collect();
        times.sort();
        times[times.len() * 99 / 100] < Duration::from_millis(100)
    });
    assert!(quick);
    let start = Instant::now();
    for stream in &mut slow {
        let _ = stream.read(&mut [0; 64]);
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[test]
fn a_certificate_and_a_key_that_cannot_be_used_are_told_at_start() {
    let certified = certificate();
    let file = |name: &str| certified.dir.path().join(name).display().to_string();
    let (cert, key) = (file("cert.pem"), file("key.pem"));
    let said = |cert: &str, key: &str| Setup::default().arguments(&["--tls-cert", cert, "--tls-key", key]).fail();
    assert!(said(&cert, &cert).contains("--tls-key"), "{}", said(&cert, &cert));
    assert!(said(&key, &key).contains("there is no certificate in it"));
    assert!(said("/nowhere.pem", &key).contains("/nowhere.pem"));
    let (other, alone) = (certificate(), Setup::default().arguments(&["--tls-cert", &cert]).fail());
    assert!(said(&cert, &other.dir.path().join("key.pem").display().to_string()).contains("with --tls-key"));
    assert!(alone.contains("--tls-key"), "{alone}");
}
