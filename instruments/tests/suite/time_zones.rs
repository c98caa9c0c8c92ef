//! The time zone of a person: shown, changed and removed; and the times that mails tell.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::{PASSWORD, Person, sign_up_form};
use blackbox::post_office::Office;
use blackbox::turn;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

const MINUTES_PER_DAY: u64 = 24 * 60;

#[test]
fn a_zone_is_shown_changed_and_removed() {
    let app = TestApp::shared();
    let mut form = sign_up_form("shown@zones.example");
    form["zoneinfo"] = "america/new_york".into();
    let user = app.post("/users-ms/users").json(&form).send().expect(201).json();
    assert_eq!(user["zoneinfo"], "America/New_York");
    let path = format!("/users-ms/users/{}", user["id"]);
    let changed = app.patch(&path).json(&json!({"zoneinfo": "Asia/Tokyo"})).send().expect(200).json();
    assert_eq!((&changed["zoneinfo"], &changed["version"]), (&json!("Asia/Tokyo"), &json!(2)));
    let other = app.patch(&path).json(&json!({"locale": "ja"})).send().expect(200).json();
    assert_eq!(other["zoneinfo"], "Asia/Tokyo");
    let none = app.patch(&path).json(&json!({"zoneinfo": null})).send().expect(200).json();
    assert_eq!((&none["zoneinfo"], &none["locale"]), (&Value::Null, &json!("ja")));
    let _ = app.patch(&path).json(&json!({"zoneinfo": "UTC"})).send().expect(200);
    let whole = json!({"name": "Ada", "surname": "Lovelace", "email": "shown@zones.example"});
    assert_eq!(app.put(&path).json(&whole).send().expect(200).json()["zoneinfo"], Value::Null);
    for zone in ["", "Europe", "Europe/Atlantis", "+02:00", "../Europe/Rome", "Europe/Rome "] {
        let refused = app.patch(&path).json(&json!({"zoneinfo": zone})).send().expect(422);
        assert_eq!((refused.problem().as_str(), refused.pointers()), ("invalid-value", vec!["/zoneinfo".to_owned()]));
    }
}

fn mails_tell_the_time_where_their_reader_is(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let office = Office::new(backend, |setup| setup.variable("email_verification", "off"));
    let email = "rome@zones.example";
    let mut form = sign_up_form(email);
    form["zoneinfo"] = "Asia/Kathmandu".into();
    form["locale"] = "de".into();
    let id = office.app.sign_up_with(&form);
    let _ = office.app.sign_in(id, email);
    let mail = office.mail(email, "Neue Anmeldung bei Ihrem Konto", 1);
    assert!(mail.contains(" Uhr (Asia/Kathmandu)\n"), "{mail}");
    // A quarter of an hour apart from those of everybody else, so it is not the time of the machine.
    let now = time_of(&mail, "Zeit: ");
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later").as_secs();
    let there = (since_1970 / 60 + 5 * 60 + 45) % MINUTES_PER_DAY;
    let apart = (there + MINUTES_PER_DAY - now) % MINUTES_PER_DAY;
    assert!(apart < 5, "{mail}");
    let person = Person { id, email: email.to_owned(), access: String::new(), refresh: String::new() };
    let change = office.app.patch(&person.path()).json(&json!({"zoneinfo": null, "locale": "en"}));
    let _ = change.send().expect(200);
    let _ = office.app.login(email, PASSWORD).expect(200);
    let mail = office.mail(email, "New sign-in to your account", 1);
    assert!(mail.contains(" (UTC)\n"), "{mail}");
}

/// The minute of the day in the line that begins so.
fn time_of(mail: &str, start: &str) -> u64 {
    let line = mail.lines().find_map(|line| line.strip_prefix(start)).expect("the mail has a time");
    let (before, after) = line.split_once(':').expect("a time has a colon");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    number(before.rsplit(' ').next().unwrap_or_default()) * 60 + number(&after[..2])
}

#[test]
fn mails_tell_the_time_where_their_reader_is_on_redis() {
    mails_tell_the_time_where_their_reader_is(&Backend::new());
}

#[test]
fn mails_tell_the_time_where_their_reader_is_on_rabbitmq() {
    mails_tell_the_time_where_their_reader_is(&Backend::with_rabbitmq());
}
