//! Access tokens that are not good. Each is refused by every service that checks tokens, always with the same answer.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use blackbox::app::{SIGNING_KEY, TestApp};
use blackbox::people::Person;
use hmac::{Hmac, KeyInit, Mac};
use identity::{Role, UserId};
use serde_json::{Value, json};
use sha2::Sha256;
use std::time::{SystemTime, UNIX_EPOCH};
use tokens::{AccessClaims, Audience, SigningKey};

const OURS: Audience<'_> = Audience { issuer: "http://127.0.0.1:4000/auth-ms", audience: "concierge" };

fn now() -> i64 {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).expect("the test is made so").as_secs())
        .expect("the test is made so")
}

fn key() -> SigningKey {
    SigningKey::parse(SIGNING_KEY).expect("the test is made so")
}

/// The claims of the person's own token, so that only what a test changes is wrong.
fn claims(person: &Person) -> AccessClaims {
    tokens::verify(&person.access, OURS, &key().public(), now()).expect("the test is made so")
}

fn signed(claims: &AccessClaims, audience: Audience<'_>) -> String {
    tokens::sign(claims, audience, &key()).expect("the test is made so")
}

/// The token with its part number `part` changed, and the signature as it was.
fn with(token: &str, part: usize, name: &str, value: &Value) -> String {
    let mut parts: Vec<_> = token.split('.').map(str::to_owned).collect();
    let mut json: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[part]).expect("the test is made so"))
        .expect("the test is made so");
    json[name] = value.clone();
    parts[part] = URL_SAFE_NO_PAD.encode(json.to_string());
    parts.join(".")
}

/// The token by another algorithm: its header says so, and `signature` makes what goes in the signature's place.
fn by_algorithm(token: &str, algorithm: &str, signature: impl Fn(&str) -> Vec<u8>) -> String {
    let token = with(token, 0, "alg", &algorithm.into());
    let (content, _) = token.rsplit_once('.').expect("the test is made so");
    format!("{content}.{}", URL_SAFE_NO_PAD.encode(signature(content)))
}

fn hs256(secret: &[u8], content: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("the test is made so");
    mac.update(content.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

#[test]
fn a_token_that_is_not_good_is_refused_everywhere() {
    let app = TestApp::guarded();
    let ada = app.person("ada@tokens.example");
    let good = claims(&ada);
    let token = signed(&good, OURS);
    let _ = app.get(&ada.path()).bearer(&token).send().expect(200);
    let public = key().public().to_jwks()["keys"][0]["x"].as_str().unwrap().to_owned();
    let raw_public = URL_SAFE_NO_PAD.decode(&public).unwrap();
    let stranger = SigningKey::parse(&"77".repeat(32)).unwrap();
    let (head, rest) = token.split_once('.').unwrap();
    let bad = [
        ("expired", signed(&AccessClaims { issued_at: now() - 1000, expires_at: now() - 100, ..good.clone() }, OURS)),
        (
            "not yet valid",
            signed(&AccessClaims { issued_at: now() + 60, expires_at: now() + 900, ..good.clone() }, OURS),
        ),
        ("wrong audience", signed(&good, Audience { audience: "billing", ..OURS })),
        ("wrong issuer", signed(&good, Audience { issuer: "mallory", ..OURS })),
        ("none", by_algorithm(&token, "none", |_| Vec::new())),
        ("HS256 with the public key", by_algorithm(&token, "HS256", |content| hs256(&raw_public, content))),
        ("HS256 with the key as published", by_algorithm(&token, "HS256", |content| hs256(public.as_bytes(), content))),
        ("unknown kid", tokens::sign(&good, OURS, &stranger).unwrap()),
        ("our kid, another key", {
            let theirs = tokens::sign(&good, OURS, &stranger).unwrap();
            format!("{head}.{}", theirs.split_once('.').unwrap().1)
        }),
        ("cut", token[..token.len() - 3].to_owned()),
        ("cut in the middle", token[..token.len() / 2].to_owned()),
        ("no signature", format!("{head}.{}.", rest.split_once('.').unwrap().0)),
        ("changed role", with(&token, 1, "role", &json!("admin"))),
        ("changed subject", with(&token, 1, "sub", &json!("1"))),
        ("another type", with(&token, 0, "typ", &json!("JWT"))),
        ("a session that is none", signed(&AccessClaims { session: uuid::Uuid::from_u128(1), ..good.clone() }, OURS)),
    ];
    for (name, token) in bad {
        let refused = app.get(&ada.path()).bearer(&token).send();
        assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid-token"), "users: {name}");
        let www = refused.header("www-authenticate");
        assert_eq!(www, Some("Bearer realm=\"concierge\", error=\"invalid_token\""), "{name}");
        let introspected = app
            .post("/auth-ms/auth/introspect")
            .bearer(app.operator())
            .body("application/x-www-form-urlencoded", format!("token={token}"))
            .send()
            .expect(200);
        assert_eq!(introspected.json(), json!({"active": false}), "{name}");
        if name != "a session that is none" {
            let refused = app.get("/auth-ms/auth/sessions").bearer(&token).send();
            assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid-token"), "auth: {name}");
            let refused = app.get("/notification-ms/notifications").bearer(&token).send();
            assert_eq!((refused.status, refused.problem().as_str()), (401, "invalid-token"), "notification: {name}");
        }
    }
}

#[test]
fn an_administrators_token_with_a_good_signature_needs_a_session_too() {
    let app = TestApp::guarded();
    let ada = app.person("ada@stolen-key.example");
    // Whoever has stolen the signing key still has to find a session that is alive.
    let forged = AccessClaims {
        user_id: UserId::try_from(1).unwrap(),
        role: Role::Admin,
        session: uuid::Uuid::from_u128(7),
        ..claims(&ada)
    };
    let answer = app.get("/users-ms/users").bearer(&signed(&forged, OURS)).send();
    assert_eq!((answer.status, answer.problem().as_str()), (401, "invalid-token"));
}

#[test]
fn a_token_says_when_and_how_its_user_signed_in_also_after_a_refresh() {
    let app = TestApp::guarded();
    let ada = app.person("ada@methods.example");
    let said = claims(&ada).authentication.expect("a token says it");
    assert_eq!(said.amr, ["pwd"]);
    assert!((now() - said.auth_time).abs() <= 60, "{said:?}");
    // Some minutes later.
    let earlier = "UPDATE sessions SET authenticated_at = authenticated_at - interval '5 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(earlier, &[&ada.id]).expect("the test is made so"), 1);
    let refreshed = app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": ada.refresh})).send().expect(200);
    let access = refreshed.json()["access_token"].as_str().expect("a token is a text").to_owned();
    let later = claims(&Person { access: access.clone(), ..ada.clone() }).authentication.expect("a token says it");
    assert_eq!((later.auth_time, &later.amr), (said.auth_time - 300, &said.amr));
    let state = app
        .post("/auth-ms/auth/introspect")
        .bearer(app.operator())
        .body("application/x-www-form-urlencoded", format!("token={access}"))
        .send()
        .expect(200)
        .json();
    assert_eq!((&state["auth_time"], &state["amr"]), (&json!(later.auth_time), &json!(["pwd"])));
    assert_eq!(state["acr"], "urn:concierge:aal:1");
}
