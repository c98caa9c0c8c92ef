//! What protects the console: its own cookies, forms of its own pages alone, headers, and no way to anywhere else.

use crate::account_sign_in::new_user;
use crate::console_sign_in::{Admin, SESSION, sign_in};
use blackbox::app::TestApp;
use blackbox::people::PASSWORD;
use blackbox::visitor::{Visitor, heading, hidden};

/// What an access token begins with. Its first letters alone are in sealed text by chance.
const TOKEN: &str = "eyJhbGci";
const ACCOUNT_SESSION: &str = "__Host-account-session";
const BROWSER: &str = "__Host-console-browser";

#[test]
fn cookies_are_for_this_host_over_tls_and_for_no_script_and_show_nothing() {
    let app = TestApp::guarded();
    let visitor = Admin::new(&app, "grace@console-cookies.example").enter(&app);
    let set = visitor.set_cookies();
    assert!(set.iter().any(|line| line.starts_with(SESSION) && line.ends_with("; Max-Age=43200")), "{set:?}");
    for line in set {
        assert!(line.starts_with("__Host-console-"), "{line}");
        for attribute in ["; Path=/", "; Secure", "; HttpOnly", "; SameSite=Lax"] {
            assert!(line.contains(attribute), "{line}");
        }
        assert!(!line.contains("Domain") && line.len() < 4096 && !line.contains(TOKEN), "{line}");
    }
    for path in ["/people", "/audit", "/confirm"] {
        let page = visitor.open(&format!("/console{path}")).expect(200).text();
        assert!(!page.contains(TOKEN) && !page.contains("refresh"), "{path}: {page}");
    }
}

#[test]
fn a_cookie_of_account_is_none_of_the_console_and_the_reverse() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@crossed.example");
    let visitor = admin.enter(&app);
    // An administrator's own session at account, which has the role and the second factor.
    let pages = Visitor::new(&app);
    let _ = pages.open("/account/sign-in").expect(200);
    let _ = pages.submit("/account/sign-in", &[("email", &admin.person.email), ("password", PASSWORD)]);
    app.forget_steps(&admin.person);
    let page = pages.submit("/account/sign-in/code", &[("code", &admin.app.code())]).expect(200);
    assert_eq!(heading(&page), "Hello, Ada");
    let account = pages.cookie(ACCOUNT_SESSION).expect("somebody is signed in");
    let console = visitor.cookie(SESSION).expect("somebody is signed in");
    // Both components have the same keys in tests.
    let crossed = Visitor::new(&app);
    crossed.set_cookie(SESSION, &account);
    assert!(heading(&crossed.open("/console/people")).starts_with("Sign in"));
    let crossed = Visitor::new(&app);
    crossed.set_cookie(ACCOUNT_SESSION, &console);
    assert!(heading(&crossed.open("/account")).starts_with("Sign in"));
    // A user's neither.
    let user = Visitor::new(&app);
    new_user(&user, "ada@crossed.example");
    let crossed = user.copy();
    crossed.set_cookie(SESSION, &user.cookie(ACCOUNT_SESSION).expect("somebody is signed in"));
    assert!(heading(&crossed.open("/console/people")).starts_with("Sign in"));
    // Nor the token of a form.
    let _ = pages.open("/account/profile");
    let own = app.app.url();
    let copied = visitor.copy();
    copied.set_cookie(BROWSER, &pages.cookie("__Host-account-browser").expect("each browser has one"));
    let fields = [("form_token", pages.form_token())];
    let _ = copied.post_from("/console/sign-out", &fields, &[("origin", &own)]).expect(403);
}

#[test]
fn a_forged_cookie_and_a_session_of_a_user_are_none() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@forged-console.example");
    let visitor = admin.enter(&app);
    let cookie = visitor.cookie(SESSION).expect("somebody is signed in");
    let (id, sealed) = cookie.split_once(':').expect("a key has an id");
    let flipped = if sealed.ends_with('A') { "B" } else { "A" };
    for forged in [
        format!("{id}:{}{flipped}", &sealed[..sealed.len() - 1]),
        format!("other:{sealed}"),
        sealed.to_owned(),
        admin.person.access.clone(),
        "x".to_owned(),
        String::new(),
    ] {
        let copied = visitor.copy();
        copied.set_cookie(SESSION, &forged);
        assert!(heading(&copied.open("/console/people")).starts_with("Sign in"), "{forged}");
    }
    // A user's tokens, sealed as if the console had let them in.
    let ada = app.person("ada@forged-console.example");
    let keys = sealing::SealingKeys::parse(blackbox::app::COOKIE_KEYS).expect("they are keys").expect("there is one");
    let session = browser::Session::of(ada.access, ada.refresh, i64::MAX / 2, None).expect("these are tokens");
    let copied = visitor.copy();
    copied.set_cookie(SESSION, &session.cookie(&keys, "console", [1; 24], [2; 24]));
    assert_eq!(heading(&copied.open("/console/people").expect(403)), "You are not let in");
    assert_eq!(copied.cookie(SESSION), None);
    assert_eq!(heading(&visitor.open("/console/people").expect(200)), "People");
}

#[test]
fn a_form_of_another_page_is_refused() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@foreign-form.example");
    let visitor = admin.enter(&app);
    let ada = app.person("ada@foreign-form.example");
    let suspend = format!("/console/people/{}/suspend", ada.id);
    let version = hidden(&visitor.open(&suspend).expect(200), "version");
    let fields = |token: String| [("form_token", token), ("version", version.clone())];
    let own = app.app.url();
    let evil = "https://evil.example";
    let headers: [&[(&str, &str)]; 6] = [
        &[],
        &[("origin", evil)],
        &[("origin", "null")],
        &[("origin", evil), ("sec-fetch-site", "cross-site")],
        &[("origin", &own), ("sec-fetch-site", "same-site")],
        &[("sec-fetch-site", "none")],
    ];
    for headers in headers {
        let page = visitor.post_from(&suspend, &fields(visitor.form_token()), headers).expect(403);
        assert!(page.text().contains("This form was not accepted"), "{headers:?}");
    }
    let other = Admin::new(&app, "other@foreign-form.example").enter(&app);
    let _ = other.open("/console/people");
    let good: &[(&str, &str)] = &[("origin", &own), ("sec-fetch-site", "same-origin")];
    for token in [String::new(), "test:AAAA".to_owned(), other.form_token()] {
        let _ = visitor.post_from(&suspend, &fields(token), good).expect(403);
    }
    assert_eq!(app.login(&ada.email, PASSWORD).status, 200, "nothing was done");
    // Every form is so protected.
    for path in [
        "sign-in",
        "sign-in/code",
        "sign-in/passkey",
        "sign-in/passkey/options",
        "sign-out",
        "confirm",
        "people/1/suspend",
        "people/1/lift-suspension",
        "people/1/unlock",
        "people/1/sign-out",
        "people/1/require-password",
        "people/1/accept-password",
        "people/1/reset-factors",
        "people/1/roles",
    ] {
        let answer = visitor.post_from(&format!("/console/{path}"), &[("form_token", String::new())], good);
        assert_eq!(answer.status, 403, "{path}");
    }
}

#[test]
fn a_sign_in_leads_to_own_pages_and_nowhere_else() {
    let app = TestApp::guarded();
    let admin = Admin::new(&app, "grace@astray.example");
    for next in [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/console/../account",
        "/console//evil.example",
        "/account/profile",
        "/console/sign-out",
        "javascript:alert(1)",
        "/console/people?done=suspend",
    ] {
        let visitor = Visitor::new(&app);
        let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", next).finish();
        let page = visitor.open(&format!("/console/sign-in?{query}")).expect(200).text();
        assert!(!page.contains("name=\"next\""), "{next}: {page}");
        let fields = [("email", admin.person.email.as_str()), ("password", PASSWORD), ("next", next)];
        let _ = visitor.submit("/console/sign-in", &fields).expect(200);
        app.forget_steps(&admin.person);
        let sent = visitor.post("/console/sign-in/code", &[("code", &admin.app.code())]).expect(303);
        assert_eq!(sent.header("location"), Some("/console"), "{next}");
        let _ = visitor.open("/console/people");
        let fields = [("current_password", PASSWORD), ("next", next), ("username", "x")];
        let sent = visitor.post("/console/confirm", &fields).expect(303);
        assert_eq!(sent.header("location"), Some("/console?done=confirmed"), "{next}");
    }
}

#[test]
fn pages_have_the_headers_that_browsers_protect_them_by() {
    let app = TestApp::guarded();
    let visitor = Admin::new(&app, "grace@headers.example").enter(&app);
    for path in ["/console/people", "/console/audit", "/console/nowhere", "/console/people/0"] {
        let page = visitor.get(path);
        let header = |name: &str| page.header(name).unwrap_or_default().to_owned();
        let policy = header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
        assert!(policy.contains("form-action 'self';") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("referrer-policy"), "same-origin");
        assert_eq!(header("cache-control"), "no-store");
        let text = page.text();
        assert!(!text.contains("<style") && !text.contains(" style=") && !text.contains("onclick"), "{path}");
        assert!(!text.contains("http://") && !text.contains("https://"), "{path}: {text}");
    }
    assert_eq!(visitor.get("/console/nowhere").status, 404);
    assert_eq!(visitor.get("/console/assets/nothing").status, 404);
    // What is not known is no page either, and says nothing to somebody who is not signed in.
    let stranger = Visitor::new(&app);
    for path in ["/console", "/console/people", "/console/people/1", "/console/nowhere", "/console/people/1/suspend"] {
        let answer = stranger.get(path).expect(303);
        assert!(answer.header("location").is_some_and(|to| to.starts_with("/console/sign-in?next=/console")), "{path}");
    }
    // Guesses wait as everywhere else: the console's sign-in is that of auth.
    assert_eq!(sign_in(&stranger, "nobody@headers.example", "a wrong password").status, 401);
}
