//! What people are told: in their language, as text and HTML, and of which sign-ins.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::mail_api::{MailApi, Posted};
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
const A_WHILE: Duration = Duration::from_millis(1500);
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

/// An app whose mails and SMS arrive here.
struct Office {
    app: TestApp,
    mail: MailApi,
    _schedules: Schedules,
}

impl Office {
    fn new(backend: &Arc<Backend>, set: impl FnOnce(Setup) -> Setup) -> Self {
        let mail = MailApi::start();
        let setup = TestApp::on(backend)
            .variable("notification_sender", "http")
            .variable("mail_api_url", mail.url())
            .variable("brand_name", "Bell & Sons");
        let setup = if backend.rabbit.is_some() { setup } else { setup.variable("notification_claim_ms", 12_000) };
        let app = set(setup).start();
        if backend.rabbit.is_some() {
            backend.wait_for_queues();
        }
        let schedules = Schedules::start(&[&app], ROUND);
        Self { app, mail, _schedules: schedules }
    }

    fn sign_up(&self, email: &str, locale: Option<&str>, accept_language: Option<&str>) -> Answer {
        let mut form = sign_up_form(email);
        if let Some(locale) = locale {
            form["locale"] = locale.into();
        }
        let request = self.app.post("/users-ms/users").json(&form);
        match accept_language {
            Some(languages) => request.header("accept-language", languages).send(),
            None => request.send(),
        }
    }

    /// Signs in with Firefox; returns the device token.
    fn login(&self, email: &str, device: Option<&str>) -> String {
        let form = json!({"username": email, "password": PASSWORD, "device_token": device});
        let answer = self.app.post("/auth-ms/auth/login").header("user-agent", FIREFOX).json(&form).send().expect(200);
        answer.json()["device_token"].as_str().expect("a login gives a device token").to_owned()
    }

    fn posted_to(&self, to: &str) -> Vec<Posted> {
        self.mail.taken().into_iter().filter(|posted| posted.to() == to).collect()
    }

    /// The mail number `number` to an address.
    fn mail(&self, to: &str, number: usize) -> Value {
        poll::eventually(SOON, "the mail", || self.posted_to(to).get(number - 1).map(|posted| posted.body.clone()))
    }
}

fn text<'a>(mail: &'a Value, part: &str) -> &'a str {
    mail[part].as_str().expect("the mail has this part")
}

fn assert_languages(backend: &Arc<Backend>) {
    let office = Office::new(backend, |setup| setup.variable("default_locale", "en"));
    for (name, locale, accept_language, tag, subject) in [
        ("chosen", Some("it"), Some("fr"), "it", "Benvenuto"),
        ("browser", None, Some("en;q=0.5, de-AT, *;q=0.1"), "de", "Willkommen"),
        ("spanish", None, Some("es-419"), "es", "Te damos la bienvenida"),
        ("french", Some("fr-CA"), None, "fr", "Bienvenue"),
        ("other", Some("ja"), None, "en", "Welcome"),
        ("none", None, None, "en", "Welcome"),
        ("nonsense", None, Some("../../layout, ;q"), "en", "Welcome"),
    ] {
        let email = format!("{name}@language.example");
        let _ = office.sign_up(&email, locale, accept_language).expect(201);
        let mail = office.mail(&email, 1);
        assert_eq!(mail["Subject"], subject, "{name}");
        assert_eq!(mail["From"]["Name"], "Bell & Sons");
        let (plain, html) = (text(&mail, "Text"), text(&mail, "HTML"));
        assert!(html.contains(&format!("<html lang=\"{tag}\">")), "{name}: {html}");
        assert!(plain.contains("Bell & Sons") && html.contains("Bell &amp; Sons"), "{name}: {plain}");
        assert!(!html.contains("Bell & Sons") && !plain.contains("&amp;"), "{name}: {html}");
    }
}

#[test]
fn people_are_told_in_their_language() {
    let _turn = turn::together();
    assert_languages(&Backend::new());
}

#[test]
fn people_are_told_in_their_language_over_rabbitmq() {
    let _turn = turn::together();
    assert_languages(&Backend::with_rabbitmq());
}

#[test]
fn a_language_is_shown_changed_and_removed() {
    let app = TestApp::shared();
    let mut form = sign_up_form("shown@language.example");
    form["locale"] = "PT-br".into();
    let user = app.post("/users-ms/users").json(&form).send().expect(201).json();
    assert_eq!(user["locale"], "pt-BR");
    let path = format!("/users-ms/users/{}", user["id"]);
    let changed = app.patch(&path).json(&json!({"locale": "de"})).send().expect(200).json();
    assert_eq!((&changed["locale"], &changed["version"]), (&json!("de"), &json!(2)));
    assert_eq!(app.get(&path).send().expect(200).json(), changed);
    let other = app.patch(&path).json(&json!({"name": "Augusta"})).send().expect(200).json();
    assert_eq!(other["locale"], "de");
    assert_eq!(app.patch(&path).json(&json!({"locale": null})).send().expect(200).json()["locale"], Value::Null);
    let _ = app.patch(&path).json(&json!({"locale": "fr"})).send().expect(200);
    let whole = json!({"name": "Ada", "surname": "Lovelace", "email": "shown@language.example"});
    assert_eq!(app.put(&path).json(&whole).send().expect(200).json()["locale"], Value::Null);
    for locale in ["", "english", "en_GB", "de-", "x"] {
        let refused = app.patch(&path).json(&json!({"locale": locale})).send().expect(422);
        assert_eq!((refused.problem().as_str(), refused.pointers()), ("invalid-value", vec!["/locale".to_owned()]));
    }
}

#[test]
fn a_changed_language_is_that_of_the_next_message() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    let email = "changed@language.example";
    let user = office.sign_up(email, Some("it"), None).expect(201).json();
    assert_eq!(office.mail(email, 1)["Subject"], "Benvenuto");
    let path = format!("/users-ms/users/{}", user["id"]);
    let _ = office.app.patch(&path).json(&json!({"locale": "es"})).send().expect(200);
    let _ = office.login(email, None);
    assert_eq!(office.mail(email, 2)["Subject"], "Nuevo inicio de sesión en tu cuenta");
}

#[test]
fn the_owner_of_a_taken_address_is_told_in_the_owners_language() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup.variable("email_verification", "encouraged"));
    let email = "owner@language.example";
    let _ = office.sign_up(email, Some("de"), None).expect(202);
    let mail = office.mail(email, 1);
    assert_eq!(mail["Subject"], "Bestätigen Sie Ihre E-Mail-Adresse");
    assert!(text(&mail, "HTML").contains(">Adresse bestätigen</a>"), "{mail}");
    let _ = office.sign_up(email, Some("fr"), Some("fr")).expect(202);
    assert_eq!(office.mail(email, 2)["Subject"], "Sie haben schon ein Konto");
}

fn assert_new_devices_alone(backend: &Arc<Backend>) {
    let office = Office::new(backend, |setup| setup.variable("login_notice", "new-device"));
    let email = "device@notice.example";
    let _ = office.sign_up(email, None, None).expect(201);
    let _ = office.mail(email, 1);
    let device = office.login(email, None);
    let mail = office.mail(email, 2);
    assert_eq!(mail["Subject"], "New sign-in to your account");
    assert!(text(&mail, "Text").contains("\nDevice: Firefox, Linux\nNetwork: 127.0.0.0/24\n"), "{mail}");
    let device = office.login(email, Some(&device));
    let _ = office.login(email, Some(&device));
    let forged = format!("{device}x");
    let _ = office.login(email, Some(&forged));
    let mail = office.mail(email, 3);
    assert_eq!(mail["Subject"], "New sign-in to your account");
    poll::throughout(A_WHILE, "no other mail", || office.posted_to(email).len() == 3);
}

#[test]
fn a_sign_in_on_a_new_device_is_told_and_one_on_a_known_device_is_not() {
    let _turn = turn::together();
    assert_new_devices_alone(&Backend::new());
}

#[test]
fn a_sign_in_on_a_new_device_is_told_over_rabbitmq_too() {
    let _turn = turn::together();
    assert_new_devices_alone(&Backend::with_rabbitmq());
}

#[test]
fn every_sign_in_is_told_or_none_as_it_is_set() {
    let _turn = turn::together();
    for (notice, mails) in [("always", 3), ("off", 1)] {
        let office = Office::new(&Backend::new(), |setup| setup.variable("login_notice", notice));
        let email = "setting@notice.example";
        let _ = office.sign_up(email, None, None).expect(201);
        let device = office.login(email, None);
        let _ = office.login(email, Some(&device));
        poll::until(SOON, notice, || office.posted_to(email).len() >= mails);
        poll::throughout(A_WHILE, notice, || office.posted_to(email).len() == mails);
    }
}

#[test]
fn what_a_client_calls_itself_is_not_repeated_in_a_mail() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    let email = "agent@notice.example";
    let _ = office.sign_up(email, None, None).expect(201);
    let form = json!({"username": email, "password": PASSWORD});
    let user_agent = "Visit https://evil.example <b>now</b>";
    let _ = office.app.post("/auth-ms/auth/login").header("user-agent", user_agent).json(&form).send().expect(200);
    let mail = office.mail(email, 2);
    assert!(!mail.to_string().contains("evil") && !text(&mail, "Text").contains("Device"), "{mail}");
}
