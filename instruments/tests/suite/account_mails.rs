//! The pages behind the links of mails, and those for their codes.

use crate::account_sign_in::{new_user, sign_in, sign_up};
use crate::invitations::Invites;
use blackbox::app::Setup;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::post_office::{Office, link_in};
use blackbox::visitor::{Visitor, heading};
use blackbox::{poll, turn};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

const NEW: &str = "a better horse battery";
const VERIFY: &str = "Confirm your email address";
const CHOOSE: &str = "Choose a new password";

fn office_on(backend: &Arc<Backend>, set: impl FnOnce(Setup) -> Setup) -> Office {
    Office::new(backend, |setup| set(setup.variable("authorization", "required").variable("mail_links", "account")))
}

fn office() -> Office {
    office_on(&Backend::new(), |setup| setup)
}

/// Signs somebody up on the page, and stays there.
#[track_caller]
fn signed_up(visitor: &Visitor<'_>, email: &str) {
    let _ = visitor.open("/account/sign-up").expect(200);
    let page = visitor.submit("/account/sign-up", &sign_up(email, PASSWORD)).expect(200);
    assert_eq!(heading(&page), VERIFY, "{}", page.text());
    assert!(page.text().contains(&format!("We have sent a mail to {email}.")));
}

fn the_link_of_a_mail_confirms_an_address(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let office = office_on(backend, |setup| setup);
    let email = "ada@page-link.example";
    signed_up(&Visitor::new(&office.app), email);
    let secrets = office.secrets_of(VERIFY, "/account/verify", email, 1);
    // On a telephone, say; programs that scan mail have opened it before.
    let phone = Visitor::new(&office.app);
    let link = format!("/account/verify?token={}", secrets.token);
    for _ in 0..2 {
        let page = phone.open(&link).expect(200);
        assert_eq!(heading(&page), VERIFY);
        assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    }
    let page = phone.submit("/account/verify", &[("token", &secrets.token)]).expect(200);
    assert!(heading(&page).starts_with("Sign in") && page.text().contains("Your email address is confirmed."));
    let page = sign_in(&phone, email, PASSWORD).expect(200).text();
    assert!(page.contains("Confirmed") && !page.contains("Not confirmed yet"));
    // It is good once.
    let _ = phone.open(&link);
    let again = phone.submit("/account/verify", &[("token", &secrets.token)]).expect(403);
    assert_eq!(heading(&again), "This link is not valid");
}

#[test]
fn the_link_of_a_mail_confirms_an_address_on_redis() {
    the_link_of_a_mail_confirms_an_address(&Backend::new());
}

#[test]
fn the_link_of_a_mail_confirms_an_address_on_rabbitmq() {
    the_link_of_a_mail_confirms_an_address(&Backend::with_rabbitmq());
}

#[test]
fn the_code_of_a_mail_confirms_an_address_where_that_is_required() {
    let _turn = turn::together();
    let office = office_on(&Backend::new(), |setup| setup.variable("email_verification", "required"));
    let email = "ada@page-code-mail.example";
    let visitor = Visitor::new(&office.app);
    signed_up(&visitor, email);
    // Somebody who signs in meanwhile is led back here.
    let page = sign_in(&visitor, email, PASSWORD).expect(200);
    assert!(page.text().contains("Confirm your email address before you sign in."), "{}", page.text());
    let first = office.secrets_of(VERIFY, "/account/verify", email, 1);
    let page = visitor.submit("/account/verify/mail", &[("again", email)]).expect(200);
    assert!(page.text().contains("A mail is on its way."));
    let second = office.secrets_of(VERIFY, "/account/verify", email, 2);
    let submit = |code: &str| visitor.submit("/account/verify", &[("email", email), ("code", code)]);
    for code in [second.wrong_code(), &first.code] {
        if code != second.code {
            let page = submit(code).expect(403).text();
            assert!(page.contains("The link or the code is not valid"), "{page}");
        }
    }
    assert!(submit(&second.code).expect(200).text().contains("Your email address is confirmed."));
    assert_eq!(heading(&sign_in(&visitor, email, PASSWORD)), "Hello, Ada");
    // The page says the same to whoever has no account.
    let _ = visitor.open("/account/verify");
    let page = visitor.submit("/account/verify/mail", &[("again", "nobody@page-code-mail.example")]).expect(200);
    assert!(page.text().contains("A mail is on its way."));
    let page = visitor.submit("/account/verify/mail", &[("again", "nonsense")]).expect(422);
    assert!(page.text().contains("Enter an email address such as"));
}

#[test]
fn a_forgotten_password_is_replaced_by_link_and_by_code() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@page-forgot.example";
    let _ = office.sign_up(email).expect(202);
    let visitor = Visitor::new(&office.app);
    let elsewhere = Visitor::new(&office.app);
    let _ = sign_in(&elsewhere, email, PASSWORD).expect(200);
    let ask = |address: &str| {
        let _ = visitor.open("/account/recover").expect(200);
        visitor.submit("/account/recover", &[("email", address)])
    };
    let shown = |address: &str| {
        let page = ask(address).expect(200);
        assert_eq!(heading(&page), CHOOSE);
        page.text().replace(address, "").len()
    };
    assert_eq!(shown(email), shown("eve@page-forgot.example"), "whether there is an account is not said");
    assert!(ask("nonsense").expect(422).text().contains("Enter an email address such as"));
    let secrets = office.secrets_of(CHOOSE, "/account/recover/password", email, 1);
    let _ = visitor.open(&format!("/account/recover/password?token={}", secrets.token)).expect(200);
    let by_link = |password: &str| {
        visitor.submit("/account/recover/password", &[("token", &secrets.token), ("password", password)])
    };
    let short = by_link("short").expect(422).text();
    assert!(short.contains("at least 8 characters") && short.contains(&secrets.token), "the form is there again");
    assert!(by_link(NEW).expect(200).text().contains("Your password is changed."));
    let _ = visitor.open(&format!("/account/recover/password?token={}", secrets.token));
    assert_eq!(heading(&by_link(NEW).expect(403)), "This link is not valid");
    assert!(heading(&elsewhere.open("/account")).starts_with("Sign in"), "all sessions have ended");
    assert_eq!(heading(&sign_in(&visitor, email, NEW)), "Hello, Ada");
    // By the code, with the address.
    let other = Visitor::new(&office.app);
    let _ = other.open("/account/recover");
    let _ = other.submit("/account/recover", &[("email", email)]).expect(200);
    let secrets = office.secrets_of(CHOOSE, "/account/recover/password", email, 2);
    let by_code = |code: &str| {
        other.submit("/account/recover/password", &[("email", email), ("code", code), ("password", PASSWORD)])
    };
    assert!(by_code(secrets.wrong_code()).expect(403).text().contains("is not valid"));
    // Whose code it is was typed in: the new password signs in, where its owner sees whose passkeys there are.
    let page = by_code(&secrets.code).expect(200);
    assert_eq!(heading(&page), "Passkeys");
    assert!(page.text().contains("Your password is changed. You are signed in."), "{}", page.text());
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"), "all sessions have ended");
}

#[test]
fn a_recovery_signs_in_with_all_that_a_sign_in_asks_for_and_nobody_else() {
    let _turn = turn::together();
    let office = office();
    let (email, other) = ("ada@page-recovers.example", "eve@page-recovers.example");
    let _ = (office.sign_up(email).expect(202), office.sign_up(other).expect(202));
    // Of an address that nobody had confirmed, a recovery removes what a stranger may have added.
    assert_eq!(office.sql("UPDATE users SET email_verified_at = now() WHERE email = $1", email), 1);
    let ada = office.app.sign_in(office.id(email), email);
    let phone = office.app.add_totp(&ada);
    let ask = |visitor: &Visitor<'_>, email: &str, number| {
        let _ = visitor.open("/account/recover").expect(200);
        let _ = visitor.submit("/account/recover", &[("email", email)]).expect(200);
        office.secrets_of(CHOOSE, "/account/recover/password", email, number)
    };
    let choose = |visitor: &Visitor<'_>, token: &str, password: &str| {
        let _ = visitor.open(&format!("/account/recover/password?token={token}")).expect(200);
        visitor.submit("/account/recover/password", &[("token", token), ("password", password)]).expect(200)
    };
    let visitor = Visitor::new(&office.app);
    let secrets = ask(&visitor, email, 1);
    let page = choose(&visitor, &secrets.token, NEW);
    assert_eq!(heading(&page), "Enter your code", "a recovery is no way around the second factor");
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"));
    let _ = visitor.open("/account/sign-in/code").expect(200);
    let page = visitor.submit("/account/sign-in/code", &[("code", &phone.code())]).expect(200);
    assert_eq!(heading(&page), "Passkeys");
    // A link that somebody has sent to another person's browser, with the recovery of an account of their own.
    let visitor = Visitor::new(&office.app);
    let _ = ask(&visitor, email, 2);
    let theirs = ask(&Visitor::new(&office.app), other, 1);
    let page = choose(&visitor, &theirs.token, "another horse battery");
    assert!(heading(&page).starts_with("Sign in") && page.text().contains("Sign in with the new one."));
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"), "nobody is signed in");
}

#[test]
fn an_address_is_confirmed_and_its_owner_signed_in_by_one_form_where_the_sign_up_was_begun() {
    let _turn = turn::together();
    let office = office_on(&Backend::new(), |setup| setup.variable("email_verification", "required"));
    let (email, other) = ("ada@page-at-once.example", "eve@page-at-once.example");
    let visitor = Visitor::new(&office.app);
    signed_up(&visitor, email);
    let secrets = office.secrets_of(VERIFY, "/account/verify", email, 1);
    let link = format!("/account/verify?token={}", secrets.token);
    assert!(!Visitor::new(&office.app).open(&link).expect(200).text().contains("type=\"password\""));
    assert!(visitor.open(&link).expect(200).text().contains("type=\"password\""));
    let confirm = |visitor: &Visitor<'_>, token: &str, password: &str| {
        visitor.submit("/account/verify", &[("token", token), ("username", email), ("password", password)])
    };
    // A wrong password signs nobody in; the address is confirmed all the same.
    let page = confirm(&visitor, &secrets.token, "a wrong password").expect(401);
    assert!(heading(&page).starts_with("Sign in") && page.text().contains("Your email address is confirmed."));
    assert!(page.text().contains("Incorrect email address or password.") && page.text().contains(email));
    assert_eq!(heading(&sign_in(&visitor, email, PASSWORD)), "Hello, Ada");
    // By the code, with the password.
    let visitor = Visitor::new(&office.app);
    signed_up(&visitor, other);
    let secrets = office.secrets_of(VERIFY, "/account/verify", other, 1);
    let fields = [("email", other), ("code", secrets.code.as_str()), ("password", PASSWORD)];
    let page = visitor.submit("/account/verify", &fields).expect(200);
    assert!(heading(&page) == "Hello, Ada" && page.text().contains("Your email address is confirmed."));
    // A link of somebody else's sign-up confirms theirs, and signs nobody in with the password that was typed.
    let visitor = Visitor::new(&office.app);
    signed_up(&visitor, "bob@page-at-once.example");
    let third = "carol@page-at-once.example";
    signed_up(&Visitor::new(&office.app), third);
    let theirs = office.secrets_of(VERIFY, "/account/verify", third, 1);
    let _ = visitor.open(&format!("/account/verify?token={}", theirs.token)).expect(200);
    let page = confirm(&visitor, &theirs.token, PASSWORD).expect(200);
    assert!(page.text().contains("Confirm your email address before you sign in."), "{}", page.text());
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"));
}

#[test]
fn an_invitation_is_accepted_on_its_page() {
    let _turn = turn::together();
    let office = office_on(&Backend::new(), |setup| setup.variable("sign_up", "open"));
    let root = office.root("root@page-invited.example");
    let email = "bob@page-invited.example";
    let _ = office.invite(&root, &json!({"email": email})).expect(201);
    let secrets = office.secrets_of("Invitation", "/account/invitation", email, 1);
    let visitor = Visitor::new(&office.app);
    let page = visitor.open(&format!("/account/invitation?token={}", secrets.token)).expect(200);
    assert_eq!(heading(&page), "You are invited to Concierge");
    let accept = |password: &str| {
        let fields = [("token", secrets.token.as_str()), ("name", "Bob"), ("surname", "Bell"), ("password", password)];
        visitor.submit("/account/invitation", &fields)
    };
    assert!(accept("short").expect(422).text().contains("at least 8 characters"));
    let page = accept(PASSWORD).expect(200);
    assert!(heading(&page) == "Hello, Bob" && page.text().contains(email), "the password has just been chosen");
    let _ = visitor.open(&format!("/account/invitation?token={}", secrets.token));
    assert!(accept(PASSWORD).expect(403).text().contains("The link or the code is not valid"));
}

#[test]
fn an_address_is_changed_by_the_link_to_the_new_one_and_taken_back_by_the_old_one() {
    let _turn = turn::together();
    let office = office();
    let (old, new) = ("ada@page-old.example", "ada@page-new.example");
    let visitor = Visitor::new(&office.app);
    signed_up(&visitor, old);
    let secrets = office.secrets_of(VERIFY, "/account/verify", old, 1);
    let _ = visitor.submit("/account/verify", &[("email", old), ("code", &secrets.code)]).expect(200);
    let _ = sign_in(&visitor, old, PASSWORD).expect(200);
    let _ = visitor.open("/account/email").expect(200);
    let ask = |email: &str, password: &str| {
        visitor.submit("/account/email", &[("email", email), ("current_password", password)])
    };
    assert!(ask(new, "a wrong password").expect(403).text().contains("The current password is incorrect."));
    assert!(ask("nonsense", PASSWORD).expect(422).text().contains("Enter an email address such as"));
    assert!(ask(new, PASSWORD).expect(200).text().contains("A mail went to the new address."));
    let secrets = office.secrets_of("Confirm your new email address", "/account/email-change", new, 1);
    let _ = visitor.open(&format!("/account/email-change?token={}", secrets.token)).expect(200);
    let confirm = || visitor.submit("/account/email-change", &[("token", &secrets.token)]);
    let page = confirm().expect(200).text();
    assert!(page.contains("Your email address is changed.") && page.contains(new), "{page}");
    assert_eq!(heading(&confirm().expect(403)), "This link is not valid");
    // Whoever reads the old address takes it back.
    let token = link_in(&office.mail(old, "Your email address was changed", 1), "/account/email-return");
    let owner = Visitor::new(&office.app);
    assert_eq!(heading(&owner.open(&format!("/account/email-return?token={token}"))), "Take your email address back");
    let page = owner.submit("/account/email-return", &[("token", &token)]).expect(200);
    assert!(page.text().contains("The address is yours again"), "{}", page.text());
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"), "everybody is signed out");
    let secrets = office.secrets_of(CHOOSE, "/account/recover/password", old, 1);
    let _ = owner.open(&format!("/account/recover/password?token={}", secrets.token));
    let _ = owner.submit("/account/recover/password", &[("token", &secrets.token), ("password", NEW)]).expect(200);
    assert_eq!(heading(&sign_in(&owner, old, NEW)), "Hello, Ada");
}

#[test]
fn a_mail_signs_in_by_its_link_and_by_its_code_where_that_is_on() {
    const SUBJECT: &str = "Sign in";
    let _turn = turn::together();
    let office = office_on(&Backend::new(), |setup| setup.variable("sign_in_by_mail", "on"));
    let email = "ada@page-mail-in.example";
    let _ = office.sign_up(email).expect(202);
    let ask = |visitor: &Visitor<'_>, address: &str| {
        assert!(visitor.open("/account/sign-in").expect(200).text().contains("/account/sign-in/mail"));
        let _ = visitor.open("/account/sign-in/mail").expect(200);
        visitor.submit("/account/sign-in/mail", &[("email", address)])
    };
    let visitor = Visitor::new(&office.app);
    assert!(ask(&visitor, "nonsense").expect(422).text().contains("id=\"email-fault\""));
    assert!(ask(&visitor, email).expect(200).text().contains("If the address has an account"));
    let secrets = office.secrets_of(SUBJECT, "/account/sign-in/mail", email, 1);
    // The code is good for the browser that has asked.
    let other = Visitor::new(&office.app);
    assert!(heading(&other.open("/account/sign-in/mail/code")).starts_with("Sign in"));
    let code = |code: &str| visitor.submit("/account/sign-in/mail/code", &[("code", code)]);
    assert!(code(secrets.wrong_code()).expect(403).text().contains("is not valid"));
    assert_eq!(heading(&code(&secrets.code).expect(200)), "Hello, Ada");
    // The link, wherever it is opened.
    assert!(ask(&Visitor::new(&office.app), email).expect(200).text().contains("If the address has an account"));
    let secrets = office.secrets_of(SUBJECT, "/account/sign-in/mail", email, 2);
    let _ = other.open(&format!("/account/sign-in/mail?token={}", secrets.token)).expect(200);
    let press = || other.submit("/account/sign-in/mail/link", &[("token", &secrets.token)]);
    assert_eq!(heading(&press().expect(200)), "Hello, Ada");
    let _ = other.open(&format!("/account/sign-in/mail?token={}", secrets.token)).expect(200);
    assert_eq!(heading(&press().expect(403)), "This link is not valid");
}

#[test]
fn a_phone_number_is_confirmed_by_the_code_of_an_sms() {
    let _turn = turn::together();
    let office = office_on(&Backend::new(), |setup| setup.variable("email_verification", "off"));
    let visitor = Visitor::new(&office.app);
    new_user(&visitor, "ada@page-phone.example");
    assert!(!visitor.open("/account/profile").text().contains("/account/profile/phone"), "there is no number yet");
    let fields = [
        ("name", "Ada"),
        ("surname", "Lovelace"),
        ("phone", "+39 02 1111111"),
        ("locale", "en"),
        ("zoneinfo", "Europe/Rome"),
    ];
    let page = visitor.submit("/account/profile", &fields).expect(200).text();
    assert!(page.contains("We send a code to +39021111111.") && page.contains("value=\"Europe/Rome\""), "{page}");
    let odd = [("name", "Ada"), ("surname", "Lovelace"), ("phone", "+39021111111"), ("zoneinfo", "Nowhere/Land")];
    assert!(visitor.submit("/account/profile", &odd).expect(422).text().contains("id=\"zoneinfo-fault\""));
    let page = visitor.submit("/account/profile/phone/code", &[]).expect(200);
    assert!(page.text().contains("An SMS is on its way."), "{}", page.text());
    let code = poll::eventually(Duration::from_secs(20), "the SMS", || {
        let taken = office.mail.taken();
        let sms = taken.iter().filter(|posted| posted.body["Headers"]["X-Phone"] == "+39021111111");
        sms.filter_map(|posted| code_in(posted.body["Text"].as_str()?)).next_back()
    });
    let wrong = if code == "000000" { "000001" } else { "000000" };
    let confirm = |code: &str| visitor.submit("/account/profile/phone", &[("code", code)]);
    assert!(confirm(wrong).expect(403).text().contains("is not valid"));
    let page = confirm(&code).expect(200).text();
    assert!(page.contains("Your phone number is confirmed.") && !page.contains("/account/profile/phone"), "{page}");
}

/// The six digits of a text.
fn code_in(text: &str) -> Option<String> {
    let words = text.split(|c: char| !c.is_ascii_digit());
    words.filter(|word| word.len() == 6).map(str::to_owned).next()
}
