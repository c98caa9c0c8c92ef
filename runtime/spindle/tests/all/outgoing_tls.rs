//! TLS to Redis servers and by HTTPS: whom components' connections trust.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;

use crate::support::{Setup, private_redis, until};
use crate::tls_proxy::TlsProxy;

fn trusting(certificate: &Path) -> Setup {
    Setup::default().env("SSL_CERT_FILE", certificate.to_str().unwrap()).env("SSL_CERT_DIR", "nowhere")
}

#[test]
fn redis_is_reached_over_tls_by_guests_triggers_and_stores() {
    let (redis, _dir) = private_redis();
    let dir = tempfile::tempdir().unwrap();
    let proxy =
        TlsProxy::start(dir.path(), redis.url().trim_start_matches("redis://").trim_end_matches('/').to_owned());
    let url = format!("rediss://localhost:{}", proxy.address.port());
    let trigger = format!(
        "[application.trigger.redis]\naddress = \"{url}\"\n[[trigger.redis]]\nchannel = \"c\"\ncomponent = \"guest\"\n\
         [[trigger.http]]\nroute = \"/...\"\ncomponent = \"guest\"\n"
    );
    let store = format!("[key_value_store.default]\ntype = \"redis\"\nurl = \"{url}\"\n");
    let setup = |certificate: &Path| {
        let setup = trusting(certificate).hosts(&[&url]).variable("redis_url", &url);
        setup.triggers(&trigger).component("key_value_stores = [\"default\"]\n").runtime(&store)
    };
    let app = setup(&proxy.certificate).start();
    assert_eq!(app.post("/redis", "PING\nPUBLISH c hello").body, "+PONG\n:1");
    until(|| (app.text("/kv?op=get&key=messages") == "hello\n").then_some(()));
    // Of another authority it is not trusted, and is told nothing.
    let other = TlsProxy::start(&tempfile::tempdir().unwrap().keep(), String::new());
    let mut app = setup(&other.certificate).start();
    let refused = app.post("/redis", "PING").body;
    assert!(refused.contains("cannot connect") && refused.contains("certificate"), "{refused}");
    app.wait_for_output("the redis trigger cannot connect");
}

#[test]
fn a_redis_over_tls_is_a_destination_of_its_own() {
    let app = Setup::default().hosts(&["redis://localhost:1"]).start();
    assert!(app.post("/redis?address=rediss://localhost:1", "PING").body.contains("InvalidAddress"));
}

#[test]
fn https_trusts_whom_the_platform_trusts() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nmade");
        }
    });
    let dir = tempfile::tempdir().unwrap();
    let proxy = TlsProxy::start(dir.path(), server);
    let url = format!("https://localhost:{}", proxy.address.port());
    let app = trusting(&proxy.certificate).hosts(&[&url]).start();
    assert_eq!(app.text(&format!("/http?url={url}/")), "200\nmade");
    let app = Setup::default().hosts(&[&url]).start();
    let refused = app.get(&format!("/http?url={url}/"));
    assert!(refused.body.contains("TlsCertificateError"), "{refused:?}");
    let app = trusting("nowhere.pem".as_ref()).hosts(&[&url]).start();
    let refused = app.get(&format!("/http?url={url}/"));
    assert!(refused.body.contains("TlsProtocolError"), "{refused:?}");
}
