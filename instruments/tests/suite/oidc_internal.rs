//! What auth asks users for the OpenID Connect provider.

use crate::oidc::cast;
use blackbox::app::TestApp;
use blackbox::relying_party::{CALLBACK, VERIFIER, challenge, payload};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use uuid::Uuid;

fn digest(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_code_is_kept_and_spent_and_its_session_goes_on_and_ends() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-internal");
    let ask = |path: &str, body: Value| {
        let request = app.post(&format!("/users-ms/internal/oauth/{path}")).bearer(app.auth());
        request.json(&body).send().expect(200).json()
    };
    let secret = client.secret.as_deref().expect("a secret");
    let authenticate = |secret: Option<&str>| {
        let body =
            json!({"client_id": client.id, "secret_digest": secret.map(digest), "client_address": "203.0.113.7"});
        ask("clients/authenticate", body)
    };
    assert_eq!(authenticate(Some(secret))["client"]["id"], json!(client.id));
    for none in [None, Some("wrong")] {
        assert_eq!(authenticate(none), json!({"client": null, "retry_after": null}));
    }
    let session = payload(&ada.access)["sid"].clone();
    let issue = |change: Value| {
        let mut body = json!({"code": digest("a code"), "client_id": client.id, "session_id": session,
            "redirect_uri": CALLBACK, "code_challenge": challenge(VERIFIER), "nonce": "n", "scopes": ["openid", "offline_access"],
            "max_age": null, "consented": true, "ends_session": false});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        ask("codes", body)["outcome"].clone()
    };
    let nobody = Uuid::from_u128(1).to_string();
    assert_eq!(issue(json!({"consented": false})), "consent-required");
    assert_eq!(issue(json!({"max_age": 0, "client_id": nobody})), "unknown-client");
    assert_eq!(issue(json!({"session_id": nobody})), "session-ended");
    assert_eq!(issue(json!({})), "issued");
    let spend = |change: Value| {
        let mut body = json!({"code": digest("a code"), "client_id": client.id, "redirect_uri": CALLBACK,
            "code_challenge": challenge(VERIFIER), "session_id": Uuid::from_u128(2), "refresh_digest": digest("first"),
            "idle_seconds": 600, "online_seconds": 60, "absolute_seconds": 6000});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        ask("codes/spend", body)
    };
    let id = Uuid::new_v4().to_string();
    assert_eq!(spend(json!({"client_id": nobody}))["outcome"], "invalid");
    let begun = spend(json!({"session_id": id}));
    assert_eq!((&begun["outcome"], &begun["nonce"], &begun["user_id"]), (&json!("begun"), &json!("n"), &json!(ada.id)));
    // A session of a client issues no code, and is none of the user's own.
    assert_eq!(issue(json!({"session_id": id, "code": digest("another")})), "session-ended");
    let rotate = |client: &str, shown: &str, next: &str, generation: i64| {
        let body = json!({"client_id": client, "session_id": id, "generation": generation, "refresh_digest": digest(shown),
            "next_digest": digest(next), "idle_seconds": 600, "leeway_seconds": 30});
        ask("sessions/rotate", body)["outcome"].clone()
    };
    assert_eq!(rotate(&nobody, "first", "second", 0), "unknown");
    assert_eq!(rotate(&client.id, "first", "second", 0), "renewed");
    assert_eq!(rotate(&client.id, "first", "second", 0), "repeated");
    let path = |client: &str| format!("/users-ms/internal/oauth/clients/{client}/sessions/{id}");
    let user = |client: &str| app.get(&path(client)).bearer(app.auth()).send().expect(200).json()["user"].clone();
    assert_eq!((&user(&client.id)["id"], &user(&nobody)), (&json!(ada.id), &Value::Null));
    let end = |client: &str| app.delete(&path(client)).bearer(app.auth()).send().expect(200).json()["ended"].clone();
    assert_eq!([end(&nobody), end(&client.id), end(&client.id)], [json!(0), json!(1), json!(0)]);
    for (path, field, value) in [
        ("codes", "nonce", json!("\0")),
        ("codes", "scopes", json!(["a b"])),
        ("codes", "redirect_uri", json!("\0")),
        ("codes", "max_age", json!(-1)),
        ("codes", "ask_max_age", json!(-1)),
        ("codes/spend", "redirect_uri", json!("\0")),
        ("codes/spend", "online_seconds", json!(0)),
        ("codes/spend", "refresh_digest", json!("a")),
        ("sessions/rotate", "generation", json!(-1)),
        ("sessions/rotate", "leeway_seconds", json!(301)),
    ] {
        let mut body = json!({"code": digest("x"), "client_id": client.id, "session_id": id, "redirect_uri": CALLBACK,
            "code_challenge": challenge(VERIFIER), "refresh_digest": digest("x"), "idle_seconds": 600});
        let more = match path {
            "codes" => {
                json!({"scopes": [], "consented": true, "ends_session": false, "refresh_digest": null, "idle_seconds": null})
            }
            "codes/spend" => json!({"online_seconds": 60, "absolute_seconds": 600}),
            _ => {
                json!({"generation": 0, "next_digest": digest("y"), "leeway_seconds": 30, "code": null, "redirect_uri": null,
                "code_challenge": null})
            }
        };
        let body = body.as_object_mut().expect("an object");
        body.extend(more.as_object().expect("an object").clone());
        body.insert(field.to_owned(), value);
        body.retain(|_, value| !value.is_null());
        let request = app.post(&format!("/users-ms/internal/oauth/{path}")).bearer(app.auth());
        let answer = request.json(&json!(body)).send();
        assert_eq!((answer.outcome(), answer.pointers()), ((422, "invalid-value".into()), vec![format!("/{field}")]));
    }
    let found = |client: &str| {
        app.get(&format!("/users-ms/internal/oauth/clients/{client}")).bearer(app.auth()).send().expect(200).json()
    };
    assert_eq!(found(&client.id)["client"]["name"], "Calendar");
    assert_eq!(found(&nobody), json!({"client": null}));
}
