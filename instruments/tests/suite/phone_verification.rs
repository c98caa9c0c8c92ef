//! Confirming a phone number: by the code of an SMS, once, and only as long as nothing has changed. Before, and beyond the limits of
//! a day, no SMS goes there.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::mail_api::{MailApi, Posted};
use blackbox::people::{PASSWORD, Person, sign_up_form};
use blackbox::schedules::Schedules;
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);
const QUEUE: &str = "phone_verification_sms_notification";

/// An app that sends SMS, and where they arrive.
struct Phones {
    app: TestApp,
    mail: MailApi,
    _schedules: Schedules,
}

impl Phones {
    fn on(backend: &Arc<Backend>, variables: &[(&str, &str)]) -> Self {
        let mail = MailApi::start();
        let mut setup = TestApp::on(backend)
            .variable("authorization", "required")
            .variable("notification_sender", "http")
            .variable("mail_api_url", mail.url())
            .variable("notification_claim_ms", 12_000);
        for (name, value) in variables {
            setup = setup.variable(name, *value);
        }
        let app = setup.start();
        let schedules = Schedules::start(&[&app], ROUND);
        Self { app, mail, _schedules: schedules }
    }

    /// Somebody with this number, signed in.
    #[track_caller]
    fn person(&self, email: &str, phone: &str) -> Person {
        let mut form = sign_up_form(email);
        form["phone"] = phone.into();
        let id = self.app.sign_up_with(&form);
        self.app.sign_in(id, email)
    }

    fn request(&self, of: &Person, by: &Person) -> Answer {
        self.app.post(&format!("{}/phone-verification", of.path())).bearer(&by.access).send()
    }

    fn confirm(&self, of: &Person, by: &Person, code: &str) -> Answer {
        let request = self.app.post(&format!("{}/phone-verification/confirm", of.path())).bearer(&by.access);
        request.json(&json!({"code": code})).send()
    }

    fn user(&self, person: &Person) -> Value {
        self.app.get(&person.path()).bearer(&person.access).send().expect(200).json()
    }

    fn change(&self, person: &Person, change: &Value) -> Answer {
        self.app.patch(&person.path()).bearer(&person.access).json(change).send()
    }

    /// The SMS that went to a number, oldest first.
    fn sms(&self, phone: &str) -> Vec<String> {
        let is_there = |posted: &&Posted| posted.body["Headers"]["X-Phone"] == phone;
        let taken = self.mail.taken();
        taken
            .iter()
            .filter(is_there)
            .map(|posted| posted.body["Text"].as_str().unwrap_or_default().to_owned())
            .collect()
    }

    /// Waits for the code number `number` that went to a number.
    #[track_caller]
    fn code(&self, phone: &str, number: usize) -> String {
        let code = |text: &String| text.split(' ').next().filter(|code| code.len() == 6).map(str::to_owned);
        let codes = || self.sms(phone).iter().filter_map(code).collect::<Vec<_>>();
        poll::eventually(SOON, "an SMS", || codes().get(number - 1).cloned())
    }

    /// Requests a code and waits for it, the first that goes to this number.
    #[track_caller]
    fn first_code(&self, person: &Person, phone: &str) -> String {
        let _ = self.request(person, person).expect(202);
        self.code(phone, 1)
    }

    fn sql(&self, statement: &str, person: &Person) -> u64 {
        self.app.backend.sql().execute(statement, &[&person.id]).expect("the test is made so")
    }

    fn wait_until_quiet(&self) {
        self.app.backend.wait_until_published();
        for queue in [QUEUE, "login_sms_notification"] {
            self.app.backend.wait_until_acknowledged(queue);
        }
    }
}

fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

fn refused(status: u16, slug: &str) -> (u16, String) {
    (status, slug.to_owned())
}

#[track_caller]
fn assert_invalid(answer: &Answer) {
    assert_eq!(answer.outcome(), refused(403, "invalid-ticket"), "{}", answer.text());
}

fn a_code_confirms_a_number_once_and_nothing_else_goes_there_before(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let phones = Phones::on(backend, &[]);
    let (phone, email) = ("+390299887766", "ada@phones.example");
    let ada = phones.person(email, phone);
    let before = phones.user(&ada);
    assert_eq!((&before["phone"], &before["phone_verified"]), (&phone.into(), &false.into()));
    poll::until(SOON, "the mail about the sign-in", || phones.app.deliveries_to(email).len() >= 2);
    phones.wait_until_quiet();
    assert_eq!(phones.sms(phone), Vec::<String>::new());
    let code = phones.first_code(&ada, phone);
    assert_invalid(&phones.confirm(&ada, &ada, wrong(&code)));
    assert_eq!(phones.user(&ada), before);
    // As people type it.
    let _ = phones.confirm(&ada, &ada, &format!("{} {}", &code[..3], &code[3..])).expect(204);
    let after = phones.user(&ada);
    assert_eq!(
        (&after["phone_verified"], &after["version"]),
        (&true.into(), &json!(before["version"].as_i64().expect("a version") + 1))
    );
    assert_invalid(&phones.confirm(&ada, &ada, &code));
    // A confirmed number gets no further code, and the notices.
    let _ = phones.request(&ada, &ada).expect(202);
    let ada = phones.app.sign_in(ada.id, email);
    poll::until(SOON, "the SMS about the sign-in", || phones.sms(phone).len() == 2);
    phones.wait_until_quiet();
    assert_eq!(phones.sms(phone).len(), 2);
    // The code is in the SMS alone.
    poll::until(SOON, "the delivery is logged", || phones.app.deliveries_to(email).iter().any(|to| to.queue == QUEUE));
    let export = phones.app.get(&format!("{}/export", ada.path())).bearer(&ada.access).send().expect(200);
    assert!(export.json()["phone_verified_at"].is_string());
    let log = phones.app.get(&format!("/notification-ms/notifications?to={email}")).bearer(phones.app.operator());
    for text in [export.text(), log.send().expect(200).text(), phones.app.log()] {
        assert!(!text.contains(&format!("\"{code}\"")), "{text}");
    }
    let kept = "SELECT count(*) FROM phone_codes";
    assert_eq!(backend.sql().query_one(kept, &[]).expect("rows can be counted").get::<_, i64>(0), 0);
    let results =
        "SELECT result FROM audit_log WHERE user_id = $1 AND action = 'phone-verification' ORDER BY created_at, id";
    let rows = backend.sql().query(results, &[&ada.id]).expect("rows can be read");
    let results: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(results, ["requested", "invalid-code", "success", "invalid-code"]);
    phones.app.wait_for_log("audit: phone-verification: success");
}

#[test]
fn a_code_confirms_a_number_once_on_redis_and_leaves_the_stream() {
    let backend = Backend::new();
    a_code_confirms_a_number_once_and_nothing_else_goes_there_before(&backend);
    let mut broker = backend.broker();
    let is_gone = || broker.messages("phone_verification_requested_event").is_empty();
    poll::until(SOON, "the secret has left the stream", is_gone);
}

#[test]
fn a_code_confirms_a_number_once_on_rabbitmq() {
    a_code_confirms_a_number_once_and_nothing_else_goes_there_before(&Backend::with_rabbitmq());
}

#[test]
fn a_code_is_for_its_user_and_number_and_for_ten_minutes() {
    let _turn = turn::together();
    let phones = Phones::on(&Backend::new(), &[]);
    let (ada, bob) =
        (phones.person("ada@codes.example", "+390211111111"), phones.person("bob@codes.example", "+390222222222"));
    let of_bob = phones.first_code(&bob, "+390222222222");
    let first = phones.first_code(&ada, "+390211111111");
    // Bob's, unless chance has made it the same.
    if first != of_bob {
        assert_invalid(&phones.confirm(&ada, &ada, &of_bob));
    }
    // A newer one takes its place.
    let _ = phones.request(&ada, &ada).expect(202);
    let second = phones.code("+390211111111", 2);
    if first != second {
        assert_invalid(&phones.confirm(&ada, &ada, &first));
    }
    // Another number has had none.
    let _ = phones.change(&ada, &json!({"phone": "+390233333333"})).expect(200);
    assert_invalid(&phones.confirm(&ada, &ada, &second));
    // Neither has it the first one again.
    let _ = phones.change(&ada, &json!({"phone": "+390211111111"})).expect(200);
    assert_invalid(&phones.confirm(&ada, &ada, &second));
    let _ = phones.request(&ada, &ada).expect(202);
    let third = phones.code("+390211111111", 3);
    assert_eq!(phones.sql("UPDATE phone_codes SET expires_at = now() WHERE user_id = $1", &ada), 1);
    assert_invalid(&phones.confirm(&ada, &ada, &third));
    let _ = phones.app.sweep();
    let _ = phones.request(&ada, &ada).expect(202);
    let fourth = phones.code("+390211111111", 4);
    let password = json!({"password": "another good password", "current_password": PASSWORD});
    let _ = phones.change(&ada, &password).expect(200);
    assert_invalid(&phones.confirm(&ada, &ada, &fourth));
    // Bob's is good all the time, until he has shown five wrong ones.
    for _ in 0..5 {
        assert_invalid(&phones.confirm(&bob, &bob, wrong(&of_bob)));
    }
    assert_invalid(&phones.confirm(&bob, &bob, &of_bob));
    assert!([&ada, &bob].into_iter().all(|person| phones.user(person)["phone_verified"] == false));
}

#[test]
fn a_confirmed_number_is_confirmed_until_there_is_another() {
    let _turn = turn::together();
    let phones = Phones::on(&Backend::new(), &[]);
    let ada = phones.person("ada@another.example", "+390244444444");
    let code = phones.first_code(&ada, "+390244444444");
    let _ = phones.confirm(&ada, &ada, &code).expect(204);
    let _ = phones.change(&ada, &json!({"phone": "+39 02 4444 4444", "name": "Augusta"})).expect(200);
    assert_eq!(phones.user(&ada)["phone_verified"], true, "it is the same number");
    let changed = phones.change(&ada, &json!({"phone": "+390255555555"})).expect(200);
    assert_eq!(changed.json()["phone_verified"], false);
    let ada = phones.app.sign_in(ada.id, &ada.email);
    phones.wait_until_quiet();
    assert!(phones.sms("+390255555555").is_empty() && phones.sms("+390244444444").len() == 1);
    let _ = phones.change(&ada, &json!({"phone": null})).expect(200);
    assert_eq!(phones.request(&ada, &ada).outcome(), refused(409, "no-phone"));
    assert_invalid(&phones.confirm(&ada, &ada, &code));
}

#[test]
fn a_number_is_its_owners_business_and_takes_a_recent_sign_in() {
    let _turn = turn::together();
    let phones = Phones::on(&Backend::new(), &[]);
    let (ada, eve) =
        (phones.person("ada@own-phone.example", "+390266666666"), phones.app.person("eve@own-phone.example"));
    let root = phones.app.admin("root@own-phone.example");
    let code = phones.first_code(&ada, "+390266666666");
    for answer in [phones.request(&ada, &eve), phones.confirm(&ada, &eve, &code)] {
        assert_eq!(answer.outcome(), refused(404, "user-not-found"));
    }
    for answer in [phones.request(&ada, &root), phones.confirm(&ada, &root, &code)] {
        assert_eq!(answer.outcome(), refused(403, "forbidden"));
    }
    let earlier = "UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(phones.sql(earlier, &ada), 1);
    assert_eq!(phones.request(&ada, &ada).outcome(), refused(403, "reauthentication-required"));
    // A suspension ends her sessions; when it is lifted, the code is that of an earlier one.
    let suspension = format!("{}/suspension", ada.path());
    let _ = phones.app.put(&suspension).bearer(&root.access).send();
    for answer in [phones.request(&ada, &ada), phones.confirm(&ada, &ada, &code)] {
        assert_eq!(answer.outcome(), refused(401, "invalid-token"));
    }
    let verified = "SELECT phone_verified_at IS NOT NULL FROM users WHERE id = $1";
    let row = phones.app.backend.sql().query_one(verified, &[&ada.id]).expect("it can be read");
    assert!(!row.get::<_, bool>(0));
}

#[test]
fn of_several_confirmations_at_once_one_counts() {
    let _turn = turn::together();
    let phones = Phones::on(&Backend::new(), &[]);
    let ada = phones.person("ada@phones-at-once.example", "+390277777777");
    let code = phones.first_code(&ada, "+390277777777");
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..6).map(|_| scope.spawn(|| phones.confirm(&ada, &ada, &code).status)).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| [204, 403].contains(status)), "{statuses:?}");
    // A change of the number and its confirmation: whichever is first, a new number is not confirmed.
    let bob = phones.person("bob@phones-at-once.example", "+390288888888");
    let code = phones.first_code(&bob, "+390288888888");
    std::thread::scope(|scope| {
        let (phones, bob) = (&phones, &bob);
        let _ = scope.spawn(|| phones.confirm(bob, bob, &code));
        let _ = scope.spawn(|| phones.change(bob, &json!({"phone": "+390288888889"})).expect(200));
    });
    assert_eq!(phones.user(&bob)["phone_verified"], false);
}

#[test]
fn an_account_gets_five_codes_a_day_and_a_client_ten_an_hour() {
    let _turn = turn::together();
    let backend = Backend::new();
    let phones = Phones::on(&backend, &[("login_throttling", "on"), ("sms_per_day", "7")]);
    let (phone, other) = ("+390200000001", "+390200000002");
    let ada = phones.person("ada@pumping.example", phone);
    for _ in 0..5 {
        let _ = phones.request(&ada, &ada).expect(202);
    }
    let refused_today = phones.request(&ada, &ada);
    assert_eq!(refused_today.outcome(), refused(429, "too-many-requests"));
    let wait: u32 = refused_today.header("retry-after").expect("it says when").parse().expect("a number");
    assert!((1..=86_400).contains(&wait), "{wait}");
    // Another number does not help.
    let _ = phones.change(&ada, &json!({"phone": other})).expect(200);
    assert_eq!(phones.request(&ada, &ada).outcome(), refused(429, "too-many-requests"));
    // Neither does another account with the same number: half of its SMS of the day are for codes, and the answer does not say when
    // there are no more.
    let bob = phones.person("bob@pumping.example", phone);
    for _ in 0..3 {
        let _ = phones.request(&bob, &bob).expect(202);
    }
    poll::until(SOON, "four SMS", || phones.sms(phone).len() >= 4);
    phones.wait_until_quiet();
    assert_eq!((phones.sms(phone).len(), phones.sms(other).len()), (4, 0));
    // Whoever has confirmed it is told of a sign-in by SMS all the same, until it has had its seven.
    let owner = phones.person("owner@pumping.example", phone);
    phones.app.confirm_phone(&owner.email);
    for _ in 0..4 {
        let _ = phones.app.login(&owner.email, PASSWORD).expect(200);
    }
    poll::until(SOON, "seven SMS", || phones.sms(phone).len() >= 7);
    phones.wait_until_quiet();
    assert_eq!(phones.sms(phone).len(), 7);
    // That was the tenth of the client.
    let eleventh = (0..5).map(|_| phones.request(&bob, &bob)).find(|answer| answer.status != 202);
    let eleventh = eleventh.expect("a client has to wait");
    assert_eq!(eleventh.outcome(), refused(429, "too-many-attempts"));
    // So are the codes that it shows.
    let late = (0..60).map(|_| phones.confirm(&bob, &bob, "123456")).find(|answer| answer.status != 403);
    assert_eq!(late.expect("a client has to wait").outcome(), refused(429, "too-many-attempts"));
    // Tomorrow is another day; what is counted of today is not kept.
    let yesterday = "UPDATE sms_counts SET day = day - 1";
    assert!(backend.sql().execute(yesterday, &[]).expect("the test is made so") >= 4);
    let _ = phones.app.sweep();
    let left = backend.sql().query_one("SELECT count(*) FROM sms_counts", &[]).expect("rows can be counted");
    assert_eq!(left.get::<_, i64>(0), 0);
}

#[test]
fn a_number_gets_so_many_sms_a_day_however_many_sign_ins_there_are_at_once() {
    let _turn = turn::together();
    let backend = Backend::new();
    let variables =
        [("login_throttling", "on"), ("sms_per_day", "4"), ("hash_permits", "32"), ("hash_permits_per_client", "32")];
    let phones = Phones::on(&backend, &variables);
    let phone = "+390200000003";
    let people = ["ada@notices.example", "bob@notices.example"];
    for email in people {
        let _ = phones.person(email, phone);
        phones.app.confirm_phone(email);
    }
    std::thread::scope(|scope| {
        // Five of one person at once might have to wait for each other.
        for number in 0..8 {
            let app = &phones.app;
            let _ = scope.spawn(move || app.login(people[number % 2], PASSWORD).expect(200));
        }
    });
    poll::until(SOON, "four SMS", || phones.sms(phone).len() >= 4);
    phones.wait_until_quiet();
    assert_eq!(phones.sms(phone).len(), 4);
    // The mails are as many as the sign-ins.
    let told = || people.iter().map(|email| phones.app.deliveries_to(email)).collect::<Vec<_>>().concat();
    let mails = || told().iter().filter(|to| to.queue == "login_email_notification").count();
    poll::until(SOON, "all mails", || mails() == 10);
    // Who removes the account does not begin anew.
    let ada = phones.app.login(people[0], PASSWORD).expect(200).json();
    let (token, id) = (ada["access_token"].as_str().expect("a token"), phones.id_of(people[0]));
    let _ = phones.app.delete(&format!("/users-ms/users/{id}")).bearer(token).send().expect(204);
    let again = phones.person(people[0], phone);
    let _ = phones.request(&again, &again).expect(202);
    phones.wait_until_quiet();
    assert_eq!(phones.sms(phone).len(), 4);
}

impl Phones {
    fn id_of(&self, email: &str) -> i64 {
        let row = self.app.backend.sql().query_one("SELECT id FROM users WHERE email = $1", &[&email]);
        row.expect("somebody has the address").get(0)
    }
}

#[test]
fn who_is_told_of_no_sign_in_uses_up_no_sms() {
    let _turn = turn::together();
    let backend = Backend::new();
    let phones = Phones::on(&backend, &[("login_throttling", "on"), ("login_notice", "off"), ("sms_per_day", "1")]);
    let ada = phones.person("ada@told-nothing.example", "+390200000004");
    phones.app.confirm_phone(&ada.email);
    let _ = phones.app.sign_in(ada.id, &ada.email);
    let left = backend.sql().query_one("SELECT count(*) FROM sms_counts", &[]).expect("rows can be counted");
    assert_eq!(left.get::<_, i64>(0), 0);
}
