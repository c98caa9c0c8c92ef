//! The pages in a real browser: passkeys, the keyboard alone, no scripts, and what everybody can read.

use crate::account_authorize::page_of;
use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::browser::Browser;
use blackbox::people::PASSWORD;
use blackbox::relying_party::parameter;
use blackbox::{look, poll, turn};
use dev_servers::ports;
use serde_json::json;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const TAB: &str = "\u{e004}";
const ENTER: &str = "\u{e007}";
/// The pages of somebody who is signed in.
const PAGES: [&str; 11] = [
    "",
    "/profile",
    "/email",
    "/password",
    "/second-factor",
    "/passkeys",
    "/sessions",
    "/applications",
    "/activity",
    "/data",
    "/confirm",
];
/// Those of somebody who is not.
const PUBLIC: [&str; 8] = [
    "/sign-in",
    "/sign-up",
    "/verify",
    "/verify?token=x",
    "/recover",
    "/recover/password",
    "/invitation?token=x",
    "/not-me?token=x",
];

/// Where the app is in a browser: by a name, for passkeys are for names.
fn at_localhost(set: impl FnOnce(Setup) -> Setup) -> (TestApp, String) {
    let port = ports::free_port().expect("there is a free port");
    let origin = format!("http://localhost:{port}");
    let setup = TestApp::on(&Backend::new()).variable("authorization", "required").variable("public_url", &origin);
    (set(setup.port(port)).start(), origin)
}

fn fill(browser: &Browser, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        browser.find(&format!("#{name}")).type_in(value);
    }
}

fn press_button(browser: &Browser, action: &str) {
    browser.find(&format!("form[action='/account{action}'] button")).click();
}

#[track_caller]
fn wait_for_heading(browser: &Browser, text: &str) {
    poll::until(SOON, text, || browser.script("return document.querySelector('h1')?.textContent") == json!(text));
}

fn sign_up(browser: &Browser, origin: &str, email: &str) {
    browser.open(&format!("{origin}/account/sign-up"));
    fill(browser, &[("name", "Ada"), ("surname", "Lovelace"), ("email", email), ("password", PASSWORD)]);
    press_button(browser, "/sign-up");
}

#[test]
fn a_passkey_is_added_and_signs_in_and_is_removed() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let (_app, origin) = at_localhost(|setup| setup);
    browser.add_authenticator();
    sign_up(&browser, &origin, "ada@page-passkey.example");
    wait_for_heading(&browser, "Hello, Ada");
    browser.open(&format!("{origin}/account/passkeys"));
    fill(&browser, &[("name", "Laptop")]);
    press_button(&browser, "/passkeys/add");
    let _ = browser.find_by("return document.querySelector('.items h2')?.textContent === 'Laptop' ? document.querySelector('.items') : null");
    press_button(&browser, "/sign-out");
    wait_for_heading(&browser, "Sign in to Concierge");
    press_button(&browser, "/sign-in/passkey");
    wait_for_heading(&browser, "Hello, Ada");
    browser.open(&format!("{origin}/account/passkeys"));
    assert!(browser.find(".items .hint").text().contains("Last used on"));
    browser.find(".items summary").click();
    press_button(&browser, "/passkeys/remove");
    let _ = browser.find(".notice");
    assert_eq!(browser.script("return document.querySelectorAll('.items li').length"), json!(0));
    // It is none any more, and the page says so.
    press_button(&browser, "/sign-out");
    wait_for_heading(&browser, "Sign in to Concierge");
    press_button(&browser, "/sign-in/passkey");
    assert!(browser.find(".summary").text().contains("The passkey is not accepted."));
    let console: Vec<_> = browser.console().into_iter().filter(|line| !line.contains("403")).collect();
    assert_eq!(console, Vec::<String>::new());
}

#[test]
fn scripts_say_what_a_password_is_like_copy_secrets_and_know_the_readers_zone() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let (_app, origin) = at_localhost(|setup| setup);
    browser.move_to("Asia/Tokyo");
    browser.open(&format!("{origin}/account/sign-up"));
    fill(&browser, &[("name", "Ada"), ("surname", "Lovelace"), ("email", "countess@page-script.example")]);
    for (password, advice) in [
        ("it is lovelace, of course", "This password contains your name or address."),
        ("the COUNTESS of nowhere", "This password contains your name or address."),
        ("abababababababababab", "The same characters come back: use others too."),
        ("brief but odd", "Longer is safer: 15 characters or more."),
        (PASSWORD, "A good length."),
    ] {
        let _ = browser.script("document.querySelector('#password').value = ''");
        browser.find("#password").type_in(password);
        assert_eq!(browser.find("[data-advice-on=password]").text(), advice, "{password}");
    }
    press_button(&browser, "/sign-up");
    wait_for_heading(&browser, "Hello, Ada");
    browser.open(&format!("{origin}/account/sessions"));
    let time = browser.find(".items time").text();
    assert!(time.ends_with("GMT+9"), "{time}");
    browser.open(&format!("{origin}/account/second-factor"));
    press_button(&browser, "/second-factor/add");
    browser.find("[data-copy='.secret']").click();
    poll::until(SOON, "it is copied", || browser.find("[data-copy] + [role=status]").text() == "Copied.");
    assert_eq!(browser.console(), Vec::<String>::new());
}

#[test]
fn the_pages_work_without_scripts_and_with_the_keyboard_alone() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = at_localhost(|setup| setup);
    let _ = app.sign_up("ada@keyboard.example");
    browser.allow_scripts(false);
    browser.open(&format!("{origin}/account/sign-in"));
    // The first stop is the way past the header.
    browser.press(TAB);
    assert_eq!(browser.script("return document.activeElement.className"), json!("skip"));
    // The logo, the address, the password.
    for _ in 0..2 {
        browser.press(TAB);
    }
    browser.press("ada@keyboard.example");
    browser.press(TAB);
    browser.press("a wrong password");
    browser.press(ENTER);
    // What is wrong has the focus, and is seen to have it.
    let _ = browser.find(".summary");
    assert_eq!(browser.script("return document.activeElement.className"), json!("summary"));
    let passkeys = browser.script("return getComputedStyle(document.querySelector('[data-passkey]')).display");
    assert_eq!(passkeys, json!("none"), "without scripts there are none");
    for _ in 0..2 {
        browser.press(TAB);
    }
    browser.press(PASSWORD);
    let outline = browser.script("return getComputedStyle(document.activeElement).outlineWidth");
    assert_eq!(outline, json!("3px"), "the focus is visible");
    browser.press(ENTER);
    wait_for_heading(&browser, "Hello, Ada");
    browser.open(&format!("{origin}/account/passkeys"));
    assert!(browser.find("main").text().contains("Passkeys need JavaScript"));
}

#[test]
fn an_application_signs_people_in_with_one_click_and_then_with_none() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = at_localhost(|setup| setup.variable("mail_links", "account"));
    let ada = app.person("ada@page-single.example");
    // Of another origin than the pages, whose policy has to let their forms lead there.
    let callback = format!("{}/docs/", origin.replace("localhost", "127.0.0.1"));
    let client = app.register(&app.admin("root@page-single.example"), &json!({"redirect_uris": [callback]}));
    let changes = [("redirect_uri", callback.as_str()), ("scope", "openid email"), ("login_hint", &ada.email)];
    let open = || browser.open(&format!("{origin}/auth-ms/oauth/authorize?{}", client.request(&changes)));
    let back = || {
        poll::eventually(SOON, "the application has a code", || {
            let place = browser.address();
            parameter(&place, "code").filter(|_| place.starts_with(&callback))
        })
    };
    let sign_in = || {
        wait_for_heading(&browser, "Sign in to Concierge");
        assert_eq!(browser.script("return document.querySelector('#email').value"), json!(ada.email));
        fill(&browser, &[("password", PASSWORD)]);
        press_button(&browser, "/sign-in");
    };
    open();
    sign_in();
    wait_for_heading(&browser, "Calendar wants to use your account");
    browser.find("button[value=allow]").click();
    let first = back();
    open();
    let second = back();
    assert_ne!(first, second, "there was nothing to press");
    // After a sign-out the sign-in is all there is to do.
    browser.open(&format!("{origin}/account/applications"));
    assert!(browser.find("main").text().contains("Calendar"));
    press_button(&browser, "/sign-out");
    wait_for_heading(&browser, "Sign in to Concierge");
    open();
    sign_in();
    let third = back();
    assert!(third != first && third != second);
    let refused: Vec<_> =
        browser.console().into_iter().filter(|line| line.contains("Content Security Policy")).collect();
    assert_eq!(refused, Vec::<String>::new());
}

#[test]
fn everybody_can_read_and_use_the_pages() {
    let _turn = turn::together();
    let Some(axe) = look::axe() else { return };
    let Some(browser) = Browser::start() else { return };
    let (app, origin) = at_localhost(|setup| setup);
    browser.add_authenticator();
    let mut found = Vec::new();
    for path in PUBLIC {
        look_at(&browser, &axe, &format!("{origin}/account{path}"), path, &mut found);
    }
    // With faults.
    browser.open(&format!("{origin}/account/sign-up"));
    let _ = browser.script("document.querySelector('form').noValidate = true");
    fill(&browser, &[("name", "Ada"), ("email", "nonsense"), ("password", "short")]);
    press_button(&browser, "/sign-up");
    let _ = browser.find(".summary");
    look_here(&browser, &axe, "/sign-up-with-faults", &mut found);
    sign_up(&browser, &origin, "ada@everybody.example");
    wait_for_heading(&browser, "Hello, Ada");
    browser.open(&format!("{origin}/account/passkeys"));
    fill(&browser, &[("name", "Laptop")]);
    press_button(&browser, "/passkeys/add");
    browser.find(".items summary").click();
    look_here(&browser, &axe, "/passkeys-open", &mut found);
    // What an application asks for, and what is connected afterwards.
    let client = app.register(&app.admin("root@everybody.example"), &json!({}));
    browser.open(&format!("{origin}{}", page_of(&client.request(&[]))));
    wait_for_heading(&browser, "Calendar wants to use your account");
    look_here(&browser, &axe, "/authorize", &mut found);
    let connected = "INSERT INTO oauth_consents (user_id, client_id, scopes) SELECT u.id, c.id, c.scopes FROM users u, oauth_clients c";
    let _ = app.backend.sql().execute(connected, &[]).expect("the test is made so");
    for path in PAGES {
        look_at(&browser, &axe, &format!("{origin}/account{path}"), path, &mut found);
    }
    browser.open(&format!("{origin}/account/second-factor"));
    press_button(&browser, "/second-factor/add");
    let _ = browser.find(".qr svg");
    look_here(&browser, &axe, "/second-factor-add", &mut found);
    assert!(found.is_empty(), "{found:#?}");
    let console: Vec<_> = browser.console().into_iter().filter(|line| !line.contains("status of 4")).collect();
    assert_eq!(console, Vec::<String>::new());
}

fn look_at(browser: &Browser, axe: &str, url: &str, path: &str, found: &mut Vec<String>) {
    browser.open(url);
    look_here(browser, axe, path, found);
}

fn look_here(browser: &Browser, axe: &str, path: &str, found: &mut Vec<String>) {
    look::look_here(browser, axe, "account", path, found);
}
