//! A sign-in with a second factor: the password is answered with a challenge, and the challenge with a code. Neither is worth anything
//! alone, again, late, or elsewhere.

use crate::throttling::throttled;
use blackbox::app::TestApp;
use blackbox::authenticator::{Authenticator, texts};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::post_office::assert_alike;
use blackbox::turn;
use serde_json::{Value, json};

const SECOND: &str = "/auth-ms/auth/login/second-factor";
const ENROL: &str = "/auth-ms/auth/login/enrolment";

fn invalid_challenge() -> (u16, String) {
    (403, "invalid-challenge".into())
}

fn invalid_code() -> (u16, String) {
    (403, "invalid-code".into())
}

fn too_many_attempts() -> (u16, String) {
    (429, "too-many-attempts".into())
}

fn counted(app: &TestApp, statement: &str, person: &Person) -> i64 {
    app.backend.sql().query_one(statement, &[&person.id]).expect("it can be counted").get(0)
}

fn sessions(app: &TestApp, person: &Person) -> i64 {
    counted(app, "SELECT count(*) FROM sessions WHERE user_id = $1", person)
}

fn change(app: &TestApp, statement: &str, person: &Person) {
    assert!(app.backend.sql().execute(statement, &[&person.id]).expect("the test is made so") > 0);
}

#[test]
fn the_password_alone_begins_nothing() {
    let app = TestApp::guarded();
    let ada = app.person("ada@password-alone.example");
    let phone = app.add_totp(&ada);
    let begun = sessions(&app, &ada);
    let logins = "SELECT count(*) FROM outbox WHERE exchange = 'user_login_event' AND event #>> '{data,user_id}' = $1::int8::text";
    app.backend.wait_until_published();
    let told = counted(&app, logins, &ada);
    let answer = app.login(&ada.email, PASSWORD);
    let body = answer.json();
    assert_eq!((answer.outcome(), &body["expires_in"]), ((403, "mfa-required".into()), &json!(300)));
    assert!(!answer.text().contains("token"), "{}", answer.text());
    assert_eq!((sessions(&app, &ada), counted(&app, logins, &ada)), (begun, told));
    // Nor does the challenge pass for a token.
    let challenge = body["challenge"].as_str().expect("a text");
    assert_eq!(app.get(&ada.path()).bearer(challenge).send().outcome(), (401, "invalid-token".into()));
    let refreshed = app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": challenge})).send();
    assert_eq!(refreshed.outcome(), (401, "invalid-token".into()));
    let row =
        "SELECT count(*) FROM sign_in_challenges c WHERE user_id = $1 AND to_jsonb(c)::text LIKE '%' || $2 || '%'";
    let kept: i64 = app.backend.sql().query_one(row, &[&ada.id, &challenge]).expect("it can be counted").get(0);
    assert_eq!(kept, 0, "it is kept as a digest");
    let _ = app.answer_challenge(challenge, &phone.code()).expect(200);
    assert_eq!(sessions(&app, &ada), begun + 1);
}

#[test]
fn who_does_not_know_the_password_learns_nothing_of_a_second_factor() {
    let app = TestApp::guarded();
    let ada = app.person("ada@learns-nothing.example");
    let _ = app.add_totp(&ada);
    let wrong = app.login(&ada.email, "incorrect horse");
    let nobody = app.login("nobody@learns-nothing.example", "incorrect horse");
    assert_eq!((wrong.status, wrong.shown()), (401, nobody.shown()));
    // Nor who answers a challenge that is none: it is the same whatever it is.
    let shown = |challenge: &str| app.answer_challenge(challenge, "123456").shown();
    assert_eq!(shown("x"), shown(&"A".repeat(43)));
}

#[test]
fn neither_the_answer_nor_its_time_says_who_has_a_second_factor() {
    let _turn = turn::alone();
    // As costly as a hash that somebody waits for, so that what is left out would show.
    let setup = TestApp::on(&Backend::new()).variable("authorization", "required").variable("bcrypt_cost", 8);
    let app = setup.start();
    let (with, without) = (app.person("ada@with-factor.example"), app.person("ada@without-factor.example"));
    let phone = app.add_totp(&with);
    let guess = |email: &str| app.login(email, "incorrect horse");
    let nobody = |number: usize| format!("nobody-{number:02}@factor.example");
    let with_and_none = |number: usize| vec![with.email.clone(), nobody(number)];
    assert_alike("password", 401, &|| guess(&with.email), &|number| guess(&nobody(number)), with_and_none);
    let with_and_without = |_: usize| vec![with.email.clone(), without.email.clone()];
    assert_alike("factor", 401, &|| guess(&with.email), &|_| guess(&without.email), with_and_without);
    // A challenge that was spent is one that there never was.
    let challenge = app.challenge(&with);
    let _ = app.answer_challenge(&challenge, &phone.code()).expect(200);
    let answer = |challenge: &str| app.answer_challenge(challenge, "123456");
    let unknown = |number: usize| answer(&format!("{number:A>43}"));
    assert_alike("challenge", 403, &|| answer(&challenge), &unknown, |_| vec![]);
}

#[test]
fn after_five_wrong_codes_the_right_one_is_none() {
    let app = TestApp::guarded();
    let ada = app.person("ada@five-wrong.example");
    let phone = app.add_totp(&ada);
    let challenge = app.challenge(&ada);
    for code in
        [phone.wrong_code(), String::new(), "000000-000000-000000-000000".into(), phone.code_at(-7), phone.code_at(7)]
    {
        let answer = app.answer_challenge(&challenge, &code);
        assert_eq!((answer.outcome(), answer.pointers()), (invalid_code(), vec!["/code".to_owned()]), "{code}");
    }
    assert_eq!(app.answer_challenge(&challenge, &phone.code()).outcome(), invalid_challenge());
    // The fifth may be right.
    let challenge = app.challenge(&ada);
    for _ in 0..4 {
        assert_eq!(app.answer_challenge(&challenge, &phone.wrong_code()).outcome(), invalid_code());
    }
    let _ = app.answer_challenge(&challenge, &phone.code()).expect(200);
    // Nor are there more tries at once.
    let (challenge, wrong) = (app.challenge(&ada), phone.wrong_code());
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let (app, challenge, code) = (&*app, &challenge, &wrong);
        let all: Vec<_> = (0..12).map(|_| scope.spawn(move || app.answer_challenge(challenge, code))).collect();
        all.into_iter().map(|one| one.join().expect("it answers").outcome()).collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == invalid_code()).count(), 5, "{outcomes:?}");
    app.wait_for_log("audit: login-second-factor: invalid-code");
}

#[test]
fn a_challenge_is_good_once_in_time_and_where_the_password_was_shown() {
    let app = TestApp::guarded();
    let (ada, bob) = (app.person("ada@challenge.example"), app.person("bob@challenge.example"));
    let (phone, other) = (app.add_totp(&ada), app.add_totp(&bob));
    let challenge = app.challenge(&ada);
    let altered = format!("{}{}", if challenge.starts_with('A') { 'B' } else { 'A' }, &challenge[1..]);
    for no_challenge in ["", "x", &altered, &challenge[1..], &"x".repeat(1000), &format!("{challenge}\0")] {
        let answer = app.answer_challenge(no_challenge, &phone.code());
        assert_eq!((answer.outcome(), answer.pointers()), (invalid_challenge(), vec!["/challenge".to_owned()]));
    }
    // Another program than the one that has shown the password.
    let form = json!({"challenge": challenge, "code": phone.code()});
    let elsewhere = app.post(SECOND).header("user-agent", "another/1.0").json(&form).send();
    assert_eq!(elsewhere.outcome(), invalid_challenge());
    // Somebody else's code.
    assert_eq!(app.answer_challenge(&challenge, &other.code()).outcome(), invalid_code());
    let _ = app.answer_challenge(&challenge, &phone.code()).expect(200);
    assert_eq!(app.answer_challenge(&challenge, &phone.code_at(1)).outcome(), invalid_challenge(), "it is used");
    let late = app.challenge(&ada);
    change(&app, "UPDATE sign_in_challenges SET expires_at = now() WHERE user_id = $1", &ada);
    assert_eq!(app.answer_challenge(&late, &phone.code_at(1)).outcome(), invalid_challenge(), "it has expired");
    // Of many, the newest five are kept; a sweep deletes what has expired.
    let many: Vec<_> = (0..6).map(|_| app.challenge(&ada)).collect();
    assert_eq!(app.answer_challenge(&many[0], &phone.code_at(1)).outcome(), invalid_challenge());
    let _ = app.answer_challenge(&many[1], &phone.code_at(1)).expect(200);
    change(&app, "UPDATE sign_in_challenges SET expires_at = now() - interval '1 s' WHERE user_id = $1", &ada);
    let _ = app.sweep();
    assert_eq!(counted(&app, "SELECT count(*) FROM sign_in_challenges WHERE user_id = $1", &ada), 0);
    let form = json!({"challenge": many[2], "code": phone.code()});
    let repeated = app.post(SECOND).header("idempotency-key", "a").json(&form).send();
    assert_eq!(repeated.outcome(), (400, "invalid-header".into()));
    let repeated = app.post(ENROL).header("idempotency-key", "a").json(&json!({"challenge": many[2]})).send();
    assert_eq!(repeated.outcome(), (400, "invalid-header".into()));
}

#[test]
fn a_code_is_good_once_and_none_before_it_is_good_after() {
    let app = TestApp::guarded();
    let ada = app.person("ada@replayed.example");
    let phone = app.add_totp(&ada);
    let answer = |code: &str| app.answer_challenge(&app.challenge(&ada), code).outcome();
    let (before, now, next) = (phone.code_at(-1), phone.code(), phone.code_at(1));
    assert_eq!(answer(&now), (200, String::new()));
    assert_eq!(answer(&now), invalid_code());
    assert_eq!(answer(&before), invalid_code());
    assert_eq!(answer(&next), (200, String::new()));
    assert_eq!(answer(&next), invalid_code());
}

#[test]
fn of_ten_sign_ins_at_once_with_one_code_one_is_let_in() {
    let app = TestApp::guarded();
    let ada = app.person("ada@raced.example");
    let phone = app.add_totp(&ada);
    for _ in 0..3 {
        app.forget_steps(&ada);
        // Five challenges, each twice.
        let challenges: Vec<_> = (0..5).map(|_| app.challenge(&ada)).collect();
        let (begun, code) = (sessions(&app, &ada), phone.code());
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let (app, code) = (&*app, &code);
            let twice = challenges.iter().chain(&challenges);
            let all: Vec<_> = twice.map(|one| scope.spawn(move || app.answer_challenge(one, code).status)).collect();
            all.into_iter().map(|one| one.join().expect("it answers")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(sessions(&app, &ada), begun + 1);
    }
}

#[test]
fn what_changes_meanwhile_ends_the_sign_in() {
    let app = TestApp::guarded();
    let root = app.admin("root@meanwhile.example");
    let ada = app.person("ada@meanwhile.example");
    let phone = app.add_totp(&ada);
    let refused = |challenge: &str, what: &str| {
        assert_eq!(app.answer_challenge(challenge, &phone.code()).outcome(), invalid_challenge(), "{what}");
    };
    let challenge = app.challenge(&ada);
    let new = json!({"password": "another good password", "current_password": PASSWORD});
    let _ = app.patch(&ada.path()).bearer(&ada.access).json(&new).send().expect(200);
    refused(&challenge, "a new password");
    let back = json!({"password": PASSWORD, "current_password": "another good password"});
    let _ = app.patch(&ada.path()).bearer(&ada.access).json(&back).send().expect(200);
    let challenge = app.challenge(&ada);
    let suspension = format!("{}/suspension", ada.path());
    let _ = app.put(&suspension).bearer(&root.access).send().expect(204);
    refused(&challenge, "a suspension");
    assert_eq!(app.login(&ada.email, PASSWORD).outcome(), (403, "account-suspended".into()));
    let _ = app.delete(&suspension).bearer(&root.access).send().expect(204);
    refused(&challenge, "a suspension that was lifted");
    let challenge = app.challenge(&ada);
    let _ = app.delete(&ada.second_factor()).bearer(&root.access).send().expect(204);
    refused(&challenge, "a factor that was removed");
    let ada = app.sign_in(ada.id, &ada.email);
    let other = app.add_totp(&ada);
    let challenge = app.challenge(&ada);
    assert_eq!(app.answer_challenge(&challenge, &phone.code()).outcome(), invalid_code(), "the code of an earlier app");
    let _ = app.answer_challenge(&challenge, &other.code()).expect(200);
    let challenge = app.challenge(&ada);
    let _ = app.delete(&ada.path()).bearer(&root.access).send().expect(204);
    refused(&challenge, "a deleted user");
}

#[test]
fn a_wrong_code_counts_as_a_wrong_password_does_and_the_right_password_forgives_none() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = throttled(&backend).variable("authorization", "required").start();
    let ada = app.person("ada@counted-codes.example");
    let phone = app.add_totp(&ada);
    for round in 0..5 {
        let challenge = app.challenge(&ada);
        assert_eq!(app.answer_challenge(&challenge, &phone.wrong_code()).outcome(), invalid_code(), "{round}");
    }
    // The account waits for this client, with the password as with a code.
    assert_eq!(app.login(&ada.email, PASSWORD).outcome(), too_many_attempts());
    let pass = "UPDATE attempts SET failed_at = failed_at - interval '20 minutes'";
    let _ = backend.sql().execute(pass, &[]).expect("time passes");
    let challenge = app.challenge(&ada);
    assert_eq!(app.answer_challenge(&challenge, &phone.wrong_code()).outcome(), invalid_code());
    let refused = app.answer_challenge(&challenge, &phone.code());
    assert_eq!(refused.outcome(), too_many_attempts());
    assert!(refused.header("retry-after").is_some());
    // The code that confirms an app is not guessed any quicker.
    let eve = app.person("eve@counted-codes.example");
    let _ = app.begin_totp(&eve).expect(200);
    let outcomes: Vec<_> = (0..6).map(|_| app.confirm_totp(&eve, "000000").outcome()).collect();
    assert_eq!(outcomes.last(), Some(&too_many_attempts()), "{outcomes:?}");
    // A success forgives.
    let _ = backend.sql().execute(pass, &[]).expect("time passes");
    let tokens = app.answer_challenge(&app.challenge(&ada), &phone.code()).expect(200).json();
    assert!(tokens["device_token"].is_string());
    for _ in 0..4 {
        assert_eq!(app.answer_challenge(&app.challenge(&ada), &phone.wrong_code()).outcome(), invalid_code());
    }
    // After a hundred in a row only a known device is let in; codes of others are not even looked at.
    let challenge = app.challenge(&ada);
    let _ = backend.sql().execute(pass, &[]).expect("time passes");
    let locked = "UPDATE attempts SET failures_in_a_row = 100 WHERE failures_in_a_row > 0";
    let _ = backend.sql().execute(locked, &[]).expect("the test is made so");
    assert_eq!(app.answer_challenge(&challenge, &phone.code_at(1)).outcome(), (403, "account-locked".into()));
    let known = json!({"username": ada.email, "password": PASSWORD, "device_token": tokens["device_token"]});
    let answer = app.post("/auth-ms/auth/login").json(&known).send();
    assert_eq!(answer.outcome(), (403, "mfa-required".into()));
    let form = json!({"challenge": answer.json()["challenge"], "code": phone.code_at(1), "device_token": tokens["device_token"]});
    let _ = app.post(SECOND).json(&form).send().expect(200);
}

#[test]
fn without_a_permit_no_code_is_looked_at() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").variable("hash_permits", 1).start();
    let ada = app.person("ada@no-permit.example");
    let phone = app.add_totp(&ada);
    let challenge = app.challenge(&ada);
    let eve = app.person("eve@no-permit.example");
    let _ = app.begin_totp(&eve).expect(200);
    let _ = app.backend.hold_permits(i32::MAX);
    assert_eq!(app.answer_challenge(&challenge, &phone.code()).outcome(), (503, "too-busy".into()));
    assert_eq!(app.confirm_totp(&eve, "000000").outcome(), (503, "too-busy".into()));
    app.backend.free_permits();
    let _ = app.answer_challenge(&challenge, &phone.code()).expect(200);
}

/// The challenge of somebody who must have a second factor and has none.
fn enrolment(answer: &Answer) -> String {
    assert_eq!(answer.outcome(), (403, "mfa-enrolment-required".into()), "{}", answer.text());
    answer.json()["challenge"].as_str().expect("a text").to_owned()
}

fn enrol(app: &TestApp, challenge: &str) -> Answer {
    app.post(ENROL).json(&json!({"challenge": challenge})).send()
}

#[test]
fn who_must_have_a_second_factor_adds_one_at_the_sign_in() {
    let _turn = turn::together();
    let backend = Backend::new();
    let root = {
        let app = TestApp::on(&backend).variable("authorization", "required").start();
        app.admin("root@must-have.example")
    };
    let app = TestApp::on(&backend).variable("authorization", "required").variable("mfa_required_for", "admin").start();
    // Others choose.
    let ada = app.person("ada@must-have.example");
    let begun = sessions(&app, &root);
    let challenge = enrolment(&app.login(&root.email, PASSWORD));
    // Before there is an app, no code is right.
    for code in ["123456", "000000-000000-000000-000000"] {
        assert_eq!(app.answer_challenge(&challenge, code).outcome(), invalid_code());
    }
    assert_eq!(enrol(&app, "x").outcome(), invalid_challenge());
    let first = enrol(&app, &challenge).expect(200).json();
    let second = enrol(&app, &challenge).expect(200).json();
    let phone = |begun: &Value| Authenticator::new(begun["secret"].as_str().expect("a text"));
    assert_eq!(app.answer_challenge(&challenge, &phone(&first).code()).outcome(), invalid_code());
    let phone = phone(&second);
    let tokens = app.answer_challenge(&challenge, &phone.code()).expect(200).json();
    let codes = texts(&tokens["recovery_codes"]);
    assert_eq!((codes.len(), sessions(&app, &root)), (10, 1), "{begun} of before have ended");
    let access = tokens["access_token"].as_str().expect("a text");
    let users = app.get("/users-ms/users").bearer(access).send().expect(200);
    assert!(users.text().contains(&ada.email));
    assert_eq!(enrol(&app, &challenge).outcome(), invalid_challenge(), "it is used");
    // From now on it is a second factor like any other.
    let challenge = app.challenge(&root);
    assert_eq!(enrol(&app, &challenge).outcome(), invalid_challenge(), "nobody adds another one by the password");
    assert_eq!(app.answer_challenge(&challenge, &phone.code()).outcome(), invalid_code(), "the code is used");
    let _ = app.answer_challenge(&challenge, &codes[0]).expect(200);
}

#[test]
fn everybody_may_have_to_have_a_second_factor() {
    let _turn = turn::together();
    let app =
        TestApp::on(&Backend::new()).variable("authorization", "required").variable("mfa_required_for", "all").start();
    let id = app.sign_up("ada@all.example");
    let person = Person { id, email: "ada@all.example".into(), access: String::new(), refresh: String::new() };
    let challenge = enrolment(&app.login(&person.email, PASSWORD));
    let begun = enrol(&app, &challenge).expect(200).json();
    let phone = Authenticator::new(begun["secret"].as_str().expect("a text"));
    // Two at once: one adds it.
    let other = enrolment(&app.login(&person.email, PASSWORD));
    let _ = app.answer_challenge(&challenge, &phone.code()).expect(200);
    assert_eq!(enrol(&app, &other).outcome(), invalid_challenge());
    assert_eq!(app.answer_challenge(&other, &phone.code()).outcome(), invalid_challenge());
    app.forget_steps(&person);
    let _ = app.answer_challenge(&app.challenge(&person), &phone.code()).expect(200);
}
