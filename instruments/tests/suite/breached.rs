//! New passwords are looked up among stolen ones, by a server with the range interface of Have I Been Pwned.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::post_office::Office;
use blackbox::turn;
use serde_json::json;
use std::time::{Duration, Instant};

const STOLEN: &str = "correct horse battery staple";
/// The first five characters of its SHA-1.
const PREFIX: &str = "ABF7A";
/// An answer as it is documented: what is left of digests, and how often each was seen. Padding has been seen never.
const RANGE: &str = "00000000000000000000000000000000001:3\r\nAD6438836DBE526AA231ABDE2D0EEF74D42:384\r\nFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF:0";
/// The same, with the stolen password's digest as padding.
const PADDED: &str = "00000000000000000000000000000000001:3\r\nAD6438836DBE526AA231ABDE2D0EEF74D42:0";

fn collection(answer: &str) -> MailApi {
    let collection = MailApi::start();
    collection.accept_with(answer);
    collection
}

fn with(setup: Setup, collection: &MailApi) -> Setup {
    setup.variable("breached_passwords", "refuse").variable("breached_passwords_url", collection.url())
}

#[test]
fn a_stolen_password_is_refused_wherever_one_is_set() {
    let _turn = turn::together();
    let collection = collection(RANGE);
    let office = Office::new(&Backend::new(), |setup| with(setup, &collection));
    let email = "ada@breached.example";
    let mut form = sign_up_form(email);
    form["password"] = STOLEN.into();
    let answer = office.app.post("/users-ms/users").json(&form).send().expect(422);
    assert_eq!(answer.problem(), "invalid-password");
    assert!(answer.text().contains("stolen"), "{}", answer.text());
    // All that was sent of the password, and nothing of the person.
    let asked = &collection.taken()[0];
    assert_eq!((asked.request.as_str(), asked.text.as_str()), (format!("GET /range/{PREFIX}").as_str(), ""));
    assert_eq!(asked.header("add-padding"), Some("true"));
    let _ = office.sign_up(email).expect(202);
    let claims = office.claims(email);
    let id = claims["sub"].as_str().expect("a user");
    let change = json!({"password": STOLEN, "current_password": PASSWORD});
    assert_eq!(
        office.app.patch(&format!("/users-ms/users/{id}")).json(&change).send().expect(422).problem(),
        "invalid-password"
    );
    // A recovery tells, and its ticket stays good.
    let _ = office.app.post("/users-ms/password-recovery").json(&json!({"email": email})).send().expect(202);
    let secrets = office.secrets_of("Choose a new password", "/users-ms/password-recovery/page", email, 1);
    let recover = |password: &str| {
        let body = json!({"token": secrets.token, "password": password});
        office.app.post("/users-ms/password-recovery/confirm").json(&body).send()
    };
    assert_eq!(recover(STOLEN).expect(422).problem(), "invalid-password");
    let _ = recover("nobody has this horse").expect(204);
    let _ = office.app.login(email, "nobody has this horse").expect(200);
}

#[test]
fn what_pads_an_answer_is_not_stolen() {
    let _turn = turn::together();
    let collection = collection(PADDED);
    let app = with(TestApp::on(&Backend::new()), &collection).start();
    let mut form = sign_up_form("padded@breached.example");
    form["password"] = STOLEN.into();
    let _ = app.sign_up_with(&form);
    assert_eq!(collection.taken().len(), 1);
}

#[test]
fn without_an_answer_in_time_the_password_is_accepted() {
    let _turn = turn::together();
    let collection = collection(RANGE);
    let app = with(TestApp::on(&Backend::new()), &collection).start();
    let sign_up = |name: &str| {
        let mut form = sign_up_form(&format!("{name}@breached.example"));
        form["password"] = STOLEN.into();
        let start = Instant::now();
        let _ = app.sign_up_with(&form);
        start.elapsed()
    };
    collection.answer(503);
    let _ = sign_up("refused");
    collection.answer(0);
    collection.take_ms(10_000);
    let took = sign_up("hanging");
    assert!(took > Duration::from_secs(1) && took < Duration::from_secs(5), "{took:?}");
    drop(collection);
    let _ = sign_up("gone");
    let log = app.log();
    assert_eq!(log.matches("a new password could not be looked up").count(), 3, "{log}");
    assert!(!log.contains(STOLEN) && !log.contains(PREFIX), "{log}");
}

#[test]
fn nobody_is_asked_unless_it_is_on() {
    let _turn = turn::together();
    let collection = collection(RANGE);
    let app = TestApp::on(&Backend::new()).variable("breached_passwords_url", collection.url()).start();
    let mut form = sign_up_form("off@breached.example");
    form["password"] = STOLEN.into();
    let _ = app.sign_up_with(&form);
    assert!(collection.taken().is_empty());
}
