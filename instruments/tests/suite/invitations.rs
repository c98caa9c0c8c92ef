//! Sign-up of people whom an administrator has invited: by link or code, once, and only as long as the invitation stands.

use blackbox::app::Setup;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, Person};
use blackbox::post_office::{Office, Secrets, assert_alike};
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const INVITATION: &str = "Invitation";
const INVITATIONS: &str = "/users-ms/invitations";
const ACCEPT: &str = "/users-ms/invitation/accept";
const PAGE: &str = "/users-ms/invitation/page";
const FORM: &str = "application/x-www-form-urlencoded";

/// What administrators do who invite people, and what the invited do.
pub(crate) trait Invites {
    fn root(&self, email: &str) -> Person;
    fn invite(&self, root: &Person, body: &Value) -> Answer;
    fn accept(&self, shown: Value) -> Answer;

    /// Invites somebody, and reads the mail number `number` to them.
    fn invited(&self, root: &Person, email: &str, number: usize) -> (i64, Secrets);

    fn by_link(&self, secrets: &Secrets) -> Answer {
        self.accept(json!({"token": secrets.token}))
    }

    fn by_code(&self, email: &str, code: &str) -> Answer {
        self.accept(json!({"email": email, "code": code}))
    }
}

impl Invites for Office {
    fn root(&self, email: &str) -> Person {
        let _ = self.sign_up(email).expect(202);
        let _ =
            self.app.backend.sql().query_one("SELECT make_administrator($1)", &[&email]).expect("roles can be changed");
        let id = self.claims(email)["sub"].as_str().and_then(|id| id.parse().ok()).expect("a subject is a number");
        self.app.sign_in(id, email)
    }

    fn invite(&self, root: &Person, body: &Value) -> Answer {
        self.app.post(INVITATIONS).bearer(&root.access).json(body).send()
    }

    fn accept(&self, mut shown: Value) -> Answer {
        let person = json!({"name": "Bob", "surname": "Bell", "password": PASSWORD});
        shown.as_object_mut().expect("a body").extend(person.as_object().expect("a body").clone());
        self.app.post(ACCEPT).json(&shown).send()
    }

    fn invited(&self, root: &Person, email: &str, number: usize) -> (i64, Secrets) {
        let invitation = self.invite(root, &json!({"email": email})).expect(201).json();
        (invitation["id"].as_i64().expect("an id"), self.secrets_of(INVITATION, PAGE, email, number))
    }
}

fn office(set: impl FnOnce(Setup) -> Setup) -> Office {
    Office::new(&Backend::new(), |setup| set(setup.variable("authorization", "required")))
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (403, "invalid-ticket"), "{}", answer.text());
}

fn list(office: &Office, root: &Person) -> Vec<Value> {
    let answer = office.app.get(INVITATIONS).bearer(&root.access).send().expect(200).json();
    answer["items"].as_array().expect("a list").clone()
}

fn count(office: &Office, email: &str) -> i64 {
    let mut sql = office.app.backend.sql();
    sql.query_one("SELECT count(*) FROM users WHERE email_key = lower($1)", &[&email]).expect("it counts").get(0)
}

fn the_link_makes_a_user_once(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let office = Office::new(backend, |setup| setup.variable("authorization", "required"));
    let (root, email) = (office.root("root@invited.example"), "Bob@invited.example");
    let body = json!({"email": email, "roles": ["support", "admin"], "locale": "de-AT"});
    let invitation = office.invite(&root, &body).expect(201).json();
    assert_eq!(
        (&invitation["email"], &invitation["role"], &invitation["locale"]),
        (&json!(email), &json!("admin"), &json!("de-AT"))
    );
    assert_eq!(invitation["invited_by"], json!(root.id));
    assert_eq!(list(&office, &root), std::slice::from_ref(&invitation));
    let secrets = office.secrets_of("Einladung", PAGE, email, 1);
    // A scanner of mails opens the link.
    for method in ["GET", "HEAD", "GET"] {
        let page = office.app.request(method, &format!("{PAGE}?token={}", secrets.token)).send().expect(200);
        let policy = page.header("content-security-policy").expect("a page has a policy");
        assert!(policy.starts_with("default-src 'none'; form-action 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    // What is refused uses nothing up.
    for (field, value, problem) in [
        ("name", "", "invalid-name"),
        ("surname", " ", "invalid-surname"),
        ("password", "short", "invalid-password"),
        ("password", "bob@invited.example", "invalid-password"),
    ] {
        let mut body = json!({"token": secrets.token, "name": "Bob", "surname": "Bell", "password": PASSWORD});
        body[field] = value.into();
        let answer = office.app.post(ACCEPT).json(&body).send().expect(422);
        assert_eq!((answer.problem().as_str(), answer.pointers()), (problem, vec![format!("/{field}")]));
    }
    let body = json!({"token": secrets.token, "name": "", "surname": "", "password": ""});
    assert_eq!(office.app.post(ACCEPT).json(&body).send().expect(422).problem(), "validation-failed");
    let accepted = office.by_link(&secrets).expect(201);
    let user = accepted.json();
    assert_eq!(accepted.header("location"), Some(format!("/users-ms/users/{}", user["id"]).as_str()));
    assert_eq!((&invitation["roles"], &user["roles"]), (&json!(["admin", "support"]), &json!(["admin", "support"])));
    assert_eq!((&user["id"], &user["role"], &user["locale"]), (&invitation["id"], &json!("admin"), &json!("de-AT")));
    assert_refused(&office.by_link(&secrets));
    assert_refused(&office.by_code(email, &secrets.code));
    let claims = office.claims(email);
    assert_eq!((&claims["email_verified"], &claims["role"]), (&json!(true), &json!("admin")), "the mail was read");
    assert!(list(&office, &root).is_empty());
    let _ = office.mail(email, "Willkommen", 1);
    // Nothing but the mail has shown the secrets, and what is known of the invitation is its user's.
    let bob = office.app.sign_in(user["id"].as_i64().expect("an id"), email);
    let logged = || office.app.deliveries_to(email).iter().any(|one| one.queue == "invitation_email_notification");
    poll::until(SOON, "the delivery is logged", logged);
    let export = office.app.get(&format!("{}/export", bob.path())).bearer(&bob.access).send().expect(200).text();
    assert!(export.contains("invitation_email_notification"), "{export}");
    for text in [&export, &office.app.log()] {
        assert!(!text.contains(&secrets.token) && !text.contains(&format!("\"{}\"", secrets.code)), "{text}");
    }
    let activity = office.app.get(&format!("{}/activity", bob.path())).bearer(&bob.access).send().expect(200).json();
    let items = activity["items"].as_array().expect("a list");
    assert!(items.iter().any(|row| row["action"] == "sign-up" && row["actor"] == "self"), "{items:?}");
    let audit = office.app.get("/users-ms/audit?action=user-invited").bearer(&root.access).send().expect(200).json();
    assert_eq!((&audit["items"][0]["actor_id"], &audit["items"][0]["user_id"]), (&json!(root.id), &json!(null)));
    let _ = office.app.delete(&bob.path()).bearer(&bob.access).send().expect(204);
    // The last mail, which says that the account is gone, stays until the second scan.
    poll::until(SOON, "the invitation is forgotten with its user", || !logged());
}

#[test]
fn the_link_makes_a_user_once_on_redis_and_leaves_the_stream() {
    let backend = Backend::new();
    the_link_makes_a_user_once(&backend);
    let mut broker = backend.broker();
    poll::until(SOON, "the secret has left the stream", || broker.messages("user_invited_event").is_empty());
}

#[test]
fn the_link_makes_a_user_once_on_rabbitmq() {
    the_link_makes_a_user_once(&Backend::with_rabbitmq());
}

#[test]
fn the_page_makes_a_user_without_scripts_and_says_what_is_wrong() {
    let _turn = turn::together();
    let (office, email) = (office(|setup| setup), "bob@page.example");
    let (_, secrets) = office.invited(&office.root("root@page.example"), email, 1);
    let page = office.app.get(&format!("{PAGE}?token={}", secrets.token)).send().expect(200).text();
    assert!(PAGE.ends_with("/page") && page.contains("<form method=\"post\" action=\"page\">"), "{page}");
    assert!(page.contains("type=\"password\"") && page.contains(&secrets.token) && !page.contains("<script"), "{page}");
    let send = |body: String| office.app.post(PAGE).body(FORM, body).send();
    let again = send(format!("token={}&name=Bob&surname=&password=short", secrets.token)).expect(422).text();
    assert_eq!(again.matches("role=\"alert\"").count(), 2, "{again}");
    assert!(again.contains("value=\"Bob\"") && again.contains(&secrets.token) && !again.contains("short"), "{again}");
    let filled = format!("token={}&name=Bob&surname=Bell&password=a+better%20horse+battery", secrets.token);
    assert!(send(filled.clone()).expect(200).text().contains("is ready"));
    let _ = office.app.login(email, "a better horse battery").expect(200);
    assert!(send(filled).expect(403).text().contains("not valid"));
    let page =
        office.app.get(&format!("{PAGE}?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).send().expect(200).text();
    assert!(!page.contains("<script") && page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
    let _ = office.app.get(PAGE).send().expect(200);
    let _ = send(String::new()).expect(422);
}

#[test]
fn while_nobody_can_hash_the_invitation_stays_good() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("hash_permits", 1));
    let root = office.root("root@hashing.example");
    let (_, secrets) = office.invited(&root, "bob@hashing.example", 1);
    assert!(office.app.backend.hold_permits(1) > 0);
    let busy = |answer: Answer| {
        assert_eq!((answer.status, answer.problem().as_str()), (503, "too-busy"), "{}", answer.text());
        assert!(answer.header("retry-after").is_some());
    };
    busy(office.by_link(&secrets));
    let form = format!("token={}&name=Bob&surname=Bell&password=correct+horse+battery", secrets.token);
    busy(office.app.post(PAGE).body(FORM, form).send());
    office.app.backend.free_permits();
    let _ = office.by_link(&secrets).expect(201);
}

#[test]
fn the_code_accepts_as_well_and_after_five_wrong_ones_only_the_link_does() {
    let _turn = turn::together();
    let office = office(|setup| setup);
    let root = office.root("root@codes.example");
    let people = ["ada@codes.example", "bob@codes.example", "cyd@codes.example"];
    let [of_ada, of_bob, of_cyd] = people.map(|email| office.invited(&root, email, 1).1);
    let [ada, bob, cyd] = people;
    for _ in 0..4 {
        assert_refused(&office.by_code(ada, of_ada.wrong_code()));
    }
    // Somebody else's is none; nor is one that confirms an address, or something that is no code.
    if of_ada.code != of_bob.code {
        assert_refused(&office.by_code(bob, &of_ada.code));
    }
    let confirms = office.secrets_of("Confirm your email address", "/users-ms/email-verification/page", &root.email, 1);
    assert_refused(&office.by_link(&confirms));
    for (email, odd) in [("nobody@codes.example", of_bob.token.as_str()), ("nobody@codes.example", ""), ("x", "12345")]
    {
        assert_refused(&office.by_code(email, odd));
    }
    assert_refused(&office.accept(json!({"token": "x"})));
    let _ = office.by_code("ADA@codes.example", &of_ada.code).expect(201);
    let _ = office.app.login(ada, PASSWORD).expect(200);
    // A stranger who tries codes makes the code invalid, and cannot spoil the invitation.
    for email in [bob, cyd] {
        let wrong = if email == bob { of_bob.wrong_code() } else { of_cyd.wrong_code() };
        (0..5).for_each(|_| assert_refused(&office.by_code(email, wrong)));
    }
    assert_refused(&office.by_code(bob, &of_bob.code));
    let _ = office.by_link(&of_bob).expect(201);
    // Another mail has another code.
    let (_, again) = office.invited(&root, cyd, 2);
    let _ = office.by_code(cyd, &again.code).expect(201);
}

#[test]
fn an_invitation_is_not_good_after_its_time_or_after_a_change_and_the_answer_does_not_say_which() {
    let _turn = turn::together();
    let office = office(|setup| setup);
    // Somebody else invites each.
    let changes = [
        ("late", "UPDATE invitations SET expires_at = now() WHERE email = 'bob@' || $1 || '.example'"),
        ("suspended", "UPDATE users SET suspended_at = now() WHERE email = 'root@' || $1 || '.example'"),
        ("demoted", "UPDATE users SET role = 'user' WHERE email = 'root@' || $1 || '.example'"),
        ("removed", "DELETE FROM users WHERE email = 'root@' || $1 || '.example'"),
    ];
    let _last = office.root("last@stays.example");
    let mut answers = Vec::new();
    for (what, change) in changes {
        let root = office.root(&format!("root@{what}.example"));
        let email = format!("bob@{what}.example");
        let (_, secrets) = office.invited(&root, &email, 1);
        assert_eq!(office.sql(change, what), 1);
        for answer in [office.by_link(&secrets), office.by_code(&email, &secrets.code)] {
            assert_refused(&answer);
            answers.push(answer.shown());
        }
        assert_eq!(count(&office, &email), 0);
    }
    // Revoked, sent again, and taken by a sign-up.
    let root = office.root("root@changed.example");
    let (id, revoked) = office.invited(&root, "ann@changed.example", 1);
    let path = format!("{INVITATIONS}/{id}");
    assert!(office.app.delete(&path).bearer(&root.access).send().expect(204).body.is_empty());
    for gone in ["DELETE", "POST"] {
        let path = if gone == "POST" { format!("{path}/mail") } else { path.clone() };
        let answer = office.app.request(gone, &path).bearer(&root.access).send();
        assert_eq!((answer.status, answer.problem().as_str()), (404, "invitation-not-found"));
    }
    answers.push(office.by_link(&revoked).shown());
    let (id, older) = office.invited(&root, "bob@changed.example", 1);
    let again = format!("{INVITATIONS}/{id}/mail");
    let sent = office.app.post(&again).bearer(&root.access).send().expect(200).json();
    assert_eq!(sent["roles"], json!([]));
    let newer = office.secrets_of(INVITATION, PAGE, "bob@changed.example", 2);
    answers.push(office.by_link(&older).shown());
    assert_eq!(office.by_link(&newer).expect(201).json()["id"], sent["id"]);
    let (id, taken) = office.invited(&root, "cyd@changed.example", 1);
    let _ = office.sign_up("Cyd@changed.example").expect(202);
    for answer in [office.by_link(&taken), office.by_code("cyd@changed.example", &taken.code)] {
        answers.push(answer.shown());
    }
    let again = format!("{INVITATIONS}/{id}/mail");
    assert_eq!(office.app.post(&again).bearer(&root.access).send().expect(409).problem(), "email-taken");
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
}

#[test]
fn of_ten_acceptances_at_once_one_makes_the_user() {
    let _turn = turn::together();
    let (office, email) = (office(|setup| setup), "bob@race.example");
    let (_, secrets) = office.invited(&office.root("root@race.example"), email, 1);
    let start = Barrier::new(10);
    let accept = |number: usize| {
        start.wait();
        if number.is_multiple_of(2) {
            office.by_link(&secrets).status
        } else {
            office.by_code(email, &secrets.code).status
        }
    };
    let accept = &accept;
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..10).map(|number| scope.spawn(move || accept(number))).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    let of = |status| statuses.iter().filter(|one| **one == status).count();
    assert_eq!((of(201), of(403), count(&office, email)), (1, 9, 1), "{statuses:?}");
    let _ = office.app.login(email, PASSWORD).expect(200);
}

#[test]
fn no_acceptance_under_way_outlives_a_revocation_or_a_suspension_of_the_inviter() {
    let _turn = turn::together();
    let office = office(|setup| setup.variable("bcrypt_cost", 9));
    let _last = office.root("last@under-way.example");
    for round in 0..10 {
        let root = office.root(&format!("root-{round}@under-way.example"));
        let email = format!("bob-{round}@under-way.example");
        let (id, secrets) = office.invited(&root, &email, 1);
        let before = std::thread::scope(|scope| {
            let acceptance = scope.spawn(|| office.by_link(&secrets).status);
            std::thread::sleep(Duration::from_millis(3 * round));
            if round % 2 == 0 {
                let suspend = format!("{}/suspension", root.path());
                let _ = office.app.put(&suspend).bearer(&_last.access).send().expect(204);
            } else {
                let revoked = office.app.delete(&format!("{INVITATIONS}/{id}")).bearer(&root.access).send();
                assert!([204, 404].contains(&revoked.status));
            }
            let before = count(&office, &email);
            assert_eq!(acceptance.join().expect("it answers") == 201, before == 1);
            before
        });
        assert_eq!(count(&office, &email), before, "nothing has changed afterwards");
    }
}

#[test]
fn neither_the_answer_nor_its_time_says_who_is_invited() {
    let _turn = turn::alone();
    let office = office(|setup| setup.variable("bcrypt_cost", 10));
    let (known, taken) = ("bob@alike.example", "root@alike.example");
    let root = office.root(taken);
    let (_, secrets) = office.invited(&root, known, 1);
    let unknown = |number: usize| office.by_code(&format!("nobody-{number:02}@alike.example"), "000000");
    let address = |number: usize| vec![known.to_owned(), format!("nobody-{number:02}@alike.example")];
    let wrong = || office.by_code(known, secrets.wrong_code());
    assert_alike("a wrong code", 403, &wrong, &unknown, address);
    let of_a_user = || office.by_code(taken, "000000");
    assert_alike("an address with an account", 403, &of_a_user, &unknown, address);
}
