//! Other applications sign people in through this one: by OAuth 2.1 and OpenID Connect, the good way.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::{PASSWORD, Person};
use blackbox::relying_party::{
    CALLBACK, ClientTokens, FORM, GOODBYE, ISSUER, RelyingParty, VERIFIER, challenge, encoded, parameter, payload,
    way_back,
};
use serde_json::{Value, json};

/// An administrator, an application and a user of the guarded app.
pub(crate) fn cast(app: &TestApp, place: &str) -> (Person, RelyingParty, Person) {
    let admin = app.admin(&format!("root@{place}.example"));
    let client = app.register(&admin, &json!({}));
    let ada = app.person(&format!("ada@{place}.example"));
    (admin, client, ada)
}

pub(crate) fn sessions(app: &TestApp, person: &Person) -> Vec<Value> {
    let answer = app.get("/auth-ms/auth/sessions").bearer(&person.access).send().expect(200).json();
    answer["items"].as_array().expect("a list").clone()
}

#[test]
fn a_person_signs_in_to_an_application() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc");
    let request = client.request(&[("login_hint", "ada@oidc.example")]);
    let page = app.authorize(&request).send().expect(200);
    let text = page.text();
    for part in ["Calendar", "https://app.example", "see your email address", "value=\"ada@oidc.example\""] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert!(!text.contains("<script"));
    let policy = page.header("content-security-policy").expect("a page has a policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self' https://app.example;"));
    assert_eq!((page.header("cache-control"), page.header("referrer-policy")), (Some("no-store"), Some("same-origin")));
    assert_eq!(page.header("set-cookie"), None);
    let location = way_back(&app.allow(&request, &ada.email, PASSWORD).send());
    assert_eq!(parameter(&location, "state").as_deref(), Some("a state & more"));
    assert!(location.starts_with(&format!("{CALLBACK}&code=")), "{location}");
    let code = parameter(&location, "code").expect("a code");
    let answer = app.exchange(&client, &code).expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let tokens = ClientTokens::of(&answer);
    assert_eq!(tokens.body["scope"], "openid profile email offline_access");

    let id = payload(tokens.id.as_deref().expect("an ID token"));
    assert_eq!((&id["iss"], &id["aud"], &id["sub"]), (&json!(ISSUER), &json!(client.id), &json!(ada.id.to_string())));
    assert_eq!(
        (&id["nonce"], &id["amr"], &id["acr"]),
        (&json!("a nonce"), &json!(["pwd"]), &json!("urn:concierge:aal:1"))
    );
    assert!(id["auth_time"].is_i64() && id["exp"].as_i64() > id["iat"].as_i64() && id["at_hash"].is_string());
    let access = payload(&tokens.access);
    assert_eq!((&access["aud"], &access["client_id"]), (&json!(ISSUER), &json!(client.id)));
    assert_eq!((&access["sid"], access.get("role"), access.get("roles")), (&id["sid"], None, None));

    let claims = app.userinfo(&tokens.access).expect(200).json();
    let all = json!({"sub": ada.id.to_string(), "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace",
        "email": "ada@oidc.example", "email_verified": false});
    assert_eq!(claims, all);
    let posted = app.post("/auth-ms/oauth/userinfo").bearer(&tokens.access).send().expect(200).json();
    assert_eq!(posted, all);
    let (refresh, secret) = (tokens.refresh.as_deref(), client.secret.as_deref());
    let shown = [Some(code.as_str()), Some(&tokens.access), tokens.id.as_deref(), refresh, secret, Some(&ada.email)];
    let log = app.log();
    for shown in shown.into_iter().flatten().chain([VERIFIER, "a nonce", "a state"]) {
        assert!(!log.contains(shown), "{shown} is in the log");
    }
}

#[test]
fn an_application_learns_only_what_it_asks_for() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-scopes");
    let tokens = |scope: &str| {
        let code = app.code(&client.request(&[("scope", scope)]), &ada);
        ClientTokens::of(&app.exchange(&client, &code).expect(200))
    };
    let openid = tokens("openid");
    assert_eq!(app.userinfo(&openid.access).expect(200).json(), json!({"sub": ada.id.to_string()}));
    assert_eq!(openid.refresh, None, "there is no offline_access");
    let plain = tokens("email");
    assert_eq!(plain.id, None, "there is no openid");
    for request in [app.get("/auth-ms/oauth/userinfo"), app.post("/auth-ms/oauth/userinfo")] {
        assert_eq!(request.bearer(&plain.access).send().outcome(), (403, "forbidden".into()));
    }
    let phone = tokens("openid phone");
    assert_eq!(app.userinfo(&phone.access).expect(200).json().get("phone_number"), None, "there is no phone");
}

#[test]
fn a_session_of_an_application_is_among_its_owners_sessions_and_ends_as_others_do() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-sessions");
    let tokens = app.connect(&client, &ada);
    let all = sessions(&app, &ada);
    assert_eq!(all.len(), 2, "the sign-in on the page has left none: {all:?}");
    let id = payload(&tokens.access)["sid"].clone();
    let session = all.iter().find(|session| session["id"] == id).expect("it is there");
    assert_eq!((&session["application"], &session["current"]), (&json!("Calendar"), &json!(false)));
    let path = format!("/auth-ms/auth/sessions/{}", id.as_str().expect("an id"));
    let _ = app.delete(&path).bearer(&ada.access).send().expect(204);
    assert_eq!(app.userinfo(&tokens.access).outcome(), (401, "invalid-token".into()));

    for end in ["password", "sessions", "suspension"] {
        let bob = app.person(&format!("bob-{end}@oidc-sessions.example"));
        let tokens = app.connect(&client, &bob);
        let _ = app.userinfo(&tokens.access).expect(200);
        let _ = match end {
            "password" => app
                .patch(&bob.path())
                .bearer(&bob.access)
                .body(
                    "application/merge-patch+json",
                    json!({"password": "another horse battery", "current_password": PASSWORD}).to_string(),
                )
                .send()
                .expect(200),
            "sessions" => app.delete("/auth-ms/auth/sessions").bearer(&bob.access).send().expect(204),
            _ => app.put(&format!("{}/suspension", bob.path())).bearer(&admin.access).send().expect(204),
        };
        assert_eq!(app.userinfo(&tokens.access).outcome(), (401, "invalid-token".into()), "{end}");
        let refreshed = app.refresh_client(&client, tokens.refresh.as_deref().expect("a refresh token"));
        assert_eq!((refreshed.status, &refreshed.json()["error"]), (400, &json!("invalid_grant")), "{end}");
    }
}

#[test]
fn a_refresh_token_is_replaced_and_may_ask_for_less() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-refresh");
    let first = app.connect(&client, &ada);
    let first_token = first.refresh.expect("a refresh token");
    let next = ClientTokens::of(&app.refresh_client(&client, &first_token).expect(200));
    let id = payload(next.id.as_deref().expect("an ID token"));
    assert_eq!((&id["sub"], id.get("nonce")), (&json!(ada.id.to_string()), None));
    assert_eq!(payload(&next.access)["sid"], payload(&first.access)["sid"]);
    let second_token = next.refresh.expect("another refresh token");
    assert_ne!(second_token, first_token);
    // The answer may have been lost.
    let again = ClientTokens::of(&app.refresh_client(&client, &first_token).expect(200));
    assert_eq!(again.refresh.as_deref(), Some(second_token.as_str()));
    let less = [("grant_type", "refresh_token"), ("refresh_token", second_token.as_str()), ("scope", "openid")];
    let less = ClientTokens::of(&app.token(&client, &less).expect(200));
    assert_eq!(less.body["scope"], "openid");
    assert_eq!(app.userinfo(&less.access).expect(200).json(), json!({"sub": ada.id.to_string()}));
    // The next may ask for all again, which the user has allowed.
    let all = ClientTokens::of(&app.refresh_client(&client, less.refresh.as_deref().expect("a token")).expect(200));
    assert_eq!(all.body["scope"], "openid profile email offline_access");
}

#[test]
fn a_public_client_on_the_persons_own_machine_takes_a_port_that_is_free() {
    let app = TestApp::guarded();
    let admin = app.admin("root@oidc-native.example");
    let ada = app.person("ada@oidc-native.example");
    let client = app.register(&admin, &json!({"confidential": false, "redirect_uris": ["http://127.0.0.1/cb"]}));
    assert_eq!(client.secret, None);
    let callback = "http://127.0.0.1:49152/cb";
    let request = client.request(&[("redirect_uri", callback)]);
    let policy = app.authorize(&request).send().expect(200);
    assert!(policy.header("content-security-policy").is_some_and(|policy| policy.contains("http://127.0.0.1:49152;")));
    let answer = app.allow(&request, &ada.email, PASSWORD).send().expect(303);
    let location = answer.header("location").expect("a way back").to_owned();
    assert!(location.starts_with(callback));
    let code = parameter(&location, "code").expect("a code");
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", callback),
        ("code_verifier", VERIFIER),
    ];
    let tokens = ClientTokens::of(&app.token(&client, &fields).expect(200));
    let _ = app.userinfo(&tokens.access).expect(200);
    assert!(app.refresh_client(&client, tokens.refresh.as_deref().expect("a token")).status == 200);
}

#[test]
fn a_second_factor_is_asked_for_on_a_page_of_its_own() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-mfa");
    let phone = app.add_totp(&ada);
    let request = client.request(&[]);
    let page = app.allow(&request, &ada.email, PASSWORD).send().expect(200).text();
    let challenge = page.split("name=\"challenge\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let challenge = challenge.expect("the page has a challenge");
    let answer = |code: &str| {
        let form = encoded(&[("challenge", challenge), ("code", code), ("decision", "allow")]);
        app.page("/auth-ms/oauth/second-factor", &format!("{request}&{form}")).send()
    };
    let wrong = answer(&phone.wrong_code()).expect(403);
    assert!(wrong.text().contains("name=\"challenge\"") && wrong.text().contains("role=\"alert\""));
    let code = parameter(&way_back(&answer(&phone.code())), "code").expect("a code");
    let tokens = ClientTokens::of(&app.exchange(&client, &code).expect(200));
    let id = payload(tokens.id.as_deref().expect("an ID token"));
    assert_eq!((&id["acr"], &id["amr"]), (&json!("urn:concierge:aal:2"), &json!(["pwd", "otp", "mfa"])));
    // The challenge is spent, and the password comes first again.
    let again = answer(&phone.code()).expect(403);
    assert!(again.text().contains("name=\"password\""), "{}", again.text());
}

#[test]
fn a_client_acts_for_itself_with_its_secret() {
    let app = TestApp::guarded();
    let admin = app.admin("root@oidc-service.example");
    let service = app.register(
        &admin,
        &json!({"redirect_uris": [], "scopes": ["invoices", "openid"], "grants": ["client_credentials"]}),
    );
    let tokens = ClientTokens::of(&app.token(&service, &[("grant_type", "client_credentials")]).expect(200));
    assert_eq!((tokens.body["scope"].as_str(), &tokens.refresh, &tokens.id), (Some("invoices"), &None, &None));
    let claims = payload(&tokens.access);
    assert_eq!((&claims["sub"], &claims["client_id"]), (&json!(service.id), &json!(service.id)));
    assert_eq!(app.userinfo(&tokens.access).outcome(), (403, "forbidden".into()));
    let form = encoded(&[
        ("grant_type", "client_credentials"),
        ("client_id", &service.id),
        ("client_secret", service.secret.as_deref().expect("a secret")),
    ]);
    let _ = app.post("/auth-ms/oauth/token").body(FORM, form).send().expect(200);
    let more = app.token(&service, &[("grant_type", "client_credentials"), ("scope", "openid")]);
    assert_eq!((more.status, &more.json()["error"]), (400, &json!("invalid_scope")));
}

#[test]
fn a_user_decides_on_a_page_of_ones_own_and_is_asked_once() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-decision");
    let decide = |request: &str, consent: Value| {
        let body = match consent {
            Value::Null => json!({"request": request}),
            consent => json!({"request": request, "consent": consent}),
        };
        app.post("/auth-ms/oauth/decision").bearer(&ada.access).json(&body).send()
    };
    let request = client.request(&[("scope", "openid email")]);
    let asked = decide(&request, Value::Null).expect(200).json();
    let shown = json!({"client_id": client.id, "name": "Calendar", "origin": "https://app.example", "scopes": ["openid", "email"]});
    assert_eq!(asked, json!({"redirect_to": null, "consent": shown}));
    let silent = client.request(&[("scope", "openid email"), ("prompt", "none")]);
    let back = |answer: &Value| answer["redirect_to"].as_str().expect("a way back").to_owned();
    let refused = back(&decide(&silent, Value::Null).expect(200).json());
    assert_eq!(parameter(&refused, "error").as_deref(), Some("consent_required"));
    let denied = back(&decide(&request, json!(false)).expect(200).json());
    assert_eq!(parameter(&denied, "error").as_deref(), Some("access_denied"));

    let allowed = back(&decide(&request, json!(true)).expect(200).json());
    let code = parameter(&allowed, "code").expect("a code");
    let tokens = ClientTokens::of(&app.exchange(&client, &code).expect(200));
    let _ = app.userinfo(&tokens.access).expect(200);
    assert_eq!(sessions(&app, &ada).len(), 2, "the user's own session goes on");
    // Now that is known, and nobody is asked again; for more they are.
    for request in [&request, &silent] {
        assert!(parameter(&back(&decide(request, Value::Null).expect(200).json()), "code").is_some());
    }
    let more = client.request(&[("scope", "openid email profile")]);
    assert!(decide(&more, Value::Null).expect(200).json()["redirect_to"].is_null());
    let anew = client.request(&[("scope", "openid email"), ("prompt", "consent")]);
    assert!(decide(&anew, Value::Null).expect(200).json()["redirect_to"].is_null());
    let unknown = client.request(&[("redirect_uri", "https://evil.example")]);
    assert_eq!(decide(&unknown, json!(true)).outcome(), (422, "invalid-value".into()));
    let invalid = back(&decide(&client.request(&[("scope", "admin")]), json!(true)).expect(200).json());
    assert_eq!(parameter(&invalid, "error").as_deref(), Some("invalid_scope"));

    // No sign-in is younger than no seconds: that is one of this moment.
    let now = client.request(&[("scope", "openid email"), ("max_age", "0")]);
    assert!(parameter(&back(&decide(&now, Value::Null).expect(200).json()), "code").is_some());

    // A program on the person's own machine may be another than the one that was allowed: they are asked each time.
    let native = app.register(&admin, &json!({"confidential": false, "redirect_uris": ["http://127.0.0.1/cb"]}));
    let at = |more: &[(&str, &str)]| {
        let here = [("scope", "openid"), ("redirect_uri", "http://127.0.0.1:49152/cb")];
        native.request(&[here.as_slice(), more].concat())
    };
    assert!(parameter(&back(&decide(&at(&[]), json!(true)).expect(200).json()), "code").is_some());
    assert!(decide(&at(&[]), Value::Null).expect(200).json()["redirect_to"].is_null());
    let refused = back(&decide(&at(&[("prompt", "none")]), Value::Null).expect(200).json());
    assert_eq!(parameter(&refused, "error").as_deref(), Some("consent_required"));

    // A sign-in of the last moments is another than that of an hour ago.
    let old = "UPDATE sessions SET authenticated_at = now() - interval '1 hour' WHERE user_id = $1";
    app.backend.sql().execute(old, &[&ada.id]).expect("time passes");
    for fresh in [("max_age", "600"), ("prompt", "login")] {
        let request = client.request(&[("scope", "openid email"), fresh]);
        assert_eq!(decide(&request, json!(true)).outcome(), (403, "reauthentication-required".into()), "{fresh:?}");
    }
    // Nor does a token that was stolen later connect anything, or anything that stays.
    assert_eq!(decide(&request, json!(true)).outcome(), (403, "reauthentication-required".into()));
    let stays = "UPDATE oauth_consents SET scopes = scopes || '{offline_access}' WHERE user_id = $1";
    app.backend.sql().execute(stays, &[&ada.id]).expect("the test is made so");
    let stays = client.request(&[("scope", "openid email offline_access")]);
    assert_eq!(decide(&stays, Value::Null).outcome(), (403, "reauthentication-required".into()));
    let silent = client.request(&[("scope", "openid email"), ("prompt", "none"), ("max_age", "600")]);
    let late = back(&decide(&silent, Value::Null).expect(200).json());
    assert_eq!(parameter(&late, "error").as_deref(), Some("login_required"));
    let aged = client.request(&[("scope", "openid email"), ("max_age", "7200")]);
    let code = parameter(&back(&decide(&aged, Value::Null).expect(200).json()), "code").expect("a code");
    let id = ClientTokens::of(&app.exchange(&client, &code).expect(200)).id.expect("an ID token");
    let claims = payload(&id);
    assert!(claims["iat"].as_i64() > claims["auth_time"].as_i64().map(|time| time + 3000), "{claims}");
}

#[test]
fn a_user_sees_what_is_connected_and_disconnects_it() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-connected");
    let tokens = app.connect(&client, &ada);
    let path = format!("{}/connected-applications", ada.path());
    let list = |token: &str| app.get(&path).bearer(token).send();
    let items = list(&ada.access).expect(200).json()["items"].clone();
    assert_eq!((&items[0]["client_id"], &items[0]["name"]), (&json!(client.id), &json!("Calendar")));
    assert_eq!(items[0]["scopes"], json!(["openid", "profile", "email", "offline_access"]));
    assert_eq!(list(&admin.access).expect(200).json()["items"], items);
    let bob = app.person("bob@oidc-connected.example");
    assert_eq!(list(&bob.access).outcome(), (404, "user-not-found".into()));
    let one = format!("{path}/{}", client.id);
    assert_eq!(app.delete(&one).bearer(&bob.access).send().outcome(), (404, "user-not-found".into()));
    let _ = app.userinfo(&tokens.access).expect(200);

    let waiting = app.code(&client.request(&[]), &ada);
    let _ = app.delete(&one).bearer(&ada.access).send().expect(204);
    assert_eq!(list(&ada.access).expect(200).json()["items"], json!([]));
    assert_eq!(app.userinfo(&tokens.access).outcome(), (401, "invalid-token".into()));
    assert_eq!(app.exchange(&client, &waiting).json()["error"], "invalid_grant");
    let _ = app.delete(&one).bearer(&ada.access).send().expect(204);
    let activity = app.get(&format!("{}/activity", ada.path())).bearer(&ada.access).send().expect(200).json();
    let actions: Vec<_> = activity["items"].as_array().expect("rows").iter().map(|row| row["action"].clone()).collect();
    for action in ["application-connected", "application-disconnected", "login"] {
        assert!(actions.contains(&json!(action)), "{action} is not in {actions:?}");
    }
}

#[test]
fn an_application_signs_its_user_out() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-logout");
    let tokens = app.connect(&client, &ada);
    let hint = tokens.id.as_deref().expect("an ID token");
    let form = encoded(&[
        ("id_token_hint", hint),
        ("post_logout_redirect_uri", GOODBYE),
        ("state", "s&1"),
        ("client_id", &client.id),
    ]);
    let answer = app.get(&format!("/auth-ms/oauth/logout?{form}")).send().expect(303);
    assert_eq!(answer.header("location"), Some(format!("{GOODBYE}?state=s%261").as_str()));
    assert_eq!(app.userinfo(&tokens.access).outcome(), (401, "invalid-token".into()));
    let refresh = app.refresh_client(&client, tokens.refresh.as_deref().expect("a token"));
    assert_eq!(refresh.json()["error"], "invalid_grant");
    assert_eq!(sessions(&app, &ada).len(), 1, "the user's own session goes on");
    // Once more is no failure, by a form as well.
    let _ = app.post("/auth-ms/oauth/logout").body(FORM, form).send().expect(303);
    let page = app.post("/auth-ms/oauth/logout").body(FORM, encoded(&[("id_token_hint", hint)])).send().expect(200);
    assert!(page.text().contains("You are signed out"));
    let _ = app.get("/auth-ms/oauth/logout").send().expect(200);
}

#[test]
fn a_client_gives_its_tokens_up() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-revoke");
    for hint in ["refresh_token", "access_token"] {
        let tokens = app.connect(&client, &ada);
        let token =
            if hint == "access_token" { tokens.access.clone() } else { tokens.refresh.clone().expect("a token") };
        let form = encoded(&[("token", &token), ("token_type_hint", hint)]);
        let revoke = || {
            let request = app.post("/auth-ms/oauth/revoke").header("authorization", &client.basic());
            request.body(FORM, form.clone()).send()
        };
        let _ = revoke().expect(200);
        assert_eq!(app.userinfo(&tokens.access).outcome(), (401, "invalid-token".into()));
        let _ = revoke().expect(200);
    }
}

#[test]
fn the_metadata_says_what_the_provider_does() {
    let app = TestApp::guarded();
    let metadata = app.get("/auth-ms/.well-known/openid-configuration").send().expect(200).json();
    for (name, endpoint) in [
        ("authorization_endpoint", "authorize"),
        ("token_endpoint", "token"),
        ("userinfo_endpoint", "userinfo"),
        ("revocation_endpoint", "revoke"),
        ("end_session_endpoint", "logout"),
    ] {
        assert_eq!(metadata[name], format!("{ISSUER}/oauth/{endpoint}"));
    }
    assert_eq!(metadata["response_types_supported"], json!(["code"]));
    assert_eq!(metadata["code_challenge_methods_supported"], json!(["S256"]));
    assert_eq!(metadata["authorization_response_iss_parameter_supported"], true);
    assert_eq!(metadata["request_uri_parameter_supported"], false);
    let server = app.get("/auth-ms/.well-known/oauth-authorization-server").send().expect(200);
    assert_eq!((server.json(), server.header("access-control-allow-origin")), (metadata, Some("*")));
}

#[test]
fn without_a_provider_its_operations_say_so() {
    let app =
        TestApp::on(&Backend::new()).variable("oauth_provider", "off").variable("authorization", "required").start();
    let admin = app.admin("root@oidc-off.example");
    let id = "6f1e2d3c-4b5a-4697-8877-665544332211";
    let (client, connected) =
        (format!("/users-ms/oauth-clients/{id}"), format!("{}/connected-applications", admin.path()));
    let operations = [
        ("GET", "/users-ms/oauth-clients".to_owned()),
        ("POST", "/users-ms/oauth-clients".into()),
        ("GET", client.clone()),
        ("PATCH", client.clone()),
        ("DELETE", client.clone()),
        ("POST", format!("{client}/secret")),
        ("GET", connected.clone()),
        ("DELETE", format!("{connected}/{id}")),
        ("GET", "/auth-ms/oauth/authorize".into()),
        ("GET", "/auth-ms/oauth/userinfo".into()),
        ("POST", "/auth-ms/oauth/userinfo".into()),
        ("GET", "/auth-ms/oauth/logout".into()),
        ("POST", "/auth-ms/oauth/authorize".into()),
        ("POST", "/auth-ms/oauth/sign-in".into()),
        ("POST", "/auth-ms/oauth/second-factor".into()),
        ("POST", "/auth-ms/oauth/token".into()),
        ("POST", "/auth-ms/oauth/revoke".into()),
        ("POST", "/auth-ms/oauth/logout".into()),
        ("POST", "/auth-ms/oauth/decision".into()),
        ("GET", "/auth-ms/.well-known/oauth-authorization-server".into()),
    ];
    for (method, path) in operations {
        let request = app.request(method, &path).bearer(&admin.access);
        let answer = match path.as_str() {
            "/auth-ms/oauth/decision" => request.json(&json!({"request": ""})).send(),
            path if method == "POST" && path.starts_with("/auth-ms") && !path.contains("userinfo") => {
                request.body(FORM, "").send()
            }
            _ => request.send(),
        };
        assert_eq!(answer.outcome(), (501, "not-configured".into()), "{method} {path}");
    }
    let metadata = app.get("/auth-ms/.well-known/openid-configuration").send().expect(200).json();
    assert_eq!((metadata.get("authorization_endpoint"), &metadata["response_types_supported"]), (None, &json!([])));
    assert!(!app.log().contains("a request failed"), "what is turned off is no failure, and anybody can ask for it");
}

#[test]
fn a_provider_needs_an_audience_of_its_own() {
    let app = TestApp::on(&Backend::new()).variable("token_audience", ISSUER).start();
    let answer = app.get("/auth-ms/readiness").send().expect(503);
    assert_eq!(answer.json()["checks"]["configuration"]["status"], "unavailable");
    app.wait_for_log("the variable oauth_provider needs a token_audience that is not token_issuer");
    assert_eq!(challenge(VERIFIER), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}
