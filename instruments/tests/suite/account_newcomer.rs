//! Somebody who has never seen it, in a real browser: from the sign-up to the delivery of their mail in the console, with every click and
//! every form that is sent counted. Typing is no click; to open the link of a mail is one.

use crate::invitations::Invites;
use blackbox::backend::Backend;
use blackbox::browser::Browser;
use blackbox::people::PASSWORD;
use blackbox::post_office::Office;
use blackbox::{poll, turn};
use dev_servers::ports;
use serde_json::json;
use std::cell::RefCell;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const EMAIL: &str = "ada@newcomer.example";
const NEW: &str = "a better horse battery";
/// What docs/account.md promises.
const CLICKS: usize = 12;

/// A person at a browser, and what they have clicked.
struct Newcomer<'a> {
    browser: &'a Browser,
    clicks: RefCell<Vec<String>>,
}

impl Newcomer<'_> {
    fn count(&self, what: &str) {
        self.clicks.borrow_mut().push(what.to_owned());
    }

    #[track_caller]
    fn sees(&self, heading: &str) {
        poll::until(SOON, heading, || {
            self.browser.script("return document.querySelector('h1')?.textContent") == json!(heading)
        });
    }

    fn types(&self, fields: &[(&str, &str)]) {
        for (name, value) in fields {
            self.browser.find(&format!("#{name}")).type_in(value);
        }
    }

    /// Goes where a link of the page leads that they can see.
    #[track_caller]
    fn follows(&self, what: &str, href: &str) {
        self.browser.find(&format!("main a[href='{href}']")).click();
        self.count(what);
    }

    /// Presses the button of a form.
    #[track_caller]
    fn presses(&self, what: &str, action: &str) {
        self.browser.find(&format!("form[action='{action}'] button")).click();
        self.count(what);
    }

    /// Opens the link to a page in the mail with this subject.
    #[track_caller]
    fn opens(&self, what: &str, office: &Office, subject: &str, page: &str) {
        let text = office.mail(EMAIL, subject, 1);
        let link = text.lines().find(|line| line.contains(&format!("{page}?token=")));
        self.browser.open(link.unwrap_or_else(|| panic!("no link to {page} in {text}")));
        self.count(what);
    }
}

#[test]
fn a_newcomer_signs_up_recovers_adds_a_passkey_and_finds_the_delivery_with_few_clicks() {
    let _turn = turn::together();
    let Some(browser) = Browser::start() else { return };
    let port = ports::free_port().expect("there is a free port");
    let origin = format!("http://localhost:{port}");
    // As `cargo xtask up` sets it.
    let office = Office::new(&Backend::new(), |setup| {
        let setup = setup.variable("authorization", "required").variable("mail_links", "account");
        setup.variable("console_second_factor", "optional").variable("public_url", &origin).port(port)
    });
    let admin = office.root("root@newcomer.example");
    browser.add_authenticator();
    let ada = Newcomer { browser: &browser, clicks: RefCell::default() };

    browser.open(&format!("{origin}/account"));
    ada.sees("Sign in to Concierge");
    ada.follows("\"Create an account\"", "/account/sign-up");
    ada.sees("Create your Concierge account");
    ada.types(&[("name", "Ada"), ("surname", "Lovelace"), ("email", EMAIL), ("password", PASSWORD)]);
    ada.presses("\"Create account\"", "/account/sign-up");
    ada.sees("Confirm your email address");
    ada.opens("the link of the mail", &office, "Confirm your email address", "/account/verify");
    ada.sees("Confirm your email address");
    ada.types(&[("password", PASSWORD)]);
    ada.presses("\"Confirm\", which signs in", "/account/verify");
    ada.sees("Hello, Ada");
    assert!(browser.find(".notice").text().contains("Your email address is confirmed."));
    see_to_cookies_and_requests(&browser, &origin);

    ada.presses("\"Sign out\"", "/account/sign-out");
    ada.sees("Sign in to Concierge");
    ada.follows("\"Forgot your password?\"", "/account/recover");
    ada.sees("Forgot your password");
    ada.types(&[("email", EMAIL)]);
    ada.presses("\"Send the mail\"", "/account/recover");
    ada.sees("Choose a new password");
    ada.opens("the link of the mail", &office, "Choose a new password", "/account/recover/password");
    ada.sees("Choose a new password");
    ada.types(&[("password", NEW)]);
    ada.presses("\"Save\", which signs in", "/account/recover/password");
    ada.sees("Passkeys");
    assert!(browser.find(".notice").text().contains("Your password is changed."));

    ada.types(&[("name", "Laptop")]);
    ada.presses("\"Add a passkey\"", "/account/passkeys/add");
    poll::until(SOON, "the passkey is there", || {
        browser.script("return document.querySelector('.items h2')?.textContent") == json!("Laptop")
    });

    browser.open(&format!("{origin}/console"));
    ada.sees("Sign in to Concierge console");
    ada.types(&[("email", &admin.email), ("password", PASSWORD)]);
    ada.presses("the console's \"Sign in\"", "/console/sign-in");
    ada.sees("Overview");
    ada.types(&[("to", EMAIL)]);
    ada.presses("\"Find deliveries\"", "/console/messages");
    ada.sees("Messages");
    let page = browser.find("main").text();
    for subject in ["Confirm your email address", "Choose a new password"] {
        assert!(page.contains(subject) && page.contains(EMAIL), "{subject}: {page}");
    }

    let clicks = ada.clicks.into_inner();
    for (number, click) in (1..).zip(&clicks) {
        println!("click {number}: {click}");
    }
    assert!(clicks.len() <= CLICKS, "{clicks:#?}");
    assert!(include_str!("../../../docs/account.md").contains(&format!("in {} clicks", clicks.len())));
    let refused: Vec<_> = browser.console().into_iter().filter(|line| line.contains("Content Security")).collect();
    assert_eq!(refused, Vec::<String>::new());
}

/// What the browser made of the cookies, over plain HTTP to the machine itself; and that nothing came from elsewhere.
#[track_caller]
fn see_to_cookies_and_requests(browser: &Browser, origin: &str) {
    assert_eq!(browser.console(), Vec::<String>::new());
    let cookies = browser.cookies();
    assert_eq!(cookies.len(), 3, "{cookies:?}");
    for cookie in &cookies {
        assert!(cookie["name"].as_str().is_some_and(|name| name.starts_with("__Host-")), "{cookie}");
        assert_eq!(
            (&cookie["httpOnly"], &cookie["secure"], &cookie["sameSite"]),
            (&json!(true), &json!(true), &json!("Lax"))
        );
    }
    assert_eq!(browser.script("return document.cookie"), json!(""));
    let requests = browser.requests();
    let elsewhere: Vec<_> =
        requests.iter().filter(|url| !url.starts_with(origin) && !url.starts_with("data:")).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
}
