//! Confirming an address: by the link of a mail, by its code, once, and only as long as nothing has changed. Nobody learns from it
//! who has an account.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::post_office::{Office, Secrets, assert_alike, claims};
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const CONFIRM: &str = "Confirm your email address";
const TAKEN: &str = "You already have an account";
const PAGE: &str = "/users-ms/email-verification/page";
const FORM: &str = "application/x-www-form-urlencoded";

/// What people do to confirm their address.
trait Confirms {
    fn request(&self, email: &str) -> Answer;
    fn confirm(&self, body: &Value) -> Answer;
    fn secrets(&self, to: &str, number: usize) -> Secrets;

    fn by_link(&self, secrets: &Secrets) -> Answer {
        self.confirm(&json!({"token": secrets.token}))
    }

    fn by_code(&self, email: &str, code: &str) -> Answer {
        self.confirm(&json!({"email": email, "code": code}))
    }
}

impl Confirms for Office {
    fn request(&self, email: &str) -> Answer {
        self.app.post("/users-ms/email-verification").json(&json!({"email": email})).send()
    }

    fn confirm(&self, body: &Value) -> Answer {
        self.app.post("/users-ms/email-verification/confirm").json(body).send()
    }

    fn secrets(&self, to: &str, number: usize) -> Secrets {
        self.secrets_of(CONFIRM, PAGE, to, number)
    }
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.problem().as_str()), (403, "invalid-ticket"), "{}", answer.text());
}

fn the_link_confirms_once_and_nothing_but_the_mail_holds_it(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let office = Office::new(backend, |setup| setup);
    let email = "ada@verified.example";
    let accepted = office.sign_up(email).expect(202);
    assert_eq!(accepted.json(), json!({"email": email, "expires_in": 86_400}));
    let secrets = office.secrets(email, 1);
    // She can sign in, and her token says that the address is not confirmed.
    let tokens = office.app.login(email, PASSWORD).expect(200).json();
    assert_eq!(claims(&tokens)["email_verified"], false);
    // A scanner of mails opens the link.
    for method in ["GET", "HEAD", "GET"] {
        let page = office.app.request(method, &format!("{PAGE}?token={}", secrets.token)).send().expect(200);
        let policy = page.header("content-security-policy").expect("a page has a policy");
        assert!(policy.starts_with("default-src 'none'; form-action 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        if method == "GET" {
            // It goes to the last part of the path that it was read from.
            let form = "<form method=\"post\" action=\"page\">";
            assert!(PAGE.ends_with("/page"));
            assert!(
                page.text().contains(form) && page.text().contains(&secrets.token) && !page.text().contains("<script")
            );
        }
    }
    assert_eq!(office.claims(email)["email_verified"], false);
    // She presses the button.
    let pressed = || office.app.post(PAGE).body(FORM, format!("token={}", secrets.token)).send();
    assert!(pressed().expect(200).text().contains("is confirmed"));
    assert!(pressed().expect(403).text().contains("not valid"));
    assert_refused(&office.by_link(&secrets));
    assert_refused(&office.by_code(email, &secrets.code));
    assert_eq!(office.claims(email)["email_verified"], true);
    let refreshed = office.app.post("/auth-ms/auth/refresh").json(&json!({"refresh_token": tokens["refresh_token"]}));
    assert_eq!(claims(&refreshed.send().expect(200).json())["email_verified"], true);
    // One mail; the welcome would be a second one that says less.
    let logged =
        || office.app.deliveries_to(email).iter().any(|logged| logged.queue == "verification_email_notification");
    poll::until(SOON, "the delivery is logged", logged);
    assert!(office.mails(email, "Welcome").is_empty());
    let bearer = tokens["access_token"].as_str().expect("there is a token");
    let id = claims(&tokens)["sub"].as_str().expect("a token is somebody's").to_owned();
    let shown = [
        office.app.get(&format!("/notification-ms/notifications?to={email}")).bearer(office.app.operator()).send(),
        office.app.get(&format!("/users-ms/users/{id}/export")).bearer(bearer).send(),
    ];
    let texts = shown.map(|answer| answer.expect(200).text());
    for text in texts.iter().chain([&office.app.log()]) {
        assert!(!text.contains(&secrets.token) && !text.contains(&format!("\"{}\"", secrets.code)), "{text}");
    }
    let mut sql = office.app.backend.sql();
    let kept = "SELECT count(*) FROM tickets WHERE digest LIKE '%' || $1 || '%' OR code_digest = $2";
    assert_eq!(sql.query_one(kept, &[&secrets.token, &secrets.code]).expect("rows can be counted").get::<_, i64>(0), 0);
}

#[test]
fn the_link_confirms_once_on_redis_and_leaves_the_stream() {
    let backend = Backend::new();
    the_link_confirms_once_and_nothing_but_the_mail_holds_it(&backend);
    let mut broker = backend.broker();
    let is_gone = || broker.messages("verification_requested_event").is_empty();
    poll::until(SOON, "the secret has left the stream", is_gone);
}

#[test]
fn the_link_confirms_once_on_rabbitmq() {
    the_link_confirms_once_and_nothing_but_the_mail_holds_it(&Backend::with_rabbitmq());
}

#[test]
fn the_code_confirms_as_well_and_after_five_wrong_ones_nothing_does() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    let (ada, bob) = ("ada@code.example", "bob@code.example");
    for email in [ada, bob] {
        let _ = office.sign_up(email).expect(202);
    }
    let (of_ada, of_bob) = (office.secrets(ada, 1), office.secrets(bob, 1));
    let wrong = |of: &Secrets| if of.code == "000000" { "000001" } else { "000000" };
    for _ in 0..4 {
        assert_refused(&office.by_code(ada, wrong(&of_ada)));
    }
    // Somebody else's is none, and neither is the secret of the link or something that is no code.
    if of_ada.code != of_bob.code {
        assert_refused(&office.by_code(bob, &of_ada.code));
    }
    for odd in [of_bob.token.as_str(), "", "12345", "1234567"] {
        assert_refused(&office.by_code("nobody@code.example", odd));
        assert_refused(&office.confirm(&json!({"token": odd.replace(&of_bob.token, "x")})));
    }
    let _ = office.by_code("ADA@code.example", &of_ada.code).expect(204);
    assert_refused(&office.by_code(ada, &of_ada.code));
    assert_eq!(office.claims(ada)["email_verified"], true);
    for _ in 0..5 {
        assert_refused(&office.by_code(bob, wrong(&of_bob)));
    }
    assert_refused(&office.by_code(bob, &of_bob.code));
    assert_refused(&office.by_link(&of_bob));
    assert_eq!(office.claims(bob)["email_verified"], false);
}

#[test]
fn a_user_shows_whether_the_address_is_confirmed_and_lists_can_ask_for_it() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    let (ada, bob) = ("ada@shown.example", "bob@shown.example");
    for email in [ada, bob] {
        let _ = office.sign_up(email).expect(202);
    }
    let listed = |query: &str| {
        let page = office.app.get(&format!("/users-ms/users?{query}")).send().expect(200).json();
        let items = page["items"].as_array().expect("a list").clone();
        items.iter().map(|user| user["email"].as_str().expect("an address").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!((listed("email_verified=false"), listed("email_verified=true")), (vec![ada.into(), bob.into()], vec![]));
    let path = format!("/users-ms/users/{}", office.claims(ada)["sub"].as_str().expect("an id"));
    let before = office.app.get(&path).send().expect(200);
    let tag = before.header("etag").expect("a version").to_owned();
    assert_eq!(before.json()["email_verified"], false);
    let _ = office.app.get(&path).header("if-none-match", &tag).send().expect(304);
    let _ = office.by_link(&office.secrets(ada, 1)).expect(204);
    // It is another version, so nobody goes on with a copy that says otherwise.
    let after = office.app.get(&path).header("if-none-match", &tag).send().expect(200).json();
    assert_eq!((&after["email_verified"], &after["version"]), (&json!(true), &json!(2)));
    assert_ne!(after["updated_at"], before.json()["updated_at"]);
    assert_eq!((listed("email_verified=false"), listed("email_verified=true")), (vec![bob.into()], vec![ada.into()]));
    // Another address is not known to be the user's.
    let _ =
        office.sql("UPDATE users SET email = 'x@shown.example', email_key = 'x@shown.example' WHERE email = $1", ada);
    assert_eq!(office.app.get(&path).send().expect(200).json()["email_verified"], false);
    for odd in ["yes", "TRUE", ""] {
        let answer = office.app.get(&format!("/users-ms/users?email_verified={odd}")).send().expect(400);
        assert_eq!(
            (answer.problem().as_str(), answer.pointers()),
            ("invalid-query", vec!["/email_verified".to_owned()])
        );
    }
}

#[test]
fn where_it_is_required_nobody_signs_in_before() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup.variable("email_verification", "required"));
    let email = "ada@required.example";
    let _ = office.sign_up(email).expect(202);
    let secrets = office.secrets(email, 1);
    let wrong = office.app.login(email, "wrong horse").expect(401);
    let unknown = office.app.login("nobody@required.example", "wrong horse").expect(401);
    assert_eq!(wrong.shown(), unknown.shown(), "only whoever has the password learns of it");
    assert_eq!(office.app.login(email, PASSWORD).expect(403).problem(), "email-not-verified");
    let _ = office.by_link(&secrets).expect(204);
    assert_eq!(office.claims(email)["email_verified"], true);
    // The operator vouches for the administrator.
    let _ = office.sign_up("root@required.example").expect(202);
    office.sql("SELECT make_administrator($1)", "root@required.example");
    assert_eq!(office.claims("root@required.example")["email_verified"], true);
}

#[test]
fn a_newer_mail_makes_the_older_one_invalid() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    let email = "ada@newer.example";
    let _ = office.sign_up(email).expect(202);
    let older = office.secrets(email, 1);
    let _ = office.request(email).expect(202);
    let newer = office.secrets(email, 2);
    assert_refused(&office.by_link(&older));
    if older.code != newer.code {
        assert_refused(&office.by_code(email, &older.code));
    }
    let _ = office.by_link(&newer).expect(204);
    // There is nothing more to confirm, and nobody to ask elsewhere.
    for nobody in [email, "nobody@newer.example"] {
        assert!(office.request(nobody).expect(202).body.is_empty());
    }
    poll::throughout(Duration::from_secs(1), "no further mail", || office.mail.taken().len() == 2);
}

#[test]
fn a_ticket_is_not_good_after_its_time_or_after_a_change() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    let changes = [
        (
            "late@changed.example",
            "UPDATE tickets t SET expires_at = now() FROM users u WHERE u.id = user_id AND u.email = $1",
        ),
        ("moved@changed.example", "UPDATE users SET email = 'at-' || $1, email_key = 'at-' || $1 WHERE email = $1"),
        ("raised@changed.example", "UPDATE users SET role = 'admin' WHERE email = $1"),
        ("gone@changed.example", "DELETE FROM users WHERE email = $1"),
    ];
    for (email, change) in changes {
        let _ = office.sign_up(email).expect(202);
        let secrets = office.secrets(email, 1);
        assert_eq!(office.sql(change, email), 1);
        assert_refused(&office.by_link(&secrets));
        assert_refused(&office.by_code(email, &secrets.code));
    }
    // A confirmed address is one address: the next is not confirmed by it.
    let email = "first@changed.example";
    let _ = office.sign_up(email).expect(202);
    let _ = office.by_link(&office.secrets(email, 1)).expect(204);
    let change =
        "UPDATE users SET email = 'second@changed.example', email_key = 'second@changed.example' WHERE email = $1";
    assert_eq!(office.sql(change, email), 1);
    assert_eq!(office.claims("second@changed.example")["email_verified"], false);
}

#[test]
fn of_ten_who_show_the_same_ticket_one_confirms() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    for (number, is_code) in [(1, false), (2, true)] {
        let email = format!("ada-{number}@raced.example");
        let _ = office.sign_up(&email).expect(202);
        let secrets = office.secrets(&email, 1);
        let show = || if is_code { office.by_code(&email, &secrets.code) } else { office.by_link(&secrets) };
        let mut statuses: Vec<u16> = std::thread::scope(|scope| {
            let shown: Vec<_> = (0..10).map(|_| scope.spawn(|| show().status)).collect();
            shown.into_iter().map(|shown| shown.join().expect("it answers")).collect()
        });
        statuses.sort_unstable();
        assert_eq!(statuses, [&[204][..], &[403; 9]].concat());
    }
}

#[test]
fn the_owner_of_a_taken_address_is_told_and_whoever_signs_up_is_not() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup);
    let email = "ada@taken.example";
    let sign_up = |password: &str| {
        let mut form = sign_up_form(email);
        form["password"] = password.into();
        office.app.post("/users-ms/users").header("idempotency-key", "one").json(&form).send()
    };
    let first = sign_up(PASSWORD).expect(202);
    let _ = office.secrets(email, 1);
    // The answer was lost, and the same request comes again: nothing happens, and nothing is said.
    let repeated = sign_up(PASSWORD).expect(202);
    // Somebody else; and the password stays.
    let taken = sign_up("a machine that weaves").expect(202);
    assert!(first.shown() == repeated.shown() && first.shown() == taken.shown());
    poll::until(SOON, "the owner is told", || office.mails(email, TAKEN).len() == 1);
    let _ = office.app.login(email, "a machine that weaves").expect(401);
    let _ = office.app.login(email, PASSWORD).expect(200);
    assert_eq!(office.mails(email, CONFIRM).len(), 1);
    assert_eq!(office.mails(email, TAKEN).len(), 1);
}

#[test]
fn of_fifty_who_sign_up_with_one_address_one_has_it_and_none_is_told() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| {
        setup.variable("hash_permits", 256).variable("hash_permits_per_client", 256)
    });
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| office.sign_up("ada@crowd.example").status)).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    assert!(statuses.iter().all(|status| *status == 202), "{statuses:?}");
    let made: i64 = office.app.backend.sql().query_one("SELECT count(*) FROM users", &[]).unwrap().get(0);
    assert_eq!(made, 1);
}

#[test]
fn neither_the_answer_nor_its_time_says_who_has_an_account() {
    let _turn = turn::alone();
    let office = Office::new(&Backend::new(), |setup| setup.variable("bcrypt_cost", 8));
    let known = "ada@alike.example";
    let _ = office.sign_up(known).expect(202);
    let compare = |what: &str, status: u16, of_known: &dyn Fn() -> Answer, of_unknown: &dyn Fn(usize) -> Answer| {
        assert_alike(what, status, of_known, of_unknown, |number| vec![known.to_owned(), unknown(number)]);
    };
    compare("sign-up", 202, &|| office.sign_up(known), &|number| office.sign_up(&unknown(number)));
    compare("request", 202, &|| office.request(known), &|number| office.request(&format!("x{}", unknown(number))));
    compare("code", 403, &|| office.by_code(known, "x"), &|number| {
        office.by_code(&format!("x{}", unknown(number)), "x")
    });
}

fn unknown(number: usize) -> String {
    format!("nobody-{number:02}@alike.example")
}

#[test]
fn mails_and_attempts_are_limited_by_client_and_mails_by_address_in_silence() {
    let _turn = turn::together();
    let limited = |setup: Setup| setup.variable("login_throttling", "on").variable("trusted_proxies", "127.0.0.0/8");
    let office = Office::new(&Backend::new(), limited);
    let email = "ada@limited.example";
    let from = |number: usize, path: &str, body: &Value| {
        let request = office.app.post(path).header("x-forwarded-for", &format!("198.51.100.{number}"));
        request.json(body).send()
    };
    let _ = from(1, "/users-ms/users", &sign_up_form(email)).expect(202);
    for number in 2..6 {
        let _ = from(number, "/users-ms/email-verification", &json!({"email": email})).expect(202);
    }
    let last = office.secrets(email, 5);
    // The sixth would be sent after a second, the next after two more, and so on: as it is after some of them.
    assert_eq!(office.sql("UPDATE attempts SET failures = failures + 9 WHERE failures >= 5 AND $1 <> ''", email), 1);
    // From ever new places: no answer differs, and there are no more mails.
    for number in 6..12 {
        let _ = from(number, "/users-ms/email-verification", &json!({"email": email})).expect(202);
        let _ = from(number, "/users-ms/users", &sign_up_form(email)).expect(202);
    }
    poll::throughout(Duration::from_secs(1), "no further mail", || office.mail.taken().len() == 5);
    // The last one that was sent is good.
    let _ = from(90, "/users-ms/email-verification/confirm", &json!({"token": last.token})).expect(204);
    // From one place.
    let ask = |number: usize| {
        from(100, "/users-ms/email-verification", &json!({"email": format!("x{number}@limited.example")}))
    };
    let refused =
        (0..30).map(ask).find(|answer| answer.status != 202).expect("a client that asks for many has to wait");
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-attempts"));
    let _ = from(101, "/users-ms/email-verification", &json!({"email": email})).expect(202);
    let guess = |_| from(100, "/users-ms/email-verification/confirm", &json!({"email": email, "code": "000000"}));
    let refused = (0..60).map(guess).find(|answer| answer.status != 403).expect("a client that guesses has to wait");
    assert_eq!((refused.status, refused.problem().as_str()), (429, "too-many-attempts"));
    let page = office.app.post(PAGE).header("x-forwarded-for", "198.51.100.100").body(FORM, "token=x").send();
    assert_eq!((page.status, page.problem().as_str()), (429, "too-many-attempts"));
}

#[test]
fn a_request_shows_a_link_or_a_code_and_the_page_shows_what_it_was_given_as_text() {
    let app = TestApp::shared();
    let confirm = |body: &Value| app.post("/users-ms/email-verification/confirm").json(body).send().expect(422);
    for (body, problem, pointer) in [
        (json!({}), "missing-field", "/token"),
        (json!({"email": "ada@example.org"}), "missing-field", "/code"),
        (json!({"code": "123456"}), "missing-field", "/email"),
        (json!({"token": "t", "email": "ada@example.org"}), "invalid-value", "/token"),
    ] {
        let answer = confirm(&body);
        assert_eq!((answer.problem().as_str(), answer.pointers()), (problem, vec![pointer.to_owned()]), "{body}");
    }
    let page = app.get(&format!("{PAGE}?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).send().expect(200).text();
    assert!(!page.contains("<script") && page.contains("&quot;&gt;&lt;script&gt;"), "{page}");
    let _ = app.get(PAGE).send().expect(200);
    let _ = app.post(PAGE).body(FORM, "").send().expect(403);
}

#[test]
fn where_nobody_is_asked_nothing_is_sent_and_nothing_is_said() {
    let _turn = turn::together();
    let office = Office::new(&Backend::new(), |setup| setup.variable("email_verification", "off"));
    let email = "ada@off.example";
    let _ = office.sign_up(email).expect(201);
    let _ = office.request(email).expect(202);
    assert_eq!(office.sign_up(email).expect(409).problem(), "email-taken");
    poll::until(SOON, "the welcome", || office.mails(email, "Welcome").len() == 1);
    assert!(office.claims(email).get("email_verified").is_none());
    assert!(office.mails(email, CONFIRM).is_empty());
}
