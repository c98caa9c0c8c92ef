//! Signing in by mail: by the link for whoever opens it, by the code for whoever has asked for it; once, and only as long as nothing
//! has changed. Who asks for somebody else's mail gets nothing.

use crate::sessions::refresh;
use blackbox::app::Setup;
use blackbox::authenticator::texts;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::post_office::{Office, Secrets, claims};
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
pub(crate) const MAIL: &str = "/auth-ms/auth/mail";
pub(crate) const CONFIRM: &str = "/auth-ms/auth/mail/confirm";
pub(crate) const PAGE: &str = "/auth-ms/auth/mail/page";
pub(crate) const FORM: &str = "application/x-www-form-urlencoded";

/// A mail, and the secret of whoever has asked for it.
pub(crate) struct Asked {
    pub(crate) secrets: Secrets,
    pub(crate) request: String,
}

/// What people do who sign in by mail.
pub(crate) trait SignsInByMail {
    fn ask(&self, email: &str) -> Answer;
    fn show(&self, body: &Value) -> Answer;
    fn asked(&self, email: &str, number: usize) -> Asked;

    fn by_link(&self, asked: &Asked) -> Answer {
        self.show(&json!({"token": asked.secrets.token}))
    }

    fn by_code(&self, asked: &Asked, code: &str) -> Answer {
        self.show(&json!({"request": asked.request, "code": code}))
    }
}

impl SignsInByMail for Office {
    fn ask(&self, email: &str) -> Answer {
        self.app.post(MAIL).json(&json!({"email": email})).send()
    }

    fn show(&self, body: &Value) -> Answer {
        self.app.post(CONFIRM).json(body).send()
    }

    /// Asks for the mail number `number` and reads it.
    fn asked(&self, email: &str, number: usize) -> Asked {
        let request = request_of(&self.ask(email).expect(202));
        Asked { secrets: self.secrets_of("Sign in", PAGE, email, number), request }
    }
}

pub(crate) fn request_of(answer: &Answer) -> String {
    answer.json()["request"].as_str().expect("a request is a text").to_owned()
}

pub(crate) fn office(set: impl FnOnce(Setup) -> Setup) -> Office {
    Office::new(&Backend::new(), |setup| set(setup.variable("sign_in_by_mail", "on")))
}

/// An office and somebody who has signed up there and confirmed their address.
pub(crate) fn office_with(email: &str) -> Office {
    let office = office(|setup| setup.variable("authorization", "required"));
    sign_up(&office, email);
    office
}

pub(crate) fn sign_up(office: &Office, email: &str) {
    let _ = office.sign_up(email).expect(202);
    assert_eq!(office.sql("UPDATE users SET email_verified_at = now() WHERE email = $1", email), 1);
}

fn person(office: &Office, email: &str) -> Person {
    let id = office.claims(email)["sub"].as_str().and_then(|id| id.parse().ok()).expect("a subject is a number");
    office.app.sign_in(id, email)
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.outcome(), (403, "invalid-ticket".to_owned()), "{}", answer.text());
}

fn a_link_and_a_code_sign_in_as_a_password_does(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let set = |setup: Setup| setup.variable("authorization", "required").variable("sign_in_by_mail", "on");
    let office = Office::new(backend, |setup| set(setup).variable("token_metadata", "plan"));
    let email = "ada@by-mail.example";
    sign_up(&office, email);
    let answer = office.ask("ADA@by-mail.example").expect(202).json();
    assert_eq!((answer["request"].as_str().map(str::len), &answer["expires_in"]), (Some(43), &json!(600)));
    let by_link = Asked {
        secrets: office.secrets_of("Sign in", PAGE, email, 1),
        request: answer["request"].as_str().expect("a text").to_owned(),
    };
    // A scanner of mails opens the link.
    for method in ["GET", "HEAD", "GET"] {
        let page = office.app.request(method, &format!("{PAGE}?token={}", by_link.secrets.token)).send().expect(200);
        let policy = page.header("content-security-policy").expect("a page has a policy");
        assert!(policy.starts_with("default-src 'none'; form-action 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    let tokens = office.by_link(&by_link).expect(200).json();
    for name in ["access_token", "refresh_token", "device_token"] {
        assert!(tokens[name].is_string(), "{tokens}");
    }
    let of = claims(&tokens);
    assert_eq!((&of["amr"], &of["acr"]), (&json!(["otp"]), &json!("urn:concierge:aal:1")));
    assert_eq!((&of["role"], &of["email_verified"]), (&json!("user"), &json!(true)));
    assert!(of["auth_time"].is_i64());
    // It was good once, and so was its code.
    assert_refused(&office.by_link(&by_link));
    assert_refused(&office.by_code(&by_link, &by_link.secrets.code));
    // The session goes on as any other, and says the same after a refresh.
    let text = |name: &str| tokens[name].as_str().expect("a text").to_owned();
    assert_eq!(claims(&refresh(&office.app, &text("refresh_token")).expect(200).json())["amr"], json!(["otp"]));
    // The owner is told of the first device; the second time it is known.
    assert!(office.mail(email, "New sign-in to your account", 1).contains("Time:"));
    let by_code = office.asked(email, 2);
    let body = json!({"request": by_code.request, "code": format!("{} {}", &by_code.secrets.code[..3], &by_code.secrets.code[3..]),
        "device_token": tokens["device_token"]});
    let again = office.show(&body).expect(200).json();
    assert_eq!(claims(&again)["sub"], of["sub"]);
    assert_refused(&office.show(&body));
    assert_refused(&office.by_link(&by_code));
    let path = format!("/users-ms/users/{}/activity", of["sub"].as_str().expect("a text"));
    let rows = office.app.get(&path).bearer(&text("access_token")).send().expect(200).json();
    let logins = rows["items"].as_array().expect("a list").iter().filter(|row| row["action"] == "login");
    assert!(logins.clone().count() == 2 && logins.clone().all(|row| row["result"] == "success"), "{rows}");
    // Nothing but the mails has shown the secrets.
    let logged =
        || office.app.deliveries_to(email).iter().filter(|d| d.queue == "sign_in_link_email_notification").count() == 2;
    poll::until(SOON, "the deliveries are logged", logged);
    let id = of["sub"].as_str().expect("a text");
    let export =
        office.app.get(&format!("/users-ms/users/{id}/export")).bearer(&text("access_token")).send().expect(200);
    let shown =
        office.app.get(&format!("/notification-ms/notifications?to={email}")).bearer(office.app.operator()).send();
    for text in [export.text(), shown.expect(200).text(), office.app.log()] {
        assert!(!text.contains(&by_link.secrets.token) && !text.contains(&by_link.request), "{text}");
        assert!(!text.contains(&format!("\"{}\"", by_link.secrets.code)), "{text}");
    }
    let rows =
        "SELECT count(*) FROM sessions WHERE amr = '{otp}' AND user_id = (SELECT id FROM users WHERE email = $1)";
    let sessions: i64 = office.app.backend.sql().query_one(rows, &[&email]).expect("a count").get(0);
    assert_eq!(sessions, 2);
}

#[test]
fn a_link_and_a_code_sign_in_on_redis() {
    let backend = Backend::new();
    a_link_and_a_code_sign_in_as_a_password_does(&backend);
    let mut broker = backend.broker();
    poll::until(SOON, "the secret has left the stream", || broker.messages("sign_in_requested_event").is_empty());
}

#[test]
fn a_link_and_a_code_sign_in_on_rabbitmq() {
    a_link_and_a_code_sign_in_as_a_password_does(&Backend::with_rabbitmq());
}

#[test]
fn the_page_signs_in_whoever_presses_its_button_and_has_no_script() {
    let _turn = turn::together();
    let email = "ada@mail-page.example";
    let office = office_with(email);
    let asked = office.asked(email, 1);
    let page = office.app.get(&format!("{PAGE}?token={}", asked.secrets.token)).send().expect(200).text();
    assert!(page.contains("<form method=\"post\" action=\"page\">") && page.contains(&asked.secrets.token), "{page}");
    assert!(!page.contains("<script"), "{page}");
    let send = |body: String| office.app.post(PAGE).body(FORM, body).send();
    let tokens = send(format!("token={}", asked.secrets.token)).expect(200).json();
    assert_eq!(claims(&tokens)["amr"], json!(["otp"]));
    assert_refused(&send(format!("token={}", asked.secrets.token)));
    assert_refused(&send(String::from("token=")));
    assert_eq!(send(String::from("tokens=x")).expect(400).problem(), "invalid-query");
    let odd =
        office.app.get(&format!("{PAGE}?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).send().expect(200).text();
    assert!(!odd.contains("<script") && odd.contains("&quot;&gt;&lt;script&gt;"), "{odd}");
}

#[test]
fn the_link_leads_to_the_page_of_the_application() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("sign_in_page", "https://concierge.example/app/in"));
    let email = "ada@own-page.example";
    sign_up(&office, email);
    let _ = office.ask(email).expect(202);
    let secrets = office.secrets_of("Sign in", "/app/in", email, 1);
    let _ = office.show(&json!({"token": secrets.token})).expect(200);
}

#[test]
fn a_code_is_good_with_the_request_that_asked_for_it_alone_and_after_five_wrong_ones_nothing_is() {
    let _turn = turn::together();
    let (ada, bob) = ("ada@mail-codes.example", "bob@mail-codes.example");
    let office = office_with(ada);
    sign_up(&office, bob);
    // Somebody else asks for a mail to Ada. They cannot read its code, and she does not need what they were answered.
    let (stranger, own) = (office.asked(ada, 1), office.asked(ada, 2));
    let of_bob = office.asked(bob, 1);
    let crossed =
        |request: &Asked, code: &Asked| office.show(&json!({"request": request.request, "code": code.secrets.code}));
    for (request, code) in [(&stranger, &own), (&own, &stranger), (&of_bob, &own)] {
        if request.secrets.code != code.secrets.code {
            assert_refused(&crossed(request, code));
        }
    }
    // However many mails a stranger has sent, one's own stays valid: an address gets no more of them in ten minutes than there may be.
    for _ in 0..8 {
        let _ = office.ask(ada).expect(202);
    }
    // Without having asked, nobody can guess, not even often.
    for odd in ["x", "", own.secrets.token.as_str()] {
        for _ in 0..6 {
            assert_refused(&office.show(&json!({"request": odd, "code": own.secrets.code})));
        }
    }
    for _ in 0..3 {
        assert_refused(&office.by_code(&own, own.secrets.wrong_code()));
    }
    let tokens = office.by_code(&own, &own.secrets.code).expect(200).json();
    assert_eq!(claims(&tokens)["sub"], office.claims(ada)["sub"]);
    // With that, the stranger's is gone, too.
    assert_refused(&office.by_link(&stranger));
    for _ in 0..5 {
        assert_refused(&office.by_code(&of_bob, of_bob.secrets.wrong_code()));
    }
    assert_refused(&office.by_code(&of_bob, &of_bob.secrets.code));
    assert_refused(&office.by_link(&of_bob));
    // Tickets for other purposes are none.
    let confirms = office.secrets_of("Confirm your email address", "/users-ms/email-verification/page", ada, 1);
    assert_refused(&office.show(&json!({"token": confirms.token})));
    let own = office.asked(ada, 11);
    let recovers = json!({"token": own.secrets.token, "password": "a better horse battery"});
    assert_refused(&office.app.post("/users-ms/password-recovery/confirm").json(&recovers).send());
    let _ = office.by_link(&own).expect(200);
}

#[test]
fn after_twenty_five_wrong_codes_at_an_account_only_a_link_signs_in() {
    let _turn = turn::together();
    let email = "ada@mail-guessed.example";
    let office = office_with(email);
    for number in 1..=5 {
        let asked = office.asked(email, number);
        (0..5).for_each(|_| assert_refused(&office.by_code(&asked, asked.secrets.wrong_code())));
    }
    let last = office.asked(email, 6);
    assert_refused(&office.by_code(&last, &last.secrets.code));
    let _ = office.by_link(&last).expect(200);
    // Whoever has signed in has shown that the account is theirs.
    let next = office.asked(email, 7);
    let _ = office.by_code(&next, &next.secrets.code).expect(200);
}

#[test]
fn a_mail_is_good_for_ten_minutes_and_until_something_changes() {
    let _turn = turn::together();
    let office = office(|setup| setup);
    let changes = [
        ("late@mail-late.example", "UPDATE sign_in_tickets SET expires_at = now() WHERE $1 <> ''"),
        ("moved@mail-late.example", "UPDATE users SET email = 'at-' || $1, email_key = 'at-' || $1 WHERE email = $1"),
        ("raised@mail-late.example", "UPDATE users SET role = 'admin' WHERE email = $1"),
        ("gone@mail-late.example", "DELETE FROM users WHERE email = $1"),
    ];
    for (email, change) in changes {
        sign_up(&office, email);
        let asked = office.asked(email, 1);
        assert!(office.sql(change, email) > 0);
        assert_refused(&office.by_link(&asked));
        assert_refused(&office.by_code(&asked, &asked.secrets.code));
    }
    let email = "ada@mail-late.example";
    sign_up(&office, email);
    let asked = office.asked(email, 1);
    let lifetime = "SELECT extract(epoch FROM t.expires_at - t.created_at)::float8 FROM sign_in_tickets t
        JOIN users u ON u.id = t.user_id WHERE u.email = $1";
    let seconds: f64 = office.app.backend.sql().query_one(lifetime, &[&email]).expect("there is one").get(0);
    assert!((595.0..=600.5).contains(&seconds), "{seconds}");
    let id = office.claims(email)["sub"].as_str().expect("an id").to_owned();
    let changed = office.app.patch(&format!("/users-ms/users/{id}")).json(&json!({"password": "another horse"})).send();
    let _ = changed.expect(200);
    assert_refused(&office.by_link(&asked));
    // What has expired is deleted.
    assert_eq!(office.sql("UPDATE sign_in_tickets SET expires_at = now() - interval '1 s' WHERE $1 <> ''", email), 3);
    let _ = office.app.sweep();
    assert_eq!(office.sql("DELETE FROM sign_in_tickets WHERE $1 <> ''", email), 0);
}

#[test]
fn who_is_suspended_or_must_choose_a_new_password_is_told_so_and_gets_no_further_mail() {
    let _turn = turn::together();
    let email = "ada@mail-suspended.example";
    let office = office_with(email);
    let asked = office.asked(email, 1);
    assert_eq!(office.sql("UPDATE users SET password_reset_required = true WHERE email = $1", email), 1);
    assert_eq!(office.by_link(&asked).outcome(), (403, "password-reset-required".to_owned()));
    let form = format!("token={}", asked.secrets.token);
    let page = || office.app.post(PAGE).body(FORM, form.clone()).send();
    assert_eq!(page().outcome(), (403, "password-reset-required".to_owned()));
    let suspend = "UPDATE users SET suspended_at = now(), credentials_epoch = credentials_epoch + 1,
        password_reset_required = false WHERE email = $1";
    assert_eq!(office.sql(suspend, email), 1);
    assert_eq!(office.by_link(&asked).outcome(), (403, "account-suspended".to_owned()));
    assert_refused(&office.by_code(&asked, asked.secrets.wrong_code()));
    assert_eq!(page().outcome(), (403, "account-suspended".to_owned()));
    let before = office.mail.taken().len();
    let shapes = [email, "nobody@mail-suspended.example"].map(|nobody| office.ask(nobody).expect(202).json());
    assert_eq!(shapes.each_ref().map(|shape| shape["request"].as_str().map(str::len)), [Some(43), Some(43)]);
    poll::throughout(Duration::from_secs(1), "no further mail", || office.mail.taken().len() == before);
    assert_eq!(office.sql("UPDATE users SET suspended_at = NULL WHERE email = $1", email), 1);
    assert_refused(&office.by_link(&asked));
    assert_eq!(office.ask("nobody").expect(422).problem(), "invalid-email");
}

#[test]
fn of_ten_sign_ins_by_one_mail_at_once_one_begins_a_session() {
    let _turn = turn::together();
    let email = "ada@mail-race.example";
    let office = office_with(email);
    let asked = office.asked(email, 1);
    let start = Barrier::new(10);
    let enter = |number: usize| {
        start.wait();
        match number % 2 {
            0 => office.by_link(&asked).status,
            _ => office.by_code(&asked, &asked.secrets.code).status,
        }
    };
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let enter = &enter;
        let all: Vec<_> = (0..10).map(|number| scope.spawn(move || enter(number))).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    let of = |status| statuses.iter().filter(|&&one| one == status).count();
    assert_eq!((of(200), of(403)), (1, 9), "{statuses:?}");
    let rows = "SELECT count(*) FROM sessions WHERE user_id = (SELECT id FROM users WHERE email = $1)";
    let sessions: i64 = office.app.backend.sql().query_one(rows, &[&email]).expect("a count").get(0);
    assert_eq!(sessions, 1);
}

#[test]
fn a_second_factor_is_asked_for_as_after_a_password() {
    let _turn = turn::together();
    let email = "ada@mail-factor.example";
    let office = office_with(email);
    let ada = person(&office, email);
    let phone = office.app.add_totp(&ada);
    let asked = office.asked(email, 1);
    let answer = office.by_code(&asked, &asked.secrets.code);
    let body = answer.json();
    assert_eq!((answer.outcome(), &body["expires_in"]), ((403, "mfa-required".into()), &json!(300)));
    assert_refused(&office.by_link(&asked));
    let tokens =
        office.app.answer_challenge(body["challenge"].as_str().expect("a text"), &phone.code()).expect(200).json();
    let of = claims(&tokens);
    assert_eq!((&of["amr"], &of["acr"]), (&json!(["otp", "mfa"]), &json!("urn:concierge:aal:2")));
    // By the page, and with a recovery code.
    let asked = office.asked(email, 2);
    let answer = office.app.post(PAGE).body(FORM, format!("token={}", asked.secrets.token)).send();
    assert_eq!(answer.outcome(), (403, "mfa-required".into()));
    let bearer = tokens["access_token"].as_str().expect("a text");
    let codes = office
        .app
        .post(&format!("{}/second-factor/recovery-codes", ada.path()))
        .bearer(bearer)
        .send()
        .expect(200)
        .json();
    let code = texts(&codes["recovery_codes"]).remove(0);
    let challenge = answer.json()["challenge"].as_str().expect("a text").to_owned();
    let tokens = office.app.answer_challenge(&challenge, &code).expect(200).json();
    assert_eq!(claims(&tokens)["amr"], json!(["otp", "mfa"]));
}

#[test]
fn who_must_have_a_second_factor_adds_one() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("authorization", "required").variable("mfa_required_for", "all"));
    let email = "ada@mail-enrol.example";
    sign_up(&office, email);
    let asked = office.asked(email, 1);
    let answer = office.by_link(&asked);
    assert_eq!(answer.outcome(), (403, "mfa-enrolment-required".into()));
    let challenge = json!({"challenge": answer.json()["challenge"]});
    let _ = office.app.post("/auth-ms/auth/login/enrolment").json(&challenge).send().expect(200);
    let asked = office.asked(email, 2);
    let answer = office.app.post(PAGE).body(FORM, format!("token={}", asked.secrets.token)).send();
    assert_eq!(answer.outcome(), (403, "mfa-enrolment-required".into()));
}

#[test]
fn whoever_reads_the_mail_takes_over_what_somebody_else_has_signed_up_with_the_address() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("authorization", "required"));
    let email = "ada@mail-squatted.example";
    // A stranger signs up with Ada's address, adds a factor, and waits for her to come.
    let _ = office.sign_up(email).expect(202);
    let stranger = person(&office, email);
    let _ = office.app.add_totp(&stranger);
    office.confirm_and_allow(email);
    let asked = office.asked(email, 1);
    let tokens = office.by_link(&asked).expect(200).json();
    assert_eq!(office.confirmed_and_allowed(email), (false, 0));
    assert_eq!((&claims(&tokens)["amr"], &claims(&tokens)["email_verified"]), (&json!(["otp"]), &json!(true)));
    assert_eq!(office.app.login(email, PASSWORD).expect(401).problem(), "invalid-credentials");
    assert_eq!(office.app.get(&stranger.path()).bearer(&stranger.access).send().status, 401);
    let bearer = tokens["access_token"].as_str().expect("a text");
    let factor = office.app.get(&format!("{}/second-factor", stranger.path())).bearer(bearer).send().expect(200).json();
    assert_eq!(factor["totp"], Value::Null, "{factor}");
    let rows = office.app.get(&format!("{}/activity", stranger.path())).bearer(bearer).send().expect(200).json();
    assert!(
        rows["items"].as_array().expect("a list").iter().any(|row| row["action"] == "password-invalidated"),
        "{rows}"
    );
    // From then on it is hers, and she keeps what she adds.
    office.confirm_and_allow(email);
    let _ = office.by_link(&office.asked(email, 2)).expect(200);
    assert_eq!(office.confirmed_and_allowed(email), (true, 1));
    assert_eq!(office.app.get(&stranger.path()).bearer(bearer).send().status, 200);
}
