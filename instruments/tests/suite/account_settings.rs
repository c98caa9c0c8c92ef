//! What people do with their account on its pages: profile, password, second factor, devices, activity, data.

use crate::account_sign_in::{new_user, secret, sign_in};
use blackbox::app::TestApp;
use blackbox::authenticator::Authenticator;
use blackbox::people::PASSWORD;
use blackbox::visitor::{Visitor, heading, hidden};

const NEW: &str = "a better horse battery";

/// Moves the sign-ins of an account into the past, so that what needs a recent one does not get it.
pub(crate) fn age(app: &TestApp, email: &str) {
    let statement = "UPDATE sessions SET authenticated_at = authenticated_at - make_interval(mins => 11),
        created_at = created_at - make_interval(mins => 11) WHERE user_id = (SELECT id FROM users WHERE email_key = $1)";
    assert!(app.backend.sql().execute(statement, &[&email]).expect("the test is made so") > 0);
}

#[test]
fn a_profile_is_changed_and_a_new_phone_number_needs_the_password() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    let email = "ada@profile.example";
    new_user(&visitor, email);
    let _ = visitor.open("/account/profile").expect(200);
    let change = |name: &str, phone: &str, password: Option<&str>| {
        let mut fields = vec![("name", name), ("surname", "Byron"), ("phone", phone), ("locale", "en")];
        fields.extend(password.map(|password| ("current_password", password)));
        visitor.submit("/account/profile", &fields)
    };
    let page = change("Augusta", "+39 02 1234567", None).expect(200).text();
    assert!(page.contains("Saved.") && page.contains("value=\"Augusta\"") && page.contains("value=\"+39021234567\""));
    age(&app, email);
    // Only what needs it asks for the password, and what was typed stays.
    assert!(change("Ada", "+39021234567", None).expect(200).text().contains("Saved."));
    let page = change("Ada", "+39 02 7654321", None).expect(403).text();
    assert!(page.contains("id=\"current_password\"") && page.contains("value=\"+39 02 7654321\""), "{page}");
    assert!(change("Ada", "+39 02 7654321", Some("a wrong password")).expect(403).text().contains("is incorrect"));
    assert!(change("Ada", "+39 02 7654321", Some(PASSWORD)).expect(200).text().contains("value=\"+39027654321\""));
    assert!(change("Ada", "nonsense", Some(PASSWORD)).expect(422).text().contains("Enter a phone number"));
    let page = change("", "", Some(PASSWORD)).expect(422).text();
    assert!(page.contains("id=\"name-fault\""), "{page}");
}

#[test]
fn a_password_is_changed_with_the_current_one_and_others_are_signed_out() {
    let app = TestApp::guarded();
    let (visitor, other) = (Visitor::new(&app), Visitor::new(&app));
    let email = "ada@change-password.example";
    new_user(&visitor, email);
    let _ = sign_in(&other, email, PASSWORD).expect(200);
    let _ = visitor.open("/account/password").expect(200);
    let change = |current: &str, new: &str| {
        visitor.submit("/account/password", &[("username", email), ("current_password", current), ("password", new)])
    };
    assert!(change("a wrong password", NEW).expect(403).text().contains("id=\"current_password-fault\""));
    assert!(change(PASSWORD, "short").expect(422).text().contains("id=\"password-fault\""));
    assert!(change(PASSWORD, NEW).expect(200).text().contains("Your password is changed."));
    assert!(heading(&other.open("/account")).starts_with("Sign in"));
    assert_eq!(heading(&sign_in(&other, email, NEW)), "Hello, Ada");
}

#[test]
fn a_second_factor_is_added_used_and_removed() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    let email = "ada@page-factor.example";
    new_user(&visitor, email);
    assert!(visitor.open("/account/second-factor").text().contains("Set up an authenticator app"));
    let page = visitor.submit("/account/second-factor/add", &[]).expect(200).text();
    assert!(page.contains("<svg") && page.contains("role=\"img\"") && !page.contains("<?xml"), "{page}");
    let phone = Authenticator::new(&secret(&page));
    let wrong = visitor.submit("/account/second-factor/confirm", &[("code", &phone.wrong_code())]).expect(403).text();
    assert!(wrong.contains("id=\"code-fault\"") && secret(&wrong) == secret(&page), "{wrong}");
    let codes = visitor.submit("/account/second-factor/confirm", &[("code", &phone.code())]).expect(200);
    let codes = codes.text();
    assert_eq!(codes.matches("<li><code>").count(), 10);
    let code = codes.split("<li><code>").nth(1).and_then(|rest| rest.split('<').next()).expect("there are codes");
    assert!(visitor.open("/account/second-factor").text().contains("You have 10 recovery codes left."));
    let other = Visitor::new(&app);
    assert_eq!(heading(&sign_in(&other, email, PASSWORD)), "Enter your code");
    assert_eq!(heading(&other.submit("/account/sign-in/code", &[("code", code)]).expect(200)), "Hello, Ada");
    assert!(visitor.open("/account/second-factor").text().contains("You have 9 recovery codes left."));
    let new = visitor.submit("/account/second-factor/codes", &[]).expect(200).text();
    assert!(new.matches("<li><code>").count() == 10 && !new.contains(code));
    // After a while the password is asked for first, and then it goes on.
    age(&app, email);
    let _ = visitor.open("/account/second-factor");
    let asked = visitor.submit("/account/second-factor/remove", &[]).expect(200);
    assert_eq!(heading(&asked), "Confirm that it is you");
    let confirm = |password: &str| {
        visitor.submit("/account/confirm", &[("current_password", password), ("next", "/account/second-factor")])
    };
    assert!(confirm("a wrong password").expect(403).text().contains("The current password is incorrect."));
    let page = confirm(PASSWORD).expect(200);
    assert_eq!(heading(&page), "Two-step sign-in");
    let page = visitor.submit("/account/second-factor/remove", &[]).expect(200).text();
    assert!(page.contains("Removed.") && page.contains("Set up an authenticator app"), "{page}");
    // Loaded again, a page that was the answer to a form leads to where that was.
    assert_eq!(heading(&visitor.open("/account/second-factor/add")), "Two-step sign-in");
}

#[test]
fn devices_are_seen_and_signed_out() {
    let app = TestApp::guarded();
    let email = "ada@devices-page.example";
    let visitor = Visitor::new(&app);
    new_user(&visitor, email);
    let others = [Visitor::new(&app), Visitor::new(&app), Visitor::new(&app)];
    for other in &others {
        let _ = sign_in(other, email, PASSWORD).expect(200);
    }
    let page = visitor.open("/account/sessions").expect(200).text();
    assert_eq!((page.matches("Firefox, Linux").count() > 3, page.matches("This device").count()), (true, 1), "{page}");
    let id =
        page.split("name=\"id\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("others can be ended");
    let page = visitor.submit("/account/sessions/end", &[("id", id)]).expect(200).text();
    assert!(page.contains("That device is signed out.") && !page.contains(id), "{page}");
    let _ = visitor.submit("/account/sessions/end", &[("id", id)]).expect(200);
    let signed_in = || others.iter().filter(|other| heading(&other.open("/account")).starts_with("Hello")).count();
    assert_eq!(signed_in(), 2);
    let _ = visitor.submit("/account/sessions/end-others", &[]).expect(200);
    assert_eq!(signed_in(), 0);
    let _ = visitor.open("/account/sessions");
    let page = visitor.submit("/account/sessions/end-all", &[]).expect(200);
    assert!(heading(&page).starts_with("Sign in"));
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"));
}

#[test]
fn what_has_happened_is_listed() {
    let app = TestApp::guarded();
    let email = "ada@activity-page.example";
    let visitor = Visitor::new(&app);
    new_user(&visitor, email);
    let _ = sign_in(&Visitor::new(&app), email, "a wrong password").expect(401);
    for _ in 0..12 {
        let _ = sign_in(&Visitor::new(&app), email, PASSWORD).expect(200);
    }
    let page = visitor.open("/account/activity").expect(200).text();
    assert!(page.contains("Sign-in") && page.contains("Firefox, Linux"), "{page}");
    let mut all = page.clone();
    let mut next = cursor(&page);
    for _ in 0..10 {
        let Some(path) = next else { break };
        let page = visitor.open(&path).expect(200).text();
        next = cursor(&page);
        all.push_str(&page);
    }
    assert!(all.contains("Refused") && all.contains("Account created"), "{all}");
}

fn cursor(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("href=\"/account/activity?cursor=")?;
    Some(format!("/account/activity?cursor={}", rest.split('"').next()?))
}

#[test]
fn all_data_is_downloaded_and_the_account_removed() {
    let app = TestApp::guarded();
    let email = "ada@leaving.example";
    let visitor = Visitor::new(&app);
    new_user(&visitor, email);
    age(&app, email);
    let _ = visitor.open("/account/data").expect(200);
    // After the password the download begins by itself, on the page where it was asked for.
    let page = visitor.submit("/account/data/export", &[]).expect(200);
    assert_eq!(heading(&page), "Confirm that it is you");
    let fields = [("current_password", PASSWORD), ("next", "/account/data"), ("action", &hidden(&page, "action"))];
    let page = visitor.post("/account/confirm", &fields).expect(200);
    assert_eq!(heading(&page), "Your data");
    let export = visitor.post("/account/data/export", &[]).expect(200);
    assert_eq!(export.header("content-disposition"), Some("attachment; filename=\"account.json\""));
    assert_eq!(export.json()["user"]["email"], email);
    let unsure = visitor.submit("/account/data/remove", &[]).expect(422).text();
    assert!(unsure.contains("id=\"sure-fault\""));
    let page = visitor.submit("/account/data/remove", &[("sure", "yes")]).expect(200);
    assert_eq!(heading(&page), "Your account is deleted");
    assert!(heading(&visitor.open("/account")).starts_with("Sign in"));
    assert_eq!(app.login(email, PASSWORD).status, 401);
}

#[test]
fn pages_say_that_a_service_is_away_and_nothing_else() {
    let app = TestApp::guarded();
    let visitor = Visitor::new(&app);
    new_user(&visitor, "ada@away-page.example");
    let away = TestApp::on(&app.backend)
        .variable("authorization", "required")
        .variable("users_url", "http://127.0.0.1:1")
        .variable("auth_url", "http://127.0.0.1:1")
        .only(&["account"])
        .start();
    let there = Visitor::new(&away);
    for name in ["__Host-account-session", "__Host-account-browser"] {
        there.set_cookie(name, &visitor.cookie(name).expect("it is there"));
    }
    let page = there.open("/account").expect(503);
    assert!(page.text().contains("This is not available at the moment.") && page.text().contains("Request id"));
    assert!(there.cookie("__Host-account-session").is_some(), "nobody is signed out by that");
    let page = sign_in(&Visitor::new(&away), "ada@away-page.example", PASSWORD).expect(503);
    assert!(page.text().contains("This is not available at the moment."));
    assert_eq!(away.get("/account/healthcheck").send().status, 200);
    let ready = away.get("/account/readiness").send().expect(503).json();
    assert_eq!(ready["checks"]["users"]["status"], "unavailable");
    assert_eq!(ready["checks"]["configuration"]["status"], "ok");
    assert_eq!(app.get("/account/readiness").send().expect(200).json()["status"], "ok");
}

#[test]
fn what_was_pressed_goes_on_after_the_password_for_whoever_has_pressed_it() {
    let app = TestApp::guarded();
    let (ada, bob) = (Visitor::new(&app), Visitor::new(&app));
    new_user(&ada, "ada@goes-on.example");
    new_user(&bob, "bob@goes-on.example");
    let other = Visitor::new(&app);
    let _ = sign_in(&other, "ada@goes-on.example", PASSWORD).expect(200);
    for email in ["ada@goes-on.example", "bob@goes-on.example"] {
        age(&app, email);
    }
    let _ = ada.open("/account/sessions").expect(200);
    let page = ada.submit("/account/sessions/end-others", &[]).expect(200);
    assert_eq!(heading(&page), "Confirm that it is you");
    let action = hidden(&page, "action");
    assert_eq!(
        (hidden(&page, "next"), heading(&other.open("/account"))),
        ("/account/sessions".into(), "Hello, Ada".into())
    );
    let confirm = |visitor: &Visitor<'_>, password: &str, action: &str| {
        let fields = [("current_password", password), ("next", "/account/sessions"), ("action", action)];
        visitor.submit("/account/confirm", &fields)
    };
    let page = confirm(&ada, "a wrong password", &action).expect(403);
    assert_eq!(hidden(&page, "action"), action, "it is kept");
    // Of another user it does nothing, nor changed, nor of another kind of what account seals.
    let _ = bob.open("/account/confirm").expect(200);
    for odd in [action.as_str(), "x", &bob.form_token(), &bob.cookie("__Host-account-session").expect("Bob is in")] {
        let page = confirm(&bob, PASSWORD, odd).expect(200);
        assert!(page.text().contains("Thank you. You can go on now."), "{}", page.text());
        let _ = bob.open("/account/confirm").expect(200);
    }
    assert_eq!(heading(&other.open("/account")), "Hello, Ada");
    let _ = ada.open("/account/confirm").expect(200);
    let page = confirm(&ada, PASSWORD, &action).expect(200);
    assert!(page.text().contains("That device is signed out."), "{}", page.text());
    assert!(heading(&other.open("/account")).starts_with("Sign in"));
    // A form with fields.
    age(&app, "ada@goes-on.example");
    let _ = ada.open("/account/data").expect(200);
    let page = ada.submit("/account/data/remove", &[("sure", "yes")]).expect(200);
    let page = confirm(&ada, PASSWORD, &hidden(&page, "action")).expect(200);
    assert_eq!(heading(&page), "Your account is deleted");
    assert_eq!(app.login("ada@goes-on.example", PASSWORD).status, 401);
    assert_eq!(app.login("bob@goes-on.example", PASSWORD).status, 200);
}
