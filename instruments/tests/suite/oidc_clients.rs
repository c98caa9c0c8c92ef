//! Administrators register the applications that may ask people for access.

use crate::oidc::cast;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::relying_party::CALLBACK;
use serde_json::{Value, json};

const CLIENTS: &str = "/users-ms/oauth-clients";

#[test]
fn an_administrator_registers_reads_changes_and_removes_a_client() {
    let app = TestApp::guarded();
    let admin = app.admin("root@clients.example");
    let body = json!({"name": "Calendar", "confidential": true, "redirect_uris": [CALLBACK]});
    let client = app.post(CLIENTS).bearer(&admin.access).json(&body).send().expect(201).json();
    assert_eq!(client["client_secret"].as_str().map(str::len), Some(43));
    assert_eq!(client["scopes"], json!(["email", "openid", "profile"]));
    assert_eq!(client["grants"], json!(["authorization_code", "refresh_token"]));
    let path = format!("{CLIENTS}/{}", client["id"].as_str().expect("an id"));
    let read = app.get(&path).bearer(&admin.access).send().expect(200).json();
    let mut expected = client.clone();
    expected.as_object_mut().expect("an object").remove("client_secret");
    assert_eq!(read, expected, "the secret is shown once");
    let digest: String = app
        .backend
        .sql()
        .query_one("SELECT secret_digest FROM oauth_clients WHERE id = $1::text::uuid", &[&client["id"].as_str()])
        .expect("it is there")
        .get(0);
    assert!(digest.len() == 64 && digest != client["client_secret"].as_str().expect("a secret"));
    let all = app.get(CLIENTS).bearer(&admin.access).send().expect(200).json();
    assert!(all["items"].as_array().expect("a list").contains(&read));
    let change = json!({"name": "Diary", "scopes": ["openid"]}).to_string();
    let changed =
        app.patch(&path).bearer(&admin.access).body("application/merge-patch+json", change).send().expect(200);
    assert_eq!((&changed.json()["name"], &changed.json()["scopes"]), (&json!("Diary"), &json!(["openid"])));
    assert_eq!(changed.json()["redirect_uris"], json!([CALLBACK]), "the rest stays");
    let _ = app.post(&format!("{path}/secret")).bearer(&admin.access).send().expect(200);
    let _ = app.delete(&path).bearer(&admin.access).send().expect(204);
    for request in [app.get(&path), app.delete(&path), app.post(&format!("{path}/secret"))] {
        assert_eq!(request.bearer(&admin.access).send().outcome(), (404, "client-not-found".into()));
    }
    let gone = app.patch(&path).bearer(&admin.access).body("application/json", "{}").send();
    assert_eq!(gone.outcome(), (404, "client-not-found".into()));
    let rows =
        "SELECT array_agg(action ORDER BY created_at, id) FROM audit_log WHERE actor_id = $1 AND action LIKE 'oauth%'";
    let actions: Vec<String> = app.backend.sql().query_one(rows, &[&admin.id]).expect("rows").get(0);
    let expected =
        ["oauth-client-registered", "oauth-client-changed", "oauth-client-secret-replaced", "oauth-client-removed"];
    assert_eq!(actions, expected);
}

#[test]
fn clients_are_for_administrators_after_a_recent_sign_in() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "clients-guard");
    let path = format!("{CLIENTS}/{}", client.id);
    let secret = format!("{path}/secret");
    let body = json!({"name": "Calendar", "confidential": true, "redirect_uris": [CALLBACK]});
    let all = |token: &str| -> Vec<(u16, String)> {
        let send = |method: &'static str, path: &str, body: Option<&Value>| {
            let request = app.request(method, path).bearer(token);
            match body {
                Some(body) => request.json(body).send().outcome(),
                None => request.send().outcome(),
            }
        };
        vec![
            send("POST", CLIENTS, Some(&body)),
            send("PATCH", &path, Some(&json!({}))),
            send("POST", &secret, None),
            send("DELETE", &path, None),
        ]
    };
    for outcome in all(&ada.access) {
        assert_eq!(outcome, (403, "forbidden".into()));
    }
    for path in [CLIENTS, &path] {
        assert_eq!(app.get(path).bearer(&ada.access).send().outcome(), (403, "forbidden".into()));
    }
    let old = "UPDATE sessions SET authenticated_at = now() - interval '11 minutes' WHERE user_id = $1";
    app.backend.sql().execute(old, &[&admin.id]).expect("time passes");
    for outcome in all(&admin.access) {
        assert_eq!(outcome, (403, "reauthentication-required".into()));
    }
    let _ = app.get(&path).bearer(&admin.access).send().expect(200);
    let _ = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": admin.refresh})).send().expect(204);
    for outcome in all(&admin.access) {
        assert_eq!(outcome, (401, "invalid-token".into()));
    }
}

#[test]
fn what_cannot_be_registered_is_named() {
    let app = TestApp::guarded();
    let (admin, client, _) = cast(&app, "clients-values");
    let public = app.register(&admin, &json!({"confidential": false}));
    let register = |change: Value| {
        let mut body = json!({"name": "Calendar", "confidential": false, "redirect_uris": [CALLBACK]});
        body.as_object_mut().expect("an object").extend(change.as_object().expect("an object").clone());
        app.post(CLIENTS).bearer(&admin.access).json(&body).send()
    };
    for (field, value, slug) in [
        ("name", json!(""), "invalid-name"),
        ("name", json!("see http://evil.example"), "invalid-name"),
        ("redirect_uris", json!(["http://app.example/"]), "invalid-value"),
        ("redirect_uris", json!(["https://app.example/#x"]), "invalid-value"),
        ("redirect_uris", json!(["https://*.example/"]), "invalid-value"),
        ("redirect_uris", json!(["javascript:alert(1)"]), "invalid-value"),
        ("redirect_uris", json!(vec![CALLBACK; 21]), "invalid-value"),
        ("post_logout_redirect_uris", json!(["app.example"]), "invalid-value"),
        ("scopes", json!(["a b"]), "invalid-value"),
        ("scopes", json!(vec!["a"; 33]), "invalid-value"),
        ("grants", json!(["password"]), "invalid-value"),
        ("grants", json!(["client_credentials"]), "invalid-value"),
    ] {
        let answer = register(json!({field: value}));
        assert_eq!((answer.outcome(), answer.pointers()), ((422, slug.into()), vec![format!("/{field}")]), "{value}");
    }
    let two = register(json!({"name": "", "redirect_uris": [""]}));
    assert_eq!((two.outcome(), two.pointers().len()), ((422, "validation-failed".into()), 2));
    let path = |client: &blackbox::relying_party::RelyingParty| format!("{CLIENTS}/{}", client.id);
    let change = |body: Value| app.patch(&path(&client)).bearer(&admin.access).json(&body).send();
    assert_eq!(change(json!({"name": ""})).outcome(), (422, "invalid-name".into()));
    assert_eq!(change(json!({"redirect_uris": [""]})).outcome(), (422, "invalid-value".into()));
    assert_eq!(change(json!({"name": "", "grants": ["x"]})).outcome(), (422, "validation-failed".into()));
    let secret = app.post(&format!("{}/secret", path(&public))).bearer(&admin.access).send();
    assert_eq!(secret.outcome(), (409, "public-client".into()));
}

#[test]
fn there_are_two_hundred_clients_at_most() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (admin, _, _) = cast(&app, "clients-many");
    let fill = "INSERT INTO oauth_clients (id, name, redirect_uris, post_logout_redirect_uris, scopes, grants)
        SELECT gen_random_uuid(), 'Client', '{}', '{}', '{openid}', '{}' FROM generate_series(1, 199)";
    app.backend.sql().execute(fill, &[]).expect("they are there");
    let body = json!({"name": "Calendar", "confidential": true, "redirect_uris": [CALLBACK]});
    let one_more = app.post(CLIENTS).bearer(&admin.access).json(&body).send();
    assert_eq!(one_more.outcome(), (409, "too-many-clients".into()));
    let all = app.get(CLIENTS).bearer(&admin.access).send().expect(200).json();
    assert_eq!(all["items"].as_array().map(Vec::len), Some(200));
}

#[test]
fn what_a_removed_client_has_is_worth_nothing() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "clients-removed");
    let tokens = app.connect(&client, &ada);
    let _ = app.delete(&format!("{CLIENTS}/{}", client.id)).bearer(&admin.access).send().expect(204);
    assert_eq!(app.userinfo(&tokens.access).outcome(), (401, "invalid-token".into()));
    let refreshed = app.refresh_client(&client, tokens.refresh.as_deref().expect("a refresh token"));
    assert_eq!((refreshed.status, &refreshed.json()["error"]), (401, &json!("invalid_client")));
    assert_eq!(app.authorize(&client.request(&[])).send().status, 400);
    let connected = app.get(&format!("{}/connected-applications", ada.path())).bearer(&ada.access).send().expect(200);
    assert_eq!(connected.json()["items"], json!([]));
    let hint = blackbox::relying_party::encoded(&[("id_token_hint", tokens.id.as_deref().expect("an ID token"))]);
    let _ = app.get(&format!("/auth-ms/oauth/logout?{hint}")).send().expect(200);
}

#[test]
fn what_a_user_has_connected_is_in_their_export_and_goes_with_them() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "clients-export");
    let _ = app.connect(&client, &ada);
    let export = app.get(&format!("{}/export", ada.path())).bearer(&ada.access).send().expect(200).json();
    assert_eq!(export["connected_applications"][0]["client_id"], json!(client.id));
    // An id has one spelling.
    for other in [format!("urn:uuid:{}", client.id), client.id.replace('-', ""), format!("%7B{}%7D", client.id)] {
        let path = format!("{}/connected-applications/{other}", ada.path());
        assert_eq!(app.delete(&path).bearer(&ada.access).send().outcome(), (400, "invalid-id".into()));
    }
    let names: Vec<_> =
        export["sessions"].as_array().expect("sessions").iter().map(|session| session["application"].clone()).collect();
    assert!(names.contains(&json!("Calendar")) && names.contains(&Value::Null), "{names:?}");
    let _ = app.delete(&ada.path()).bearer(&ada.access).send().expect(204);
    for table in ["oauth_consents", "oauth_codes", "sessions"] {
        let statement = format!("SELECT count(*) FROM {table} WHERE user_id = $1");
        let left: i64 = app.backend.sql().query_one(&statement, &[&ada.id]).expect("a count").get(0);
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn the_limits_page_has_the_figures_of_the_code() {
    const PAGE: &str = include_str!("../../../docs/limits.md");
    const CLIENTS: &str = include_str!("../../../components/users/domain/src/oauth_client.rs");
    const LIMITS: &str = include_str!("../../../components/users/domain/src/rate_limit.rs");
    const GRANTS: &str = include_str!("../../../components/auth/domain/src/oauth/grant.rs");
    const REQUESTS: &str = include_str!("../../../components/auth/domain/src/oauth/authorization.rs");
    const CODES: &str = include_str!("../../../migrations/0040_oauth.sql");
    const TOKENS: &str = include_str!("../../../components/auth/src/routes/oauth/token.rs");
    for (row, source, enforced) in [
        ("| applications | 200 |", CLIENTS, "MAX_OAUTH_CLIENTS: i64 = 200;"),
        ("of each kind | 20, of 512 bytes each |", CLIENTS, "MAX_URIS: usize = 20;"),
        ("of each kind | 20, of 512 bytes each |", CLIENTS, "MAX_URI_BYTES: usize = 512;"),
        ("| scopes of an application | 32, of 64 characters each |", CLIENTS, "MAX_SCOPES: usize = 32;"),
        ("| scopes of an application | 32, of 64 characters each |", CLIENTS, "MAX_SCOPE_BYTES: usize = 64;"),
        ("| authorization code | 60 s,", CLIENTS, "OAUTH_CODE_SECONDS: i32 = 60;"),
        ("besides a new one | 9 |", CODES, "ORDER BY created_at DESC LIMIT 9)"),
        ("| 2,048 bytes; a nonce 255 |", GRANTS, "MAX_VALUE: usize = 2048;"),
        ("| 2,048 bytes; a nonce 255 |", REQUESTS, "MAX_VALUE: usize = 2048;"),
        ("| 2,048 bytes; a nonce 255 |", REQUESTS, "MAX_NONCE: usize = 255;"),
        ("without `offline_access` | 15 minutes |", TOKENS, "ONLINE_SECONDS: i32 = ACCESS_TOKEN_SECONDS as i32;"),
        ("from one address | 50 an hour |", LIMITS, "CLIENT_SECRETS: Backoff = CLIENT;"),
    ] {
        assert!(PAGE.contains(row) && source.contains(enforced), "{row}: {enforced}");
    }
}
