//! Passkeys, as their owner adds, renames and removes them; signing in with them is in `passkey_login`.

use blackbox::app::TestApp;
use blackbox::authenticator::texts;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::mail_api::MailApi;
use blackbox::passkey_device::{BACKED_UP, Device, ELIGIBLE, PRESENT, VERIFIED};
use blackbox::people::{PASSWORD, Person};
use blackbox::schedules::Schedules;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

fn refused(status: u16, slug: &str) -> (u16, String) {
    (status, slug.to_owned())
}

fn list(app: &TestApp, person: &Person) -> Vec<Value> {
    let answer = app.get(&person.passkeys()).bearer(&person.access).send().expect(200).json();
    answer["items"].as_array().expect("a list").clone()
}

fn remove(app: &TestApp, of: &Person, passkey: &Value, by: &Person) -> Answer {
    let id = passkey["id"].as_str().expect("an id");
    app.delete(&format!("{}/{id}", of.passkeys())).bearer(&by.access).send()
}

fn change(app: &TestApp, statement: &str, person: &Person) {
    assert!(app.backend.sql().execute(statement, &[&person.id]).expect("the test is made so") > 0);
}

#[test]
fn a_passkey_is_added_listed_renamed_and_removed() {
    let app = TestApp::guarded();
    let ada = app.person("ada@passkeys.example");
    assert_eq!(list(&app, &ada), Vec::<Value>::new());
    let begun = app.begin_passkey(&ada).expect(200).json();
    assert_eq!(begun["expires_in"], 300);
    let options = &begun["public_key"];
    assert_eq!(options["rp"], json!({"id": "localhost", "name": "localhost"}));
    assert_eq!(options["user"]["name"], "ada@passkeys.example");
    assert_eq!(options["user"]["displayName"], "Ada Lovelace");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["excludeCredentials"], json!([]));
    // Nothing is added before the device has answered.
    assert_eq!(list(&app, &ada), Vec::<Value>::new());
    let mut device = Device::new();
    let added = app.send_passkey(&ada, &device.create(options)).expect(200).json();
    assert_eq!((&added["name"], &added["last_used_at"]), (&json!("Laptop"), &Value::Null));
    assert_eq!((&added["backup_eligible"], &added["backed_up"]), (&json!(false), &json!(false)));
    assert_eq!(json!(list(&app, &ada)), json!([added]));
    // The same authenticator is told not to make another, and another account has another handle.
    let second = app.begin_passkey(&ada).expect(200).json();
    assert_eq!(second["public_key"]["user"]["id"], options["user"]["id"]);
    assert_eq!(second["public_key"]["excludeCredentials"].as_array().map(Vec::len), Some(1));
    let bob = app.person("bob@passkeys.example");
    assert_ne!(app.begin_passkey(&bob).expect(200).json()["public_key"]["user"]["id"], options["user"]["id"]);
    let path = format!("{}/{}", ada.passkeys(), added["id"].as_str().expect("an id"));
    let rename = |name: &str| app.patch(&path).bearer(&ada.access).json(&json!({"name": name})).send();
    assert_eq!(rename(" Telephone ").expect(200).json()["name"], "Telephone");
    assert_eq!(rename(" ").outcome(), refused(422, "invalid-name"));
    assert_eq!(list(&app, &ada)[0]["name"], "Telephone");
    // The session of the request goes on, others end.
    let elsewhere = app.sign_in(ada.id, &ada.email);
    let _ = remove(&app, &ada, &added, &ada).expect(204);
    assert_eq!(list(&app, &ada), Vec::<Value>::new());
    let other = app.get(&ada.passkeys()).bearer(&elsewhere.access).send();
    assert_eq!(other.outcome(), refused(401, "invalid-token"));
    assert_eq!(remove(&app, &ada, &added, &ada).outcome(), refused(404, "passkey-not-found"));
    assert_eq!(rename("Telephone").outcome(), refused(404, "passkey-not-found"));
    assert_eq!(app.login_by(&mut device).outcome(), refused(403, "invalid-passkey"));
    let activity = app.get(&format!("{}/activity", ada.path())).bearer(&ada.access).send().expect(200).text();
    for action in ["passkey-added", "passkey-renamed", "passkey-removed"] {
        assert!(activity.contains(action), "{activity}");
    }
    for line in ["audit: passkey-added: success", "audit: passkey-removed: success"] {
        app.wait_for_log(line);
    }
}

#[test]
fn what_a_device_may_not_answer_adds_nothing() {
    let app = TestApp::guarded();
    let ada = app.person("ada@bad-passkeys.example");
    let add = |change: &dyn Fn(&mut Device)| {
        let mut device = Device::new();
        change(&mut device);
        app.add_passkey_of(&ada, &mut device)
    };
    let invalid = refused(403, "invalid-passkey");
    assert_eq!(add(&|device| device.origin = "https://evil.example".into()).outcome(), invalid);
    assert_eq!(add(&|device| device.origin = "http://localhost:4001".into()).outcome(), invalid);
    assert_eq!(add(&|device| device.rp_id = "evil.example".into()).outcome(), invalid);
    assert_eq!(add(&|device| device.flags = PRESENT).outcome(), invalid);
    assert_eq!(add(&|device| device.flags = VERIFIED).outcome(), invalid);
    assert_eq!(add(&|device| device.flags |= BACKED_UP).outcome(), invalid, "a copy of what cannot be copied");
    app.wait_for_log("user-not-verified");
    let options = app.begin_passkey(&ada).expect(200).json()["public_key"].clone();
    let good = Device::new().create(&options);
    for (pointer, value) in [
        ("/response/attestationObject", ""),
        ("/response/attestationObject", "oA"),
        ("/response/attestationObject", "!"),
        ("/response/clientDataJSON", ""),
        ("/response/clientDataJSON", "e30"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("it is there") = value.into();
        let answer = app.send_passkey(&ada, &bad);
        assert_eq!(
            (answer.outcome(), answer.pointers()),
            (invalid.clone(), vec!["/credential".to_owned()]),
            "{pointer}"
        );
    }
    assert_eq!(list(&app, &ada), Vec::<Value>::new());
    // None of that has used the challenge up.
    let nameless = app.post(&ada.passkeys()).bearer(&ada.access).json(&json!({"name": "", "credential": good})).send();
    assert_eq!(nameless.outcome(), refused(422, "invalid-name"));
    let _ = app.send_passkey(&ada, &good).expect(200);
}

#[test]
fn a_challenge_of_a_registration_is_good_once_in_time_and_in_its_session() {
    // Everybody's challenges expire in the end.
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let (ada, bob) = (app.person("ada@challenged.example"), app.person("bob@challenged.example"));
    let elsewhere = app.sign_in(ada.id, &ada.email);
    let begun = |person: &Person| app.begin_passkey(person).expect(200).json()["public_key"].clone();
    let invalid = refused(403, "invalid-challenge");
    let options = begun(&ada);
    let _ = begun(&bob);
    let credential = Device::new().create(&options);
    assert_eq!(app.send_passkey(&bob, &credential).outcome(), invalid, "somebody else's");
    assert_eq!(app.send_passkey(&elsewhere, &credential).outcome(), invalid, "of another session");
    let made_up = Device::new().create(&json!({"challenge": "AQIDBAUGBwgJCgsMDQ4PEA", "user": options["user"]}));
    assert_eq!(app.send_passkey(&ada, &made_up).outcome(), invalid, "never issued");
    let of_sign_in = app.passkey_options();
    let of_sign_in = Device::new().create(&json!({"challenge": of_sign_in["challenge"], "user": options["user"]}));
    assert_eq!(app.send_passkey(&ada, &of_sign_in).outcome(), invalid, "of a sign-in");
    let _ = app.send_passkey(&ada, &credential).expect(200);
    assert_eq!(app.send_passkey(&ada, &credential).outcome(), invalid, "used");
    let earlier = begun(&ada);
    let _ = begun(&ada);
    assert_eq!(app.send_passkey(&ada, &Device::new().create(&earlier)).outcome(), invalid, "replaced by a newer one");
    let late = begun(&ada);
    change(&app, "UPDATE passkey_challenges SET expires_at = now() WHERE user_id = $1", &ada);
    assert_eq!(app.send_passkey(&ada, &Device::new().create(&late)).outcome(), invalid, "expired");
    // Of ten at once with one challenge, one is added.
    let options = begun(&ada);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let (app, ada, options) = (&app, &ada, &options);
        let add = move || app.send_passkey(ada, &Device::new().create(options)).status;
        let all: Vec<_> = (0..10).map(|_| scope.spawn(add)).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(list(&app, &ada).len(), 2);
    change(&app, "UPDATE passkey_challenges SET expires_at = now() - interval '1 s' WHERE $1::bigint > 0", &ada);
    let _ = app.sweep();
    let left = "SELECT count(*) FROM passkey_challenges WHERE expires_at < now()";
    assert_eq!(app.backend.sql().query_one(left, &[]).expect("a count").get::<_, i64>(0), 0);
}

#[test]
fn an_account_has_ten_passkeys_and_a_credential_one_account() {
    let app = TestApp::guarded();
    let (ada, bob) = (app.person("ada@many.example"), app.person("bob@many.example"));
    let mut first = Device::new();
    let _ = app.add_passkey_of(&ada, &mut first).expect(200);
    assert_eq!(app.add_passkey_of(&bob, &mut first.clone()).outcome(), refused(409, "passkey-exists"));
    assert_eq!(app.add_passkey_of(&ada, &mut first.clone()).outcome(), refused(409, "passkey-exists"));
    let options = app.begin_passkey(&ada).expect(200).json()["public_key"].clone();
    let rows = "INSERT INTO passkeys (id, user_id, credential_id, public_key, name, sign_count, backup)
        SELECT gen_random_uuid(), $1, gen_random_uuid()::text, 'x', 'Key', 0, 'none' FROM generate_series(2, 10)";
    change(&app, rows, &ada);
    assert_eq!(app.send_passkey(&ada, &Device::new().create(&options)).outcome(), refused(409, "too-many-passkeys"));
    assert_eq!(app.begin_passkey(&ada).outcome(), refused(409, "too-many-passkeys"));
    assert_eq!(list(&app, &ada).len(), 10);
    let _ = app.login_by(&mut first).expect(200);
}

#[test]
fn only_the_owner_adds_one_soon_after_a_sign_in() {
    let app = TestApp::guarded();
    let (ada, eve) = (app.person("ada@owner.example"), app.person("eve@owner.example"));
    let root = app.admin("root@owner.example");
    let begin = |by: &Person| app.post(&format!("{}/options", ada.passkeys())).bearer(&by.access).send();
    assert_eq!(begin(&eve).outcome(), refused(404, "user-not-found"));
    assert_eq!(begin(&root).outcome(), refused(403, "forbidden"));
    let options = app.begin_passkey(&ada).expect(200).json()["public_key"].clone();
    let form = json!({"name": "Laptop", "credential": Device::new().create(&options)});
    let add = |by: &Person| app.post(&ada.passkeys()).bearer(&by.access).json(&form).send();
    assert_eq!(add(&eve).outcome(), refused(404, "user-not-found"));
    assert_eq!(add(&root).outcome(), refused(403, "forbidden"));
    let pass = "UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes' WHERE user_id = $1";
    change(&app, pass, &ada);
    assert_eq!(add(&ada).outcome(), refused(403, "reauthentication-required"));
    assert_eq!(app.begin_passkey(&ada).outcome(), refused(403, "reauthentication-required"));
    let again = app.sign_in(ada.id, &ada.email);
    let mut device = app.add_passkey(&again);
    let passkey = list(&app, &again)[0].clone();
    change(&app, pass, &again);
    assert_eq!(remove(&app, &again, &passkey, &again).outcome(), refused(403, "reauthentication-required"));
    assert_eq!(remove(&app, &again, &passkey, &eve).outcome(), refused(404, "user-not-found"));
    // An administrator sees, renames and removes what somebody has lost.
    assert_eq!(app.get(&ada.passkeys()).bearer(&root.access).send().expect(200).json()["items"][0], passkey);
    let _ = remove(&app, &again, &passkey, &root).expect(204);
    assert_eq!(app.login_by(&mut device).outcome(), refused(403, "invalid-passkey"));
    assert_eq!(app.get(&ada.passkeys()).bearer(&again.access).send().outcome(), refused(401, "invalid-token"));
}

#[test]
fn the_reset_of_factors_covers_passkeys_and_recovery_codes_go_with_the_last_factor() {
    let app = TestApp::guarded();
    let root = app.admin("root@reset-passkeys.example");
    let ada = app.person("ada@reset-passkeys.example");
    let codes =
        |person: &Person| app.post(&format!("{}/recovery-codes", person.second_factor())).bearer(&person.access).send();
    assert_eq!(codes(&ada).outcome(), refused(404, "second-factor-not-found"));
    let mut device = app.add_passkey(&ada);
    assert_eq!(texts(&codes(&ada).expect(200).json()["recovery_codes"]).len(), 10);
    let state = || app.get(&ada.second_factor()).bearer(&ada.access).send().expect(200).json();
    assert_eq!(state(), json!({"totp": null, "recovery_codes_left": 10}));
    let _ = remove(&app, &ada, &list(&app, &ada)[0], &ada).expect(204);
    assert_eq!(state(), json!({"totp": null, "recovery_codes_left": 0}));
    let _ = app.add_passkey_of(&ada, &mut device).expect(200);
    let _ = app.add_totp(&ada);
    // Its owner's removal of the app leaves the passkeys.
    let _ = app.delete(&ada.second_factor()).bearer(&ada.access).send().expect(204);
    assert_eq!(list(&app, &ada).len(), 1);
    let _ = app.delete(&ada.second_factor()).bearer(&root.access).send().expect(204);
    let ada = app.sign_in(ada.id, &ada.email);
    assert_eq!(list(&app, &ada), Vec::<Value>::new());
    assert_eq!(app.login_by(&mut device).outcome(), refused(403, "invalid-passkey"));
}

#[test]
fn an_export_has_the_passkeys_and_an_erasure_leaves_none() {
    let app = TestApp::guarded();
    let ada = app.person("ada@kept-passkeys.example");
    let mut device = Device::new();
    device.flags |= ELIGIBLE | BACKED_UP;
    let added = app.add_passkey_of(&ada, &mut device).expect(200).json();
    assert_eq!((&added["backup_eligible"], &added["backed_up"]), (&json!(true), &json!(true)));
    let export = app.get(&format!("{}/export", ada.path())).bearer(&ada.access).send().expect(200).json();
    assert_eq!(export["passkeys"], json!([added]));
    let _ = app.begin_passkey(&ada).expect(200);
    let _ = app.delete(&ada.path()).bearer(&ada.access).send().expect(204);
    assert_eq!(app.login_by(&mut device).outcome(), refused(403, "invalid-passkey"));
    for table in ["passkeys", "passkey_handles", "passkey_challenges"] {
        let count = format!("SELECT count(*) FROM {table} WHERE user_id = $1");
        let left: i64 = app.backend.sql().query_one(&count, &[&ada.id]).expect("a count").get(0);
        assert_eq!(left, 0, "{table}");
    }
}

#[test]
fn an_owner_is_told_of_a_passkey_that_is_added_and_of_one_that_is_removed() {
    told_on(&Backend::new());
}

#[test]
fn an_owner_is_told_of_a_passkey_on_rabbitmq() {
    told_on(&Backend::with_rabbitmq());
}

fn told_on(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let mail = MailApi::start();
    let app = TestApp::on(backend)
        .variable("authorization", "required")
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .start();
    let _schedules = Schedules::start(&[&app], Duration::from_millis(300));
    let ada = app.person("ada@told-of-passkeys.example");
    let _ = app.add_passkey(&ada);
    let _ = remove(&app, &ada, &list(&app, &ada)[0], &ada).expect(204);
    for subject in ["A passkey was added to your account", "A passkey of your account was removed"] {
        poll::until(Duration::from_secs(30), subject, || {
            mail.taken().iter().any(|posted| posted.to() == ada.email && posted.body["Subject"] == subject)
        });
    }
}

#[test]
fn without_a_domain_there_are_no_passkeys() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("public_url", "http://10.0.0.7:4000")
        .start();
    let ada = app.person("ada@no-domain.example");
    assert_eq!(app.begin_passkey(&ada).outcome(), refused(501, "not-configured"));
    let credential =
        Device::new().create(&json!({"challenge": "AQIDBAUGBwgJCgsMDQ4PEA", "user": {"id": "BwcHBwcHBwcHBwcHBwcHBw"}}));
    assert_eq!(app.send_passkey(&ada, &credential).outcome(), refused(501, "not-configured"));
    let begin = app.post("/auth-ms/auth/passkey/options").send();
    assert_eq!(begin.outcome(), refused(501, "not-configured"));
    let mut device = Device::new();
    device.user_handle = "BwcHBwcHBwcHBwcHBwcHBw".into();
    let assertion = device.get(&json!({"challenge": "AQIDBAUGBwgJCgsMDQ4PEA", "userVerification": "required"}));
    assert_eq!(app.send_assertion(&assertion).outcome(), refused(501, "not-configured"));
    assert_eq!(app.begin_for_auth().outcome(), refused(501, "not-configured"));
    assert_eq!(app.end_for_auth(&assertion).outcome(), refused(501, "not-configured"));
    let _ = app.login(&ada.email, PASSWORD).expect(200);
}
