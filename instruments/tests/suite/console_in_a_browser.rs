//! The console in a real browser: signing in with a code and with a passkey, finding somebody and suspending them, and what everybody can
//! read.

use blackbox::app::{Setup, TestApp};
use blackbox::authenticator::Authenticator;
use blackbox::backend::Backend;
use blackbox::browser::Browser;
use blackbox::people::{PASSWORD, Person, sign_up_form};
use blackbox::{look, poll, turn};
use dev_servers::ports;
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
/// The pages of an administrator, besides those of a person.
const PAGES: [&str; 4] = ["/people", "/people?search=ab", "/audit", "/confirm"];

/// Who has signed up.
const NAMES: [(&str, &str); 6] = [
    ("Mary", "Somerville"),
    ("Alan", "Turing"),
    ("Katherine", "Johnson"),
    ("Hedy", "Lamarr"),
    ("Edsger", "Dijkstra"),
    ("Annie", "Easley"),
];

/// Where the app is in a browser: by a name, for passkeys are for names.
fn at_localhost(set: impl FnOnce(Setup) -> Setup) -> (TestApp, String) {
    let port = ports::free_port().expect("there is a free port");
    let origin = format!("http://localhost:{port}");
    let setup = TestApp::on(&Backend::new()).variable("authorization", "required").variable("public_url", &origin);
    (set(setup.port(port)).only(&["users", "auth", "account", "console", "notification"]).start(), origin)
}

fn fill(browser: &Browser, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        browser.find(&format!("#{name}")).type_in(value);
    }
}

fn press_button(browser: &Browser, path: &str) {
    browser.find(&format!("form[action='{path}'] button")).click();
}

#[track_caller]
fn wait_for_heading(browser: &Browser, text: &str) {
    poll::until(SOON, text, || browser.script("return document.querySelector('h1')?.textContent") == json!(text));
}

/// Signs in with password and code.
fn enter(browser: &Browser, app: &TestApp, origin: &str, (person, totp): &(Person, Authenticator)) {
    browser.open(&format!("{origin}/console"));
    wait_for_heading(browser, "Sign in to Concierge console");
    fill(browser, &[("email", &person.email), ("password", PASSWORD)]);
    press_button(browser, "/console/sign-in");
    wait_for_heading(browser, "Enter your code");
    app.forget_steps(person);
    fill(browser, &[("code", &totp.code())]);
    press_button(browser, "/console/sign-in/code");
    wait_for_heading(browser, "Overview");
}

fn administrator(app: &TestApp, email: &str) -> (Person, Authenticator) {
    let person = app.admin(email);
    let totp = app.add_totp(&person);
    (person, totp)
}

/// What the browser's console shows beside refusals that the test has asked for.
fn surprises(browser: &Browser) -> Vec<String> {
    browser.console().into_iter().filter(|line| !line.contains("status of 4")).collect()
}

#[test]
fn an_administrator_finds_and_suspends_somebody_and_comes_back_with_a_passkey() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = at_localhost(|setup| setup);
    browser.add_authenticator();
    let admin = administrator(&app, "grace@console-browser.example");
    let ada = app.person("ada@console-browser.example");
    enter(&browser, &app, &origin, &admin);
    browser.find("a[href='/console/people']").click();
    wait_for_heading(&browser, "People");
    fill(&browser, &[("search", "ada@console")]);
    press_button(&browser, "/console/people");
    poll::until(SOON, "one is found", || {
        browser.script("return document.querySelectorAll('tbody tr').length") == json!(1)
    });
    browser.find("tbody a").click();
    wait_for_heading(&browser, "Ada Lovelace");
    let suspend = format!("/console/people/{}/suspend", ada.id);
    browser.find(&format!("a[href='{suspend}']")).click();
    wait_for_heading(&browser, "Suspend?");
    press_button(&browser, &suspend);
    wait_for_heading(&browser, "Ada Lovelace");
    assert!(browser.find(".notice").text().contains("The user is suspended."));
    assert_eq!(app.login(&ada.email, PASSWORD).outcome(), (403, "account-suspended".into()));
    assert_eq!(browser.script("return document.cookie"), json!(""));
    press_button(&browser, "/console/sign-out");
    wait_for_heading(&browser, "Sign in to Concierge console");
    // A passkey, which is added at account, is more than one factor by itself.
    browser.open(&format!("{origin}/account/sign-in"));
    fill(&browser, &[("email", &admin.0.email), ("password", PASSWORD)]);
    press_button(&browser, "/account/sign-in");
    wait_for_heading(&browser, "Enter your code");
    app.forget_steps(&admin.0);
    fill(&browser, &[("code", &admin.1.code())]);
    press_button(&browser, "/account/sign-in/code");
    wait_for_heading(&browser, "Hello, Ada");
    browser.open(&format!("{origin}/account/passkeys"));
    fill(&browser, &[("name", "Laptop")]);
    press_button(&browser, "/account/passkeys/add");
    let _ = browser.find(".items h2");
    browser.open(&format!("{origin}/console/audit"));
    wait_for_heading(&browser, "Sign in to Concierge console");
    press_button(&browser, "/console/sign-in/passkey");
    wait_for_heading(&browser, "Audit");
    assert_eq!(surprises(&browser), Vec::<String>::new());
    let requests = browser.requests();
    let elsewhere: Vec<_> =
        requests.iter().filter(|url| !url.starts_with(&origin) && !url.starts_with("data:")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}

#[test]
fn everybody_can_read_and_use_the_console() {
    let _turn = turn::together();
    let Some(axe) = look::axe() else { return };
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = at_localhost(|setup| setup);
    let mut found = Vec::new();
    let mut look_at = |path: &str| {
        browser.open(&format!("{origin}/console{path}"));
        look::look_here(&browser, &axe, "console", path, &mut found);
    };
    look_at("/sign-in");
    let admin = administrator(&app, "grace@console-axe.example");
    let ada = app.person("ada.with.a.long.address@everybody.console-axe.example");
    for (name, surname) in NAMES {
        let mut form = sign_up_form(&format!("{}@example.org", surname.to_lowercase()));
        (form["name"], form["surname"]) = (name.into(), surname.into());
        let _ = app.sign_up_with(&form);
    }
    let _totp = app.add_totp(&ada);
    let _ = app.login(&ada.email, "a wrong password");
    enter(&browser, &app, &origin, &admin);
    for path in PAGES {
        look_at(path);
    }
    for path in ["", "/suspend", "/roles", "/reset-factors"] {
        look_at(&format!("/people/{}{path}", ada.id));
    }
    look_at("/people/999999999");
    press_button(&browser, "/console/sign-out");
    // With faults, and whoever is not let in.
    browser.open(&format!("{origin}/console/sign-in"));
    fill(&browser, &[("email", "nobody@console-axe.example"), ("password", "a wrong password")]);
    press_button(&browser, "/console/sign-in");
    let _ = browser.find(".summary");
    look::look_here(&browser, &axe, "console", "/sign-in-with-faults", &mut found);
    let _ = app.sign_up("user@console-axe.example");
    fill(&browser, &[("email", "user@console-axe.example"), ("password", PASSWORD)]);
    press_button(&browser, "/console/sign-in");
    wait_for_heading(&browser, "You are not let in");
    look::look_here(&browser, &axe, "console", "/not-let-in", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    assert_eq!(surprises(&browser), Vec::<String>::new());
}
