//! Signing in by mail: its limits, and that nothing tells who has an account.

use crate::mail_login::{CONFIRM, FORM, MAIL, PAGE, SignsInByMail, office, office_with, request_of, sign_up};
use blackbox::app::TestApp;
use blackbox::http::Answer;
use blackbox::post_office::assert_alike;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::time::Duration;

#[test]
fn neither_the_answer_nor_its_time_says_who_has_an_account() {
    let _turn = turn::alone();
    let known = "ada@mail-alike.example";
    let office = office_with(known);
    let unknown = |number: usize| format!("nobody-{number:02}@mail-alike.example");
    let secret = |answer: Answer| {
        let request = request_of(&answer);
        Answer { body: answer.text().replace(&request, "").into_bytes(), ..answer }
    };
    let ask = |email: &str| secret(office.ask(email));
    assert_alike("request", 202, &|| ask(known), &|number| ask(&unknown(number)), |_| vec![]);
    let requests: Vec<_> = (0..6).map(|number| request_of(&office.ask(&unknown(number)).expect(202))).collect();
    let of_known: Vec<_> = (0..6).map(|_| request_of(&office.ask(known).expect(202))).collect();
    let turn = std::cell::Cell::new(0);
    let code = |request: &str| office.show(&json!({"request": request, "code": "x"}));
    let next = || {
        turn.set(turn.get() + 1);
        code(&of_known[turn.get() / 4])
    };
    assert_alike("code", 403, &next, &|number| code(&requests[number / 4]), |_| vec![]);
}

#[test]
fn mails_and_attempts_are_limited_and_a_closed_account_stays_closed() {
    let _turn = turn::together();
    let office = office(|setup| {
        let limited = setup.variable("login_throttling", "on").variable("trusted_proxies", "127.0.0.0/8");
        limited.variable("hash_permits", 1)
    });
    let email = "ada@mail-bounded.example";
    let from = |number: usize, path: &str, body: &Value| {
        let request = office.app.post(path).header("x-forwarded-for", &format!("198.51.100.{number}"));
        request.json(body).send()
    };
    sign_up(&office, email);
    (2..7).for_each(|number| drop(from(number, MAIL, &json!({"email": email})).expect(202)));
    let last = office.secrets_of("Sign in", PAGE, email, 5);
    assert_eq!(office.sql("UPDATE attempts SET failures = failures + 9 WHERE failures >= 5 AND $1 <> ''", email), 1);
    (7..12).for_each(|number| drop(from(number, MAIL, &json!({"email": email})).expect(202)));
    poll::throughout(Duration::from_secs(1), "no further mail", || office.mails(email, "Sign in").len() == 5);
    // Limits of its own: an account can be recovered all the same.
    let _ = from(12, "/users-ms/password-recovery", &json!({"email": email})).expect(202);
    let _ = office.mail(email, "Choose a new password", 1);
    // While somebody else hashes, nobody signs in; the link stays good.
    assert_eq!(office.app.backend.hold_permits(1), 1);
    let by_link = json!({"token": last.token});
    let page = || {
        let form = format!("token={}", last.token);
        office.app.post(PAGE).header("x-forwarded-for", "198.51.100.50").body(FORM, form).send()
    };
    assert_eq!(from(50, CONFIRM, &by_link).outcome(), (503, "too-busy".into()));
    assert_eq!(page().outcome(), (503, "too-busy".into()));
    office.app.backend.free_permits();
    // An account that is open to known devices alone.
    let _ = from(60, "/auth-ms/auth/login", &json!({"username": email, "password": "wrong horse"})).expect(401);
    let lock = "UPDATE attempts SET failures_in_a_row = 100 WHERE failures_in_a_row > 0 AND $1 <> ''";
    assert!(office.sql(lock, email) > 0);
    assert_eq!(from(50, CONFIRM, &by_link).outcome(), (403, "account-locked".into()));
    assert_eq!(page().outcome(), (403, "account-locked".into()));
    assert!(office.sql("UPDATE attempts SET failures_in_a_row = 0 WHERE $1 <> ''", email) > 0);
    let _ = from(50, CONFIRM, &by_link).expect(200);
    // From one place.
    let ask = |number: usize| from(100, MAIL, &json!({"email": format!("x{number}@mail-bounded.example")}));
    let refused = (0..30).map(ask).find(|answer| answer.status != 202).expect("who asks for many has to wait");
    assert_eq!(refused.outcome(), (429, "too-many-attempts".into()));
    let guess = |_| from(100, CONFIRM, &json!({"request": "x", "code": "000000"}));
    let refused = (0..60).map(guess).find(|answer| answer.status != 403).expect("who guesses has to wait");
    assert_eq!(refused.outcome(), (429, "too-many-attempts".into()));
    let page = office.app.post(PAGE).header("x-forwarded-for", "198.51.100.100").body(FORM, "token=x").send();
    assert_eq!(page.outcome(), (429, "too-many-attempts".into()));
}

#[test]
fn where_it_is_off_nobody_signs_in_by_mail() {
    let app = TestApp::shared();
    let ask = json!({"email": "ada@mail-off.example"});
    assert_eq!(app.post(MAIL).json(&ask).send().outcome(), (501, "not-configured".into()));
    assert_eq!(app.post(CONFIRM).json(&json!({"token": "x"})).send().outcome(), (501, "not-configured".into()));
    assert_eq!(app.post(PAGE).body(FORM, "token=x").send().outcome(), (501, "not-configured".into()));
    for (what, body) in internal_requests() {
        let path = format!("/users-ms/internal/mail-sign-in/{what}");
        let answer = app.post(&path).bearer(app.auth()).json(&body).send();
        assert_eq!(answer.outcome(), (501, "not-configured".into()));
    }
}

/// What auth asks users for somebody who has no account, and who shows a link that is none.
fn internal_requests() -> [(&'static str, Value); 2] {
    let digest = "a".repeat(64);
    let session = json!({"session_id": "6f1e2d3c-4b5a-4697-8877-665544332211", "refresh_digest": digest, "idle_seconds": 60,
        "absolute_seconds": 600});
    let begin = json!({"email": "ada@mail-off.example", "client_address": "203.0.113.7"});
    let end = json!({"token": "x", "client_address": "203.0.113.7", "session": session, "challenge_digest": digest,
        "client_digest": digest});
    [("begin", begin), ("end", end)]
}

#[test]
fn users_does_not_tell_auth_who_has_an_account() {
    let _turn = turn::together();
    let office = office(|setup| setup);
    let answers = internal_requests().map(|(what, body)| {
        let path = format!("/users-ms/internal/mail-sign-in/{what}");
        office.app.post(&path).bearer(office.app.auth()).json(&body).send().expect(200).json()
    });
    assert_eq!((&answers[0]["accepted"]["expires_in"], &answers[0]["retry_after"]), (&json!(600), &Value::Null));
    assert_eq!((&answers[1]["outcome"], &answers[1]["session"]), (&json!("invalid-ticket"), &Value::Null));
}
#[test]
fn a_request_shows_a_link_or_a_code() {
    let app = TestApp::shared();
    for (shown, problem, pointer) in [
        (json!({}), "missing-field", "/token"),
        (json!({"request": "r"}), "missing-field", "/code"),
        (json!({"code": "123456"}), "missing-field", "/request"),
        (json!({"token": "t", "request": "r"}), "invalid-value", "/token"),
    ] {
        let answer = app.post(CONFIRM).json(&shown).send().expect(422);
        assert_eq!((answer.problem().as_str(), answer.pointers()), (problem, vec![pointer.to_owned()]), "{shown}");
    }
    for path in [MAIL, CONFIRM] {
        let keyed = app
            .post(path)
            .header("idempotency-key", "a-key-that-is-long-enough")
            .json(&json!({"email": "a@b.example"}));
        assert_eq!(keyed.send().outcome(), (400, "invalid-header".into()));
    }
}
