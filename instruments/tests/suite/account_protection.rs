//! What protects the pages: cookies that no script reads, forms that only our own pages send, headers, and rate limits of the
//! browser's own address.

use crate::account_sign_in::{new_user, sign_in};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::turn;
use blackbox::visitor::{Visitor, heading};
use serde_json::json;
use std::time::Instant;

const SESSION: &str = "__Host-account-session";
const BROWSER: &str = "__Host-account-browser";
const NEW_KEYS: &str = "new:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

#[test]
fn cookies_are_for_this_host_over_tls_and_for_no_script() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    new_user(&visitor, "ada@cookies.example");
    let set = visitor.set_cookies();
    assert!(set.iter().any(|line| line.starts_with(SESSION)));
    for line in set {
        assert!(line.starts_with("__Host-"), "{line}");
        for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(line.contains(attribute), "{line}");
        }
        assert!(!line.contains("Domain") && line.len() < 4096, "{line}");
    }
}

#[test]
fn no_token_is_in_a_page_or_readable_in_a_cookie() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    new_user(&visitor, "ada@no-token.example");
    for path in
        ["", "/profile", "/email", "/password", "/second-factor", "/passkeys", "/sessions", "/activity", "/data"]
    {
        let page = visitor.open(&format!("/account{path}")).expect(200).text();
        // A JSON Web Token begins so.
        assert!(!page.contains("eyJhbGci") && !page.contains("refresh"), "{path}: {page}");
    }
    let cookie = visitor.cookie(SESSION).expect("somebody is signed in");
    assert!(cookie.starts_with("test:") && !cookie.contains("eyJhbGci") && !cookie.contains('.'), "{cookie}");
}

#[test]
fn nothing_that_somebody_types_is_markup() {
    const ODD: &str = "\"><img src=x onerror='alert(1)'>";
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app).with_header("user-agent", &format!("Mozilla/5.0 {ODD}"));
    let form = json!({"name": ODD, "surname": ODD, "email": "ada@markup.example", "password": PASSWORD});
    let _ = app.sign_up_with(&form);
    let shown = [sign_in(&visitor, "ada@markup.example", PASSWORD)].into_iter();
    let pages = ["", "/profile", "/email", "/password", "/sessions", "/activity", "/data", "/confirm"];
    let opened = pages.map(|path| visitor.open(&format!("/account{path}")).expect(200));
    let typed = format!("/account/sign-in?next=/account/{}&done={}", "%22%3E%3Cimg%20src=x", "%3Cimg%20src=x%3E");
    for page in
        shown.chain(opened).chain([visitor.open(&typed), visitor.open("/account/verify?token=%22%3E%3Cimg%20src=x")])
    {
        assert!(!page.text().contains("<img src=x"), "{}", page.text());
    }
    let refused =
        visitor.submit("/account/profile", &[("name", ODD), ("surname", ""), ("zoneinfo", ODD), ("phone", ODD)]);
    assert!(!refused.text().contains("<img src=x"), "{}", refused.text());
}

#[test]
fn a_form_of_another_page_is_refused() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    new_user(&visitor, "ada@forged-page.example");
    let _ = visitor.open("/account/profile").expect(200);
    let own = app.app.url();
    let fields = |token: String| {
        vec![
            ("form_token", token),
            ("name", "Eve".to_owned()),
            ("surname", "Evil".to_owned()),
            ("locale", "en".to_owned()),
        ]
    };
    let evil = "https://evil.example";
    let other_port = "http://127.0.0.1:1";
    let headers: [&[(&str, &str)]; 8] = [
        &[],
        &[("origin", evil)],
        &[("origin", "null")],
        &[("origin", other_port)],
        &[("origin", evil), ("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in headers {
        let page = visitor.post_from("/account/profile", &fields(visitor.form_token()), headers).expect(403);
        assert!(page.text().contains("This form was not accepted"), "{headers:?}");
    }
    // A token that is none, of another browser, and of another session.
    let eve = Visitor::new(&app);
    new_user(&eve, "eve@forged-page.example");
    let _ = eve.open("/account/profile");
    let before = Visitor::new(&app);
    let _ = before.open("/account/sign-in");
    let good: &[(&str, &str)] = &[("origin", &own), ("sec-fetch-site", "same-origin")];
    for token in [String::new(), "test:AAAA".to_owned(), eve.form_token(), before.form_token()] {
        let _ = visitor.post_from("/account/profile", &fields(token), good).expect(403);
    }
    let copied = visitor.copy();
    copied.set_cookie(SESSION, &eve.cookie(SESSION).expect("Eve is signed in"));
    let _ = copied.post_from("/account/profile", &fields(visitor.form_token()), good).expect(403);
    let copied = visitor.copy();
    copied.set_cookie(BROWSER, &"0".repeat(32));
    let _ = copied.post_from("/account/profile", &fields(visitor.form_token()), good).expect(403);
    assert!(visitor.open("/account/profile").text().contains("value=\"Ada\""), "nothing has changed");
    // Every form is so protected.
    for path in [
        "sign-in",
        "sign-in/code",
        "sign-in/app",
        "sign-in/mail",
        "sign-in/mail/code",
        "sign-in/mail/link",
        "sign-in/passkey",
        "sign-in/passkey/options",
        "sign-out",
        "sign-up",
        "invitation",
        "verify",
        "verify/mail",
        "email-change",
        "email-return",
        "recover",
        "recover/password",
        "confirm",
        "profile",
        "profile/phone",
        "profile/phone/code",
        "password",
        "email",
        "second-factor/add",
        "second-factor/confirm",
        "second-factor/codes",
        "second-factor/remove",
        "passkeys/add",
        "passkeys/add/options",
        "passkeys/rename",
        "passkeys/remove",
        "sessions/end",
        "sessions/end-others",
        "sessions/end-all",
        "applications/disconnect",
        "authorize",
        "not-me",
        "data/export",
        "data/remove",
    ] {
        let answer = visitor.post_from(&format!("/account/{path}"), &[("form_token", String::new())], good);
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[test]
fn a_cookie_that_was_altered_or_sealed_by_nobody_is_none() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    new_user(&visitor, "ada@altered.example");
    let cookie = visitor.cookie(SESSION).expect("somebody is signed in");
    let (id, sealed) = cookie.split_once(':').expect("a key has an id");
    let flipped = if sealed.ends_with('A') { "B" } else { "A" };
    for altered in [
        format!("{id}:{}{flipped}", &sealed[..sealed.len() - 1]),
        format!("other:{sealed}"),
        sealed.to_owned(),
        "x".to_owned(),
        String::new(),
    ] {
        let copied = visitor.copy();
        copied.set_cookie(SESSION, &altered);
        assert!(heading(&copied.open("/account")).starts_with("Sign in"), "{altered}");
    }
    assert_eq!(heading(&visitor.open("/account")), "Hello, Ada");
}

#[test]
fn keys_are_rotated_without_signing_anybody_out() {
    let _turn = turn::together();
    let backend = Backend::new();
    let start = |keys: &str| {
        TestApp::on(&backend).variable("authorization", "required").variable("account_cookie_keys", keys).start()
    };
    let old = blackbox::app::COOKIE_KEYS;
    let first = start(old);
    let visitor = Visitor::new(&first);
    new_user(&visitor, "ada@rotated-page.example");
    let cookies = |visitor: &Visitor<'_>, other: &Visitor<'_>| {
        for name in [SESSION, BROWSER] {
            other.set_cookie(name, &visitor.cookie(name).expect("it is there"));
        }
    };
    // Another replica has the new key as well.
    let both = start(&format!("{NEW_KEYS},{old}"));
    let there = Visitor::new(&both);
    cookies(&visitor, &there);
    assert_eq!(heading(&there.open("/account")), "Hello, Ada");
    let new = start(NEW_KEYS);
    let gone = Visitor::new(&new);
    cookies(&visitor, &gone);
    assert!(heading(&gone.open("/account")).starts_with("Sign in"), "the old key is gone");
    assert_eq!(heading(&sign_in(&gone, "ada@rotated-page.example", PASSWORD)), "Hello, Ada");
}

/// The cookie of a session with an access token that has expired.
pub(crate) fn expire(cookie: &str) -> String {
    use browser::{Sealed, Session};
    let keys = sealing::SealingKeys::parse(blackbox::app::COOKIE_KEYS).expect("they are keys").expect("there is one");
    let session = Session::open(&keys, "account", cookie).expect("it is ours");
    Session { expires_at: 0, ..session }.seal(&keys, "account", [7; 24])
}

#[test]
fn a_session_that_was_ended_elsewhere_leads_to_the_sign_in() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    new_user(&visitor, "ada@ended-page.example");
    let ended = app.backend.sql().execute(
        "DELETE FROM sessions WHERE user_id = (SELECT id FROM users WHERE email_key = 'ada@ended-page.example')",
        &[],
    );
    assert_eq!(ended.expect("the test is made so"), 1);
    let page = visitor.open("/account/passkeys").expect(200);
    assert!(page.text().contains("Your session has ended") && page.text().contains("value=\"/account/passkeys\""));
    assert_eq!(visitor.cookie(SESSION), None);
}

#[test]
fn pages_have_the_headers_that_browsers_protect_them_by() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    for path in
        ["/account/sign-in", "/account/sign-up", "/account/verify?token=x", "/account/nowhere", "/account/profile"]
    {
        let page = visitor.get(path);
        let header = |name: &str| page.header(name).unwrap_or_default().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(
            policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert!(header("permissions-policy").contains("camera=()"));
        assert_eq!(header("cache-control"), "no-store");
        assert_eq!(header("strict-transport-security"), "", "this is no TLS");
        let text = page.text();
        assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains("onclick"), "{path}");
    }
    assert_eq!(visitor.get("/account/nowhere").status, 404);
    assert_eq!(visitor.get("/account/assets/nothing").status, 404);
    // Behind TLS the browser is to remember that.
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("public_url", "https://id.example")
        .only(&["account", "auth", "users"])
        .start();
    let page = app.get("/account/sign-in").send().expect(200);
    assert_eq!(page.header("strict-transport-security"), Some("max-age=31536000"));
}

#[test]
fn a_first_visit_loads_little_and_nothing_from_elsewhere() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    let page = visitor.open("/account/sign-in").expect(200);
    let text = page.text();
    let attributes =
        text.split([' ', '>']).filter_map(|part| part.strip_prefix("href=\"").or_else(|| part.strip_prefix("src=\"")));
    let mut loaded: Vec<_> =
        attributes.map(|part| part.trim_end_matches('"')).filter(|path| path.contains("/assets/")).collect();
    loaded.sort_unstable();
    loaded.dedup();
    assert_eq!(loaded.len(), 3, "{loaded:?}");
    let mut bytes = page.body.len();
    for path in loaded {
        let file = app.get(path).send().expect(200);
        assert!(file.header("cache-control").is_some_and(|kept| kept.starts_with("public, max-age=")));
        bytes += file.body.len();
    }
    assert!(bytes < 20_000, "{bytes} bytes");
    assert!(!text.contains("http://") && !text.contains("https://"), "{text}");
}

#[test]
fn a_page_is_answered_about_as_quickly_as_json() {
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).only(&["account", "auth", "users"]).start();
    let timed = |path: &str| {
        let start = Instant::now();
        let _ = app.get(path).send().expect(200);
        start.elapsed()
    };
    // Alternating, so that other load on the machine affects both.
    let (mut pages, mut json): (Vec<_>, Vec<_>) =
        (0..51).map(|_| (timed("/account/sign-in"), timed("/auth-ms/.well-known/jwks.json"))).unzip();
    pages.sort_unstable();
    json.sort_unstable();
    let (page, json) = (pages[pages.len() / 2], json[json.len() / 2]);
    assert!(page < 3 * json, "a page takes {page:?}, a route with JSON {json:?}");
    println!("a page takes {page:?}, a route with JSON {json:?}");
}

#[test]
fn colour_and_name_are_the_operators_and_a_colour_that_nobody_can_read_is_refused() {
    let _turn = turn::together();
    let start = |colour: &str| {
        let setup = TestApp::on(&Backend::new()).only(&["account", "auth", "users"]);
        setup.variable("account_colour", colour).variable("brand_name", "Bell & Daughters").start()
    };
    let app = start("#0f5c4d");
    let page = app.get("/account/sign-in").send().expect(200).text();
    assert!(page.contains("Sign in to Bell &amp; Daughters"), "{page}");
    let style = app.get("/account/assets/style.css").send().expect(200).text();
    assert!(style.starts_with(":root{--button:#0f5c4d;--link:#0f5c4d}"), "{style}");
    let app = start("#ffcc00");
    let ready = app.get("/account/readiness").send().expect(503).json();
    assert_eq!(ready["checks"]["configuration"]["status"], "unavailable");
}

#[test]
fn the_limits_of_the_browser_and_not_of_the_pages_apply() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("login_throttling", "on")
        // The test's own requests come through a proxy, so to say.
        .variable("trusted_proxies", "127.0.0.1")
        .start();
    let _ = app.sign_up("ada@limits.example");
    let from = |address: &str| Visitor::new(&app).with_header("x-forwarded-for", address);
    // Somebody guesses passwords of many people.
    let guesser = from("203.0.113.66");
    let _ = guesser.open("/account/sign-in");
    let refused = (0..60).find_map(|number| {
        let email = format!("nobody-{number}@limits.example");
        let page = guesser.submit("/account/sign-in", &[("email", &email), ("password", "a wrong password")]);
        (page.status == 429).then(|| page.text())
    });
    let refused = refused.expect("somebody who guesses has to wait");
    assert!(refused.contains("Too many attempts. Try again in"), "{refused}");
    // Others do not.
    assert_eq!(heading(&sign_in(&from("203.0.113.77"), "ada@limits.example", PASSWORD)), "Hello, Ada");
    let networks: Vec<String> = {
        let mut sql = app.backend.sql();
        let rows = sql.query("SELECT network FROM sessions", &[]).expect("sessions can be read");
        rows.iter().map(|row| row.get(0)).collect()
    };
    assert_eq!(networks, ["203.0.113.0/24"]);
}

#[test]
fn a_browser_cannot_say_that_it_is_somewhere_else() {
    let app = TestApp::guarded();
    let liar =
        Visitor::new(&app).with_header("x-forwarded-for", "203.0.113.5").with_header("spin-client-addr", "0.0.0.0:0");
    new_user(&liar, "ada@liar.example");
    let network: String = app
        .backend
        .sql()
        .query_one(
            "SELECT network FROM sessions WHERE user_id = (SELECT id FROM users WHERE email_key = 'ada@liar.example')",
            &[],
        )
        .expect("there is a session")
        .get(0);
    assert_eq!(network, "127.0.0.0/24");
}
