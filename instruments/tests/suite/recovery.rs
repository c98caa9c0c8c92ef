//! A new password for whoever reads the mail of an account: by link or code, once, and only as long as nothing has changed.

use crate::sessions::refresh;
use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::post_office::{Office, Secrets, assert_alike};
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const CHOOSE: &str = "Choose a new password";
const CHANGED: &str = "Your password was changed";
const PAGE: &str = "/users-ms/password-recovery/page";
const FORM: &str = "application/x-www-form-urlencoded";
const NEW: &str = "a better horse battery";

/// What people do who have forgotten their password.
trait Recovers {
    fn request(&self, email: &str) -> Answer;
    fn confirm(&self, body: &Value) -> Answer;
    fn secrets(&self, to: &str, number: usize) -> Secrets;

    /// Requests the mail number `number` and reads it.
    fn requested(&self, email: &str, number: usize) -> Secrets {
        assert!(self.request(email).expect(202).body.is_empty());
        self.secrets(email, number)
    }

    fn by_link(&self, secrets: &Secrets) -> Answer {
        self.confirm(&json!({"token": secrets.token, "password": NEW}))
    }

    fn by_code(&self, email: &str, code: &str) -> Answer {
        self.confirm(&json!({"email": email, "code": code, "password": NEW}))
    }
}

impl Recovers for Office {
    fn request(&self, email: &str) -> Answer {
        self.app.post("/users-ms/password-recovery").json(&json!({"email": email})).send()
    }

    fn confirm(&self, body: &Value) -> Answer {
        self.app.post("/users-ms/password-recovery/confirm").json(body).send()
    }

    fn secrets(&self, to: &str, number: usize) -> Secrets {
        self.secrets_of(CHOOSE, PAGE, to, number)
    }
}

fn office(set: impl FnOnce(Setup) -> Setup) -> Office {
    Office::new(&Backend::new(), set)
}

/// An office and somebody who has signed up there.
fn office_with(email: &str) -> Office {
    let office = office(|setup| setup);
    let _ = office.sign_up(email).expect(202);
    office
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (403, "invalid-ticket"), "{}", answer.text());
}

fn the_link_sets_a_password_once_and_ends_all_sessions(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let office = Office::new(backend, |setup| setup.variable("authorization", "required"));
    let email = "ada@forgot.example";
    let _ = office.sign_up(email).expect(202);
    let before = office.app.login(email, PASSWORD).expect(200).json();
    let text = |name: &str| before[name].as_str().expect("a token").to_owned();
    assert!(office.request("ADA@forgot.example").expect(202).body.is_empty());
    let secrets = office.secrets(email, 1);
    // A scanner of mails opens the link.
    for method in ["GET", "HEAD", "GET"] {
        let page = office.app.request(method, &format!("{PAGE}?token={}", secrets.token)).send().expect(200);
        let policy = page.header("content-security-policy").expect("a page has a policy");
        assert!(policy.starts_with("default-src 'none'; form-action 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    // A password that is refused uses nothing up.
    for bad in ["short", "password1", "ada@forgot.example", "lovelace1815"] {
        let answer = office.confirm(&json!({"token": secrets.token, "password": bad})).expect(422);
        assert_eq!((answer.problem().as_str(), answer.pointers()), ("invalid-password", vec!["/password".to_owned()]));
    }
    let _ = office.app.login(email, PASSWORD).expect(200);
    let _ = office.by_link(&secrets).expect(204);
    assert_refused(&office.by_link(&secrets));
    assert_refused(&office.by_code(email, &secrets.code));
    // Whoever was signed in is so no more, and the old password is none.
    assert_eq!(refresh(&office.app, &text("refresh_token")).expect(401).problem(), "invalid-token");
    assert_eq!(office.app.login(email, PASSWORD).expect(401).problem(), "invalid-credentials");
    let after = office.app.login(email, NEW).expect(200).json();
    let claims = blackbox::post_office::claims(&after);
    assert_eq!(claims["email_verified"], true, "the mail was read");
    let told = office.mail(email, CHANGED, 1);
    assert!(told.contains("If not") && !told.contains(&secrets.token), "{told}");
    // Nothing but the mail has shown the secrets.
    let id = claims["sub"].as_str().expect("a token is somebody's").to_owned();
    let bearer = after["access_token"].as_str().expect("a token");
    assert_eq!(office.app.get(&format!("/users-ms/users/{id}")).bearer(&text("access_token")).send().status, 401);
    let logged = || office.app.deliveries_to(email).iter().any(|logged| logged.queue == "recovery_email_notification");
    poll::until(SOON, "the delivery is logged", logged);
    let shown = [
        office.app.get(&format!("/notification-ms/notifications?to={email}")).bearer(office.app.operator()).send(),
        office.app.get(&format!("/users-ms/users/{id}/export")).bearer(bearer).send(),
    ];
    let texts = shown.map(|answer| answer.expect(200).text());
    for text in texts.iter().chain([&office.app.log()]) {
        let is_shown = text.contains(&secrets.token) || text.contains(&format!("\"{}\"", secrets.code));
        assert!(!is_shown && !text.contains(NEW), "{text}");
    }
    office.app.wait_for_log("audit: password-recovery: success");
}

#[test]
fn the_link_sets_a_password_once_on_redis_and_leaves_the_stream() {
    let backend = Backend::new();
    the_link_sets_a_password_once_and_ends_all_sessions(&backend);
    let mut broker = backend.broker();
    poll::until(SOON, "the secret has left the stream", || broker.messages("recovery_requested_event").is_empty());
}

#[test]
fn the_link_sets_a_password_once_on_rabbitmq() {
    the_link_sets_a_password_once_and_ends_all_sessions(&Backend::with_rabbitmq());
}

#[test]
fn the_page_sets_a_password_without_scripts_and_says_what_is_wrong_with_one() {
    let _turn = turn::together();
    let email = "ada@page.example";
    let office = office_with(email);
    let secrets = office.requested(email, 1);
    let page = office.app.get(&format!("{PAGE}?token={}", secrets.token)).send().expect(200).text();
    // It goes to the last part of the path that it was read from.
    assert!(PAGE.ends_with("/page") && page.contains("<form method=\"post\" action=\"page\">"), "{page}");
    assert!(
        page.contains("type=\"password\" name=\"password\" id=\"password\" autocomplete=\"new-password\"")
            && page.contains(&secrets.token)
            && !page.contains("<script"),
        "{page}"
    );
    let send = |body: String| office.app.post(PAGE).body(FORM, body).send();
    let again = send(format!("token={}&password=short", secrets.token)).expect(422).text();
    assert!(again.contains("role=\"alert\"") && again.contains(&secrets.token), "{again}");
    let filled = format!("token={}&password=a+better%20horse+battery", secrets.token);
    assert!(send(filled.clone()).expect(200).text().contains("is changed"));
    let _ = office.app.login(email, NEW).expect(200);
    assert!(send(filled).expect(403).text().contains("not valid"));
    // What it is given is text.
    let page =
        office.app.get(&format!("{PAGE}?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).send().expect(200).text();
    assert!(!page.contains("<script") && page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
    let _ = office.app.get(PAGE).send().expect(200);
    let _ = send(String::new()).expect(422);
    let _ = send(format!("password={NEW}").replace(' ', "+")).expect(403);
}

#[test]
fn the_code_recovers_as_well_and_after_five_wrong_ones_nothing_does() {
    let _turn = turn::together();
    let (ada, bob) = ("ada@codes.example", "bob@codes.example");
    let office = office_with(ada);
    let _ = office.sign_up(bob).expect(202);
    let (of_ada, of_bob) = (office.requested(ada, 1), office.requested(bob, 1));
    for _ in 0..4 {
        assert_refused(&office.by_code(ada, of_ada.wrong_code()));
    }
    // Somebody else's is none; nor is one that confirms an address, or something that is no code.
    if of_ada.code != of_bob.code {
        assert_refused(&office.by_code(bob, &of_ada.code));
    }
    let confirms = office.secrets_of("Confirm your email address", "/users-ms/email-verification/page", ada, 1);
    assert_refused(&office.by_link(&confirms));
    assert_refused(&office.confirm(&json!({"token": "x", "password": NEW})));
    for odd in [of_bob.token.as_str(), "", "12345", "1234567"] {
        assert_refused(&office.by_code("nobody@codes.example", odd));
    }
    let _ = office.by_code("ADA@codes.example", &of_ada.code).expect(204);
    assert_refused(&office.by_code(ada, &of_ada.code));
    let _ = office.app.login(ada, NEW).expect(200);
    for _ in 0..5 {
        assert_refused(&office.by_code(bob, of_bob.wrong_code()));
    }
    assert_refused(&office.by_code(bob, &of_bob.code));
    assert_refused(&office.by_link(&of_bob));
    let _ = office.app.login(bob, PASSWORD).expect(200);
}

#[test]
fn after_twenty_five_wrong_codes_of_any_ticket_only_a_link_recovers_the_account() {
    let _turn = turn::together();
    let email = "ada@guessed.example";
    let office = office_with(email);
    for number in 1..=5 {
        let secrets = office.requested(email, number);
        (0..5).for_each(|_| assert_refused(&office.by_code(email, secrets.wrong_code())));
    }
    let last = office.requested(email, 6);
    assert_refused(&office.by_code(email, &last.code));
    let _ = office.by_link(&last).expect(204);
    // Who has recovered an account has shown that it is theirs.
    let next = office.requested(email, 7);
    let _ = office.by_code(email, &next.code).expect(204);
}

#[test]
fn a_ticket_is_not_good_after_its_time_or_after_a_change() {
    let _turn = turn::together();
    let office = office(|setup| setup);
    let changes = [
        ("late@late.example", "UPDATE tickets SET expires_at = now() WHERE purpose = 'recovery' AND $1 <> ''"),
        ("moved@late.example", "UPDATE users SET email = 'at-' || $1, email_key = 'at-' || $1 WHERE email = $1"),
        ("raised@late.example", "UPDATE users SET role = 'admin' WHERE email = $1"),
        ("gone@late.example", "DELETE FROM users WHERE email = $1"),
    ];
    for (email, change) in changes {
        let _ = office.sign_up(email).expect(202);
        let secrets = office.requested(email, 1);
        assert!(office.sql(change, email) > 0);
        assert_refused(&office.by_link(&secrets));
        assert_refused(&office.by_code(email, &secrets.code));
    }
    // A newer mail, and a new password.
    let email = "ada@late.example";
    let _ = office.sign_up(email).expect(202);
    let (older, newer) = (office.requested(email, 1), office.requested(email, 2));
    assert_refused(&office.by_link(&older));
    let id = office.claims(email)["sub"].as_str().expect("an id").to_owned();
    let _ = office
        .app
        .patch(&format!("/users-ms/users/{id}"))
        .json(&json!({"password": "another horse"}))
        .send()
        .expect(200);
    assert!(office.mail(email, CHANGED, 1).contains("new password"));
    assert_refused(&office.by_link(&newer));
    let _ = office.app.login(email, "another horse").expect(200);
}

#[test]
fn who_has_no_account_or_is_suspended_gets_no_mail() {
    let _turn = turn::together();
    let email = "ada@none.example";
    let office = office_with(email);
    let pending = office.requested(email, 1);
    let suspend = "UPDATE users SET suspended_at = now(), credentials_epoch = credentials_epoch + 1 WHERE email = $1";
    assert_eq!(office.sql(suspend, email), 1);
    assert_refused(&office.by_link(&pending));
    let before = office.mail.taken().len();
    for nobody in [email, "nobody@none.example"] {
        assert!(office.request(nobody).expect(202).body.is_empty());
    }
    poll::throughout(Duration::from_secs(1), "no further mail", || office.mail.taken().len() == before);
    assert_eq!(office.request("nobody").expect(422).problem(), "invalid-email");
}

#[test]
fn of_ten_recoveries_by_one_ticket_at_once_one_sets_the_password() {
    let _turn = turn::together();
    let email = "ada@race.example";
    let office = office_with(email);
    let secrets = office.requested(email, 1);
    let start = Barrier::new(10);
    let set = |number: usize| {
        let password = format!("horse number {number}");
        let body = match number % 2 {
            0 => json!({"token": secrets.token, "password": password}),
            _ => json!({"email": email, "code": secrets.code, "password": password}),
        };
        start.wait();
        (password, office.confirm(&body).status)
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|number| scope.spawn(move || set(number))).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    let set: Vec<_> = outcomes.iter().filter(|(_, status)| *status == 204).collect();
    assert_eq!((set.len(), outcomes.iter().filter(|(_, status)| *status == 403).count()), (1, 9), "{outcomes:?}");
    let _ = office.app.login(email, &set[0].0).expect(200);
    let _ = office.mail(email, CHANGED, 1);
}

#[test]
fn no_recovery_under_way_outlives_a_suspension() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("bcrypt_cost", 9));
    for round in 0..10 {
        let email = format!("ada-{round}@under-way.example");
        let _ = office.sign_up(&email).expect(202);
        let secrets = office.requested(&email, 1);
        let hash = || -> String {
            let mut sql = office.app.backend.sql();
            sql.query_one("SELECT password_hash FROM users WHERE email = $1", &[&email]).expect("there is one").get(0)
        };
        let before = hash();
        let at_suspension = std::thread::scope(|scope| {
            let recovery = scope.spawn(|| office.by_link(&secrets).status);
            std::thread::sleep(Duration::from_millis(3 * round));
            let suspend = "UPDATE users SET suspended_at = now(), credentials_epoch = credentials_epoch + 1
                WHERE email = $1 RETURNING password_hash";
            let mut sql = office.app.backend.sql();
            let at: String = sql.query_one(suspend, &[&email]).expect("it can be").get(0);
            let status = recovery.join().expect("it answers");
            assert_eq!(status == 204, at != before, "{status}");
            at
        });
        assert_eq!(hash(), at_suspension, "after the suspension nothing has changed");
    }
}

#[test]
fn neither_the_answer_nor_its_time_says_who_has_an_account() {
    let _turn = turn::alone();
    let known = "ada@alike.example";
    let office = office_with(known);
    let unknown = |number: usize| format!("nobody-{number:02}@alike.example");
    let addresses = |number: usize| vec![known.to_owned(), unknown(number)];
    assert_alike("request", 202, &|| office.request(known), &|number| office.request(&unknown(number)), addresses);
    let code = |email: &str| office.by_code(email, "x");
    assert_alike("code", 403, &|| code(known), &|number| code(&unknown(number)), addresses);
}

#[test]
fn mails_and_attempts_are_limited_and_too_many_hashes_are_refused() {
    let _turn = turn::together();
    let office = office(|setup| {
        let limited = setup.variable("login_throttling", "on").variable("trusted_proxies", "127.0.0.0/8");
        limited.variable("hash_permits", 1)
    });
    let email = "ada@bounded.example";
    let from = |number: usize, path: &str, body: &Value| {
        let request = office.app.post(path).header("x-forwarded-for", &format!("198.51.100.{number}"));
        request.json(body).send()
    };
    let ask = |number: usize| from(number, "/users-ms/password-recovery", &json!({"email": email})).expect(202);
    let _ = office.sign_up(email).expect(202);
    (2..6).for_each(|number| drop(ask(number)));
    let last = office.secrets(email, 4);
    assert_eq!(office.sql("UPDATE attempts SET failures = failures + 9 WHERE failures >= 5 AND $1 <> ''", email), 1);
    let before = office.mail.taken().len();
    (6..12).for_each(|number| drop(ask(number)));
    poll::throughout(Duration::from_secs(1), "no further mail", || office.mail.taken().len() == before);
    // While somebody else hashes, nobody can; the link stays good.
    assert_eq!(office.app.backend.hold_permits(1), 1);
    let by_link = json!({"token": last.token, "password": NEW});
    let busy = from(50, "/users-ms/password-recovery/confirm", &by_link).expect(503);
    assert_eq!(busy.problem(), "too-busy");
    let form = format!("token={}&password=a+better+horse+battery", last.token);
    assert_eq!(office.app.post(PAGE).body(FORM, form).send().expect(503).problem(), "too-busy");
    office.app.backend.free_permits();
    let _ = from(50, "/users-ms/password-recovery/confirm", &by_link).expect(204);
    // From one place.
    let ask =
        |number: usize| from(100, "/users-ms/password-recovery", &json!({"email": format!("x{number}@b.example")}));
    let refused = (0..30).map(ask).find(|answer| answer.status != 202).expect("who asks for many has to wait");
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-attempts"));
    let guess = json!({"email": email, "code": "000000", "password": NEW});
    let guess = |_| from(100, "/users-ms/password-recovery/confirm", &guess);
    let refused = (0..60).map(guess).find(|answer| answer.status != 403).expect("who guesses has to wait");
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-attempts"));
    let form = "token=x&password=a+better+horse+battery";
    let page = office.app.post(PAGE).header("x-forwarded-for", "198.51.100.100").body(FORM, form).send();
    assert_eq!((page.status, page.problem().as_str()), (429, "too-many-attempts"));
}

#[test]
fn a_recovery_opens_an_account_that_failed_sign_ins_have_closed() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("login_throttling", "on"));
    let email = "ada@locked.example";
    let _ = office.sign_up(email).expect(202);
    for _ in 0..5 {
        let _ = office.app.login(email, "wrong horse").expect(401);
    }
    let _ = office.app.login(email, PASSWORD).expect(429);
    let lock = "UPDATE attempts SET failures_in_a_row = 100 WHERE failures_in_a_row > 0 AND $1 <> ''";
    assert_eq!(office.sql(lock, email), 1);
    assert_eq!(office.app.login(email, PASSWORD).expect(403).problem(), "account-locked");
    let _ = office.by_link(&office.requested(email, 1)).expect(204);
    let _ = office.app.login(email, NEW).expect(200);
}

#[test]
fn the_owner_of_an_address_takes_over_what_somebody_else_has_signed_up_with_it() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("email_verification", "required"));
    let email = "ada@squatted.example";
    // A stranger waits for Ada to confirm her address.
    let _ = office.sign_up(email).expect(202);
    assert_eq!(office.app.login(email, PASSWORD).expect(403).problem(), "email-not-verified");
    let _ = office.by_link(&office.requested(email, 1)).expect(204);
    assert_eq!(office.app.login(email, PASSWORD).expect(401).problem(), "invalid-credentials");
    let _ = office.app.login(email, NEW).expect(200);
}

#[test]
fn a_second_factor_stays_unless_it_was_added_before_the_address_was_confirmed() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("authorization", "required"));
    let email = "ada@factor.example";
    let _ = office.sign_up(email).expect(202);
    let id = office.claims(email)["sub"].as_str().and_then(|id| id.parse().ok()).expect("a subject is a number");
    let stranger = office.app.sign_in(id, email);
    let _ = office.app.add_totp(&stranger);
    office.confirm_and_allow(email);
    let _ = office.by_link(&office.requested(email, 1)).expect(204);
    assert_eq!(
        office.confirmed_and_allowed(email),
        (false, 0),
        "nor is the number Ada's, or what was allowed her word"
    );
    let tokens = office.app.login(email, NEW).expect(200).json();
    let ada = Person { access: tokens["access_token"].as_str().expect("a token is a text").to_owned(), ..stranger };
    let _ = office.app.add_totp(&ada);
    office.confirm_and_allow(email);
    let _ = office.by_link(&office.requested(email, 2)).expect(204);
    assert_eq!(office.confirmed_and_allowed(email), (true, 1));
    assert_eq!(office.app.login(email, NEW).expect(403).problem(), "mfa-required");
}

#[test]
fn a_request_shows_a_link_or_a_code() {
    let app = TestApp::shared();
    for (shown, problem, pointer) in [
        (json!({}), "missing-field", "/token"),
        (json!({"email": "ada@example.org"}), "missing-field", "/code"),
        (json!({"code": "123456"}), "missing-field", "/email"),
        (json!({"token": "t", "email": "ada@example.org"}), "invalid-value", "/token"),
    ] {
        let mut body = shown;
        body["password"] = NEW.into();
        let answer = app.post("/users-ms/password-recovery/confirm").json(&body).send().expect(422);
        assert_eq!((answer.problem().as_str(), answer.pointers()), (problem, vec![pointer.to_owned()]), "{body}");
    }
}
