//! What goes on by itself after somebody has confirmed that it is them, by password or by passkey.

use crate::account_settings::age;
use crate::account_sign_in::{new_user, sign_in};
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::browser::Browser;
use blackbox::passkey_device::Device;
use blackbox::people::PASSWORD;
use blackbox::visitor::{Visitor, heading, hidden};
use blackbox::{folder, poll, turn};
use dev_servers::ports;
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const CONFIRM: &str = "Confirm that it is you";

/// Adds a passkey to the account of whoever is signed in.
fn add_passkey(visitor: &Visitor<'_>) -> Device {
    let mut device = Device::new();
    let _ = visitor.open("/account/passkeys").expect(200);
    let options = visitor.post("/account/passkeys/add/options", &[("name", "Laptop")]).expect(200).json();
    let credential = device.create(&options).to_string();
    let page = visitor.submit("/account/passkeys/add", &[("name", "Laptop"), ("credential", &credential)]).expect(200);
    assert!(page.text().contains("Added."), "{}", page.text());
    device
}

/// Sends the form of the page that asks, with what a device has signed.
fn confirm_by(visitor: &Visitor<'_>, device: &mut Device, next: &str, action: &str) -> blackbox::http::Answer {
    let options = visitor.post("/account/sign-in/passkey/options", &[]).expect(200).json();
    device.counter += 1;
    let credential = device.get(&options).to_string();
    let fields = [("credential", credential.as_str()), ("next", next), ("action", action)];
    visitor.submit("/account/sign-in/passkey", &fields)
}

#[test]
fn a_passkey_confirms_for_whoever_has_it_alone() {
    let app = TestApp::guarded();
    let (ada, bob, other) = (Visitor::new(&app), Visitor::new(&app), Visitor::new(&app));
    let email = "ada@confirm-passkey.example";
    new_user(&ada, email);
    new_user(&bob, "bob@confirm-passkey.example");
    let (mut hers, mut his) = (add_passkey(&ada), add_passkey(&bob));
    let _ = sign_in(&other, email, PASSWORD).expect(200);
    age(&app, email);
    let _ = ada.open("/account/sessions").expect(200);
    let page = ada.submit("/account/sessions/end-others", &[]).expect(200);
    assert_eq!(heading(&page), CONFIRM);
    let (next, action) = (hidden(&page, "next"), hidden(&page, "action"));
    assert!(page.text().contains("data-options=\"/account/sign-in/passkey/options\""), "{}", page.text());
    // In her browser his passkey signs him in, and does not what she has pressed.
    let copy = ada.copy();
    let page = confirm_by(&copy, &mut his, &next, &action).expect(200);
    assert!(page.text().contains("Thank you. You can go on now."), "{}", page.text());
    assert!(copy.open("/account").text().contains("bob@confirm-passkey.example"));
    assert_eq!(heading(&other.open("/account")), "Hello, Ada");
    // Her session has ended by that, as by any sign-in in its place.
    assert!(heading(&ada.open("/account")).starts_with("Sign in"));
    let _ = sign_in(&ada, email, PASSWORD).expect(200);
    age(&app, email);
    let _ = ada.open("/account/sessions").expect(200);
    let page = ada.submit("/account/sessions/end-others", &[]).expect(200);
    let page = confirm_by(&ada, &mut hers, &next, &hidden(&page, "action")).expect(200);
    assert!(page.text().contains("That device is signed out."), "{}", page.text());
    assert!(heading(&other.open("/account")).starts_with("Sign in"));
    assert_eq!(heading(&ada.open("/account")), "Hello, Ada");
}

#[test]
fn a_download_is_begun_by_a_page_of_ours_alone() {
    let app = TestApp::guarded();
    let (ada, other) = (Visitor::new(&app), Visitor::new(&app));
    let email = "ada@begun-download.example";
    new_user(&ada, email);
    let _ = sign_in(&other, email, PASSWORD).expect(200);
    age(&app, email);
    let _ = ada.open("/account/data").expect(200);
    let page = ada.submit("/account/data/export", &[]).expect(200);
    assert_eq!((heading(&page), hidden(&page, "next")), (CONFIRM.into(), "/account/data".into()));
    let fields = [("current_password", PASSWORD), ("next", "/account/data"), ("action", &hidden(&page, "action"))];
    let page = ada.post("/account/confirm", &fields).expect(200);
    assert!(heading(&page) == "Your data" && page.text().contains("The download begins by itself"), "{}", page.text());
    let file =
        page.header("refresh").and_then(|refresh| refresh.strip_prefix("0; url=")).expect("it begins").to_owned();
    // In another session of hers the address begins nothing, nor does one that nobody has made.
    for (visitor, path) in
        [(&other, file.as_str()), (&ada, "/account/data/export?download=x"), (&ada, "/account/data/export")]
    {
        let answer = visitor.get(path);
        assert_eq!((answer.status, answer.header("location")), (303, Some("/account/data")), "{path}");
    }
    let export = ada.get(&file).expect(200);
    assert_eq!(export.header("content-disposition"), Some("attachment; filename=\"account.json\""));
    assert_eq!(export.json()["user"]["email"], email);
}

#[test]
fn in_a_browser_a_passkey_a_download_and_a_removal_go_on_after_the_confirmation() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let port = ports::free_port().expect("there is a free port");
    let origin = format!("http://localhost:{port}");
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("public_url", &origin);
    let app = app.port(port).only(&["users", "auth", "account"]).start();
    let downloads = folder::fresh("downloads");
    let email = "ada@goes-on-browser.example";
    let _ = app.sign_up(email);
    browser.add_authenticator();
    browser.download_into(&downloads);
    let sees = |heading: &str| {
        poll::until(SOON, heading, || {
            browser.script("return document.querySelector('h1')?.textContent") == json!(heading)
        });
    };
    let press = |action: &str| browser.find(&format!("form[action='/account{action}'] button")).click();
    let text_of = |selector: &str| browser.script(&format!("return document.querySelector('{selector}')?.textContent"));
    browser.open(&format!("{origin}/account/sign-in"));
    browser.find("#email").type_in(email);
    browser.find("#password").type_in(PASSWORD);
    press("/sign-in");
    sees("Hello, Ada");
    // The passkey that was asked for is made after the password, without another click.
    age(&app, email);
    browser.open(&format!("{origin}/account/passkeys"));
    browser.find("#name").type_in("Ada's laptop");
    press("/passkeys/add");
    sees(CONFIRM);
    browser.find("#current_password").type_in(PASSWORD);
    press("/confirm");
    poll::until(SOON, "the passkey is there", || text_of(".items h2") == json!("Ada's laptop"));
    // The download, after the passkey.
    age(&app, email);
    browser.open(&format!("{origin}/account/data"));
    press("/data/export");
    sees(CONFIRM);
    press("/sign-in/passkey");
    let file = downloads.join("account.json");
    let export =
        poll::eventually(SOON, "the file", || serde_json::from_slice::<Value>(&std::fs::read(&file).ok()?).ok());
    assert_eq!(export["user"]["email"], email);
    sees("Your data");
    assert!(browser.find(".notice").text().contains("The download begins by itself"));
    // And what takes nothing more.
    age(&app, email);
    browser.open(&format!("{origin}/account/passkeys"));
    browser.find(".items summary").click();
    press("/passkeys/remove");
    sees(CONFIRM);
    press("/sign-in/passkey");
    sees("Passkeys");
    assert_eq!((browser.find(".notice").text(), text_of(".items h2")), ("Removed.".into(), Value::Null));
    let console: Vec<_> = browser.console().into_iter().filter(|line| !line.contains("status of 403")).collect();
    assert_eq!(console, Vec::<String>::new());
}
