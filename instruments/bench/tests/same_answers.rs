//! The native peer answers like the components: a yardstick that does less would be none.

use blackbox::app::{REFRESH_TOKEN_KEY, SIGNING_KEY, TestApp, public_keys};
use blackbox::backend::Backend;
use blackbox::http::{Answer, Client};
use dev_servers::ports;
use dev_servers::process::{Launch, Managed};
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// The same as in the suite.
const PEPPER: &str = "a-pepper-for-tests-of-32-bytes-or-more";

struct Peer {
    client: Client,
    _process: Managed,
}

/// A peer on the backend of an app, with the same values of variables.
fn peer(app: &TestApp, authorization: &str) -> Peer {
    let address = format!("127.0.0.1:{}", ports::free_port().expect("a free port"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_peer"));
    command.arg(&address);
    let own = [
        ("password_pepper", PEPPER.to_owned()),
        ("token_signing_key", SIGNING_KEY.to_owned()),
        ("token_public_keys", public_keys(SIGNING_KEY)),
        ("refresh_token_key", REFRESH_TOKEN_KEY.to_owned()),
        ("authorization", authorization.to_owned()),
        ("bcrypt_cost", "4".to_owned()),
    ];
    for (name, value) in app.backend.variables().into_iter().chain(own.map(|(name, value)| (name.to_owned(), value))) {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
    let log = std::env::temp_dir().join(format!("peer-{}-{authorization}.log", std::process::id()));
    let process = Launch::new("peer", command, &log).start().expect("the peer starts");
    let client = Client::new(&format!("http://{address}"));
    let begun = Instant::now();
    while client.request("GET", "/users-ms/healthcheck").try_send().is_err() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{}", process.log_tail());
        std::thread::sleep(Duration::from_millis(20));
    }
    Peer { client, _process: process }
}

/// Status, body, and the headers that a caller goes by, without what differs from answer to answer.
fn shown(answer: &Answer) -> (u16, Vec<Option<String>>, Value) {
    let names = ["content-type", "etag", "cache-control", "x-content-type-options", "www-authenticate"];
    let headers = names.iter().map(|name| answer.header(name).map(str::to_owned)).collect();
    let mut body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
    if let Value::Object(body) = &mut body {
        body.remove("instance");
        body.remove("checks");
        for token in ["access_token", "refresh_token", "device_token"] {
            body.entry(token).and_modify(|token| *token = token.as_str().map(str::len).into());
        }
    }
    (answer.status, headers, body)
}

#[test]
fn the_peer_answers_like_the_components() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let peer = peer(&app, "off");
    let ada = app.person("ada@peer.example");
    let get = |path: &str| (app.get(path).send(), peer.client.request("GET", path).send());
    for path in [
        "/users-ms/healthcheck",
        "/users-ms/readiness",
        "/notification-ms/readiness",
        &ada.path(),
        "/users-ms/users/9999999",
        "/users-ms/users/seven",
        &format!("{}?x=1", ada.path()),
    ] {
        let (theirs, ours) = get(path);
        assert_eq!(shown(&theirs), shown(&ours), "{path}");
    }
    for body in [
        json!({"username": ada.email, "password": blackbox::people::PASSWORD}),
        json!({"username": ada.email, "password": "wrong"}),
        json!({"username": "nobody", "password": "wrong"}),
        json!({"username": 7}),
    ] {
        let theirs = app.post("/auth-ms/auth/login").json(&body).send();
        let ours = peer.client.request("POST", "/auth-ms/auth/login").json(&body).send();
        assert_eq!(shown(&theirs), shown(&ours), "{body}");
    }
    // Each side goes on with a session that the other began.
    let refresh = |client: &Client, token: &str| {
        client.request("POST", "/auth-ms/auth/refresh").json(&json!({"refresh_token": token})).send()
    };
    let (first, second) = (app.person("one@peer.example"), app.person("two@peer.example"));
    let (theirs, ours) = (refresh(app.client(), &first.refresh), refresh(&peer.client, &second.refresh));
    assert_eq!(shown(&theirs), shown(&ours));
    let next = ours.json()["refresh_token"].as_str().unwrap().to_owned();
    // The same token has the same successor, whichever side is asked, and however often.
    let (theirs, ours) = (refresh(app.client(), &next), refresh(&peer.client, &next));
    assert_eq!(theirs.expect(200).json()["refresh_token"], ours.expect(200).json()["refresh_token"]);
    assert_eq!(shown(&refresh(app.client(), "none")), shown(&refresh(&peer.client, "none")));
}

#[test]
fn the_peer_asks_for_a_token_like_the_components() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("authorization", "required").start();
    let peer = peer(&app, "required");
    let (ada, bob) = (app.person("ada@guarded.example"), app.person("bob@guarded.example"));
    for (path, token) in [
        (ada.path(), Some(&ada.access)),
        (ada.path(), Some(&bob.access)),
        (ada.path(), None),
        (bob.path(), Some(&bob.access)),
    ] {
        let ask = |client: &Client| {
            let request = client.request("GET", &path);
            token.map_or_else(|| client.request("GET", &path), |token| request.bearer(token)).send()
        };
        assert_eq!(shown(&ask(app.client())), shown(&ask(&peer.client)), "{path}");
    }
}
