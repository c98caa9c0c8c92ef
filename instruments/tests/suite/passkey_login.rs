//! Signing in with a passkey.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::passkey_device::{BACKED_UP, Device, ELIGIBLE, PRESENT, VERIFIED, encode};
use blackbox::people::{PASSWORD, Person};
use blackbox::turn;
use serde_json::{Value, json};

const OPTIONS: &str = "/auth-ms/auth/passkey/options";
const LOGIN: &str = "/auth-ms/auth/passkey";

fn invalid_passkey() -> (u16, String) {
    (403, "invalid-passkey".to_owned())
}

fn invalid_challenge() -> (u16, String) {
    (403, "invalid-challenge".to_owned())
}

fn claims(tokens: &Value) -> Value {
    let payload =
        tokens["access_token"].as_str().and_then(|token| token.split('.').nth(1)).expect("a token has three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("it is Base64")).expect("it is JSON")
}

fn change(app: &TestApp, statement: &str, person: &Person) {
    assert!(app.backend.sql().execute(statement, &[&person.id]).expect("the test is made so") > 0);
}

fn sessions(app: &TestApp, person: &Person) -> i64 {
    let count = "SELECT count(*) FROM sessions WHERE user_id = $1";
    app.backend.sql().query_one(count, &[&person.id]).expect("a count").get(0)
}

/// What somebody's activity says last of their sign-ins.
fn last_login(app: &TestApp, person: &Person) -> String {
    let activity = app.get(&format!("{}/activity", person.path())).bearer(&person.access).send().expect(200).json();
    let rows = activity["items"].as_array().expect("a list");
    let last = rows.iter().find(|row| row["action"] == "login").expect("there is one");
    last["result"].as_str().expect("a text").to_owned()
}

#[test]
fn a_passkey_signs_in_without_a_password_as_more_than_one_factor() {
    let app = TestApp::guarded();
    let ada = app.person("ada@by-passkey.example");
    let mut device = app.add_passkey(&ada);
    let before = app.login(&ada.email, PASSWORD).expect(200).json();
    assert_eq!(claims(&before)["acr"], "urn:concierge:aal:1");
    let options = app.post(OPTIONS).send().expect(200).json();
    assert_eq!((&options["expires_in"], &options["public_key"]["rpId"]), (&json!(300), &json!("localhost")));
    device.counter = 1;
    let tokens = app.send_assertion(&device.get(&options["public_key"])).expect(200).json();
    let of = claims(&tokens);
    assert_eq!((&of["amr"], &of["acr"]), (&json!(["hwk", "user", "mfa"]), &json!("urn:concierge:aal:2")));
    assert_eq!(of["sub"], ada.id.to_string());
    let access = tokens["access_token"].as_str().expect("a text");
    let mine = app.get(&ada.passkeys()).bearer(access).send().expect(200).json();
    assert!(mine["items"][0]["last_used_at"].is_string(), "{mine}");
    // The session goes on as any other, and says the same after a refresh.
    let form = json!({"refresh_token": tokens["refresh_token"]});
    let refreshed = app.post("/auth-ms/auth/refresh").json(&form).send().expect(200).json();
    assert_eq!(claims(&refreshed)["amr"], json!(["hwk", "user", "mfa"]));
    assert_eq!(last_login(&app, &ada), "success");
    app.backend.wait_until_published();
    // A device token goes the same way as with a password.
    device.counter = 2;
    let options = app.passkey_options();
    let form = json!({"credential": device.get(&options), "device_token": tokens["device_token"]});
    let again = app.post(LOGIN).json(&form).send().expect(200).json();
    assert!(again["device_token"].is_string());
}

#[test]
fn what_auth_asks_users_begins_a_session_or_says_why_not() {
    let app = TestApp::guarded();
    let ada = app.person("ada@for-auth.example");
    let mut device = app.add_passkey(&ada);
    let begin = || app.begin_for_auth().expect(200).json()["sign_in"]["public_key"].clone();
    let end = |credential: &Value| app.end_for_auth(credential).expect(200).json();
    let mut assertion = device.get(&begin());
    let ended = end(&assertion);
    assert_eq!((&ended["outcome"], &ended["session"]["user_id"]), (&json!("signed-in"), &json!(ada.id)), "{ended}");
    assert!(ended["event"].is_object(), "{ended}");
    let again = end(&assertion);
    assert_eq!((&again["outcome"], &again["session"]), (&json!("invalid-challenge"), &Value::Null), "{again}");
    device.counter += 1;
    assertion = device.get(&begin());
    assertion["response"]["signature"] = json!(encode(b"another"));
    let wrong = end(&assertion);
    assert_eq!((&wrong["outcome"], &wrong["session"]), (&json!("invalid-passkey"), &Value::Null), "{wrong}");
}

#[test]
fn a_passkey_that_may_be_copied_is_a_key_of_software() {
    let app = TestApp::guarded();
    let ada = app.person("ada@copied.example");
    let mut device = Device::new();
    device.flags |= ELIGIBLE;
    let added = app.add_passkey_of(&ada, &mut device).expect(200).json();
    assert_eq!((&added["backup_eligible"], &added["backed_up"]), (&json!(true), &json!(false)));
    device.flags |= BACKED_UP;
    let tokens = app.login_by(&mut device).expect(200).json();
    assert_eq!(claims(&tokens)["amr"], json!(["swk", "user", "mfa"]));
    let mine = app.get(&ada.passkeys()).bearer(&ada.access).send().expect(200).json();
    assert_eq!(mine["items"][0]["backed_up"], true, "the flags are kept");
    // It cannot become one that is not copied.
    device.flags = PRESENT | VERIFIED;
    assert_eq!(app.login_by(&mut device).outcome(), invalid_passkey());
}

#[test]
fn what_a_device_may_not_sign_lets_nobody_in() {
    let app = TestApp::guarded();
    let ada = app.person("ada@forged.example");
    let device = app.add_passkey(&ada);
    let begun = sessions(&app, &ada);
    let login = |change: &dyn Fn(&mut Device)| {
        let mut other = device.clone();
        change(&mut other);
        app.login_by(&mut other)
    };
    let refused = |what: &str, change: &dyn Fn(&mut Device)| {
        assert_eq!(login(change).outcome(), invalid_passkey(), "{what}");
    };
    refused("another page", &|device| device.origin = "https://evil.example".into());
    refused("another port", &|device| device.origin = "http://localhost:4001".into());
    refused("another domain", &|device| device.rp_id = "evil.example".into());
    refused("a user who was not verified", &|device| device.flags = PRESENT);
    let _ = app.login_by(&mut device.clone()).expect(200);
    refused("somebody else's handle", &|device| device.user_handle = encode(&[7; 16]));
    refused("no handle", &|device| device.user_handle = String::new());
    refused("an unknown credential", &|device| device.credential_id = vec![7; 20]);
    refused("another key", &|device| {
        let other = Device::new();
        let (id, handle) = (device.credential_id.clone(), device.user_handle.clone());
        *device = other;
        (device.credential_id, device.user_handle) = (id, handle);
    });
    assert_eq!(last_login(&app, &ada), "invalid-passkey");
    let _ = app.login_by(&mut device.clone()).expect(200);
    let options = app.passkey_options();
    let good = device.clone().get(&options);
    for (pointer, value) in [
        ("/id", ""),
        ("/id", "!"),
        ("/response/clientDataJSON", "e30"),
        ("/response/authenticatorData", "AAAA"),
        ("/response/signature", ""),
        ("/response/signature", "MEUCIQ"),
        ("/response/userHandle", "BwcH"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(pointer).expect("it is there") = value.into();
        let answer = app.send_assertion(&bad);
        assert_eq!(
            (answer.outcome(), answer.pointers()),
            (invalid_passkey(), vec!["/credential".to_owned()]),
            "{pointer}"
        );
    }
    assert_eq!(sessions(&app, &ada), begun + 2);
    let keyed = app.post(OPTIONS).header("idempotency-key", "a").send();
    assert_eq!(keyed.outcome(), (400, "invalid-header".into()));
    let keyed = app.post(LOGIN).header("idempotency-key", "a").json(&json!({"credential": good})).send();
    assert_eq!(keyed.outcome(), (400, "invalid-header".into()));
}

#[test]
fn a_challenge_of_a_sign_in_is_good_once_in_time_and_where_it_was_issued() {
    // Everybody's challenges expire in the end.
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new()).variable("authorization", "required").start();
    let ada = app.person("ada@once.example");
    let mut device = app.add_passkey(&ada);
    let options = app.passkey_options();
    let assertion = device.get(&options);
    let elsewhere = app.post(LOGIN).header("user-agent", "another/1.0").json(&json!({"credential": assertion})).send();
    assert_eq!(elsewhere.outcome(), invalid_challenge());
    let _ = app.send_assertion(&assertion).expect(200);
    assert_eq!(app.send_assertion(&assertion).outcome(), invalid_challenge(), "replayed");
    assert_eq!(app.send_assertion(&device.get(&options)).outcome(), invalid_challenge(), "signed again");
    let made_up = json!({"challenge": "AQIDBAUGBwgJCgsMDQ4PEA", "userVerification": "required"});
    assert_eq!(app.send_assertion(&device.get(&made_up)).outcome(), invalid_challenge(), "never issued");
    let of_registration = app.begin_passkey(&ada).expect(200).json();
    let of_registration =
        json!({"challenge": of_registration["public_key"]["challenge"], "userVerification": "required"});
    assert_eq!(app.send_assertion(&device.get(&of_registration)).outcome(), invalid_challenge(), "of a registration");
    let options = app.passkey_options();
    change(&app, "UPDATE passkey_challenges SET expires_at = now() WHERE user_id IS NULL AND $1::bigint > 0", &ada);
    assert_eq!(app.send_assertion(&device.get(&options)).outcome(), invalid_challenge(), "expired");
}

#[test]
fn of_ten_sign_ins_at_once_with_one_assertion_one_is_let_in() {
    let app = TestApp::guarded();
    let ada = app.person("ada@raced-passkey.example");
    let mut device = app.add_passkey(&ada);
    for counter in 1..=3 {
        device.counter = counter;
        let (begun, assertion) = (sessions(&app, &ada), device.get(&app.passkey_options()));
        let statuses: Vec<_> = std::thread::scope(|scope| {
            let (app, assertion) = (&*app, &assertion);
            let all: Vec<_> = (0..10).map(|_| scope.spawn(move || app.send_assertion(assertion).status)).collect();
            all.into_iter().map(|one| one.join().expect("it answers")).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert_eq!(sessions(&app, &ada), begun + 1);
    }
}

#[test]
fn a_counter_that_goes_back_is_refused_and_the_owner_can_see_it() {
    let app = TestApp::guarded();
    let ada = app.person("ada@counter.example");
    let mut device = app.add_passkey(&ada);
    let mut at = |counter| {
        device.counter = counter;
        app.login_by(&mut device)
    };
    let _ = at(5).expect(200);
    assert_eq!(at(5).outcome(), invalid_passkey());
    assert_eq!(last_login(&app, &ada), "passkey-counter-went-back");
    assert_eq!(at(4).outcome(), invalid_passkey());
    assert_eq!(at(0).outcome(), invalid_passkey(), "a copy that does not count");
    let _ = at(6).expect(200);
    app.wait_for_log("audit: login-passkey: counter-went-back");
}

#[test]
fn a_passkey_passes_the_same_gates_as_a_password() {
    let app = TestApp::guarded();
    let root = app.admin("root@gates.example");
    let ada = app.person("ada@gates.example");
    let mut device = app.add_passkey(&ada);
    let mut outcome = || app.login_by(&mut device).outcome();
    let put = |what: &str| app.put(&format!("{}/{what}", ada.path())).bearer(&root.access).send().expect(204);
    let delete = |what: &str| app.delete(&format!("{}/{what}", ada.path())).bearer(&root.access).send().expect(204);
    let _ = put("suspension");
    assert_eq!(outcome(), (403, "account-suspended".into()));
    let _ = delete("suspension");
    let _ = put("password-reset");
    assert_eq!(outcome(), (403, "password-reset-required".into()));
    let _ = delete("password-reset");
    assert_eq!(outcome(), (200, String::new()));
    // A removed account has no passkeys.
    let _ = app.delete(&ada.path()).bearer(&root.access).send().expect(204);
    assert_eq!(outcome(), invalid_passkey());
}

#[test]
fn where_an_address_has_to_be_confirmed_a_passkey_waits_for_that_too() {
    let _turn = turn::together();
    let backend = Backend::new();
    let (ada, mut device) = {
        let app = TestApp::on(&backend).variable("authorization", "required").start();
        let ada = app.person("ada@unconfirmed.example");
        (ada.clone(), app.add_passkey(&ada))
    };
    let app =
        TestApp::on(&backend).variable("authorization", "required").variable("email_verification", "required").start();
    assert_eq!(app.login_by(&mut device).outcome(), (403, "email-not-verified".into()));
    change(&app, "UPDATE users SET email_verified_at = now() WHERE id = $1", &ada);
    let _ = app.login_by(&mut device).expect(200);
}

#[test]
fn whoever_must_have_two_factors_signs_in_with_a_passkey_and_adds_no_app_by_the_password_alone() {
    let _turn = turn::together();
    let backend = Backend::new();
    let (root, mut device) = {
        let app = TestApp::on(&backend).variable("authorization", "required").start();
        let root = app.admin("root@passkey-enough.example");
        (root.clone(), app.add_passkey(&root))
    };
    let app = TestApp::on(&backend).variable("authorization", "required").variable("mfa_required_for", "admin").start();
    let tokens = app.login_by(&mut device).expect(200).json();
    let access = tokens["access_token"].as_str().expect("a text");
    let _ = app.get("/users-ms/users").bearer(access).send().expect(200);
    let challenge = app.challenge(&root);
    let enrol = app.post("/auth-ms/auth/login/enrolment").json(&json!({"challenge": challenge})).send();
    assert_eq!(enrol.outcome(), invalid_challenge());
    // The password with a recovery code is the way in without the device.
    let codes = app.post(&format!("{}/recovery-codes", root.second_factor())).bearer(access).send().expect(200).json();
    let code = codes["recovery_codes"][0].as_str().expect("a text");
    let _ = app.answer_challenge(&challenge, code).expect(200);
}

#[test]
fn a_passkey_works_beside_an_authenticator_app() {
    let app = TestApp::guarded();
    let ada = app.person("ada@beside.example");
    let phone = app.add_totp(&ada);
    let mut device = app.add_passkey(&ada);
    let _ = app.login_by(&mut device).expect(200);
    let _ = app.answer_challenge(&app.challenge(&ada), &phone.code()).expect(200);
}

#[test]
fn wrong_answers_count_as_wrong_passwords_do_and_a_locked_account_is_open_to_known_devices_alone() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("authorization", "required").variable("login_throttling", "on").start();
    let ada = app.person("ada@guessed-passkey.example");
    let device = app.add_passkey(&ada);
    let known = app.login_by(&mut device.clone()).expect(200).json();
    let wrong = || {
        let mut other = device.clone();
        other.flags = PRESENT;
        app.login_by(&mut other).outcome()
    };
    let outcomes: Vec<_> = (0..6).map(|_| wrong()).collect();
    assert_eq!(outcomes.last(), Some(&(429, "too-many-attempts".into())), "{outcomes:?}");
    let waiting = app.login_by(&mut device.clone());
    assert_eq!(waiting.outcome(), (429, "too-many-attempts".into()));
    assert!(waiting.header("retry-after").is_some());
    let pass = "UPDATE attempts SET failed_at = failed_at - interval '20 minutes'";
    let _ = backend.sql().execute(pass, &[]).expect("time passes");
    let locked = "UPDATE attempts SET failures_in_a_row = 100 WHERE failures_in_a_row > 0";
    let _ = backend.sql().execute(locked, &[]).expect("the test is made so");
    assert_eq!(app.login_by(&mut device.clone()).outcome(), (403, "account-locked".into()));
    let form = json!({"credential": device.clone().get(&app.passkey_options()), "device_token": known["device_token"]});
    let _ = app.post(LOGIN).json(&form).send().expect(200);
}

#[test]
fn a_client_begins_so_many_sign_ins_and_no_more() {
    let _turn = turn::together();
    let app = TestApp::on(&Backend::new())
        .variable("authorization", "required")
        .variable("login_throttling", "on")
        .variable("hash_permits", 1)
        .start();
    let ada = app.person("ada@floods.example");
    let mut device = app.add_passkey(&ada);
    let assertion = device.get(&app.passkey_options());
    let _ = app.backend.hold_permits(1);
    assert_eq!(app.send_assertion(&assertion).outcome(), (503, "too-busy".into()));
    let begin = || app.post(OPTIONS).send();
    let last = (0..110).map(|_| begin()).find(|answer| answer.status != 200).expect("there is a limit");
    assert_eq!(last.outcome(), (429, "too-many-attempts".into()));
    assert!(last.header("retry-after").is_some());
}

/// An administrator's or a thief's view: the answers say nothing about who has an account or a passkey.
#[test]
fn beginning_a_sign_in_tells_of_nobody() {
    let app = TestApp::guarded();
    let shape = |answer: Answer| {
        let mut body = answer.expect(200).json();
        body["public_key"]["challenge"].take();
        body
    };
    let before = shape(app.post(OPTIONS).send());
    let ada = app.person("ada@telling.example");
    let _ = app.add_passkey(&ada);
    assert_eq!(shape(app.post(OPTIONS).send()), before);
    assert!(before["public_key"].get("allowCredentials").is_none());
}

#[test]
fn what_proves_the_address_again_takes_passkeys_of_others_away() {
    let app = TestApp::guarded();
    let ada = app.person("ada@unproved-passkey.example");
    let mut device = app.add_passkey(&ada);
    recover(&app, &ada);
    assert_eq!(app.login_by(&mut device).outcome(), invalid_passkey(), "the address was never confirmed before");
    let ada = app.sign_in(ada.id, &ada.email);
    let mut device = app.add_passkey(&ada);
    recover(&app, &ada);
    let _ = app.login_by(&mut device).expect(200);
}

/// Recovers an account by a ticket as it is issued, and sets the same password.
fn recover(app: &TestApp, person: &Person) {
    let form = json!({"email": person.email});
    let _ = app.post("/users-ms/password-recovery").json(&form).send().expect(202);
    let link: String = app
        .backend
        .sql()
        .query_one(
            "SELECT event #>> '{data,link}' FROM outbox WHERE event ->> 'type' = 'recovery_requested_event'
             AND (event #>> '{data,user_id}')::int8 = $1 ORDER BY id DESC LIMIT 1",
            &[&person.id],
        )
        .expect("it is in the outbox")
        .get(0);
    let token = link.split_once("token=").expect("a link has a token").1;
    let form = json!({"token": token, "password": PASSWORD});
    let _ = app.post("/users-ms/password-recovery/confirm").json(&form).send().expect(204);
}
