//! Forms of links and codes that a double click sends twice: what the person is told is what came of the first.

use crate::account_sign_in::sign_in;
use crate::invitations::Invites;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::post_office::{Office, link_in};
use blackbox::turn;
use blackbox::visitor::{Visitor, heading};
use serde_json::{Value, json};
use std::sync::Barrier;

const NEW: &str = "a better horse battery";
const SESSION: &str = "__Host-account-session";
const BROWSER: &str = "__Host-account-browser";
const FLOW: &str = "__Host-account-flow";

fn office() -> Office {
    Office::new(&Backend::new(), |setup| setup.variable("authorization", "required").variable("mail_links", "account"))
}

/// What a form answers that is sent several times at once, and then once more: status, where it leads, and whether somebody is signed in.
fn sent_often(app: &TestApp, visitor: &Visitor<'_>, action: &str, fields: &[(&str, &str)]) -> Vec<(u16, String, bool)> {
    let token = visitor.form_token();
    let cookies: Vec<_> = [BROWSER, FLOW].into_iter().filter_map(|name| Some((name, visitor.cookie(name)?))).collect();
    let send = || {
        let tab = Visitor::new(app);
        cookies.iter().for_each(|(name, value)| tab.set_cookie(name, value));
        let all: Vec<_> =
            [("form_token", token.as_str())].iter().chain(fields).map(|(k, v)| (*k, (*v).to_owned())).collect();
        let answer = tab.post_from(action, &all, &[("origin", &app.app.url())]);
        let leads_to = answer.header("location").map_or_else(|| heading(&answer), str::to_owned);
        (answer.status, leads_to, tab.cookie(SESSION).is_some())
    };
    let start = Barrier::new(3);
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let (send, start) = (&send, &start);
        let sent: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(move || {
                    start.wait();
                    send()
                })
            })
            .collect();
        sent.into_iter().map(|one| one.join().expect("nobody is left without an answer")).collect()
    });
    all.push(send());
    all
}

#[track_caller]
fn all_are(answers: &[(u16, String, bool)], expected: (u16, &str, bool)) {
    let expected = (expected.0, expected.1.to_owned(), expected.2);
    assert!(answers.iter().all(|answer| *answer == expected), "{answers:?}");
}

#[test]
fn a_recovery_that_is_sent_twice_is_one_and_signs_in() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@twice-recovered.example";
    let _ = office.sign_up(email).expect(202);
    let (page, link_page) = ("/account/recover/password", "Choose a new password");
    let begin = |number: usize| {
        let visitor = Visitor::new(&office.app);
        let _ = visitor.open("/account/recover").expect(200);
        let _ = visitor.submit("/account/recover", &[("email", email)]).expect(200);
        (visitor, office.secrets_of(link_page, page, email, number))
    };
    // Where it was begun, by the link.
    let (visitor, secrets) = begin(1);
    let _ = visitor.open(&format!("{page}?token={}", secrets.token)).expect(200);
    let fields = [("token", secrets.token.as_str()), ("password", NEW)];
    let answers = sent_often(&office.app, &visitor, page, &fields);
    all_are(&answers, (303, "/account/passkeys?done=recovered-in", true));
    assert_eq!(office.mails(email, "Your password was changed").len(), 1, "it was changed once");
    // The same form with another password is no repetition, and the link is used.
    let other = [("token", secrets.token.as_str()), ("password", "another horse battery")];
    assert_eq!(heading(&visitor.submit(page, &other).expect(403)), "This link is not valid");
    // By the code.
    let (visitor, secrets) = begin(2);
    let fields = [("email", email), ("code", secrets.code.as_str()), ("password", PASSWORD)];
    all_are(&sent_often(&office.app, &visitor, page, &fields), (303, "/account/passkeys?done=recovered-in", true));
    // In another browser, which does not know whose the link is.
    let (_, secrets) = begin(3);
    let phone = Visitor::new(&office.app);
    let _ = phone.open(&format!("{page}?token={}", secrets.token)).expect(200);
    let fields = [("token", secrets.token.as_str()), ("password", NEW)];
    all_are(&sent_often(&office.app, &phone, page, &fields), (303, "/account/sign-in?done=recovered-here", false));
    assert_eq!(heading(&sign_in(&phone, email, NEW)), "Hello, Ada");
}

#[test]
fn an_address_that_is_confirmed_changed_and_taken_back_twice_is_so_once() {
    let _turn = turn::together();
    let office = office();
    let (old, new) = ("ada@twice-old.example", "ada@twice-new.example");
    let _ = office.sign_up(old).expect(202);
    let secrets = office.secrets_of("Confirm your email address", "/account/verify", old, 1);
    let visitor = Visitor::new(&office.app);
    let _ = visitor.open(&format!("/account/verify?token={}", secrets.token)).expect(200);
    let answers = sent_often(&office.app, &visitor, "/account/verify", &[("token", &secrets.token)]);
    all_are(&answers, (303, "/account/sign-in?done=verified-here", false));
    let _ = sign_in(&visitor, old, PASSWORD).expect(200);
    let _ = visitor.open("/account/email").expect(200);
    let _ = visitor.submit("/account/email", &[("email", new), ("current_password", PASSWORD)]).expect(200);
    let secrets = office.secrets_of("Confirm your new email address", "/account/email-change", new, 1);
    let phone = Visitor::new(&office.app);
    let _ = phone.open(&format!("/account/email-change?token={}", secrets.token)).expect(200);
    let answers = sent_often(&office.app, &phone, "/account/email-change", &[("token", &secrets.token)]);
    all_are(&answers, (303, "/account/sign-in?done=email", false));
    let token = link_in(&office.mail(old, "Your email address was changed", 1), "/account/email-return");
    let _ = phone.open(&format!("/account/email-return?token={token}")).expect(200);
    let answers = sent_often(&office.app, &phone, "/account/email-return", &[("token", &token)]);
    all_are(&answers, (303, "/account/recover/password?done=returned", false));
    assert_eq!(office.mails(old, "Choose a new password").len(), 1);
}

#[test]
fn an_invitation_that_is_accepted_twice_makes_one_user_who_is_signed_in() {
    let _turn = turn::together();
    let office = office();
    let root = office.root("root@twice-invited.example");
    let email = "bob@twice-invited.example";
    let _ = office.invite(&root, &json!({"email": email})).expect(201);
    let secrets = office.secrets_of("Invitation", "/account/invitation", email, 1);
    let visitor = Visitor::new(&office.app);
    let _ = visitor.open(&format!("/account/invitation?token={}", secrets.token)).expect(200);
    let fields = [("token", secrets.token.as_str()), ("name", "Bob"), ("surname", "Bell"), ("password", PASSWORD)];
    all_are(&sent_often(&office.app, &visitor, "/account/invitation", &fields), (303, "/account", true));
}

#[test]
fn a_report_that_is_sent_twice_is_one() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@twice-reported.example";
    let _ = office.sign_up(email).expect(202);
    office.confirm_and_allow(email);
    let _ = sign_in(&Visitor::new(&office.app), email, PASSWORD).expect(200);
    let mail = office.mail(email, "New sign-in to your account", 1);
    let (_, token) = mail.split_once("/account/not-me?token=").expect("the mail has the link");
    let token = token.split_whitespace().next().expect("the link has a secret").to_owned();
    let visitor = Visitor::new(&office.app);
    let _ = visitor.open(&format!("/account/not-me?token={token}")).expect(200);
    let answers = sent_often(&office.app, &visitor, "/account/not-me", &[("token", &token)]);
    all_are(&answers, (200, &answers[0].1, false));
    assert_ne!(answers[0].1, "This link is not valid");
    assert_eq!(office.mails(email, "Choose a new password").len(), 1);
}

#[test]
fn a_use_of_a_ticket_is_repeated_under_its_key_for_a_day() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@twice-by-key.example";
    let _ = office.sign_up(email).expect(202);
    let ask = |path: &str, key: Option<&str>, body: &Value| -> Answer {
        let request = office.app.post(path).json(body);
        match key {
            Some(key) => request.header("idempotency-key", key).send(),
            None => request.send(),
        }
    };
    let is_replayed = |answer: Answer| answer.expect(204).header("idempotent-replayed") == Some("true");
    let _ = ask("/users-ms/password-recovery", None, &json!({"email": email})).expect(202);
    let secrets = office.secrets_of("Choose a new password", "/account/recover/password", email, 1);
    let path = "/users-ms/password-recovery/confirm";
    let body = json!({"token": secrets.token, "password": NEW});
    assert_eq!(ask(path, Some("not one"), &body).expect(400).problem(), "invalid-header");
    assert!(!is_replayed(ask(path, Some("one"), &body)));
    assert!(is_replayed(ask(path, Some("one"), &body)));
    // Neither without the key, nor under another, nor with another body, nor for something else.
    for (path, key, body) in [
        (path, None, &body),
        (path, Some("two"), &body),
        (path, Some("one"), &json!({"token": secrets.token, "password": PASSWORD})),
        ("/users-ms/email-verification/confirm", Some("one"), &json!({"token": secrets.token})),
    ] {
        assert_eq!(ask(path, key, body).expect(403).problem(), "invalid-ticket");
    }
    let aged = office.sql("UPDATE used_tickets SET used_at = now() - interval '1 day 1 s' WHERE $1 <> ''", email);
    assert_eq!(aged, 1);
    assert_eq!(ask(path, Some("one"), &body).expect(403).problem(), "invalid-ticket");
    let _ = office.app.sweep();
    assert_eq!(office.sql("DELETE FROM used_tickets WHERE $1 <> ''", email), 0);
}
