//! Passkeys in a real browser: Chromium, with an authenticator that its driver simulates, on a page of the app's own origin.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::browser::Browser;
use blackbox::turn;
use dev_servers::ports;
use serde_json::{Value, json};

/// What a page does to add a passkey, and to sign in with one.
const PAGE: &str = "
    const post = async (path, body, token) => {
        const headers = {'content-type': 'application/json', ...(token ? {authorization: `Bearer ${token}`} : {})};
        const answer = await fetch(path, {method: 'POST', headers, body: body && JSON.stringify(body)});
        return {status: answer.status, body: await answer.json()};
    };
    const add = async (user, token) => {
        const begun = await post(`/users-ms/users/${user}/passkeys/options`, null, token);
        const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(begun.body.public_key);
        const credential = await navigator.credentials.create({publicKey});
        return await post(`/users-ms/users/${user}/passkeys`, {name: 'Browser', credential: credential.toJSON()}, token);
    };
    const signIn = async () => {
        const begun = await post('/auth-ms/auth/passkey/options');
        const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(begun.body.public_key);
        const credential = await navigator.credentials.get({publicKey});
        return await post('/auth-ms/auth/passkey', {credential: credential.toJSON()});
    };
";

#[test]
fn a_browser_adds_a_passkey_and_signs_in_with_it() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let port = ports::free_port().expect("there is a free port");
    let origin = format!("http://localhost:{port}");
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("public_url", &origin)
        .port(port)
        .start();
    let ada = app.person("ada@browser.example");
    browser.add_authenticator();
    browser.open(&format!("{origin}/docs/"));
    let run = |call: &str| {
        browser.script(&format!("{PAGE} return ({call}).catch(error => ({{status: 0, body: `${{error}}`}}));"))
    };
    let add = format!("add({}, {})", ada.id, json!(ada.access));
    let added = run(&add);
    assert_eq!((&added["status"], &added["body"]["name"]), (&json!(200), &json!("Browser")), "{added}");
    for _ in 0..2 {
        let tokens = run("signIn()");
        assert_eq!(tokens["status"], 200, "{tokens}");
        let access = tokens["body"]["access_token"].as_str().expect("a token is a text");
        let mine = app.get(&ada.passkeys()).bearer(access).send().expect(200).json();
        assert!(mine["items"][0]["last_used_at"].is_string(), "{mine}");
    }
    // The authenticator has one for this account already.
    let again = run(&add);
    assert_eq!(again["status"], 0);
    assert!(again["body"].as_str().is_some_and(|error| error.starts_with("InvalidStateError")), "{again}");
    // The page of another origin gets no answer that is accepted.
    browser.open(&format!("http://127.0.0.1:{port}/docs/"));
    let elsewhere: Value = run("signIn()");
    assert_eq!(elsewhere["status"], 0, "{elsewhere}");
}
