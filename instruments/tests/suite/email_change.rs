//! Another address for an account: confirmed at the new one, told to the old one. The way back is another file's subject.

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
const FORM: &str = "application/x-www-form-urlencoded";
const PAGE: &str = "/users-ms/email-change/page";
const CONFIRM: &str = "Confirm your new email address";
pub(crate) const CHANGED: &str = "Your email address was changed";

/// What people do who change their address.
pub(crate) trait Moves {
    /// Somebody who has signed up, confirmed the address and signed in.
    fn resident(&self, email: &str) -> Person;
    /// Signs in once more.
    fn again(&self, person: &Person, email: &str, password: &str) -> Person;
    fn ask(&self, person: &Person, new: &str) -> Answer;
    fn confirm(&self, body: &Value) -> Answer;
    fn secrets(&self, to: &str, number: usize) -> Secrets;

    /// Asks for another address and confirms it.
    fn move_to(&self, person: &Person, new: &str) {
        let _ = self.ask(person, new).expect(202);
        let _ = self.by_link(&self.secrets(new, 1)).expect(204);
    }

    fn by_link(&self, secrets: &Secrets) -> Answer {
        self.confirm(&json!({"token": secrets.token}))
    }

    fn by_code(&self, email: &str, code: &str) -> Answer {
        self.confirm(&json!({"email": email, "code": code}))
    }
}

impl Moves for Office {
    fn resident(&self, email: &str) -> Person {
        let _ = self.sign_up(email).expect(202);
        assert_eq!(self.sql("UPDATE users SET email_verified_at = now() WHERE email = $1", email), 1);
        let id = self.app.backend.sql().query_one("SELECT id FROM users WHERE email = $1", &[&email]);
        self.app.sign_in(id.expect("there is one").get(0), email)
    }

    fn again(&self, person: &Person, email: &str, password: &str) -> Person {
        let tokens = self.app.login(email, password).expect(200).json();
        let token = |name: &str| tokens[name].as_str().expect("a token").to_owned();
        Person { email: email.to_owned(), access: token("access_token"), refresh: token("refresh_token"), ..*person }
    }

    fn ask(&self, person: &Person, new: &str) -> Answer {
        let body = json!({"email": new, "current_password": PASSWORD});
        self.app.patch(&person.path()).bearer(&person.access).json(&body).send()
    }

    fn confirm(&self, body: &Value) -> Answer {
        self.app.post("/users-ms/email-change/confirm").json(body).send()
    }

    fn secrets(&self, to: &str, number: usize) -> Secrets {
        self.secrets_of(CONFIRM, PAGE, to, number)
    }
}

pub(crate) fn office_on(backend: &Arc<Backend>, set: impl FnOnce(Setup) -> Setup) -> Office {
    Office::new(backend, |setup| set(setup.variable("authorization", "required")))
}

fn office() -> Office {
    office_on(&Backend::new(), |setup| setup)
}

#[track_caller]
pub(crate) fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (403, "invalid-ticket"), "{}", answer.text());
}

/// The statuses of what so many do at the same moment, in order.
pub(crate) fn at_once(how_many: usize, act: impl Fn(usize) -> Answer + Sync) -> Vec<u16> {
    let start = Barrier::new(how_many);
    let run = |number| {
        start.wait();
        act(number).status
    };
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..how_many)
            .map(|number| {
                scope.spawn({
                    let run = &run;
                    move || run(number)
                })
            })
            .collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    statuses.sort_unstable();
    statuses
}

fn the_new_address_is_confirmed_and_the_old_one_is_told(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let office = office_on(backend, |setup| setup);
    let (old, new) = ("ada@old.example", "ada@new.example");
    let ada = office.resident(old);
    let elsewhere = office.again(&ada, old, PASSWORD);
    let body = json!({"email": new, "name": "Augusta", "current_password": "wrong horse"});
    let patch = |body: &Value| office.app.patch(&ada.path()).bearer(&ada.access).json(body).send();
    assert_eq!(patch(&body).expect(403).problem(), "wrong-current-password");
    let body = json!({"email": new, "name": "Augusta", "current_password": PASSWORD});
    let asked = patch(&body).expect(202).json();
    assert_eq!((&asked["email"], &asked["name"], &asked["version"]), (&json!(old), &json!("Augusta"), &json!(3)));
    let secrets = office.secrets(new, 1);
    // A scanner of mails opens the link.
    for method in ["GET", "HEAD", "GET"] {
        let page = office.app.request(method, &format!("{PAGE}?token={}", secrets.token)).send().expect(200);
        assert!(page.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
        let is_form =
            page.text().contains(&secrets.token) && page.text().contains("<form method=\"post\" action=\"page\">");
        assert!(method == "HEAD" || is_form && !page.text().contains("<script"));
    }
    assert_eq!(office.app.login(new, PASSWORD).expect(401).problem(), "invalid-credentials");
    let pressed = || office.app.post(PAGE).body(FORM, format!("token={}", secrets.token)).send();
    assert!(pressed().expect(200).text().contains("is changed"));
    assert!(pressed().expect(403).text().contains("not valid"));
    assert_refused(&office.by_link(&secrets));
    assert_refused(&office.by_code(old, &secrets.code));
    // The session in which it was asked for goes on, and no other does.
    let read = office.app.get(&ada.path()).bearer(&ada.access).send().expect(200).json();
    assert_eq!((&read["email"], &read["version"]), (&json!(new), &json!(4)));
    let _ = refresh(&office.app, &ada.refresh).expect(200);
    assert_eq!(refresh(&office.app, &elsewhere.refresh).expect(401).problem(), "invalid-token");
    assert_eq!(office.app.login(old, PASSWORD).expect(401).problem(), "invalid-credentials");
    assert_eq!(office.claims(new)["email_verified"], true);
    let told = office.mail(old, CHANGED, 1);
    let back = blackbox::post_office::link_in(&told, "/users-ms/email-return/page");
    assert!(told.contains("72 hours") && !told.contains(new), "{told}");
    // Nothing but the mails has shown the secrets.
    let logged =
        || office.app.deliveries_to(old).iter().any(|logged| logged.queue == "email_changed_email_notification");
    poll::until(SOON, "the delivery is logged", logged);
    let ada = office.again(&ada, new, PASSWORD);
    let export = office.app.get(&format!("{}/export", ada.path())).bearer(&ada.access).send().expect(200);
    let kept = &export.json()["addresses"][0];
    assert_eq!((&kept["email"], &kept["is_former"]), (&json!(old), &json!(true)));
    for text in [export.text(), office.app.log()] {
        assert!(![&secrets.token, &back].iter().any(|secret| text.contains(*secret)), "{text}");
    }
}

#[test]
fn the_new_address_is_confirmed_and_the_old_one_is_told_on_redis() {
    the_new_address_is_confirmed_and_the_old_one_is_told(&Backend::new());
}

#[test]
fn the_new_address_is_confirmed_and_the_old_one_is_told_on_rabbitmq() {
    the_new_address_is_confirmed_and_the_old_one_is_told(&Backend::with_rabbitmq());
}

#[test]
fn the_code_is_shown_with_the_address_of_before_and_after_five_wrong_ones_nothing_is_good() {
    let _turn = turn::together();
    let office = office();
    let (ada, bob) = (office.resident("ada@codes.example"), office.resident("bob@codes.example"));
    for (person, new) in [(&ada, "ada@later.example"), (&bob, "bob@later.example")] {
        let _ = office.ask(person, new).expect(202);
    }
    let (of_ada, of_bob) = (office.secrets("ada@later.example", 1), office.secrets("bob@later.example", 1));
    for _ in 0..4 {
        assert_refused(&office.by_code(&ada.email, of_ada.wrong_code()));
    }
    assert_refused(&office.by_code("ada@later.example", &of_ada.code));
    assert_refused(&office.confirm(&json!({"token": "x"})));
    let _ = office.by_code("ADA@codes.example", &of_ada.code).expect(204);
    let _ = office.again(&ada, "ada@later.example", PASSWORD);
    for _ in 0..5 {
        assert_refused(&office.by_code(&bob.email, of_bob.wrong_code()));
    }
    assert_refused(&office.by_code(&bob.email, &of_bob.code));
    assert_refused(&office.by_link(&of_bob));
    for (body, problem, pointer) in [
        (json!({}), "missing-field", "/token"),
        (json!({"token": "t", "email": "ada@example.org"}), "invalid-value", "/token"),
    ] {
        let answer = office.confirm(&body).expect(422);
        assert_eq!((answer.problem().as_str(), answer.pointers()), (problem, vec![pointer.to_owned()]), "{body}");
    }
}

#[test]
fn a_ticket_is_not_good_after_its_time_or_after_a_change() {
    let _turn = turn::together();
    let office = office();
    let changes = [
        ("late@was.example", "UPDATE tickets SET expires_at = now() WHERE purpose = 'email_change' AND $1 <> ''"),
        ("moved@was.example", "UPDATE users SET email = 'at-' || $1, email_key = 'at-' || $1 WHERE email = $1"),
        ("raised@was.example", "UPDATE users SET role = 'admin' WHERE email = $1"),
        (
            "held@was.example",
            "UPDATE users SET credentials_epoch = credentials_epoch + 1, suspended_at = now() WHERE email = $1",
        ),
        ("gone@was.example", "DELETE FROM users WHERE email = $1"),
    ];
    for (number, (email, change)) in changes.into_iter().enumerate() {
        let new = format!("new-{number}@is.example");
        let person = office.resident(email);
        let _ = office.ask(&person, &new).expect(202);
        let secrets = office.secrets(&new, 1);
        assert!(office.sql(change, email) > 0);
        assert_refused(&office.by_link(&secrets));
        assert_refused(&office.by_code(email, &secrets.code));
    }
    // A newer request, a new password, and somebody else who has the address by now.
    let ada = office.resident("ada@was.example");
    let _ = office.ask(&ada, "first@is.example").expect(202);
    let first = office.secrets("first@is.example", 1);
    let _ = office.ask(&ada, "second@is.example").expect(202);
    let second = office.secrets("second@is.example", 1);
    assert_refused(&office.by_link(&first));
    let _ = office.resident("second@is.example");
    assert_refused(&office.by_link(&second));
    let _ = office.ask(&ada, "third@is.example").expect(202);
    let third = office.secrets("third@is.example", 1);
    let password = json!({"password": "another horse", "current_password": PASSWORD});
    let _ = office.app.patch(&ada.path()).bearer(&ada.access).json(&password).send().expect(200);
    assert_refused(&office.by_link(&third));
    let _ = office.again(&ada, "ada@was.example", "another horse");
}

#[test]
fn who_asks_for_a_taken_address_gets_the_same_answer_and_its_owner_is_told() {
    let _turn = turn::together();
    let office = office();
    let (ada, bob) = (office.resident("ada@same.example"), office.resident("bob@same.example"));
    let of_taken = office.ask(&ada, "BOB@same.example").expect(202);
    let told = office.mail(&bob.email, "You already have an account", 1);
    assert!(told.contains("that of another account"), "{told}");
    let of_free = office.ask(&ada, "free@same.example").expect(202);
    assert_eq!(of_taken.shown(), of_free.shown());
    assert!(office.mails(&bob.email, CONFIRM).is_empty());
    // Another spelling of one's own takes effect at once; a whole replacement is a change like any other.
    let own = office.ask(&ada, "Ada@same.example").expect(200).json();
    assert_eq!(own["email"], "Ada@same.example");
    let whole = json!({"name": "Ada", "surname": "King", "email": "other@same.example", "current_password": PASSWORD});
    let put = office.app.put(&ada.path()).bearer(&ada.access).json(&whole).send().expect(202).json();
    assert_eq!((&put["email"], &put["surname"]), (&json!("Ada@same.example"), &json!("King")));
}

#[test]
fn neither_the_answer_nor_its_time_says_who_has_an_address() {
    let _turn = turn::alone();
    let office = office();
    let (ada, bob) = (office.resident("ada@alike.example"), office.resident("bob@alike.example"));
    let free = |number: usize| format!("free-{number:02}@alike.example");
    let addresses = |number: usize| vec![bob.email.clone(), free(number)];
    let ask = |new: &str| office.ask(&ada, new);
    assert_alike("change", 202, &|| ask(&bob.email), &|number| ask(&free(number)), addresses);
    let code = |email: &str| office.by_code(email, "x");
    assert_alike("code", 403, &|| code(&bob.email), &|number| code(&free(number)), addresses);
}

#[test]
fn of_ten_confirmations_at_once_one_changes_the_address_and_of_two_people_one_gets_it() {
    let _turn = turn::together();
    let office = office();
    let ada = office.resident("ada@race.example");
    let _ = office.ask(&ada, "ada@won.example").expect(202);
    let secrets = office.secrets("ada@won.example", 1);
    assert_eq!(at_once(10, |_| office.by_link(&secrets)), [&[204][..], &[403; 9]].concat());
    let of_both = ["bob@race.example", "eve@race.example"].map(|email| {
        let person = office.resident(email);
        let _ = office.ask(&person, "one@won.example").expect(202);
        office.secrets("one@won.example", if email.starts_with("bob") { 1 } else { 2 })
    });
    assert_eq!(at_once(2, |number| office.by_link(&of_both[number])), [204, 403]);
}

#[test]
fn an_administrator_changes_an_address_at_once_and_the_old_one_is_told_without_a_way_back() {
    let _turn = turn::together();
    let office = office();
    let (ada, bob) = (office.resident("ada@admin.example"), office.resident("bob@admin.example"));
    let root = office.resident("root@admin.example");
    office.sql("SELECT make_administrator($1)", "root@admin.example");
    let root = office.again(&root, "root@admin.example", PASSWORD);
    let set = |email: &str| office.app.patch(&ada.path()).bearer(&root.access).json(&json!({"email": email})).send();
    assert_eq!(set(&bob.email).expect(409).problem(), "email-taken");
    assert_eq!(set("moved@admin.example").expect(200).json()["email"], "moved@admin.example");
    assert_eq!(office.claims("moved@admin.example")["email_verified"], false);
    let told = office.mail(&ada.email, CHANGED, 1);
    assert!(told.contains("administrator") && !told.contains("token="), "{told}");
    // One's own is confirmed, also an administrator's.
    let _ = office.ask(&root, "chief@admin.example").expect(202);
    // Nobody is told at an address that may be a stranger's.
    let _ = set("again@admin.example").expect(200);
    poll::throughout(Duration::from_secs(1), "no mail", || office.mails("moved@admin.example", CHANGED).is_empty());
}

#[test]
fn mails_are_limited_by_account_and_confirmations_by_client() {
    let _turn = turn::together();
    let office = office_on(&Backend::new(), |setup| setup.variable("login_throttling", "on"));
    let ada = office.resident("ada@many.example");
    let sent = || office.mail.taken().iter().filter(|posted| posted.body["Subject"] == CONFIRM).count();
    for number in 0..5 {
        let _ = office.ask(&ada, &format!("to-{number}@many.example")).expect(202);
    }
    // The sixth would be sent after a second, the next after two more, and so on: as it is after some of them.
    office.sql("UPDATE attempts SET failures = failures + 9 WHERE failures >= 5 AND $1 <> ''", &ada.email);
    for number in 5..8 {
        let _ = office.ask(&ada, &format!("to-{number}@many.example")).expect(202);
    }
    poll::until(SOON, "the mails", || sent() == 5);
    poll::throughout(Duration::from_secs(1), "no further mail", || sent() == 5);
    let refused = (0..60).map(|_| office.confirm(&json!({"token": "x"}))).find(|answer| answer.status != 403);
    let refused = refused.expect("who tries many has to wait");
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-attempts"));
    for page in [PAGE, "/users-ms/email-return/page"] {
        let answer = office.app.post(page).body(FORM, "token=x").send();
        assert_eq!((answer.status, answer.problem().as_str()), (429, "too-many-attempts"));
    }
    let answer = office.app.post("/users-ms/email-return/confirm").json(&json!({"token": "x"})).send();
    assert_eq!((answer.status, answer.problem().as_str()), (429, "too-many-attempts"));
}

#[test]
fn where_nobody_is_asked_to_confirm_an_address_changes_at_once() {
    let app = TestApp::guarded();
    let ada = app.person("ada@at-once.example");
    let body = json!({"email": "eve@at-once.example", "current_password": PASSWORD});
    let changed = app.patch(&ada.path()).bearer(&ada.access).json(&body).send().expect(200).json();
    assert_eq!(changed["email"], "eve@at-once.example");
}
