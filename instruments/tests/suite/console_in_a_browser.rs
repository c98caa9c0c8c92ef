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
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
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

/// Goes on with the tabulator until the focus is where it is to be, and visible.
#[track_caller]
fn tab_to(browser: &Browser, selector: &str) {
    for _ in 0..80 {
        if browser.script(&format!("return document.activeElement.matches(\"{selector}\")")) == json!(true) {
            let outline = browser.script("return getComputedStyle(document.activeElement).outlineWidth");
            assert_eq!(outline, json!("3px"), "the focus is visible at {selector}");
            return;
        }
        browser.press(TAB);
    }
    panic!("no tabulator leads to {selector}");
}

#[test]
fn people_messages_and_audit_work_with_the_keyboard_alone() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = at_localhost(|setup| setup);
    let admin = administrator(&app, "grace@console-keyboard.example");
    let ada = app.person("ada@console-keyboard.example");
    enter(&browser, &app, &origin, &admin);
    let go = |selector: &str| {
        tab_to(&browser, selector);
        browser.press(ENTER);
    };
    go("nav a[href='/console/people']");
    wait_for_heading(&browser, "People");
    tab_to(&browser, "#search");
    browser.press("ada@console");
    browser.press(ENTER);
    poll::until(SOON, "one is found", || {
        browser.script("return document.querySelectorAll('tbody tr').length") == json!(1)
    });
    go("tbody a");
    wait_for_heading(&browser, "Ada Lovelace");
    let suspend = format!("/console/people/{}/suspend", ada.id);
    go(&format!("a[href='{suspend}']"));
    wait_for_heading(&browser, "Suspend?");
    go(&format!("form[action='{suspend}'] button"));
    wait_for_heading(&browser, "Ada Lovelace");
    assert!(browser.find(".notice").text().contains("The user is suspended."));
    // What keeps her out leads to what ends it.
    go(&format!(".obstacles a[href='/console/people/{}/lift-suspension']", ada.id));
    wait_for_heading(&browser, "Lift the suspension?");
    go("nav a[href='/console/messages']");
    wait_for_heading(&browser, "Messages");
    tab_to(&browser, "#to");
    browser.press("ada@console-keyboard.example");
    tab_to(&browser, "#state");
    browser.press("Dea");
    go("form.filter button");
    poll::until(SOON, "dead letters are shown", || browser.find("h2").text() == "Dead");
    assert!(browser.address().contains("state=dead"), "{}", browser.address());
    go("nav a[href='/console/audit']");
    wait_for_heading(&browser, "Audit");
    tab_to(&browser, "#user_id");
    browser.press(&ada.id.to_string());
    browser.press(ENTER);
    poll::until(SOON, "the rows about her", || browser.find("tbody").text().contains("user-suspended"));
    assert_eq!(surprises(&browser), Vec::<String>::new());
}

#[test]
fn everybody_can_read_and_use_the_console() {
    let _turn = turn::together();
    let Some(axe) = look::axe() else { return };
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = at_localhost(|setup| setup.variable("login_throttling", "on"));
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
    // Whatever keeps somebody out, all at once.
    let mut sql = app.backend.sql();
    let lock = "UPDATE attempts SET failures_in_a_row = 100, failures = 0 WHERE failures_in_a_row > 0";
    assert!(sql.execute(lock, &[]).expect("attempts can be changed") > 0);
    let demand = "UPDATE users SET password_reset_required = true, suspended_at = now() WHERE id = $1";
    assert_eq!(sql.execute(demand, &[&ada.id]).expect("the test is made so"), 1);
    enter(&browser, &app, &origin, &admin);
    for path in PAGES {
        look_at(path);
    }
    for path in ["", "/lift-suspension", "/unlock", "/accept-password", "/roles", "/reset-factors"] {
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
