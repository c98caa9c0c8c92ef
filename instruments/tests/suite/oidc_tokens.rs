//! Codes, tokens and secrets of applications: each is good for its own client, once, and for nothing else.

use crate::oidc::{cast, sessions};
use crate::throttling::throttled;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::openapi::operations;
use blackbox::people::PASSWORD;
use blackbox::relying_party::{CALLBACK, ClientTokens, FORM, RelyingParty, VERIFIER, encoded, parameter, payload};
use serde_json::{Value, json};
use std::sync::Barrier;
use std::time::Instant;

#[track_caller]
fn refused(answer: &Answer, error: &str) {
    let status = if error == "invalid_client" { 401 } else { 400 };
    assert_eq!((answer.status, &answer.json()["error"]), (status, &json!(error)), "{}", answer.text());
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("www-authenticate").is_some(), status == 401);
}

fn by_code(code: &str) -> Vec<(&'static str, &str)> {
    vec![("grant_type", "authorization_code"), ("code", code), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)]
}

fn with<'a>(fields: &[(&'static str, &'a str)], name: &'static str, value: &'a str) -> Vec<(&'static str, &'a str)> {
    let others = fields.iter().filter(|(known, _)| *known != name).copied();
    others.chain(Some((name, value)).filter(|(_, value)| !value.is_empty())).collect()
}

#[test]
fn a_code_is_good_with_all_that_it_is_bound_to() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-bound");
    let other = app.register(&admin, &json!({}));
    let public = app.register(&admin, &json!({"confidential": false}));
    let code = || app.code(&client.request(&[]), &ada);
    let wrong_verifier = "x".repeat(43);
    for (name, value) in [
        ("code_verifier", wrong_verifier.as_str()),
        ("code_verifier", "short"),
        ("redirect_uri", "https://app.example/callback"),
    ] {
        let code = code();
        refused(&app.token(&client, &with(&by_code(&code), name, value)), "invalid_grant");
        // Shown once, it is spent, whether or not the rest was right.
        refused(&app.exchange(&client, &code), "invalid_grant");
    }
    for name in ["code_verifier", "redirect_uri", "code"] {
        let code = code();
        refused(&app.token(&client, &with(&by_code(&code), name, "")), "invalid_request");
        if name != "code" {
            assert_eq!(app.exchange(&client, &code).status, 200, "it was not shown as one");
        }
    }
    let code = code();
    refused(&app.token(&client, &with(&by_code(&code), "redirect_uri", &format!("{CALLBACK}\0"))), "invalid_request");
    for foreign in [&other, &public] {
        refused(&app.exchange(foreign, &code), "invalid_grant");
    }
    assert_eq!(app.exchange(&client, &code).status, 200, "others do not spend it");
    for none in ["x", "", &"A".repeat(43)] {
        let answer = app.exchange(&client, none);
        refused(&answer, if none.is_empty() { "invalid_request" } else { "invalid_grant" });
    }
}

#[test]
fn a_code_that_is_shown_again_ends_the_session_that_it_has_begun() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-replay");
    let code = app.code(&client.request(&[]), &ada);
    let tokens = ClientTokens::of(&app.exchange(&client, &code).expect(200));
    let refresh = tokens.refresh.as_deref().expect("a refresh token");
    let next = ClientTokens::of(&app.refresh_client(&client, refresh).expect(200));
    refused(&app.exchange(&client, &code), "invalid_grant");
    for access in [&tokens.access, &next.access] {
        assert_eq!(app.userinfo(access).outcome(), (401, "invalid-token".into()));
    }
    refused(&app.refresh_client(&client, next.refresh.as_deref().expect("a token")), "invalid_grant");
    let activity = app.get(&format!("{}/activity", ada.path())).bearer(&ada.access).send().expect(200).text();
    assert!(activity.contains("authorization-code") && activity.contains("reused"), "{activity}");
    let kept =
        "SELECT count(*) FROM oauth_codes WHERE digest = $1 OR to_jsonb(oauth_codes)::text LIKE '%' || $1 || '%'";
    let kept: i64 = app.backend.sql().query_one(kept, &[&code]).expect("it can be counted").get(0);
    assert_eq!(kept, 0);
}

#[test]
fn of_ten_who_show_a_code_at_once_one_gets_tokens() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-race");
    for _ in 0..3 {
        let code = app.code(&client.request(&[]), &ada);
        let together = Barrier::new(10);
        let answers: Vec<_> = std::thread::scope(|scope| {
            let show = || {
                together.wait();
                app.exchange(&client, &code)
            };
            let all: Vec<_> = (0..10).map(|_| scope.spawn(show)).collect();
            all.into_iter().map(|one| one.join().expect("it answers")).collect()
        });
        let good: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(good.len(), 1, "{:?}", answers.iter().map(|answer| answer.status).collect::<Vec<_>>());
        let tokens = ClientTokens::of(good[0]);
        assert_eq!(app.userinfo(&tokens.access).status, 401, "the others have ended what it began");
    }
    assert_eq!(sessions(&app, &ada).len(), 1);
}

#[test]
fn no_code_under_way_outlives_what_ends_its_application() {
    let app = TestApp::guarded();
    let (admin, _, ada) = cast(&app, "oidc-under-way");
    let connected = |id: &str| format!("{}/connected-applications/{id}", ada.path());
    let removed = |id: &str| format!("/users-ms/oauth-clients/{id}");
    let suspended = |_: &str| format!("{}/suspension", ada.path());
    type PathOf<'a> = &'a dyn Fn(&str) -> String;
    let ends: [(&str, PathOf<'_>); 3] = [("DELETE", &connected), ("DELETE", &removed), ("PUT", &suspended)];
    for (method, path) in ends {
        let client = app.register(&admin, &json!({}));
        let codes: Vec<_> = (0..6).map(|_| app.code(&client.request(&[]), &ada)).collect();
        let start = Barrier::new(codes.len() + 1);
        let tokens: Vec<_> = std::thread::scope(|scope| {
            let exchange = |code| {
                start.wait();
                app.exchange(&client, code)
            };
            let all: Vec<_> = codes.iter().map(|code| scope.spawn(move || exchange(code))).collect();
            start.wait();
            let _ = app.request(method, &path(&client.id)).bearer(&admin.access).send().expect(204);
            all.into_iter().map(|one| one.join().expect("it answers")).collect()
        });
        for answer in tokens {
            assert!([200, 400, 401].contains(&answer.status), "{method}: {}", answer.text());
            if answer.status == 200 {
                assert_eq!(app.userinfo(&ClientTokens::of(&answer).access).status, 401, "{method}");
            }
        }
        let left = "SELECT count(*) FROM sessions s JOIN users u ON u.id = s.user_id AND u.credentials_epoch = s.credentials_epoch
            WHERE s.client_id::text = $1";
        let left: i64 = app.backend.sql().query_one(left, &[&client.id]).expect("a count").get(0);
        assert_eq!(left, 0, "{method}");
    }
}

#[test]
fn a_code_is_good_for_a_minute_and_for_the_account_as_it_was() {
    let app = TestApp::guarded();
    let (admin, client, _) = cast(&app, "oidc-late");
    for case in ["late", "password", "suspended", "role", "removed", "client"] {
        let client = if case == "client" { app.register(&admin, &json!({})) } else { client.clone() };
        let bob = app.person(&format!("bob-{case}@oidc-late.example"));
        let code = app.code(&client.request(&[]), &bob);
        let sql = |statement: &str| app.backend.sql().execute(statement, &[&bob.id]).expect("the test is made so");
        let patch = |body: Value, token: &str| {
            let request = app.patch(&bob.path()).bearer(token);
            let _ = request.body("application/merge-patch+json", body.to_string()).send().expect(200);
        };
        match case {
            "late" => assert_eq!(sql("UPDATE oauth_codes SET expires_at = now() WHERE user_id = $1"), 1),
            "password" => {
                patch(json!({"password": "another horse battery", "current_password": PASSWORD}), &bob.access);
            }
            "suspended" => {
                let _ = app.put(&format!("{}/suspension", bob.path())).bearer(&admin.access).send().expect(204);
            }
            "role" => patch(json!({"roles": ["support"]}), &admin.access),
            "removed" => {
                let _ = app.delete(&bob.path()).bearer(&bob.access).send().expect(204);
            }
            _ => {
                let path = format!("/users-ms/oauth-clients/{}", client.id);
                let _ = app.delete(&path).bearer(&admin.access).send().expect(204);
            }
        }
        refused(&app.exchange(&client, &code), if case == "client" { "invalid_client" } else { "invalid_grant" });
    }
    // One that a session of the user's own has issued ends with it.
    let eve = app.person("eve@oidc-late.example");
    let body = json!({"request": client.request(&[]), "consent": true});
    let decided = app.post("/auth-ms/oauth/decision").bearer(&eve.access).json(&body).send().expect(200).json();
    let code = parameter(decided["redirect_to"].as_str().expect("a way back"), "code").expect("a code");
    let _ = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": eve.refresh})).send().expect(204);
    refused(&app.exchange(&client, &code), "invalid_grant");
}

#[test]
fn a_client_is_the_one_that_it_can_prove_to_be() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-secrets");
    let other = app.register(&admin, &json!({}));
    let public = app.register(&admin, &json!({"confidential": false}));
    let code = app.code(&client.request(&[]), &ada);
    let wrong = |id: &str, secret: Option<&str>| RelyingParty { id: id.to_owned(), secret: secret.map(str::to_owned) };
    for client in [
        wrong(&client.id, Some("wrong")),
        wrong(&client.id, other.secret.as_deref()),
        wrong(&client.id, None),
        wrong(&public.id, client.secret.as_deref()),
        wrong("6f1e2d3c-4b5a-4697-8877-665544332211", Some("x")),
        wrong("x", Some("x")),
    ] {
        refused(&app.exchange(&client, &code), "invalid_client");
    }
    let secret = client.secret.as_deref().expect("a secret");
    let two = [by_code(&code), vec![("client_secret", secret), ("client_id", client.id.as_str())]].concat();
    let token = |header: &str, form: String| {
        app.post("/auth-ms/oauth/token").header("authorization", header).body(FORM, form).send()
    };
    refused(&token(&client.basic(), encoded(&two)), "invalid_request");
    let mixed = [by_code(&code), vec![("client_id", other.id.as_str())]].concat();
    refused(&token(&client.basic(), encoded(&mixed)), "invalid_request");
    refused(&token(&format!("Bearer {}", ada.access), encoded(&by_code(&code))), "invalid_client");
    refused(&app.token(&client, &[by_code(&code), vec![("code", "x")]].concat()), "invalid_request");
    // None of that has spent the code. The secret may be in the form.
    let by_form = [by_code(&code), vec![("client_secret", secret), ("client_id", client.id.as_str())]].concat();
    let _ = app.post("/auth-ms/oauth/token").body(FORM, encoded(&by_form)).send().expect(200);

    let path = format!("/users-ms/oauth-clients/{}/secret", client.id);
    let renewed = app.post(&path).bearer(&admin.access).send().expect(200).json();
    let renewed = RelyingParty { secret: renewed["client_secret"].as_str().map(str::to_owned), ..client.clone() };
    let code = app.code(&client.request(&[]), &ada);
    refused(&app.exchange(&client, &code), "invalid_client");
    assert_eq!(app.exchange(&renewed, &code).status, 200);
    let revoke = |client: &RelyingParty| {
        let form = encoded(&[("token", "x")]);
        app.post("/auth-ms/oauth/revoke").header("authorization", &client.basic()).body(FORM, form).send()
    };
    refused(&revoke(&client), "invalid_client");
    assert_eq!(revoke(&renewed).status, 200);
    let nothing = app.post("/auth-ms/oauth/revoke").header("authorization", &renewed.basic()).body(FORM, "").send();
    refused(&nothing, "invalid_request");
}

#[test]
fn a_client_gets_what_it_may_ask_for_and_no_more() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-more");
    let code = app.code(&client.request(&[("scope", "openid offline_access")]), &ada);
    let tokens = ClientTokens::of(&app.exchange(&client, &code).expect(200));
    let refresh = tokens.refresh.as_deref().expect("a refresh token");
    for scope in ["openid email", "openid admin"] {
        let more = [("grant_type", "refresh_token"), ("refresh_token", refresh), ("scope", scope)];
        refused(&app.token(&client, &more), "invalid_scope");
    }
    refused(&app.token(&client, &[("grant_type", "password"), ("username", "x")]), "unsupported_grant_type");
    refused(&app.token(&client, &[("grant_type", "client_credentials")]), "unauthorized_client");
    refused(&app.token(&client, &[]), "invalid_request");
    // What it may not ask for any more, it does not get any more.
    let path = format!("/users-ms/oauth-clients/{}", client.id);
    let change = |body: Value| {
        let request = app.patch(&path).bearer(&admin.access);
        let _ = request.body("application/json", body.to_string()).send().expect(200);
    };
    change(json!({"scopes": ["offline_access"]}));
    let next = ClientTokens::of(&app.refresh_client(&client, refresh).expect(200));
    assert_eq!((next.body["scope"].as_str(), &next.id), (Some("offline_access"), &None));
    assert_eq!(app.userinfo(&next.access).outcome(), (403, "forbidden".into()));
    change(json!({"grants": ["authorization_code"]}));
    refused(&app.refresh_client(&client, next.refresh.as_deref().expect("a token")), "unauthorized_client");
    change(json!({"grants": ["authorization_code", "refresh_token"], "scopes": ["openid"]}));
    refused(&app.refresh_client(&client, next.refresh.as_deref().expect("a token")), "invalid_grant");
    change(json!({"scopes": ["openid", "offline_access"]}));
    let _ = app.refresh_client(&client, next.refresh.as_deref().expect("a token")).expect(200);
}

#[test]
fn a_refresh_token_that_is_used_twice_ends_its_session() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-reuse");
    let other = app.register(&admin, &json!({}));
    let first = app.connect(&client, &ada).refresh.expect("a refresh token");
    refused(&app.refresh_client(&other, &first), "invalid_grant");
    let second = ClientTokens::of(&app.refresh_client(&client, &first).expect(200)).refresh.expect("a token");
    let third = ClientTokens::of(&app.refresh_client(&client, &second).expect(200));
    refused(&app.refresh_client(&client, &first), "invalid_grant");
    refused(&app.refresh_client(&client, third.refresh.as_deref().expect("a token")), "invalid_grant");
    assert_eq!(app.userinfo(&third.access).status, 401);
    // Revoking the token of another client does nothing.
    let tokens = app.connect(&client, &ada);
    for token in [tokens.refresh.as_deref().expect("a token"), &tokens.access, "x", &ada.access, &ada.refresh] {
        let form = encoded(&[("token", token)]);
        let _ = app
            .post("/auth-ms/oauth/revoke")
            .header("authorization", &other.basic())
            .body(FORM, form)
            .send()
            .expect(200);
    }
    assert_eq!((app.userinfo(&tokens.access).status, sessions(&app, &ada).len()), (200, 2));
}

#[test]
fn a_token_of_an_application_is_none_of_the_users_own_and_the_reverse() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-kinds");
    let tokens = app.connect(&client, &ada);
    let refresh = tokens.refresh.as_deref().expect("a refresh token");
    let body = json!({"refresh_token": refresh});
    assert_eq!(app.post("/auth-ms/auth/refresh").json(&body).send().outcome(), (401, "invalid-token".into()));
    let _ = app.post("/auth-ms/auth/logout").json(&body).send().expect(204);
    assert_eq!(app.userinfo(&tokens.access).status, 200, "it has ended nothing");
    refused(&app.refresh_client(&client, &ada.refresh), "invalid_grant");
    assert_eq!(app.userinfo(&ada.access).outcome(), (401, "invalid-token".into()));
    let id = tokens.id.clone().expect("an ID token");
    assert_eq!(app.userinfo(&id).outcome(), (401, "invalid-token".into()));
    assert_eq!(app.get("/auth-ms/oauth/userinfo").send().outcome(), (401, "invalid-token".into()));

    // Of an administrator, who may do everything: no operation takes a token of an application for theirs.
    let of_admin = app.connect(&client, &admin);
    let service = app.register(&admin, &json!({"grants": ["client_credentials"], "scopes": ["invoices"]}));
    let service = ClientTokens::of(&app.token(&service, &[("grant_type", "client_credentials")]).expect(200));
    let own = [("id", admin.id.to_string())];
    let own: Vec<_> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut asked = 0;
    for operation in operations().iter().filter(|operation| operation.tokens().contains(&"accessToken")) {
        let known = if operation.path.starts_with("/users") { own.as_slice() } else { &[] };
        for token in [&of_admin.access, of_admin.id.as_ref().expect("an ID token"), &service.access] {
            let request = app.request(&operation.method, &operation.example_target(known)).bearer(token);
            let answer = match (operation.example_body(), operation.media_type()) {
                (Some(body), Some(media_type)) => request.body(media_type, body.to_string()).send(),
                _ => request.send(),
            };
            assert_eq!(answer.outcome(), (401, "invalid-token".into()), "{}", operation.id());
            asked += 1;
        }
    }
    assert!(asked > 100, "{asked}");
    let inactive = crate::sessions::introspect(&app, &of_admin.access);
    assert_eq!(inactive, json!({"active": false}));
    // Where the API is open, it makes nobody an administrator.
    let open = TestApp::on(&app.backend).start();
    let invited =
        open.post("/users-ms/invitations").bearer(&of_admin.access).json(&json!({"email": "x@oidc-kinds.example"}));
    assert_eq!(invited.send().outcome(), (403, "forbidden".into()));
    assert_eq!(payload(&of_admin.access)["sub"], admin.id.to_string());
}

#[test]
fn guessing_a_secret_waits_and_keeps_no_other_client_out() {
    let app = throttled(&Backend::new()).variable("authorization", "required").start();
    let admin = app.admin("root@oidc-guess-secret.example");
    let client = app.register(&admin, &json!({"grants": ["client_credentials"], "scopes": ["invoices"]}));
    let public = app.register(&admin, &json!({"confidential": false}));
    let wrong = RelyingParty { secret: Some("wrong".into()), ..client.clone() };
    let fields = [("grant_type", "client_credentials")];
    let mut tries = 0;
    let waiting = loop {
        let answer = app.token(&wrong, &fields);
        if answer.status != 401 || tries > 60 {
            break answer;
        }
        tries += 1;
    };
    assert_eq!((waiting.outcome(), tries), ((429, "too-many-attempts".into()), 50));
    assert!(waiting.header("retry-after").is_some());
    let form = encoded(&[("token", "x")]);
    let revoked = app.post("/auth-ms/oauth/revoke").header("authorization", &wrong.basic()).body(FORM, form).send();
    assert_eq!(revoked.outcome(), (429, "too-many-attempts".into()));
    // A client without a secret guesses none.
    refused(&app.exchange(&public, "x"), "invalid_grant");
    // Nor does it fill the log.
    let lines = || app.log().matches("audit: client-authentication: invalid-client").count();
    let (before, start) = (lines(), Instant::now());
    let unproved = RelyingParty { secret: None, ..client.clone() };
    (0..30).for_each(|_| refused(&app.token(&unproved, &fields), "invalid_client"));
    app.wait_for_log("audit: client-authentication: invalid-client");
    let most = usize::try_from(start.elapsed().as_secs()).expect("a test ends") + 1;
    assert!(lines() - before <= most, "{} lines", lines() - before);
}

#[test]
fn what_has_expired_is_deleted_by_the_sweep() {
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (_, client, ada) = cast(&app, "oidc-sweep");
    let _ = app.code(&client.request(&[]), &ada);
    let count =
        || -> i64 { app.backend.sql().query_one("SELECT count(*) FROM oauth_codes", &[]).expect("a count").get(0) };
    let _ = app.sweep();
    assert_eq!(count(), 1);
    app.backend.sql().execute("UPDATE oauth_codes SET expires_at = now() - interval '1 s'", &[]).expect("time passes");
    let _ = app.sweep();
    assert_eq!(count(), 0);
    for _ in 0..12 {
        let _ = app.code(&client.request(&[]), &ada);
    }
    assert_eq!(count(), 10, "of many, ten are kept");
}

#[test]
fn pages_that_are_let_in_use_the_provider_from_a_browser() {
    let origin = "https://app.example";
    let app =
        TestApp::on(&Backend::new()).variable("authorization", "required").variable("allowed_origins", origin).start();
    let (admin, _, ada) = cast(&app, "oidc-cors");
    let client = app.register(&admin, &json!({"confidential": false}));
    let code = app.code(&client.request(&[]), &ada);
    let form = encoded(&[by_code(&code), vec![("client_id", client.id.as_str())]].concat());
    let answer = app.post("/auth-ms/oauth/token").header("origin", origin).body(FORM, form).send().expect(200);
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
    let tokens = ClientTokens::of(&answer);
    let userinfo =
        app.get("/auth-ms/oauth/userinfo").header("origin", origin).bearer(&tokens.access).send().expect(200);
    assert_eq!(userinfo.header("access-control-allow-origin"), Some(origin));
    for path in ["token", "userinfo", "revoke"] {
        let preflight = app
            .request("OPTIONS", &format!("/auth-ms/oauth/{path}"))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .send_unchecked()
            .expect("it answers");
        assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, Some(origin)), "{path}");
    }
    let other =
        app.get("/auth-ms/oauth/userinfo").header("origin", "https://evil.example").bearer(&tokens.access).send();
    assert_eq!(other.header("access-control-allow-origin"), None);
}
