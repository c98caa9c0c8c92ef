//! The authorization endpoint refuses: on a page, as long as nobody may be sent anywhere; else by the way back to the application.

use crate::oidc::{cast, sessions};
use crate::throttling::throttled;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::post_office::assert_alike;
use blackbox::relying_party::{CALLBACK, FORM, GOODBYE, RelyingParty, encoded, error_of, parameter, way_back};
use blackbox::turn;
use serde_json::json;

#[test]
fn nobody_is_sent_to_where_is_not_registered() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-redirects");
    for uri in [
        "",
        "https://evil.example/callback",
        "https://app.example/callback",
        "https://app.example/callback?tenant=2",
        "https://app.example/callback?tenant=1&x=1",
        "https://app.example/callback?tenant=1#x",
        "https://app.example:443/callback?tenant=1",
        "https://APP.example/callback?tenant=1",
        "http://app.example/callback?tenant=1",
        "https://app.example@evil.example/callback?tenant=1",
        "https://app.example.evil.example/callback?tenant=1",
        "https://app.example/callback/../callback?tenant=1",
        "https://app.example\\@evil.example/callback?tenant=1",
        "//app.example/callback?tenant=1",
        "javascript:alert(1)",
        "data:text/html,x",
        "http://127.0.0.1:80/callback",
        " https://app.example/callback?tenant=1",
    ] {
        let request = client.request(&[("redirect_uri", uri)]);
        let sign_in = app.allow(&request, &ada.email, PASSWORD).send();
        let code = app.page("/auth-ms/oauth/second-factor", &request).send();
        for answer in [app.authorize(&request).send(), sign_in, code] {
            assert_eq!((answer.status, answer.header("location")), (400, None), "{uri}: {}", answer.text());
            assert!(!answer.text().contains("evil"), "{uri}");
        }
    }
    let twice = format!("{}&redirect_uri=https%3A%2F%2Fevil.example", client.request(&[]));
    let nobody = RelyingParty { id: "6f1e2d3c-4b5a-4697-8877-665544332211".into(), secret: None };
    for request in
        [twice, nobody.request(&[]), client.request(&[("client_id", "")]), client.request(&[("client_id", "x")])]
    {
        assert_eq!(app.authorize(&request).send().expect(400).header("location"), None);
        let by_form = app.post("/auth-ms/oauth/authorize").body(FORM, request).send().expect(400);
        assert!(by_form.header("content-security-policy").is_some_and(|policy| policy.contains("form-action 'self';")));
    }
}

#[test]
fn what_else_is_wrong_the_application_is_told() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-errors");
    for (changes, error) in [
        (vec![("response_type", "")], "invalid_request"),
        (vec![("response_type", "token")], "unsupported_response_type"),
        (vec![("response_type", "code id_token")], "unsupported_response_type"),
        (vec![("scope", "")], "invalid_scope"),
        (vec![("scope", "openid admin")], "invalid_scope"),
        (vec![("code_challenge", "")], "invalid_request"),
        (vec![("code_challenge_method", "")], "invalid_request"),
        (vec![("code_challenge_method", "plain")], "invalid_request"),
        (vec![("code_challenge", "short")], "invalid_request"),
        (vec![("prompt", "none")], "login_required"),
        (vec![("prompt", "none login")], "invalid_request"),
        (vec![("max_age", "x")], "invalid_request"),
        (vec![("response_mode", "form_post")], "invalid_request"),
        (vec![("nonce", "\0")], "invalid_request"),
    ] {
        let request = client.request(&changes);
        assert_eq!(error_of(&app.authorize(&request).send()), error, "{changes:?}");
        if error != "login_required" {
            assert_eq!(error_of(&app.allow(&request, &ada.email, PASSWORD).send()), error, "{changes:?}");
        }
    }
    for (name, error) in [("request", "request_not_supported"), ("request_uri", "request_uri_not_supported")] {
        let form = client.request(&[(name, "https://app.example/r")]);
        assert_eq!(error_of(&app.post("/auth-ms/oauth/authorize").body(FORM, form).send()), error);
    }
    let twice = format!("{}&nonce=another", client.request(&[]));
    assert_eq!(error_of(&app.post("/auth-ms/oauth/authorize").body(FORM, twice).send()), "invalid_request");
    let location = way_back(&app.authorize(&client.request(&[("scope", "admin")])).send());
    assert_eq!(parameter(&location, "state").as_deref(), Some("a state & more"));
    let service = app.register(&admin, &json!({"grants": ["client_credentials"]}));
    assert_eq!(error_of(&app.authorize(&service.request(&[])).send()), "unauthorized_client");
    let without = app.register(&admin, &json!({"grants": ["authorization_code"]}));
    assert_eq!(error_of(&app.authorize(&without.request(&[])).send()), "invalid_scope");
    // A form of the authorization request is as good as a query.
    let _ = app.post("/auth-ms/oauth/authorize").body(FORM, client.request(&[])).send().expect(200);
}

#[test]
fn who_does_not_allow_it_is_sent_back_without_a_code() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-denied");
    for decision in ["deny", ""] {
        let form = encoded(&[("username", &ada.email), ("password", PASSWORD), ("decision", decision)]);
        let answer = app.page("/auth-ms/oauth/sign-in", &format!("{}&{form}", client.request(&[]))).send();
        assert_eq!(error_of(&answer), "access_denied");
    }
    let form = format!("{}&challenge=x&code=1&decision=deny", client.request(&[]));
    assert_eq!(error_of(&app.page("/auth-ms/oauth/second-factor", &form).send()), "access_denied");
    assert_eq!(sessions(&app, &ada).len(), 1);
}

#[test]
fn the_form_is_accepted_from_its_own_page_alone() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-origin");
    let sign_in = encoded(&[("username", &ada.email), ("password", PASSWORD), ("decision", "allow")]);
    let form = format!("{}&{sign_in}", client.request(&[]));
    for path in ["/auth-ms/oauth/sign-in", "/auth-ms/oauth/second-factor"] {
        let send = |origin: Option<&str>| {
            let request = app.post(path).body(FORM, form.clone());
            match origin {
                Some(origin) => request.header("origin", origin).send(),
                None => request.send(),
            }
        };
        for origin in [
            None,
            Some("null"),
            Some("https://evil.example"),
            Some("http://127.0.0.1:4000.evil.example"),
            Some("http://127.0.0.1"),
        ] {
            let answer = send(origin);
            assert_eq!((answer.status, answer.header("location")), (403, None), "{origin:?}");
        }
    }
    assert_eq!(sessions(&app, &ada).len(), 1);
}

#[test]
fn a_wrong_password_and_an_unknown_user_see_the_same_page() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-enumeration");
    let request = client.request(&[]);
    let wrong = app.allow(&request, &ada.email, "incorrect horse").send().expect(403);
    let nobody = app.allow(&request, "nobody@oidc-enumeration.example", "incorrect horse").send().expect(403);
    let same = |page: &str, email: &str| page.replace(email, "...");
    assert_eq!(same(&wrong.text(), &ada.email), same(&nobody.text(), "nobody@oidc-enumeration.example"));
    assert!(wrong.text().contains("role=\"alert\"") && !wrong.text().contains("incorrect horse"));
    assert_eq!(wrong.header("content-security-policy"), nobody.header("content-security-policy"));
}

#[test]
fn neither_the_page_nor_its_time_says_who_has_an_account() {
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("bcrypt_cost", 8).start();
    let (_, client, ada) = cast(&app, "oidc-time");
    let request = client.request(&[]);
    let nobody = |number: usize| format!("nobody-{number:02}@oidc-time.example");
    assert_alike(
        "a sign-in on the page",
        403,
        &|| app.allow(&request, &ada.email, "incorrect horse").send(),
        &|number| app.allow(&request, &nobody(number), "incorrect horse").send(),
        |number| vec![ada.email.clone(), nobody(number)],
    );
}

#[test]
fn the_rules_of_a_sign_in_are_those_of_a_sign_in() {
    let app = TestApp::guarded();
    let (admin, client, _) = cast(&app, "oidc-rules");
    let request = client.request(&[]);
    let refused = |email: &str, words: &str| {
        let answer = app.allow(&request, email, PASSWORD).send().expect(403);
        assert!(answer.text().contains(words), "{}", answer.text());
    };
    let eve = app.person("eve@oidc-rules.example");
    let _ = app.put(&format!("{}/suspension", eve.path())).bearer(&admin.access).send().expect(204);
    refused(&eve.email, "suspended");
    let fay = app.person("fay@oidc-rules.example");
    let _ = app.put(&format!("{}/password-reset", fay.path())).bearer(&admin.access).send().expect(204);
    refused(&fay.email, "new password");
    // Before the address is confirmed nobody is let in here either, where that is required.
    let backend = Backend::new();
    let office = TestApp::on(&backend).variable("authorization", "required").start();
    let client = office.register(&office.admin("root@oidc-strict.example"), &json!({}));
    let strict =
        TestApp::on(&backend).variable("authorization", "required").variable("email_verification", "required").start();
    let form = json!({"name": "Gil", "surname": "Gall", "email": "gil@oidc-strict.example", "password": PASSWORD});
    let _ = strict.post("/users-ms/users").json(&form).send().expect(202);
    let answer = strict.allow(&client.request(&[]), "gil@oidc-strict.example", PASSWORD).send().expect(403);
    assert!(answer.text().contains("Confirm your email address"), "{}", answer.text());
}

#[test]
fn guessing_on_the_page_waits_as_guessing_elsewhere_does() {
    let app = throttled(&Backend::new()).variable("authorization", "required").start();
    let admin = app.admin("root@oidc-guess.example");
    let client = app.register(&admin, &json!({}));
    let ada = app.person("ada@oidc-guess.example");
    let request = client.request(&[]);
    let guess = || app.allow(&request, &ada.email, "incorrect horse").send();
    let statuses: Vec<_> = (0..8).map(|_| guess().status).collect();
    assert!(statuses.starts_with(&[403; 5]) && statuses.contains(&429), "{statuses:?}");
    let waiting = guess().expect(429);
    assert!(waiting.header("retry-after").is_some() && waiting.text().contains("Wait a while"));
    // It is the same account from the same client.
    assert_eq!(app.login(&ada.email, "incorrect horse").status, 429);

    // A code, too.
    let bob = app.person("bob@oidc-guess.example");
    let phone = app.add_totp(&bob);
    let mut seen = Vec::new();
    // A sign-in whose password was right meanwhile has to wait with its code, too.
    let challenge_of = |text: &str| {
        text.split("name=\"challenge\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).map(str::to_owned)
    };
    let mut last = String::new();
    for _ in 0..12 {
        let page = app.allow(&request, &bob.email, PASSWORD).send();
        let text = page.text();
        let Some(challenge) = challenge_of(&text) else {
            seen.push(page.status);
            break;
        };
        last.clone_from(&challenge);
        let form = encoded(&[("challenge", &challenge), ("code", &phone.wrong_code()), ("decision", "allow")]);
        seen.push(app.page("/auth-ms/oauth/second-factor", &format!("{request}&{form}")).send().status);
    }
    assert!(seen.starts_with(&[403; 5]) && seen.contains(&429), "{seen:?}");
    let form = encoded(&[("challenge", &last), ("code", &phone.wrong_code()), ("decision", "allow")]);
    let late = app.page("/auth-ms/oauth/second-factor", &format!("{request}&{form}")).send().expect(429);
    assert!(late.header("retry-after").is_some());
}

#[test]
fn a_page_has_what_a_request_says_but_not_its_markup() {
    let app = TestApp::guarded();
    let admin = app.admin("root@oidc-markup.example");
    let client = app.register(&admin, &json!({"name": "A <b>bold</b> one"}));
    let odd = "\"><script>alert(1)</script>";
    let request = client.request(&[("state", odd), ("login_hint", odd), ("nonce", odd)]);
    let page = app.authorize(&request).send().expect(200).text();
    assert!(
        !page.contains("<script") && !page.contains("<b>") && page.contains("A &lt;b&gt;bold&lt;/b&gt; one"),
        "{page}"
    );
    let unknown = format!("{}&unheard_of=1&claims=%7B%7D", client.request(&[]));
    assert_eq!(app.authorize(&unknown).send_unchecked().expect("it answers").status, 200, "others are ignored");
}

#[test]
fn nobody_is_sent_anywhere_after_a_logout_but_to_where_is_registered() {
    let app = TestApp::guarded();
    let (admin, client, ada) = cast(&app, "oidc-goodbye");
    let tokens = app.connect(&client, &ada);
    let other = app.register(&admin, &json!({"post_logout_redirect_uris": ["https://other.example/"]}));
    let hint = tokens.id.as_deref().expect("an ID token");
    let cut = &hint[..hint.len() - 2];
    for form in [
        vec![("post_logout_redirect_uri", GOODBYE)],
        vec![("post_logout_redirect_uri", GOODBYE), ("client_id", &client.id)],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", CALLBACK)],
        vec![("id_token_hint", hint), ("post_logout_redirect_uri", "https://other.example/")],
        vec![("id_token_hint", hint), ("client_id", &other.id), ("post_logout_redirect_uri", "https://other.example/")],
        vec![("id_token_hint", cut)],
        vec![("id_token_hint", &tokens.access)],
        vec![("id_token_hint", &ada.access)],
        vec![("state", "1"), ("state", "2")],
    ] {
        let form = encoded(&form);
        let by_query = app.get(&format!("/auth-ms/oauth/logout?{form}")).send();
        let by_form = app.post("/auth-ms/oauth/logout").body(FORM, form.clone()).send();
        for answer in [by_query, by_form] {
            assert_eq!((answer.status, answer.header("location")), (400, None), "{form}");
        }
    }
    let _ = app.userinfo(&tokens.access).expect(200);
}

#[test]
fn while_nothing_can_be_hashed_or_asked_the_provider_says_so() {
    let _turn = turn::alone();
    let backend = Backend::with_own_postgres();
    let app = TestApp::on(&backend).variable("authorization", "required").variable("hash_permits", 1).start();
    let (_, client, ada) = cast(&app, "oidc-busy");
    let (request, tokens) = (client.request(&[]), app.connect(&client, &ada));
    let eve = app.person("eve@oidc-busy.example");
    let _ = app.add_totp(&eve);
    let page = app.allow(&request, &eve.email, PASSWORD).send().expect(200).text();
    let challenge = page.split("name=\"challenge\" value=\"").nth(1).and_then(|rest| rest.split('"').next());
    let code = encoded(&[("challenge", challenge.expect("a challenge")), ("code", "000000"), ("decision", "allow")]);
    let code = format!("{request}&{code}");
    assert!(backend.hold_permits(i32::MAX) > 0);
    let sign_in = || app.allow(&request, &ada.email, PASSWORD).send();
    assert_eq!(sign_in().outcome(), (503, "too-busy".into()));
    assert_eq!(app.page("/auth-ms/oauth/second-factor", &code).send().outcome(), (503, "too-busy".into()));

    backend.postgres.stop();
    let hint = encoded(&[("id_token_hint", tokens.id.as_deref().expect("an ID token"))]);
    for answer in [
        app.authorize(&request).send(),
        sign_in(),
        app.page("/auth-ms/oauth/second-factor", &code).send(),
        app.userinfo(&tokens.access),
        app.post("/auth-ms/oauth/userinfo").bearer(&tokens.access).send(),
        app.get(&format!("/auth-ms/oauth/logout?{hint}")).send(),
        app.post("/auth-ms/oauth/logout").body(FORM, hint.clone()).send(),
        app.post("/auth-ms/oauth/authorize").body(FORM, request.clone()).send(),
        app.post("/auth-ms/oauth/decision").bearer(&ada.access).json(&json!({"request": request})).send(),
        app.exchange(&client, "x"),
        app.post("/auth-ms/oauth/revoke").header("authorization", &client.basic()).body(FORM, "token=x").send(),
    ] {
        assert_eq!(answer.outcome(), (503, "users-unavailable".into()));
    }
}

#[test]
fn a_page_is_in_the_language_that_is_asked_for() {
    let app = TestApp::guarded();
    let (_, client, ada) = cast(&app, "oidc-languages");
    for (ui_locales, browser, expected) in [
        ("", "", ["lang=\"en\"", "Sign in and allow"]),
        ("", "it-CH, en;q=0.5", ["lang=\"it\"", "Accedi e consenti"]),
        ("ja de-AT", "it", ["lang=\"de\"", "Anmelden und erlauben"]),
        ("!", "es", ["lang=\"es\"", "Iniciar sesión y permitir"]),
    ] {
        let request = client.request(&[("ui_locales", ui_locales)]);
        let page = app.authorize(&request).header("accept-language", browser).send().expect(200).text();
        assert!(expected.iter().all(|part| page.contains(part)), "{ui_locales} {browser}: {page}");
    }
    // What a form is answered with, and what is said where nobody is sent.
    let request = client.request(&[("ui_locales", "fr")]);
    let page = app.allow(&request, &ada.email, "wrong").send().expect(403).text();
    assert!(page.contains("lang=\"fr\"") && page.contains("Se connecter et autoriser"), "{page}");
    assert!(page.contains("role=\"alert\">L’e-mail ou le mot de passe est incorrect."), "{page}");
    let page = app.authorize("ui_locales=it").send().expect(400).text();
    assert!(page.contains("<h1>Non puoi accedere qui</h1>"), "{page}");
    let page = app.get("/auth-ms/oauth/logout?ui_locales=de").send().expect(200).text();
    assert!(page.contains("<h1>Sie sind abgemeldet</h1>"), "{page}");
}
