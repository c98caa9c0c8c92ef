//! A second factor, as its owner adds and removes it; what a sign-in does with it is in `mfa_login`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blackbox::app::{TOTP_KEYS, TestApp};
use blackbox::authenticator::{Authenticator, texts};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, Person};
use blackbox::schedules::Schedules;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

fn claims(tokens: &Value) -> Value {
    let payload =
        tokens["access_token"].as_str().and_then(|token| token.split('.').nth(1)).expect("a token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("it is Base64")).expect("it is JSON")
}

fn refused(status: u16, slug: &str) -> (u16, String) {
    (status, slug.to_owned())
}

fn state(app: &TestApp, person: &Person) -> Value {
    app.get(&person.second_factor()).bearer(&person.access).send().expect(200).json()
}

fn remove(app: &TestApp, of: &Person, by: &Person) -> Answer {
    app.delete(&of.second_factor()).bearer(&by.access).send()
}

fn new_codes(app: &TestApp, person: &Person) -> Answer {
    app.post(&format!("{}/recovery-codes", person.second_factor())).bearer(&person.access).send()
}

/// Lets minutes pass since somebody has shown who they are.
fn let_pass(app: &TestApp, person: &Person, minutes: i32) {
    let statement = "UPDATE sessions SET authenticated_at = authenticated_at - make_interval(mins => $2::int4)
        WHERE user_id = $1";
    assert!(app.backend.sql().execute(statement, &[&person.id, &minutes]).expect("the test is made so") > 0);
}

#[test]
fn an_app_is_added_and_a_sign_in_takes_its_code_from_then_on() {
    let app = TestApp::guarded();
    let ada = app.person("ada@app.example");
    let elsewhere = app.sign_in(ada.id, &ada.email);
    assert_eq!(state(&app, &ada), json!({"totp": null, "recovery_codes_left": 0}));
    let begun = app.begin_totp(&ada).expect(200).json();
    let (secret, uri) = (begun["secret"].as_str().expect("a text"), begun["uri"].as_str().expect("a text"));
    assert!(uri.starts_with("otpauth://totp/") && uri.contains(secret) && uri.contains("ada%40app%2Eexample"), "{uri}");
    let picture = begun["qr_code"].as_str().expect("a text");
    assert!(picture.contains("<svg") && !picture.contains(secret), "{picture}");
    // Nothing has changed before a code is confirmed.
    assert_eq!(state(&app, &ada)["totp"], Value::Null);
    let _ = app.login(&ada.email, PASSWORD).expect(200);
    let phone = Authenticator::new(secret);
    let confirmed = app.confirm_totp(&ada, &phone.code()).expect(200).json();
    let codes = texts(&confirmed["recovery_codes"]);
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 10);
    let now = state(&app, &ada);
    assert!(now["totp"]["confirmed_at"].is_string() && now["recovery_codes_left"] == 10, "{now}");
    // Only the session goes on in which it was added.
    let other = app.get(&ada.path()).bearer(&elsewhere.access).send();
    assert_eq!(other.outcome(), refused(401, "invalid-token"));
    let refreshed = app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": ada.refresh})).send().expect(200);
    assert_eq!(claims(&refreshed.json())["acr"], "urn:concierge:aal:1");
    // The code that confirmed it is used.
    let used = app.answer_challenge(&app.challenge(&ada), &phone.code_at(0));
    assert_eq!(used.outcome(), refused(403, "invalid-code"));
    let tokens = app.answer_challenge(&app.challenge(&ada), &phone.code_at(1)).expect(200).json();
    let said = claims(&tokens);
    assert_eq!((&said["amr"], &said["acr"]), (&json!(["pwd", "otp", "mfa"]), &json!("urn:concierge:aal:2")));
    assert!(tokens.get("recovery_codes").is_none() && tokens["device_token"].is_string());
    // A refresh changes nothing of it.
    let refreshed =
        app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": tokens["refresh_token"]})).send().expect(200);
    let later = claims(&refreshed.json());
    for claim in ["amr", "acr", "auth_time"] {
        assert_eq!(later[claim], said[claim], "{claim}");
    }
    for line in ["audit: second-factor-added: success", "audit: login: mfa-required"] {
        app.wait_for_log(line);
    }
    // Neither secret nor codes are in the log or, as they are, in the database.
    assert!(!app.log().contains(secret) && codes.iter().all(|code| !app.log().contains(code)));
    let row = "SELECT f.sealed_secret, array_agg(c.digest) FROM totp_factors f JOIN recovery_codes c USING (user_id)
        WHERE f.user_id = $1 GROUP BY 1";
    let row = app.backend.sql().query_one(row, &[&ada.id]).expect("there is one");
    let (sealed, digests): (String, Vec<String>) = (row.get(0), row.get(1));
    assert!(sealed.starts_with("test:") && !sealed.contains(secret));
    assert!(digests.iter().all(|digest| digest.len() == 64));
}

#[test]
fn an_app_is_confirmed_by_its_own_code_in_time_and_once() {
    let app = TestApp::guarded();
    let ada = app.person("ada@confirmed.example");
    assert_eq!(app.confirm_totp(&ada, "123456").outcome(), refused(404, "second-factor-not-found"));
    let secret = |answer: Answer| answer.expect(200).json()["secret"].as_str().expect("a text").to_owned();
    let first = Authenticator::new(&secret(app.begin_totp(&ada)));
    let second = Authenticator::new(&secret(app.begin_totp(&ada)));
    for code in [first.code(), second.wrong_code(), String::new(), "1234567".into(), "x".repeat(1000)] {
        let answer = app.confirm_totp(&ada, &code);
        assert_eq!((answer.outcome(), answer.pointers()), (refused(403, "invalid-code"), vec!["/code".to_owned()]));
    }
    let late = "UPDATE totp_factors SET created_at = created_at - interval '15 minutes' WHERE user_id = $1";
    assert_eq!(app.backend.sql().execute(late, &[&ada.id]).expect("the test is made so"), 1);
    assert_eq!(app.confirm_totp(&ada, &second.code()).outcome(), refused(404, "second-factor-not-found"));
    let third = Authenticator::new(&secret(app.begin_totp(&ada)));
    // A clock may be half a minute wrong.
    let _ = app.confirm_totp(&ada, &third.code_at(-1)).expect(200);
    assert_eq!(app.confirm_totp(&ada, &third.code()).outcome(), refused(404, "second-factor-not-found"));
    assert_eq!(app.begin_totp(&ada).outcome(), refused(409, "second-factor-exists"));
}

#[test]
fn of_several_confirmations_at_once_one_counts() {
    let app = TestApp::guarded();
    let ada = app.person("ada@confirmed-at-once.example");
    let phone = Authenticator::new(app.begin_totp(&ada).expect(200).json()["secret"].as_str().expect("a text"));
    let code = phone.code();
    let answers: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(|| app.confirm_totp(&ada, &code))).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    let confirmed: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(confirmed.len(), 1, "{:?}", answers.iter().map(Answer::outcome).collect::<Vec<_>>());
    assert_eq!(state(&app, &ada)["recovery_codes_left"], 10);
    // The codes that were shown are those that are good.
    let codes = texts(&confirmed[0].json()["recovery_codes"]);
    let _ = app.answer_challenge(&app.challenge(&ada), &codes[0]).expect(200);
}

#[test]
fn a_second_factor_is_its_owners_business_and_takes_a_recent_sign_in() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@own-factor.example"), app.person("ada@own-factor.example"));
    let eve = app.person("eve@own-factor.example");
    let by = |person: &Person| Person { access: person.access.clone(), ..ada.clone() };
    let other = by(&eve);
    for answer in [
        app.begin_totp(&other),
        app.confirm_totp(&other, "123456"),
        new_codes(&app, &other),
        remove(&app, &ada, &eve),
        app.get(&ada.second_factor()).bearer(&eve.access).send(),
    ] {
        assert_eq!(answer.outcome(), refused(404, "user-not-found"));
    }
    let admin = by(&root);
    for answer in [app.begin_totp(&admin), app.confirm_totp(&admin, "123456"), new_codes(&app, &admin)] {
        assert_eq!(answer.outcome(), refused(403, "forbidden"));
    }
    let nobody = Person { id: 987_654_321, ..root.clone() };
    assert_eq!(remove(&app, &nobody, &root).outcome(), refused(404, "user-not-found"));
    let _ = app.add_totp(&ada);
    assert_eq!(new_codes(&app, &eve).outcome(), refused(404, "second-factor-not-found"));
    let_pass(&app, &ada, 11);
    let_pass(&app, &eve, 11);
    let_pass(&app, &root, 11);
    for answer in [app.begin_totp(&eve), new_codes(&app, &ada), remove(&app, &ada, &ada), remove(&app, &ada, &root)] {
        assert_eq!(answer.outcome(), refused(403, "reauthentication-required"));
    }
    let again = format!("{}/reauthenticate", ada.path());
    let _ = app.post(&again).bearer(&ada.access).json(&json!({"current_password": PASSWORD})).send().expect(204);
    let _ = new_codes(&app, &ada).expect(200);
}

#[test]
fn a_second_factor_is_removed_by_its_owner_or_an_administrator() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@removed-factor.example"), app.person("ada@removed-factor.example"));
    let _ = app.begin_totp(&ada).expect(200);
    // One that is only being added is none.
    let _ = remove(&app, &ada, &ada).expect(204);
    let _ = app.add_totp(&ada);
    let challenge = app.challenge(&ada);
    let elsewhere = app.sign_in_with(&ada, &app.add_elsewhere(&ada));
    let _ = remove(&app, &ada, &ada).expect(204);
    assert_eq!(state(&app, &ada), json!({"totp": null, "recovery_codes_left": 0}));
    assert_eq!(app.get(&ada.path()).bearer(&elsewhere).send().status, 401, "other sessions end");
    assert_eq!(app.answer_challenge(&challenge, "123456").outcome(), refused(403, "invalid-challenge"));
    let ada = app.sign_in(ada.id, &ada.email);
    let _ = app.add_totp(&ada);
    let _ = remove(&app, &ada, &root).expect(204);
    assert_eq!(app.get(&ada.path()).bearer(&ada.access).send().status, 401, "all sessions end");
    let ada = app.sign_in(ada.id, &ada.email);
    for _ in 0..2 {
        let _ = remove(&app, &ada, &ada).expect(204);
    }
    app.wait_for_log("audit: second-factor-removed: success");
}

/// What only this file does.
trait Elsewhere {
    /// A code that is good now, for somebody whose app the test has not kept.
    fn add_elsewhere(&self, person: &Person) -> String;
    fn sign_in_with(&self, person: &Person, code: &str) -> String;
}

impl Elsewhere for TestApp {
    fn add_elsewhere(&self, person: &Person) -> String {
        texts(&new_codes(self, person).expect(200).json()["recovery_codes"])[0].clone()
    }

    fn sign_in_with(&self, person: &Person, code: &str) -> String {
        let tokens = self.answer_challenge(&self.challenge(person), code).expect(200).json();
        tokens["access_token"].as_str().expect("a token is a text").to_owned()
    }
}

#[test]
fn a_recovery_code_is_good_once_and_until_there_are_new_ones() {
    let app = TestApp::guarded();
    let ada = app.person("ada@recovery-codes.example");
    let phone = app.add_totp(&ada);
    let codes = &phone.recovery_codes;
    let tokens = app.answer_challenge(&app.challenge(&ada), &codes[0]).expect(200).json();
    let said = claims(&tokens);
    assert_eq!((&said["amr"], &said["acr"]), (&json!(["pwd", "mfa"]), &json!("urn:concierge:aal:2")));
    assert_eq!(state(&app, &ada)["recovery_codes_left"], 9);
    let again = app.answer_challenge(&app.challenge(&ada), &codes[0]);
    assert_eq!(again.outcome(), refused(403, "invalid-code"));
    // As people type it.
    let typed = codes[1].to_lowercase().replace('-', " ");
    let _ = app.answer_challenge(&app.challenge(&ada), &typed).expect(200);
    let new = texts(&new_codes(&app, &ada).expect(200).json()["recovery_codes"]);
    assert_eq!(state(&app, &ada)["recovery_codes_left"], 10);
    let earlier = app.answer_challenge(&app.challenge(&ada), &codes[2]);
    assert_eq!(earlier.outcome(), refused(403, "invalid-code"));
    // Somebody else's is worth nothing.
    let eve = app.person("eve@recovery-codes.example");
    let _ = app.add_totp(&eve);
    assert_eq!(app.answer_challenge(&app.challenge(&eve), &new[0]).outcome(), refused(403, "invalid-code"));
    // Of ten at once one is let in.
    let challenges: Vec<_> = (0..5).map(|_| app.challenge(&ada)).collect();
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let (app, code) = (&*app, &new[1]);
        let all: Vec<_> =
            challenges.iter().map(|challenge| scope.spawn(move || app.answer_challenge(challenge, code))).collect();
        all.into_iter().map(|one| one.join().expect("it answers").status).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
}

#[test]
fn without_keys_nobody_adds_an_app() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("totp_keys", "").start();
    let ada = app.person("ada@no-keys.example");
    for answer in [
        app.begin_totp(&ada),
        app.confirm_totp(&ada, "123456"),
        app.post("/users-ms/internal/second-factor/enrol")
            .bearer(app.auth())
            .json(&json!({"challenge_digest": "a".repeat(64), "client_digest": "b".repeat(64)}))
            .send(),
    ] {
        assert_eq!(answer.outcome(), refused(501, "not-configured"));
        assert!(answer.text().contains("totp_keys"));
    }
    assert_eq!(state(&app, &ada), json!({"totp": null, "recovery_codes_left": 0}));
}

#[test]
fn a_new_key_seals_and_the_earlier_one_opens_until_it_is_removed() {
    let _turn = turn::together();
    let backend = Backend::new();
    let new = format!("new:{}", "5".repeat(64));
    let start =
        |keys: &str| TestApp::on(&backend).variable("totp_keys", keys).variable("authorization", "required").start();
    let sealed_by = || -> Vec<String> {
        let statement = "SELECT split_part(sealed_secret, ':', 1) FROM totp_factors ORDER BY user_id";
        backend.sql().query(statement, &[]).expect("it can be read").iter().map(|row| row.get(0)).collect()
    };
    let (ada, bob, ada_phone, bob_phone) = {
        let app = start(TOTP_KEYS);
        let (ada, bob) = (app.person("ada@rotated.example"), app.person("bob@rotated.example"));
        let phones = (app.add_totp(&ada), app.add_totp(&bob));
        (ada, bob, phones.0, phones.1)
    };
    assert_eq!(sealed_by(), ["test", "test"]);
    {
        let app = start(&format!("{new},{TOTP_KEYS}"));
        let _ = app.answer_challenge(&app.challenge(&ada), &ada_phone.code()).expect(200);
        app.forget_steps(&ada);
    }
    assert_eq!(sealed_by(), ["new", "test"]);
    let app = start(&new);
    let _ = app.answer_challenge(&app.challenge(&ada), &ada_phone.code()).expect(200);
    // Bob's key is gone: that is a fault of the configuration, and a recovery code helps.
    let challenge = app.challenge(&bob);
    assert_eq!(app.answer_challenge(&challenge, &bob_phone.code()).outcome(), refused(503, "users-unavailable"));
    app.wait_for_log("no key of totp_keys opens");
    let _ = app.answer_challenge(&challenge, &bob_phone.recovery_codes[0]).expect(200);
}

fn owners_are_told(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let mail = MailApi::start();
    let app = TestApp::on(backend)
        .variable("authorization", "required")
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .start();
    let _schedules = Schedules::start(&[&app], Duration::from_millis(300));
    let (root, ada) = (app.admin("root@told.example"), app.person("ada@told.example"));
    let phone = app.add_totp(&ada);
    let _ = new_codes(&app, &ada).expect(200);
    let fresh = texts(&new_codes(&app, &ada).expect(200).json()["recovery_codes"]);
    let _ = app.answer_challenge(&app.challenge(&ada), &fresh[0]).expect(200);
    let _ = app.answer_challenge(&app.challenge(&ada), &phone.code()).expect(200);
    let _ = remove(&app, &ada, &root).expect(204);
    let count = |subject: &str| {
        let taken = mail.taken();
        taken.iter().filter(|posted| posted.to() == ada.email && posted.body["Subject"] == subject).count()
    };
    for (subject, mails) in [
        ("A second factor was added to your account", 1),
        ("Your account has new recovery codes", 2),
        ("A recovery code of your account was used", 1),
        ("The second factor of your account was removed", 1),
        // Before it was added, and with both codes: never for the password alone.
        ("New sign-in to your account", 3),
    ] {
        poll::until(Duration::from_secs(20), subject, || count(subject) == mails);
    }
    backend.wait_until_published();
}

#[test]
fn owners_are_told_of_what_happens_to_their_second_factor() {
    owners_are_told(&Backend::new());
}

#[test]
fn owners_are_told_of_what_happens_to_their_second_factor_on_rabbitmq() {
    owners_are_told(&Backend::with_rabbitmq());
}
