//! The OpenID Connect provider as others use it: a client library that knows the issuer alone, and a browser that shows the page.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::browser::Browser;
use blackbox::people::PASSWORD;
use blackbox::relying_party::{parameter, payload};
use blackbox::{skipped, turn};
use dev_servers::ports::free_port;
use serde_json::{Value, json};
use std::process::Command;

/// What an application does that has this library.
const FLOW: &str = r#"
import base64, hashlib, html, json, re, sys, urllib.parse
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.jose import JsonWebKey, JsonWebToken
from authlib.oidc.core import CodeIDToken
from authlib.common.security import generate_token

issuer, client_id, secret, email, password, callback, goodbye = sys.argv[1:]
metadata = requests.get(issuer + "/.well-known/openid-configuration", timeout=5).json()
assert metadata["issuer"] == issuer
keys = JsonWebKey.import_key_set(requests.get(metadata["jwks_uri"], timeout=5).json())
method = "none" if secret == "" else "client_secret_basic"
session = OAuth2Session(client_id, secret or None, scope="openid profile email offline_access", redirect_uri=callback,
    code_challenge_method="S256", token_endpoint_auth_method=method)
verifier, nonce = generate_token(48), generate_token(24)
url, state = session.create_authorization_url(metadata["authorization_endpoint"], nonce=nonce, code_verifier=verifier)

# The person, in a browser.
page = requests.get(url, timeout=5)
assert page.status_code == 200, page.text
fields = [(html.unescape(name), html.unescape(value)) for name, value in
    re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', page.text)]
action = urllib.parse.urljoin(page.url, re.search(r'<form method="post" action="([^"]*)">', page.text).group(1))
origin = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(page.url))
answer = requests.post(action, timeout=5, allow_redirects=False, headers={"origin": origin},
    data=fields + [("username", email), ("password", password), ("decision", "allow")])
assert answer.status_code == 303, answer.text
location = answer.headers["location"]
query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(location).query))
assert query["iss"] == issuer and query["state"] == state, query

def claims_of(token, nonce):
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    if nonce:
        options["nonce"] = {"essential": True, "value": nonce}
    algorithms = metadata["id_token_signing_alg_values_supported"]
    params = {"client_id": client_id, "nonce": nonce} if nonce else {"client_id": client_id}
    if algorithms == ["EdDSA"]:
        # The library has no hash for it.
        half = hashlib.sha512(token["access_token"].encode()).digest()[:32]
    else:
        half = hashlib.sha256(token["access_token"].encode()).digest()[:16]
        params["access_token"] = token["access_token"]
    claims = JsonWebToken(algorithms).decode(token["id_token"], keys, claims_cls=CodeIDToken, claims_options=options,
        claims_params=params)
    claims.validate(leeway=5)
    assert claims["at_hash"] == base64.urlsafe_b64encode(half).decode().rstrip("="), claims
    return dict(claims)

token = session.fetch_token(metadata["token_endpoint"], authorization_response=location, code_verifier=verifier, state=state)
claims = claims_of(token, nonce)
userinfo = session.get(metadata["userinfo_endpoint"]).json()
assert userinfo["sub"] == claims["sub"], (userinfo, claims)
renewed = session.refresh_token(metadata["token_endpoint"], refresh_token=token["refresh_token"])
assert claims_of(renewed, None)["sub"] == claims["sub"]
assert renewed["refresh_token"] != token["refresh_token"]
end = requests.get(metadata["end_session_endpoint"], timeout=5, allow_redirects=False, params={
    "id_token_hint": renewed["id_token"], "post_logout_redirect_uri": goodbye, "state": "bye"})
assert end.headers["location"] == goodbye + "?state=bye", end.headers
assert session.get(metadata["userinfo_endpoint"]).status_code == 401
revoked = session.revoke_token(metadata["revocation_endpoint"], token=renewed["refresh_token"])
assert revoked.status_code == 200, revoked.text
print(json.dumps({"claims": claims, "userinfo": userinfo}))
"#;

/// A Python that has Authlib with what it needs.
fn python() -> Option<&'static str> {
    let has_modules = |python: &&str| {
        let output = Command::new(python).args(["-c", "import authlib, requests, cryptography"]).output();
        output.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has_modules);
    if found.is_none() {
        skipped::note("there is no Authlib here (Debian: python3-authlib and python3-requests)");
    }
    found
}

/// An app whose issuer is where it is, and that address.
fn start(key: &str) -> (TestApp, String) {
    let port = free_port().expect("a port is free");
    let origin = format!("http://127.0.0.1:{port}");
    let keys = blackbox::app::public_keys(key);
    let app = TestApp::on(&Backend::new())
        .port(port)
        .variable("authorization", "required")
        .variable("token_issuer", format!("{origin}/auth-ms"))
        .variable("token_signing_key", key)
        .variable("token_public_keys", keys)
        .start();
    (app, origin)
}

#[test]
fn a_library_that_knows_only_the_issuer_signs_people_in_and_out() {
    let Some(python) = python() else { return };
    let _turn = turn::together();
    let seed = "3333333333333333333333333333333333333333333333333333333333333333";
    for key in [seed.to_owned(), format!("es256:{seed}")] {
        let (app, origin) = start(&key);
        let admin = app.admin("root@library.example");
        let ada = app.person("ada@library.example");
        for confidential in [true, false] {
            let client = app.register(&admin, &json!({"confidential": confidential}));
            let (callback, goodbye) = (blackbox::relying_party::CALLBACK, blackbox::relying_party::GOODBYE);
            let secret = client.secret.as_deref().unwrap_or_default();
            let issuer = format!("{origin}/auth-ms");
            let output = Command::new(python)
                .args(["-c", FLOW, &issuer, &client.id, secret, &ada.email, PASSWORD, callback, goodbye])
                .output()
                .expect("Python runs");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let seen: Value = serde_json::from_slice(&output.stdout).expect("JSON");
            assert_eq!(seen["claims"]["sub"], json!(ada.id.to_string()));
            assert_eq!(seen["userinfo"]["email"], json!(ada.email));
        }
    }
}

#[test]
fn a_browser_shows_the_page_and_goes_back_to_the_application() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = start("4444444444444444444444444444444444444444444444444444444444444444");
    let admin = app.admin("root@oidc-browser.example");
    let ada = app.person("ada@oidc-browser.example");
    // Another origin than that of the page, so that the page's policy has to let the answer lead there.
    let callback = format!("{}/docs/", origin.replace("127.0.0.1", "localhost"));
    let client = app.register(&admin, &json!({"redirect_uris": [callback]}));
    let request = client.request(&[("redirect_uri", &callback), ("login_hint", &ada.email)]);
    let open = || browser.open(&format!("{origin}/auth-ms/oauth/authorize?{request}"));
    let place = || browser.script("return location.href").as_str().expect("a text").to_owned();
    open();
    assert!(browser.find("main").text().contains("Calendar"));
    browser.find("#password").type_in("incorrect horse");
    browser.find("button[value=allow]").click();
    blackbox::poll::until(std::time::Duration::from_secs(10), "the page says that it was wrong", || {
        browser.script("return document.querySelector('[role=alert]')?.textContent ?? ''") != json!("")
    });
    browser.find("#password").type_in(PASSWORD);
    browser.screenshot("oidc");
    browser.find("button[value=allow]").click();
    blackbox::poll::until(std::time::Duration::from_secs(10), "the application has the person", || {
        place().starts_with(&callback)
    });
    let code = parameter(&place(), "code").expect("there is a code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", &callback),
        ("code_verifier", blackbox::relying_party::VERIFIER),
    ];
    let tokens = blackbox::relying_party::ClientTokens::of(&app.token(&client, &fields).expect(200));
    assert_eq!(payload(&tokens.access)["sub"], json!(ada.id.to_string()));
    open();
    browser.find("button[value=deny]").click();
    blackbox::poll::until(std::time::Duration::from_secs(10), "the application is told", || {
        parameter(&place(), "error").as_deref() == Some("access_denied")
    });
    // No page of another origin shows it in a frame, where it could be clicked by mistake.
    browser.open(&callback);
    let frame = format!(
        "const frame = document.createElement('iframe'); frame.src = '{origin}/auth-ms/oauth/authorize?{request}';
         document.body.append(frame); return true"
    );
    assert_eq!(browser.script(&frame), json!(true));
    blackbox::poll::until(std::time::Duration::from_secs(10), "the browser refuses the frame", || {
        browser.console().iter().any(|line| line.contains("frame-ancestors") || line.contains("frame-src"))
    });
}
