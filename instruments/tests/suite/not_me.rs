//! "This was not me": the links of mails about sign-ins and changes of credentials. Each ends what it is about and begins a recovery,
//! once, for three days, and for nobody but the owner of the address.

use crate::sessions::refresh;
use blackbox::app::Setup;
use blackbox::backend::Backend;
use blackbox::http::Answer;
use blackbox::passkey_device::Device;
use blackbox::people::{PASSWORD, Person};
use blackbox::post_office::{Office, Secrets, assert_alike, claims};
use blackbox::{poll, turn};
use serde_json::{Value, json};
use std::sync::{Arc, Barrier};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(20);
const CONFIRM: &str = "/users-ms/not-me/confirm";
const PAGE: &str = "/users-ms/not-me/page";
const FORM: &str = "application/x-www-form-urlencoded";
const SIGN_IN: &str = "New sign-in to your account";
const CHOOSE: &str = "Choose a new password";
const RECOVER: &str = "/users-ms/password-recovery/page";
const NEW: &str = "a better horse battery";

fn office_on(backend: &Arc<Backend>, set: impl FnOnce(Setup) -> Setup) -> Office {
    Office::new(backend, |setup| set(setup.variable("authorization", "required")))
}

fn office() -> Office {
    office_on(&Backend::new(), |setup| setup)
}

fn sign_up(office: &Office, email: &str) {
    let _ = office.sign_up(email).expect(202);
    assert_eq!(office.sql("UPDATE users SET email_verified_at = now() WHERE email = $1", email), 1);
}

fn person(office: &Office, email: &str) -> Person {
    let id = office.claims(email)["sub"].as_str().and_then(|id| id.parse().ok()).expect("a subject is a number");
    office.app.sign_in(id, email)
}

/// The secret of the link in the mail number `number` with this subject.
fn secret(office: &Office, email: &str, subject: &str, number: usize) -> String {
    let text = office.mail(email, subject, number);
    let start = format!("https://concierge.example{PAGE}?token=");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())).expect("the link has a line").to_owned()
}

fn report(office: &Office, token: &str) -> Answer {
    office.app.post(CONFIRM).json(&json!({"token": token})).send()
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!(answer.outcome(), (403, "invalid-ticket".to_owned()), "{}", answer.text());
}

/// Recovers the account by the mail that a report has sent.
fn recover(office: &Office, email: &str) {
    let Secrets { token, .. } = office.secrets_of(CHOOSE, RECOVER, email, 1);
    let body = json!({"token": token, "password": NEW});
    let _ = office.app.post("/users-ms/password-recovery/confirm").json(&body).send().expect(204);
    let _ = office.app.login(email, NEW).expect(200);
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().expect("a text").to_owned()
}

fn a_sign_in_that_was_not_the_owners_ends_and_a_recovery_begins(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let office = office_on(backend, |setup| setup);
    let email = "ada@not-me.example";
    sign_up(&office, email);
    let own = office.app.login(email, PASSWORD).expect(200).json();
    let _ = office.mail(email, SIGN_IN, 1);
    let theirs = office.app.login(email, PASSWORD).expect(200).json();
    // Which of two mails is about which, their order does not say for sure.
    let of_session = |token: &str, tokens: &Value| {
        let sid = text(&claims(tokens), "sid").replace('-', "");
        let about = token.split('.').nth(3).expect("a part");
        let bytes =
            base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, about).expect("it is Base64");
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() == sid
    };
    let links = [1, 2].map(|number| secret(&office, email, SIGN_IN, number));
    let token = links.iter().find(|token| of_session(token, &theirs)).expect("one is about the second");
    // A scanner of mails opens the link.
    for method in ["GET", "HEAD", "GET"] {
        let page = office.app.request(method, &format!("{PAGE}?token={token}")).send().expect(200);
        let policy = page.header("content-security-policy").expect("a page has a policy");
        assert!(policy.starts_with("default-src 'none'; form-action 'self'") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    }
    let path = format!("/users-ms/users/{}", text(&claims(&own), "sub"));
    let get = |tokens: &Value| office.app.get(&path).bearer(&text(tokens, "access_token")).send().status;
    assert_eq!(get(&theirs), 200);
    assert!(report(&office, token).expect(204).body.is_empty());
    assert_eq!((get(&theirs), get(&own)), (401, 200), "that session has ended and no other");
    assert_eq!(refresh(&office.app, &text(&theirs, "refresh_token")).status, 401);
    let own = refresh(&office.app, &text(&own, "refresh_token")).expect(200).json();
    // Whoever knows the password does not get in again.
    assert_eq!(office.app.login(email, PASSWORD).outcome(), (403, "password-reset-required".to_owned()));
    assert_refused(&report(&office, token));
    let rows =
        office.app.get(&format!("{path}/activity")).bearer(&text(&own, "access_token")).send().expect(200).json();
    let reported = rows["items"].as_array().expect("a list").iter().filter(|row| row["action"] == "takeover-reported");
    assert_eq!(reported.map(|row| row["result"].clone()).collect::<Vec<_>>(), [json!("success")]);
    recover(&office, email);
    office.app.wait_for_log("audit: takeover-reported: success");
    assert!(!office.app.log().contains(token.as_str()));
}

#[test]
fn a_sign_in_that_was_not_the_owners_ends_on_redis() {
    a_sign_in_that_was_not_the_owners_ends_and_a_recovery_begins(&Backend::new());
}

#[test]
fn a_sign_in_that_was_not_the_owners_ends_on_rabbitmq() {
    a_sign_in_that_was_not_the_owners_ends_and_a_recovery_begins(&Backend::with_rabbitmq());
}

#[test]
fn a_sign_in_that_was_not_the_owners_takes_with_it_what_has_come_of_it() {
    let _turn = turn::together();
    let office = office();
    let calendar = office.app.public_client();
    let email = "ada@not-me-since.example";
    sign_up(&office, email);
    let own = person(&office, email);
    let _ = office.mail(email, SIGN_IN, 2);
    // Of the first sign-in on a device a mail tells, of the next ones none.
    let first = office.app.login(email, PASSWORD).expect(200).json();
    let token = secret(&office, email, SIGN_IN, 3);
    let known = json!({"username": email, "password": PASSWORD, "device_token": first["device_token"]});
    let next = office.app.post("/auth-ms/auth/login").json(&known).send().expect(200).json();
    let next = Person { access: text(&next, "access_token"), refresh: text(&next, "refresh_token"), ..own.clone() };
    let mut device = Device::new();
    device.rp_id = "concierge.example".into();
    device.origin = "https://concierge.example".into();
    let _ = office.app.add_passkey_of(&next, &mut device).expect(200);
    let connected = office.app.connect(&calendar, &own);
    let _ = office.app.userinfo(&connected.access).expect(200);
    let waiting = office.app.code(&calendar.request(&[]), &own);
    let _ = report(&office, &token).expect(204);
    assert_eq!(office.app.get(&next.path()).bearer(&next.access).send().status, 401);
    assert_eq!(refresh(&office.app, &next.refresh).status, 401);
    assert_eq!(office.app.userinfo(&connected.access).status, 401);
    let shown = connected.refresh.as_deref().expect("a refresh token");
    assert_eq!(office.app.refresh_client(&calendar, shown).json()["error"], "invalid_grant");
    assert_eq!(office.app.exchange(&calendar, &waiting).json()["error"], "invalid_grant");
    let passkeys = office.app.get(&own.passkeys()).bearer(&own.access).send().expect(200).json();
    assert_eq!(passkeys["items"], json!([]), "and what began before goes on");
    assert_ne!(office.app.login_by(&mut device).status, 200);
    recover(&office, email);
    assert_ne!(office.app.login_by(&mut device).status, 200);
}

#[test]
fn a_sign_in_to_an_application_that_was_not_the_owners_ends_there() {
    let _turn = turn::together();
    let office = office();
    let calendar = office.app.public_client();
    let email = "ada@not-me-provider.example";
    sign_up(&office, email);
    let own = person(&office, email);
    let _ = office.mail(email, SIGN_IN, 2);
    let earlier = "UPDATE sessions SET created_at = created_at - interval '1 minute' WHERE user_id =
        (SELECT id FROM users WHERE email = $1)";
    assert_eq!(office.sql(earlier, email), 2);
    // The page keeps no session of its own: the mail is about one that is gone, and says when it began to the second.
    let connected = office.app.connect(&calendar, &own);
    let token = secret(&office, email, SIGN_IN, 3);
    let _ = office.app.userinfo(&connected.access).expect(200);
    let _ = report(&office, &token).expect(204);
    assert_eq!(office.app.userinfo(&connected.access).status, 401);
    let shown = connected.refresh.as_deref().expect("a refresh token");
    assert_eq!(office.app.refresh_client(&calendar, shown).json()["error"], "invalid_grant");
    assert_eq!(office.app.get(&own.path()).bearer(&own.access).send().status, 200);
}

#[test]
fn the_page_does_the_same_without_a_script() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@not-me-page.example";
    sign_up(&office, email);
    let _ = office.app.login(email, PASSWORD).expect(200);
    let token = secret(&office, email, SIGN_IN, 1);
    let page = office.app.get(&format!("{PAGE}?token={token}")).send().expect(200).text();
    assert!(page.contains("<form method=\"post\" action=\"page\">") && page.contains(&token), "{page}");
    assert!(!page.contains("<script"), "{page}");
    let send = |body: &str| office.app.post(PAGE).body(FORM, body).send();
    assert!(send(&format!("token={token}")).expect(200).text().contains("protected"));
    assert!(send(&format!("token={token}")).expect(403).text().contains("not valid"));
    let _ = send("token=x").expect(403);
    assert_eq!(send("tokens=x").outcome(), (400, "invalid-query".to_owned()));
    let odd =
        office.app.get(&format!("{PAGE}?token=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")).send().expect(200).text();
    assert!(!odd.contains("<script") && odd.contains("&quot;&gt;&lt;script&gt;"), "{odd}");
    recover(&office, email);
}

#[test]
fn a_change_that_was_not_the_owners_ends_all_sessions_and_what_was_added_goes() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@not-me-change.example";
    sign_up(&office, email);
    // Somebody knows the password and adds an app and a passkey.
    let stranger = person(&office, email);
    let _ = office.app.add_totp(&stranger);
    let mut device = Device::new();
    device.rp_id = "concierge.example".into();
    device.origin = "https://concierge.example".into();
    let _ = office.app.add_passkey_of(&stranger, &mut device).expect(200);
    let token = secret(&office, email, "A passkey was added to your account", 1);
    let other = secret(&office, email, "A second factor was added to your account", 1);
    let _ = report(&office, &token).expect(204);
    assert_eq!(office.app.get(&stranger.path()).bearer(&stranger.access).send().status, 401);
    assert_eq!(office.app.login(email, PASSWORD).outcome(), (403, "password-reset-required".to_owned()));
    assert_ne!(office.app.login_by(&mut device).status, 200);
    recover(&office, email);
    let left = "SELECT (SELECT count(*) FROM totp_factors) + (SELECT count(*) FROM passkeys) + (SELECT count(*) FROM recovery_codes)";
    let left: i64 = office.app.backend.sql().query_one(left, &[]).expect("a count").get(0);
    assert_eq!(left, 0);
    // Each mail has its own link. The recovery has told of the new password, by one more.
    let _ = report(&office, &other).expect(204);
    assert_eq!(office.app.login(email, NEW).outcome(), (403, "password-reset-required".to_owned()));
    let told = secret(&office, email, "Your password was changed", 1);
    assert_ne!(told, other);
    let _ = report(&office, &told).expect(204);
}

#[test]
fn an_earlier_factor_stays() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@not-me-factor.example";
    sign_up(&office, email);
    let ada = person(&office, email);
    let _ = office.app.add_totp(&ada);
    assert_eq!(office.sql("UPDATE totp_factors SET created_at = now() - interval '73 hours' WHERE $1 <> ''", email), 1);
    let change = json!({"password": "another horse", "current_password": PASSWORD});
    let _ = office.app.patch(&ada.path()).bearer(&ada.access).json(&change).send().expect(200);
    let token = secret(&office, email, "Your password was changed", 1);
    let _ = report(&office, &token).expect(204);
    let Secrets { token, .. } = office.secrets_of(CHOOSE, RECOVER, email, 1);
    let body = json!({"token": token, "password": NEW});
    let _ = office.app.post("/users-ms/password-recovery/confirm").json(&body).send().expect(204);
    assert_eq!(office.app.login(email, NEW).outcome(), (403, "mfa-required".to_owned()));
}

#[test]
fn a_link_is_good_for_nobody_else_nor_after_a_suspension_or_another_address() {
    let _turn = turn::together();
    let office = office();
    let emails = ["ada@not-me-late.example", "bob@not-me-late.example", "eve@not-me-late.example"];
    let tokens = emails.map(|email| {
        sign_up(&office, email);
        let _ = office.app.login(email, PASSWORD).expect(200);
        secret(&office, email, SIGN_IN, 1)
    });
    // Another user's id, a later time, another session, another kind, nothing at all.
    let parts: Vec<_> = tokens[0].split('.').collect();
    for (place, odd) in [(0, "nm2"), (1, "1"), (2, "9999999999"), (3, ""), (4, "x")] {
        let mut changed = parts.clone();
        changed[place] = odd;
        if changed != parts {
            assert_refused(&report(&office, &changed.join(".")));
        }
    }
    for odd in ["", "x", &"x".repeat(300), parts[4]] {
        assert_refused(&report(&office, odd));
    }
    let suspend = "UPDATE users SET suspended_at = now(), credentials_epoch = credentials_epoch + 1 WHERE email = $1";
    assert_eq!(office.sql(suspend, emails[0]), 1);
    assert_refused(&report(&office, &tokens[0]));
    let moved = "UPDATE users SET email = 'at-' || $1, email_key = 'at-' || $1 WHERE email = $1";
    assert_eq!(office.sql(moved, emails[1]), 1);
    assert_refused(&report(&office, &tokens[1]));
    assert_eq!(office.sql("DELETE FROM users WHERE email = $1", emails[2]), 1);
    assert_refused(&report(&office, &tokens[2]));
    assert!(office.mails(emails[0], CHOOSE).is_empty() && office.mails(emails[1], CHOOSE).is_empty());
    // Neither of them says so by its time.
    assert_eq!(office.sql("UPDATE users SET suspended_at = NULL WHERE email = $1", emails[0]), 1);
    let _ = report(&office, &tokens[0]).expect(204);
    // What was used is remembered as long as it would be good.
    let _ = office.app.sweep();
    assert_eq!(office.sql("UPDATE used_links SET expires_at = now() - interval '1 s' WHERE $1 <> ''", emails[0]), 1);
    let _ = office.app.sweep();
    assert_eq!(office.sql("DELETE FROM used_links WHERE $1 <> ''", emails[0]), 0);
}

#[test]
fn of_ten_reports_by_one_link_at_once_one_sends_a_mail() {
    let _turn = turn::together();
    let office = office();
    let email = "ada@not-me-race.example";
    sign_up(&office, email);
    let _ = office.app.login(email, PASSWORD).expect(200);
    let token = secret(&office, email, SIGN_IN, 1);
    let start = Barrier::new(10);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let once = || {
            start.wait();
            report(&office, &token).status
        };
        let all: Vec<_> = (0..10).map(|_| scope.spawn(once)).collect();
        all.into_iter().map(|one| one.join().expect("it answers")).collect()
    });
    let of = |status| statuses.iter().filter(|&&one| one == status).count();
    assert_eq!((of(204), of(403)), (1, 9), "{statuses:?}");
    let _ = office.mail(email, CHOOSE, 1);
    poll::throughout(Duration::from_secs(1), "one mail", || office.mails(email, CHOOSE).len() == 1);
    recover(&office, email);
}

#[test]
fn a_used_link_and_one_that_is_none_are_refused_alike_and_attempts_are_limited() {
    let _turn = turn::alone();
    let office = office_on(&Backend::new(), |setup| setup.variable("trusted_proxies", "127.0.0.0/8"));
    let email = "ada@not-me-alike.example";
    sign_up(&office, email);
    let _ = office.app.login(email, PASSWORD).expect(200);
    let token = secret(&office, email, SIGN_IN, 1);
    let _ = report(&office, &token).expect(204);
    assert_alike(
        "report",
        403,
        &|| report(&office, &token),
        &|number| report(&office, &number.to_string()),
        |_| vec![],
    );
    let limited = office_on(&Backend::new(), |setup| {
        setup.variable("trusted_proxies", "127.0.0.0/8").variable("login_throttling", "on")
    });
    let from = |path: &str| limited.app.post(path).header("x-forwarded-for", "198.51.100.7");
    let guess = |_| from(CONFIRM).json(&json!({"token": "x"})).send();
    let refused = (0..60).map(guess).find(|answer| answer.status != 403).expect("who guesses has to wait");
    assert_eq!(refused.outcome(), (429, "too-many-attempts".to_owned()));
    let page = from(PAGE).body(FORM, "token=x").send();
    assert_eq!(page.outcome(), (429, "too-many-attempts".to_owned()));
}

#[test]
fn exports_and_webhooks_have_no_link() {
    let _turn = turn::together();
    let backend = Backend::new();
    let office = office_on(&backend, |setup| setup);
    let email = "ada@not-me-export.example";
    sign_up(&office, email);
    let tokens = office.app.login(email, PASSWORD).expect(200).json();
    let token = secret(&office, email, SIGN_IN, 1);
    let path = format!("/users-ms/users/{}/export", text(&claims(&tokens), "sub"));
    let logged = || office.app.deliveries_to(email).iter().any(|logged| logged.queue == "login_email_notification");
    poll::until(SOON, "the delivery is logged", logged);
    let export = office.app.get(&path).bearer(&text(&tokens, "access_token")).send().expect(200).text();
    assert!(!export.contains(&token) && !export.contains("not-me/page"), "{export}");
}
