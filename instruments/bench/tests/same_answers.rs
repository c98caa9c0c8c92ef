//! The native peer answers like the components: a yardstick that does less would be none.

use blackbox::app::{REFRESH_TOKEN_KEY, SIGNING_KEY, TOTP_KEYS, TestApp, public_keys};
use blackbox::backend::Backend;
use blackbox::http::{Answer, Client};
use blackbox::people::{PASSWORD, Person};
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
        ("totp_keys", TOTP_KEYS.to_owned()),
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
        for token in ["access_token", "refresh_token", "device_token", "challenge"] {
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
        json!({"username": ada.email, "password": PASSWORD}),
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

#[test]
fn the_peer_lets_in_with_codes_and_passkeys_like_the_components() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("authorization", "required").start();
    let peer = peer(&app, "required");
    let post = |client: &Client, path: &str, body: &Value| client.request("POST", path).json(body).send();
    let both = |path: &str, theirs: &Value, ours: &Value| {
        let (theirs, ours) = (post(app.client(), path, theirs), post(&peer.client, path, ours));
        assert_eq!(shown(&theirs), shown(&ours), "{path}");
        (theirs, ours)
    };
    let (one, two) = (app.person("one@codes.example"), app.person("two@codes.example"));
    let apps = [&one, &two].map(|person| app.add_totp(person));
    let form = |person: &Person| json!({"username": person.email, "password": PASSWORD});
    let (theirs, ours) = both("/auth-ms/auth/login", &form(&one), &form(&two));
    let [challenge, other] = [theirs, ours].map(|answer| answer.expect(403).json()["challenge"].clone());
    let code = |challenge: &Value, code: String| json!({"challenge": challenge, "code": code});
    let path = "/auth-ms/auth/login/second-factor";
    let _ = both(path, &code(&challenge, apps[0].wrong_code()), &code(&other, apps[1].wrong_code()));
    let codes = [code(&challenge, apps[0].code()), code(&other, apps[1].code())];
    let (theirs, ours) = both(path, &codes[0], &codes[1]);
    let _ = (theirs.expect(200), ours.expect(200));

    let (ada, bob) = (app.person("ada@keys.example"), app.person("bob@keys.example"));
    let mut devices = [&ada, &bob].map(|person| app.add_passkey(person));
    let options = |client: &Client| {
        let answer = client.request("POST", "/auth-ms/auth/passkey/options").send().expect(200).json();
        assert_eq!(answer["expires_in"], 300);
        answer["public_key"].clone()
    };
    let (theirs, ours) = (options(app.client()), options(&peer.client));
    let signed = [devices[0].get(&theirs), devices[1].get(&ours)].map(|credential| json!({ "credential": credential }));
    let (theirs, ours) = both("/auth-ms/auth/passkey", &signed[0], &signed[1]);
    let _ = (theirs.expect(200), ours.expect(200));
    // Nor does it take an answer twice.
    for again in [
        post(app.client(), "/auth-ms/auth/passkey", &signed[0]),
        post(&peer.client, "/auth-ms/auth/passkey", &signed[1]),
    ] {
        assert_eq!(again.status, 403);
    }
}
