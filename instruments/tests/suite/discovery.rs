//! Other applications verify access tokens: by the metadata and the keys that auth publishes.

use std::process::Command;
use std::sync::Arc;

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::skipped;
use dev_servers::ports::free_port;
use serde_json::{Value, json};
use tokens::{PublicKeys, SigningKey};

use crate::sessions::{Tokens, introspect, refresh, sign_in};

const ED25519: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const P256: &str = "es256:2222222222222222222222222222222222222222222222222222222222222222";
/// No public keys beside that of the signing key.
const NONE: &str = r#"{"keys": []}"#;
const AUDIENCE: &str = "concierge";

/// What an application does that knows the issuer, the audience and nothing else.
const VERIFY: &str = r#"
import json, sys, urllib.request, jwt
issuer, audience, token = sys.argv[1:]
with urllib.request.urlopen(issuer + "/.well-known/openid-configuration", timeout=5) as answer:
    metadata = json.load(answer)
assert metadata["issuer"] == issuer, metadata
key = jwt.PyJWKClient(metadata["jwks_uri"]).get_signing_key_from_jwt(token).key
algorithms = metadata["id_token_signing_alg_values_supported"]
required = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]
print(json.dumps(jwt.decode(token, key, algorithms=algorithms, audience=audience, issuer=issuer, options={"require": required})))
"#;

/// A Python that has PyJWT with what it needs for these algorithms.
fn python() -> Option<&'static str> {
    let has_modules = |python: &&str| {
        Command::new(python)
            .args(["-c", "import jwt, cryptography"])
            .output()
            .is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has_modules);
    if found.is_none() {
        skipped::note("there is no PyJWT here (Debian: python3-jwt and python3-cryptography)");
    }
    found
}

/// What PyJWT says of a token: its claims, or the exception.
fn verified(python: &str, issuer: &str, audience: &str, token: &str) -> Result<Value, String> {
    let output = Command::new(python).args(["-c", VERIFY, issuer, audience, token]).output().expect("Python runs");
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).expect("claims are JSON"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or_default().to_owned())
}

/// An app whose tokens have the address that it is reached at as their issuer, and that issuer.
fn start(backend: &Arc<Backend>, key: &str, others: &str) -> (TestApp, String) {
    let port = free_port().expect("a port is free");
    let issuer = format!("http://127.0.0.1:{port}/auth-ms");
    let app = TestApp::on(backend)
        .port(port)
        .variable("token_issuer", &issuer)
        .variable("token_signing_key", key)
        .variable("token_public_keys", keys_of(key, others))
        .start();
    (app, issuer)
}

/// The public keys that all services are given: that of the signing key, and others.
fn keys_of(key: &str, others: &str) -> String {
    let others = PublicKeys::from_jwks(others).expect("the test has a key set");
    SigningKey::parse(key).expect("the test has a key").public().merged(others).to_jwks().to_string()
}

#[test]
fn a_library_that_knows_only_the_issuer_accepts_the_tokens_and_nothing_else() {
    let Some(python) = python() else { return };
    for (key, algorithm) in [(ED25519, "EdDSA"), (P256, "ES256")] {
        let backend = Backend::new();
        let (app, issuer) = start(&backend, key, NONE);
        let (id, tokens) = sign_in(&app, "reader@discovery.example");
        let claims =
            verified(python, &issuer, AUDIENCE, &tokens.access).unwrap_or_else(|error| panic!("{algorithm}: {error}"));
        assert_eq!(
            (&claims["sub"], &claims["client_id"]),
            (&json!(id.to_string()), &json!("concierge")),
            "{algorithm}"
        );
        let (_, other) = sign_in(&app, "other@discovery.example");
        let parts: Vec<_> = tokens.access.split('.').collect();
        let theirs: Vec<_> = other.access.split('.').collect();
        let swapped = format!("{}.{}.{}", parts[0], theirs[1], parts[2]);
        for (issuer, audience, token, error) in [
            (&issuer, AUDIENCE, &swapped, "InvalidSignatureError"),
            (&issuer, "billing", &tokens.access, "InvalidAudienceError"),
        ] {
            let said = verified(python, issuer, audience, token).expect_err(error);
            assert!(said.contains(error), "{algorithm}: {error} is not in {said}");
        }
    }
}

#[test]
fn the_metadata_leads_to_the_keys_and_may_be_cached() {
    let app = TestApp::shared();
    let answer = app.get("/auth-ms/.well-known/openid-configuration").send().expect(200);
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let metadata = answer.json();
    assert_eq!(metadata["jwks_uri"], format!("{}/.well-known/jwks.json", metadata["issuer"].as_str().unwrap()));
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["EdDSA"]));
}

#[test]
fn from_one_algorithm_to_the_other_nobody_is_signed_out() {
    let backend = Backend::new();
    let (before, _) = start(&backend, ED25519, NONE);
    let (_, tokens) = sign_in(&before, "changing@discovery.example");
    let old_keys = before.get("/auth-ms/.well-known/jwks.json").send().expect(200).json();
    drop(before);

    // At another address, which is another issuer: what is refreshed is of the new one.
    let (after, _) = start(&backend, P256, &old_keys.to_string());
    let metadata = after.get("/auth-ms/.well-known/openid-configuration").send().expect(200).json();
    assert_eq!(metadata["id_token_signing_alg_values_supported"], json!(["ES256", "EdDSA"]));
    let keys = after.get("/auth-ms/.well-known/jwks.json").send().expect(200).json();
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("EC"), &json!("P-256"), &json!("ES256")));
    assert!(key.get("d").is_none());
    let renewed = Tokens::of(&refresh(&after, &tokens.refresh).expect(200));
    assert_eq!(introspect(&after, &renewed.access)["active"], true);
    // users and notification verify it too, with the public keys that they are given.
    let _ = after.get("/users-ms/users/1").bearer(&renewed.access).send().expect(200);
}

#[test]
fn an_issuer_is_a_url_that_metadata_can_be_under() {
    let backend = Backend::new();
    for issuer in
        ["concierge", "https://a.example/", "https://a.example?tenant=1", "https://a.example#x", "ftp://a.example"]
    {
        let app = TestApp::on(&backend).variable("token_issuer", issuer).start();
        let answer = app.get("/auth-ms/readiness").send().expect(503);
        assert_eq!(answer.json()["checks"]["configuration"]["status"], "unavailable", "{issuer}");
        app.wait_for_log("the variable token_issuer must be");
    }
}
