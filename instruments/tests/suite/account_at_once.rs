//! Many people at once on the pages of account, the same person twice at once, and services that hang.

use crate::account_authorize::{code_of, page_of};
use crate::account_protection::expire;
use crate::account_sign_in::{new_user, sign_in, sign_up};
use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::PASSWORD;
use blackbox::post_office::Office;
use blackbox::visitor::{Visitor, heading, hidden};
use blackbox::{poll, turn};
use serde_json::json;
use std::sync::Barrier;
use std::time::{Duration, Instant};

const PEOPLE: usize = 100;
/// For a page: it waits 10 s for a service.
const LIMIT: Duration = Duration::from_secs(12);
const SESSION: &str = "__Host-account-session";

/// What so many do at once, each in a thread.
fn at_once<T: Send>(number: usize, act: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = Barrier::new(number);
    std::thread::scope(|scope| {
        let (act, start) = (&act, &start);
        let all: Vec<_> = (0..number)
            .map(|number| {
                scope.spawn(move || {
                    start.wait();
                    act(number)
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("nobody is left without an answer")).collect()
    })
}

/// What somebody does who is told to try again shortly, as passwords are hashed a few at a time.
#[track_caller]
fn patiently(act: impl Fn() -> Answer) -> Answer {
    poll::eventually(Duration::from_secs(60), "there is a place", || {
        let page = act();
        if page.status == 503 {
            assert!(page.text().contains("Try again shortly."), "{}", page.text());
        }
        Some(page).filter(|page| page.status != 503)
    })
}

#[test]
fn a_hundred_people_sign_up_and_in_at_once_and_each_sees_their_own_account() {
    let _turn = turn::together();
    let app =
        TestApp::on(&Backend::new()).variable("authorization", "required").variable("trusted_proxies", "127.0.0.0/8");
    let app = app.start();
    let seen = at_once(PEOPLE, |number| {
        let email = format!("person-{number}@at-once.example");
        let visitor = Visitor::new(&app).with_header("x-forwarded-for", &format!("198.51.100.{number}"));
        let _ = visitor.open("/account/sign-up").expect(200);
        let mut page = visitor.submit("/account/sign-up", &sign_up(&email, PASSWORD));
        while page.status == 503 {
            assert!(page.text().contains("Try again shortly."), "{}", page.text());
            // Either there is no account yet, or there is one, and its sign-in had to wait.
            page = match heading(&page).starts_with("Sign in") {
                true => patiently(|| sign_in(&visitor, &email, PASSWORD)),
                false => visitor.submit("/account/sign-up", &sign_up(&email, PASSWORD)),
            };
        }
        let first = heading(&page) == "Hello, Ada" && visitor.open("/account").expect(200).text().contains(&email);
        let _ = visitor.submit("/account/sign-out", &[]).expect(200);
        let page = patiently(|| sign_in(&visitor, &email, PASSWORD));
        first && heading(&page) == "Hello, Ada" && page.text().contains(&email)
    });
    assert_eq!(seen.iter().filter(|is_own| **is_own).count(), PEOPLE);
}

#[test]
fn a_form_that_is_sent_twice_at_once_is_one_sign_up() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let email = "ada@double-click.example";
    let visitor = Visitor::new(&app);
    let _ = visitor.open("/account/sign-up").expect(200);
    let (token, browser) = (visitor.form_token(), visitor.cookie("__Host-account-browser").expect("it has one"));
    let send = |fields: &[(&str, &str)]| {
        let tab = Visitor::new(&app);
        tab.set_cookie("__Host-account-browser", &browser);
        let mut all = vec![("form_token", token.clone())];
        all.extend(fields.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let answer = tab.post_from("/account/sign-up", &all, &[("origin", &app.app.url())]);
        (answer.status, answer.header("location").map(str::to_owned), tab.cookie(SESSION).is_some())
    };
    let answers = at_once(3, |_| send(&sign_up(email, PASSWORD)));
    assert!(answers.iter().all(|answer| *answer == (303, Some("/account".to_owned()), true)), "{answers:?}");
    // The same form with another password is another request, of somebody who has an account already.
    assert_eq!(send(&sign_up(email, "another horse battery")).0, 409);
    // So is the same on a form that is shown again.
    let other = Visitor::new(&app);
    let _ = other.open("/account/sign-up").expect(200);
    assert_eq!(other.post("/account/sign-up", &sign_up(email, PASSWORD)).status, 409);
}

#[test]
fn nobody_is_told_of_a_second_sign_up_that_was_a_double_click() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| {
        setup.variable("authorization", "required").variable("mail_links", "account")
    });
    let email = "ada@double-mail.example";
    let visitor = Visitor::new(&office.app);
    let _ = visitor.open("/account/sign-up").expect(200);
    let token = visitor.form_token();
    let fields: Vec<_> = sign_up(email, PASSWORD).into_iter().chain([("form_token", token.as_str())]).collect();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    for _ in 0..2 {
        let answer = visitor.post_from("/account/sign-up", &fields, &[("origin", &office.app.app.url())]);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/account/verify")));
    }
    let _ = visitor.open("/account/verify");
    let secrets = office.secrets_of("Confirm your email address", "/account/verify", email, 1);
    let fields = [("email", email), ("code", secrets.code.as_str()), ("password", PASSWORD)];
    assert_eq!(heading(&visitor.submit("/account/verify", &fields)), "Hello, Ada", "the first mail is still good");
    let subjects: Vec<_> = office
        .mail
        .taken()
        .iter()
        .filter(|posted| posted.to() == email)
        .map(|posted| posted.body["Subject"].clone())
        .collect();
    let of_a_sign_up = subjects.iter().filter(|subject| *subject != "New sign-in to your account").count();
    assert_eq!(of_a_sign_up, 1, "{subjects:?}");
}

#[test]
fn tabs_may_refresh_at_once() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let visitor = Visitor::new(&app);
    new_user(&visitor, "ada@tabs-at-once.example");
    // A browser that has come back after the access token's end: as the cookie of an hour ago would be.
    let expired = expire(&visitor.cookie(SESSION).expect("somebody is signed in"));
    let cookies = at_once(4, |_| {
        let tab = Visitor::new(&app);
        tab.set_cookie(SESSION, &expired);
        assert_eq!(heading(&tab.open("/account/sessions").expect(200)), "Devices");
        tab.cookie(SESSION).expect("still signed in")
    });
    // Whichever the browser has kept goes on.
    for cookie in cookies {
        assert_ne!(cookie, expired);
        let tab = Visitor::new(&app);
        tab.set_cookie(SESSION, &expire(&cookie));
        assert_eq!(heading(&tab.open("/account").expect(200)), "Hello, Ada");
    }
}

#[test]
fn an_application_that_was_removed_meanwhile_gets_nothing() {
    let app = TestApp::guarded();
    let admin = app.admin("root@at-once-removed.example");
    let client = app.register(&admin, &json!({}));
    let email = "ada@at-once-removed.example";
    let _ = app.sign_up(email);
    let visitor = Visitor::new(&app);
    let _ = sign_in(&visitor, email, PASSWORD).expect(200);
    let page = visitor.open(&page_of(&client.request(&[]))).expect(200);
    assert_eq!(heading(&page), "Calendar wants to use your account");
    let press = |asked: &str| visitor.post("/account/authorize", &[("asked", asked), ("decision", "allow")]);
    let code = code_of(&press(&hidden(&page, "asked")));
    let page = visitor.open(&page_of(&client.request(&[("prompt", "consent")]))).expect(200);
    let _ = app.delete(&format!("/users-ms/oauth-clients/{}", client.id)).bearer(&admin.access).send().expect(204);
    let answer = press(&hidden(&page, "asked"));
    assert_eq!((answer.status, answer.header("location")), (400, None), "{}", answer.text());
    assert!(answer.text().contains("The application has not asked for this in a valid way"));
    assert_eq!(app.exchange(&client, &code).json()["error"], json!("invalid_client"));
    assert!(!visitor.open("/account/applications").expect(200).text().contains("<h2>Calendar"));
}

/// The page that says that it does not work now, within what a page may take.
#[track_caller]
fn is_told_in_time(limit: Duration, act: impl FnOnce() -> Answer) {
    let start = Instant::now();
    let page = act().expect(503);
    assert!(start.elapsed() < limit, "after {:?}", start.elapsed());
    assert!(page.text().contains("This is not available at the moment. Try again shortly."), "{}", page.text());
}

#[test]
fn while_the_database_or_the_services_hang_pages_say_so_in_time() {
    if !is_spindle("Spin waits for a database for as long as it takes") {
        return;
    }
    let _turn = turn::together();
    let backend = Backend::with_own_postgres();
    let services = TestApp::on(&backend).variable("authorization", "required").only(&["users", "auth"]).start();
    let account = TestApp::on(&backend)
        .variable("authorization", "required")
        .variable("users_url", services.app.url())
        .variable("auth_url", services.app.url())
        .only(&["account"])
        .start();
    let visitor = Visitor::new(&account);
    let email = "ada@hanging.example";
    new_user(&visitor, email);
    let session = visitor.cookie(SESSION).expect("somebody is signed in");
    let ask = |limit: Duration| {
        let _ = at_once(2, |number| {
            let tab = Visitor::new(&account);
            is_told_in_time(limit, || match number {
                0 => {
                    tab.set_cookie(SESSION, &session);
                    tab.open("/account")
                }
                _ => sign_in(&tab, email, PASSWORD),
            });
        });
    };
    backend.postgres.pause();
    ask(LIMIT);
    backend.postgres.resume();
    services.app.pause();
    ask(LIMIT);
    services.app.resume();
    // Nobody was signed out by that, and it works again.
    poll::until(Duration::from_secs(20), "all is well", || heading(&visitor.open("/account")) == "Hello, Ada");
    let other = Visitor::new(&account);
    assert_eq!(heading(&sign_in(&other, email, PASSWORD)), "Hello, Ada");
}
