//! The pages to sign up and to sign in, without a script: by password, with a code, and back to where somebody came from.

use blackbox::app::TestApp;
use blackbox::authenticator::Authenticator;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::turn;
use blackbox::visitor::{Visitor, heading};

const SESSION: &str = "__Host-account-session";

/// What somebody types in to sign up.
pub(crate) fn sign_up<'a>(email: &'a str, password: &'a str) -> [(&'static str, &'a str); 4] {
    [("name", "Ada"), ("surname", "Lovelace"), ("email", email), ("password", password)]
}

/// Signs somebody up who has an account at once.
#[track_caller]
pub(crate) fn new_user(visitor: &Visitor<'_>, email: &str) {
    let _ = visitor.open("/account/sign-up").expect(200);
    let page = visitor.submit("/account/sign-up", &sign_up(email, PASSWORD)).expect(200);
    assert_eq!(heading(&page), "Hello, Ada", "{}", page.text());
}

/// Signs somebody in by password.
#[track_caller]
pub(crate) fn sign_in(visitor: &Visitor<'_>, email: &str, password: &str) -> Answer {
    let _ = visitor.open("/account/sign-in").expect(200);
    visitor.submit("/account/sign-in", &[("email", email), ("password", password)])
}

#[test]
fn somebody_signs_up_out_and_in() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    assert_eq!(heading(&visitor.open("/account")), "Sign in to Concierge");
    new_user(&visitor, "ada@pages.example");
    let signed_out = visitor.submit("/account/sign-out", &[]).expect(200);
    assert!(heading(&signed_out).starts_with("Sign in") && signed_out.text().contains("You are signed out."));
    assert_eq!(visitor.cookie(SESSION), None);
    assert!(heading(&visitor.open("/account/profile")).starts_with("Sign in"));
    // Back to the page that was asked for.
    let fields = [("email", "ada@pages.example"), ("password", PASSWORD), ("next", "/account/profile")];
    let profile = visitor.submit("/account/sign-in", &fields).expect(200);
    assert_eq!(heading(&profile), "Profile");
    assert!(profile.text().contains("value=\"Lovelace\""));
}

#[test]
fn a_wrong_password_and_an_unknown_address_are_told_the_same() {
    let app = TestApp::guarded();
    let _ = app.person("ada@same-page.example");
    let shown = |email: &str, password: &str| {
        let visitor = Visitor::new(&app);
        let page = sign_in(&visitor, email, password).expect(401);
        assert!(page.text().contains("Incorrect email address or password."), "{}", page.text());
        assert_eq!(visitor.cookie(SESSION), None);
        assert!(!page.text().contains(password), "what was typed as a password is not sent back");
        page.text().replace(email, "").replace(&visitor.form_token(), "")
    };
    let (wrong, unknown) =
        (shown("ada@same-page.example", "a wrong password"), shown("eve@same-page.example", "a wrong password"));
    assert_eq!(without_tokens(&wrong), without_tokens(&unknown));
    let empty = sign_in(&Visitor::new(&app), "", "").expect(401);
    assert!(empty.text().contains("Incorrect email address or password."));
}

/// A page without the tokens of its forms.
fn without_tokens(page: &str) -> String {
    page.split("value=\"").map(|part| part.split_once('"').map_or(part, |(_, rest)| rest)).collect()
}

#[test]
fn what_is_wrong_with_a_sign_up_is_said_beside_its_field() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    let _ = visitor.open("/account/sign-up").expect(200);
    let fields = [("name", ""), ("surname", "Lovelace"), ("email", "nonsense"), ("password", "short")];
    let page = visitor.submit("/account/sign-up", &fields).expect(422).text();
    for part in [
        "role=\"alert\"",
        "href=\"#email\"",
        "id=\"email-fault\"",
        "aria-describedby=\"email-fault\"",
        "aria-invalid=\"true\"",
        "at least 8 characters",
        "Enter your first name.",
        "value=\"nonsense\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("short"));
    // One who is there already is told so, since nobody is asked to confirm an address here.
    let _ = app.sign_up("taken@pages.example");
    let page = visitor.submit("/account/sign-up", &sign_up("taken@pages.example", PASSWORD)).expect(409);
    assert!(page.text().contains("Another account has this email address."));
    let odd = "\"><script>alert(1)</script>";
    let page = visitor.submit("/account/sign-up", &sign_up(odd, PASSWORD)).expect(422).text();
    assert!(!page.contains("<script>") && page.contains("&lt;script&gt;"), "{page}");
}

#[test]
fn a_second_factor_is_asked_for_and_a_wrong_code_is_not_enough() {
    let app = TestApp::guarded();
    let ada = app.person("ada@page-code.example");
    let phone = app.add_totp(&ada);
    let visitor = Visitor::new(&app);
    let page = sign_in(&visitor, &ada.email, PASSWORD).expect(200);
    assert_eq!(heading(&page), "Enter your code");
    assert!(visitor.cookie(SESSION).is_none(), "the password alone begins nothing");
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"));
    let _ = visitor.open("/account/sign-in/code").expect(200);
    let wrong = visitor.submit("/account/sign-in/code", &[("code", &phone.wrong_code())]).expect(403);
    assert!(wrong.text().contains("The code is not valid"));
    let code = phone.code();
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert_eq!(heading(&visitor.submit("/account/sign-in/code", &[("code", &spaced)]).expect(200)), "Hello, Ada");
    // A recovery code does as well, and the challenge is good once.
    let visitor = Visitor::new(&app);
    let _ = sign_in(&visitor, &ada.email, PASSWORD);
    let tab = visitor.copy();
    let with_code = visitor.submit("/account/sign-in/code", &[("code", &phone.recovery_codes[0])]).expect(200);
    assert_eq!(heading(&with_code), "Hello, Ada");
    let again = tab.submit("/account/sign-in/code", &[("code", &phone.recovery_codes[1])]).expect(403);
    assert!(again.text().contains("Begin again with the password"), "{}", again.text());
    // Without a sign-in that was begun there is nothing to type a code for.
    assert!(heading(&Visitor::new(&app).open("/account/sign-in/code")).starts_with("Sign in"));
}

#[test]
fn whoever_must_have_a_second_factor_sets_it_up_at_the_sign_in() {
    let _turn = turn::together();
    let app =
        TestApp::on(&Backend::new()).variable("authorization", "required").variable("mfa_required_for", "all").start();
    let _ = app.sign_up("ada@must.example");
    let visitor = Visitor::new(&app);
    let page = sign_in(&visitor, "ada@must.example", PASSWORD).expect(200);
    assert_eq!(heading(&page), "Set up an authenticator app");
    let page = visitor.submit("/account/sign-in/app", &[]).expect(200).text();
    assert!(page.contains("<svg"), "{page}");
    let phone = Authenticator::new(&secret(&page));
    let wrong = visitor.submit("/account/sign-in/code", &[("code", &phone.wrong_code())]).expect(403).text();
    assert_eq!(secret(&wrong), secret(&page), "the key is there for another try");
    let codes = visitor.submit("/account/sign-in/code", &[("code", &phone.code())]).expect(200);
    assert_eq!(heading(&codes), "Recovery codes");
    assert_eq!(codes.text().matches("<li><code>").count(), 10);
    assert_eq!(heading(&visitor.open("/account")), "Hello, Ada");
}

/// The key of an authenticator app on a page.
pub(crate) fn secret(page: &str) -> String {
    let (_, rest) = page.split_once("<code class=\"secret\">").expect("the key is shown");
    rest.split('<').next().unwrap_or_default().replace(' ', "")
}

#[test]
fn a_sign_in_returns_to_listed_applications_and_nowhere_else() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("account_return_to", "https://app.example")
        .start();
    let _ = app.sign_up("ada@return.example");
    let sent_to = |query: &str| {
        let visitor = Visitor::new(&app);
        let page = visitor.open(&format!("/account/sign-in?{query}")).expect(200).text();
        let next =
            page.split_once("name=\"next\" value=\"").map(|(_, rest)| rest.split('"').next().unwrap_or_default());
        let mut fields = vec![("email", "ada@return.example"), ("password", PASSWORD)];
        fields.extend(next.map(|next| ("next", next)));
        let answer = visitor.post("/account/sign-in", &fields).expect(303);
        answer.header("location").expect("it leads somewhere").to_owned()
    };
    assert_eq!(sent_to("return_to=https%3A%2F%2Fapp.example%2Fx%3Fy"), "https://app.example/x?y");
    assert_eq!(sent_to("next=/account/sessions"), "/account/sessions");
    for query in [
        "return_to=https%3A%2F%2Fapp.example.evil%2F",
        "return_to=%2F%2Fevil.example",
        "return_to=https%3A%2F%2Fapp.example%40evil.example",
        "next=https%3A%2F%2Fevil.example",
        "next=/docs/",
    ] {
        assert_eq!(sent_to(query), "/account", "{query}");
    }
    // Nor by a form that was changed on its way.
    let visitor = Visitor::new(&app);
    let page = visitor.open("/account/sign-in").expect(200);
    let policy = page.header("content-security-policy").expect("a page has a policy");
    assert!(policy.contains("form-action 'self' https://app.example;"), "{policy}");
    let fields = [("email", "ada@return.example"), ("password", PASSWORD), ("next", "https://evil.example/")];
    assert_eq!(visitor.post("/account/sign-in", &fields).expect(303).header("location"), Some("/account"));
}

#[test]
fn pages_are_in_the_language_of_the_browser_and_then_of_the_user() {
    let app = TestApp::guarded();
    let german = Visitor::new(&app).with_header("accept-language", "de-CH, en;q=0.5");
    let page = german.open("/account/sign-up").expect(200).text();
    assert!(page.contains("<html lang=\"de\">") && page.contains("Vorname"));
    let page = german.submit("/account/sign-up", &sign_up("ada@sprache.example", PASSWORD)).expect(200);
    assert_eq!(heading(&page), "Hallo, Ada");
    let _ = german.open("/account/profile").expect(200);
    let fields = [("name", "Ada"), ("surname", "Lovelace"), ("phone", ""), ("locale", "it")];
    let page = german.submit("/account/profile", &fields).expect(200).text();
    assert!(page.contains("<html lang=\"it\">") && page.contains("Salvato."), "{page}");
    // Also on another device.
    let other = Visitor::new(&app).with_header("accept-language", "fr");
    assert_eq!(heading(&sign_in(&other, "ada@sprache.example", PASSWORD)), "Ciao, Ada");
}

#[test]
fn who_may_sign_up_is_said_before_anybody_types() {
    let _turn = turn::together();
    for (mode, text) in [("invite", "Only people who are invited"), ("closed", "Nobody can sign up here")] {
        let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("sign_up", mode).start();
        let visitor = Visitor::new(&app);
        let page = visitor.open("/account/sign-up").expect(200).text();
        assert!(page.contains(text) && !page.contains("name=\"password\""), "{page}");
        assert!(!visitor.open("/account/sign-in").text().contains("/account/sign-up"));
        let page = visitor.submit("/account/sign-up", &sign_up("ada@mode.example", PASSWORD)).expect(403).text();
        assert!(page.contains(text), "{page}");
    }
}
