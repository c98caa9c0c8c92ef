//! Where a sign-in is to lead, kept through mails: to an application that is listed, or to one that has asked for an authorization. And
//! the page of "this was not me".

use crate::account_authorize::code_of;
use crate::account_sign_in::{sign_in, sign_up};
use crate::invitations::Invites;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::post_office::Office;
use blackbox::relying_party::{CALLBACK, ClientTokens, FORM, payload};
use blackbox::turn::{self, Together};
use blackbox::visitor::{Visitor, heading, hidden};
use serde_json::json;
use std::sync::OnceLock;

const APP: &str = "https://app.example/after?x=1&y=2#z";
const NEW: &str = "a better horse battery";
const VERIFY: &str = "Confirm your email address";
const CHOOSE: &str = "Choose a new password";
const SIGN_IN: &str = "Sign in";

/// One app for all tests here: with pages, mails and applications.
fn office() -> (Together, &'static Office) {
    static OFFICE: OnceLock<Office> = OnceLock::new();
    let turn = turn::together();
    let office = OFFICE.get_or_init(|| {
        Office::new(&Backend::new(), |setup| {
            setup
                .variable("authorization", "required")
                .variable("mail_links", "account")
                .variable("sign_in_by_mail", "on")
                .variable("account_return_to", "https://app.example")
        })
    });
    (turn, office)
}

/// Somebody whose address is confirmed.
fn known(office: &Office, email: &str) {
    let _ = office.sign_up(email).expect(202);
    assert_eq!(office.sql("UPDATE users SET email_verified_at = now() WHERE email = $1", email), 1);
}

/// Goes to a page by its link on the page that is shown.
#[track_caller]
fn click(visitor: &Visitor<'_>, page: &Answer, path: &str) -> Answer {
    let text = page.text().replace("&amp;", "&");
    let link =
        text.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()).find(|href| href.starts_with(path));
    visitor.open(link.unwrap_or_else(|| panic!("there is no way to {path} in {text}"))).expect(200)
}

#[track_caller]
fn assert_leads_to(answer: &Answer, location: &str) {
    assert_eq!((answer.status, answer.header("location")), (303, Some(location)), "{}", answer.text());
}

fn to_app() -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(APP.as_bytes()).collect();
    format!("/account/sign-in?return_to={encoded}")
}

#[test]
fn a_sign_in_by_mail_leads_where_it_was_begun_for() {
    let (_turn, office) = office();
    let email = "ada@returns-mail.example";
    known(office, email);
    let ask = |visitor: &Visitor<'_>| {
        let page = visitor.open(&to_app()).expect(200);
        let page = click(visitor, &page, "/account/sign-in/mail");
        let fields = [("email", email), ("next", &hidden(&page, "next"))];
        let _ = visitor.submit("/account/sign-in/mail", &fields).expect(200);
    };
    let visitor = Visitor::new(&office.app);
    ask(&visitor);
    let secrets = office.secrets_of(SIGN_IN, "/account/sign-in/mail", email, 1);
    let answer = visitor.post("/account/sign-in/mail/code", &[("code", &secrets.code)]);
    assert_leads_to(&answer, APP);
    // By the link, in the same browser; and in another one, where nobody knows of the application.
    for (number, is_elsewhere) in [(2, false), (3, true)] {
        let visitor = Visitor::new(&office.app);
        ask(&visitor);
        let secrets = office.secrets_of(SIGN_IN, "/account/sign-in/mail", email, number);
        let other = Visitor::new(&office.app);
        let reader = if is_elsewhere { &other } else { &visitor };
        let _ = reader.open(&format!("/account/sign-in/mail?token={}", secrets.token)).expect(200);
        let press = [("token", secrets.token.as_str())];
        if is_elsewhere {
            let page = reader.submit("/account/sign-in/mail/link", &press).expect(200);
            assert_eq!(heading(&page), "Hello, Ada");
            assert!(page.text().contains("You are signed in in this browser. If you began in another one"));
        } else {
            assert_leads_to(&reader.post("/account/sign-in/mail/link", &press), APP);
        }
    }
    // Nobody else is led to by the form.
    let page = visitor.open("/account/sign-in/mail").expect(200);
    assert_eq!(heading(&page), "Sign in by mail");
    let fields = [("email", email), ("next", "https://evil.example/")];
    let _ = visitor.submit("/account/sign-in/mail", &fields).expect(200);
    let secrets = office.secrets_of(SIGN_IN, "/account/sign-in/mail", email, 4);
    assert_leads_to(&visitor.post("/account/sign-in/mail/code", &[("code", &secrets.code)]), "/account");
}

#[test]
fn the_link_of_another_persons_mail_does_not_lead_where_a_sign_in_was_begun_for() {
    let (_turn, office) = office();
    let (email, other) = ("ada@returns-other.example", "eve@returns-other.example");
    known(office, email);
    known(office, other);
    let ask = |visitor: &Visitor<'_>, email: &str| {
        let page = visitor.open(&to_app()).expect(200);
        let page = click(visitor, &page, "/account/sign-in/mail");
        let fields = [("email", email), ("next", &hidden(&page, "next"))];
        let _ = visitor.submit("/account/sign-in/mail", &fields).expect(200);
    };
    let press = |visitor: &Visitor<'_>, email: &str, number| {
        let secrets = office.secrets_of(SIGN_IN, "/account/sign-in/mail", email, number);
        let _ = visitor.open(&format!("/account/sign-in/mail?token={}", secrets.token)).expect(200);
        visitor.post("/account/sign-in/mail/link", &[("token", secrets.token.as_str())])
    };
    // Eve has a mail sent to herself, and has Ada open its link while Ada is on the way to an application.
    ask(&Visitor::new(&office.app), other);
    let ada = Visitor::new(&office.app);
    ask(&ada, email);
    assert_leads_to(&press(&ada, other, 1), "/account?done=signed-in-here");
    // The same with a second factor of Eve's, whom it asks for.
    let eve = office.app.sign_in(office.id(other), other);
    let phone = office.app.add_totp(&eve);
    ask(&Visitor::new(&office.app), other);
    let ada = Visitor::new(&office.app);
    ask(&ada, email);
    assert_leads_to(&press(&ada, other, 2), "/account/sign-in/code");
    let _ = ada.open("/account/sign-in/code").expect(200);
    assert_leads_to(&ada.post("/account/sign-in/code", &[("code", &phone.code())]), "/account");
    // Ada's own leads on, however she has typed her address.
    let ada = Visitor::new(&office.app);
    ask(&ada, "Ada@Returns-Other.example");
    assert_leads_to(&press(&ada, email, 3), APP);
}

#[test]
fn a_sign_up_and_a_recovery_lead_where_they_were_begun_for() {
    let (_turn, office) = office();
    let email = "ada@returns-sign-up.example";
    let visitor = Visitor::new(&office.app);
    let page = visitor.open(&to_app()).expect(200);
    let page = click(&visitor, &page, "/account/sign-up");
    let next = hidden(&page, "next");
    assert_eq!(next, APP);
    let fields = |password: &'static str| [&sign_up(email, password)[..], &[("next", APP)]].concat();
    let page = visitor.submit("/account/sign-up", &fields("short")).expect(422);
    assert_eq!(hidden(&page, "next"), APP, "a short password does not lead astray");
    let page = visitor.submit("/account/sign-up", &fields(PASSWORD)).expect(200);
    assert_eq!(heading(&page), VERIFY);
    let secrets = office.secrets_of(VERIFY, "/account/verify", email, 1);
    let page = visitor.submit("/account/verify", &[("email", email), ("code", &secrets.code)]).expect(200);
    assert!(page.text().contains("Your email address is confirmed.") && hidden(&page, "next") == APP);
    let sign_in = |visitor: &Visitor<'_>, page: &Answer, password: &str| {
        let fields = [("email", email), ("password", password), ("next", &hidden(page, "next"))];
        visitor.post("/account/sign-in", &fields)
    };
    assert_leads_to(&sign_in(&visitor, &page, PASSWORD), APP);

    let visitor = Visitor::new(&office.app);
    let page = click(&visitor, &visitor.open(&to_app()), "/account/recover");
    let fields = [("email", email), ("next", &hidden(&page, "next"))];
    let _ = visitor.submit("/account/recover", &fields).expect(200);
    let secrets = office.secrets_of(CHOOSE, "/account/recover/password", email, 1);
    let _ = visitor.open(&format!("/account/recover/password?token={}", secrets.token)).expect(200);
    let fields = [("token", secrets.token.as_str()), ("password", NEW)];
    assert_leads_to(&visitor.post("/account/recover/password", &fields), APP);
    // In another browser, it says so.
    let visitor = Visitor::new(&office.app);
    let page = click(&visitor, &visitor.open(&to_app()), "/account/recover");
    let _ = visitor.submit("/account/recover", &[("email", email), ("next", &hidden(&page, "next"))]).expect(200);
    let secrets = office.secrets_of(CHOOSE, "/account/recover/password", email, 2);
    let other = Visitor::new(&office.app);
    let _ = other.open(&format!("/account/recover/password?token={}", secrets.token)).expect(200);
    let fields = [("token", secrets.token.as_str()), ("password", PASSWORD)];
    let page = other.submit("/account/recover/password", &fields).expect(200);
    assert!(page.text().contains("If you began in another browser, go on there."), "{}", page.text());
    assert!(!page.text().contains("name=\"next\""));
}

#[test]
fn an_application_gets_a_newcomer_by_way_of_the_pages_of_account() {
    let (_turn, office) = office();
    let email = "ada@returns-oidc.example";
    let client = office.app.register(&office.root("root@returns-oidc.example"), &json!({}));
    let request = client.request(&[("login_hint", email)]);
    let handed_over = |answer: &Answer| {
        let location = answer.header("location").expect("it leads somewhere").to_owned();
        assert_eq!((answer.status, answer.header("set-cookie")), (303, None));
        location.strip_prefix("https://concierge.example").unwrap_or_else(|| panic!("{location}")).to_owned()
    };
    let path = handed_over(&office.app.authorize(&request).send());
    let form = office.app.post("/auth-ms/oauth/authorize").body(FORM, request.as_str()).send();
    assert_eq!(handed_over(&form), path);
    assert!(path.starts_with("/account/authorize?request=") && path.len() < 2000, "{path}");
    // Somebody who has no account yet makes one on the way.
    let visitor = Visitor::new(&office.app);
    let page = click(&visitor, &visitor.open(&path).expect(200), "/account/sign-up");
    let next = hidden(&page, "next");
    let fields = [&sign_up(email, PASSWORD)[..], &[("next", &next)]].concat();
    let _ = visitor.submit("/account/sign-up", &fields).expect(200);
    let secrets = office.secrets_of(VERIFY, "/account/verify", email, 1);
    let page = visitor.submit("/account/verify", &[("email", email), ("code", &secrets.code)]).expect(200);
    let fields = [("email", email), ("password", PASSWORD), ("next", &hidden(&page, "next"))];
    let page = visitor.submit("/account/sign-in", &fields).expect(200);
    assert_eq!(heading(&page), "Calendar wants to use your account");
    let asked = hidden(&page, "asked");
    let code = code_of(&visitor.post("/account/authorize", &[("asked", &asked), ("decision", "allow")]));
    let tokens = ClientTokens::of(&office.app.exchange(&client, &code).expect(200));
    assert_eq!(office.app.userinfo(&tokens.access).expect(200).json()["email_verified"], json!(true));
    // What is wrong is said before anybody is sent anywhere.
    let elsewhere = client.request(&[("redirect_uri", "https://evil.example")]);
    assert_eq!(office.app.authorize(&elsewhere).send().expect(400).header("location"), None);
    let invalid = office.app.authorize(&client.request(&[("scope", "admin")])).send();
    assert!(invalid.header("location").is_some_and(|location| location.starts_with(CALLBACK)));
    // A request that no cookie holds is one for the provider's own page.
    let state = "x".repeat(1500);
    let page = office.app.authorize(&client.request(&[("state", &state)])).send().expect(200);
    assert!(page.text().contains("name=\"password\""));
    // Somebody with a second factor, by a mail: the request is kept through all of it.
    let ada = office.app.sign_in(tokens_subject(&tokens), email);
    let phone = office.app.add_totp(&ada);
    let visitor = Visitor::new(&office.app);
    let page = click(&visitor, &visitor.open(&path).expect(200), "/account/sign-in/mail");
    let _ = visitor.submit("/account/sign-in/mail", &[("email", email), ("next", &hidden(&page, "next"))]).expect(200);
    let secrets = office.secrets_of(SIGN_IN, "/account/sign-in/mail", email, 1);
    let page = visitor.submit("/account/sign-in/mail/code", &[("code", &secrets.code)]).expect(200);
    assert_eq!(heading(&page), "Enter your code");
    let page = visitor.post("/account/sign-in/code", &[("code", &phone.code())]).expect(200);
    let refresh = page.header("refresh").expect("it goes on by itself").to_owned();
    let _ = code_of(&visitor.get(refresh.strip_prefix("0; url=").expect("at once")));
    for line in visitor.set_cookies() {
        assert!(line.len() < 4096, "{}", line.len());
    }
}

fn tokens_subject(tokens: &ClientTokens) -> i64 {
    payload(&tokens.access)["sub"].as_str().and_then(|id| id.parse().ok()).expect("a subject is a number")
}

/// The secret of the link "this was not me" in the first mail with this subject.
fn link(office: &Office, email: &str, subject: &str) -> String {
    let text = office.mail(email, subject, 1);
    let start = "https://concierge.example/account/not-me?token=";
    text.lines().find_map(|line| line.strip_prefix(start)).unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn a_sign_in_that_was_not_the_owners_is_reported_on_a_page() {
    let (_turn, office) = office();
    let email = "ada@returns-not-me.example";
    known(office, email);
    let theirs = Visitor::new(&office.app);
    assert_eq!(heading(&sign_in(&theirs, email, PASSWORD)), "Hello, Ada");
    let token = link(office, email, "New sign-in to your account");
    // A program that scans mail opens the link.
    for method in ["GET", "HEAD", "GET"] {
        let _ = office.app.request(method, &format!("/account/not-me?token={token}")).send().expect(200);
    }
    let owner = Visitor::new(&office.app).with_header("accept-language", "it");
    let page = owner.open(&format!("/account/not-me?token={token}")).expect(200);
    assert!(heading(&page) == "Non sei stato tu?" && page.text().contains("lang=\"it\""), "{}", page.text());
    let owner = Visitor::new(&office.app);
    let page = owner.open(&format!("/account/not-me?token={token}")).expect(200);
    assert_eq!((heading(&page), page.header("referrer-policy")), ("Was this not you?".into(), Some("same-origin")));
    assert!(page.text().contains("whoever signed in then is signed out") && !page.text().contains("recovery codes"));
    assert_eq!(heading(&theirs.open("/account")), "Hello, Ada", "nothing has happened yet");
    let press = |token: &str| owner.submit("/account/not-me", &[("token", token)]);
    for odd in ["", "x", &token.replace("nm1", "nm2"), &format!("{token}0")] {
        assert_eq!(heading(&press(odd).expect(403)), "This link is not valid");
    }
    let page = press(&token).expect(200);
    assert_eq!(heading(&page), "Your account is protected");
    for part in ["That sign-in has ended with all since", "Choose a new password: a mail", "/account/recover/password"]
    {
        assert!(page.text().contains(part), "{part} is not in {}", page.text());
    }
    assert!(heading(&theirs.open("/account")).starts_with("Sign in"));
    let page = sign_in(&owner, email, PASSWORD).expect(200);
    assert!(page.text().contains("asks you to choose a new password"), "{}", page.text());
    let _ = owner.open(&format!("/account/not-me?token={token}"));
    assert_eq!(heading(&press(&token).expect(403)), "This link is not valid");
    let secrets = office.secrets_of(CHOOSE, "/account/recover/password", email, 1);
    let _ = owner.open("/account/recover/password").expect(200);
    let fields = [("email", email), ("code", secrets.code.as_str()), ("password", NEW)];
    let page = owner.submit("/account/recover/password", &fields).expect(200);
    assert!(page.text().contains("Your password is changed."), "{}", page.text());
    assert_eq!(heading(&sign_in(&owner, email, NEW)), "Hello, Ada");
    // Of that too a mail has told, with a link that does more.
    let token = link(office, email, "Your password was changed");
    let page = owner.open(&format!("/account/not-me?token={token}")).expect(200);
    assert!(page.text().contains("everybody is signed out, you too") && page.text().contains("recovery codes"));
    let page = owner.submit("/account/not-me", &[("token", &token)]).expect(200);
    assert!(page.text().contains("Everybody is signed out, what was added lately is removed"));
    assert!(heading(&owner.open("/account")).starts_with("Sign in"));
    assert!(!office.app.log().contains(token.as_str()), "no link is in the log");
}
