//! Statistics for administrators and operators, and what administrators may do with dead letters.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, WELCOME};
use blackbox::http::Answer;
use blackbox::mail_api::MailApi;
use blackbox::people::{PASSWORD, Person};
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const OF_USERS: &str = "/users-ms/statistics";
const OF_QUEUES: &str = "/notification-ms/internal/statistics";
const SOON: Duration = Duration::from_secs(20);

/// What administrators may do as well, with an access token.
const OF_OPERATORS: &[(&str, &str)] = &[
    ("GET", "/notification-ms/internal/statistics"),
    ("GET", "/notification-ms/internal/queues"),
    ("GET", "/notification-ms/internal/queues/login_email_notification/dead"),
    ("DELETE", "/notification-ms/internal/queues/login_email_notification/dead"),
    ("POST", "/notification-ms/internal/queues/login_email_notification/dead/redrive"),
    ("DELETE", "/notification-ms/internal/queues/login_email_notification/dead/1795405395602-0"),
    ("POST", "/notification-ms/internal/queues/login_email_notification/dead/1795405395602-0/redrive"),
];

fn refusal(status: u16, slug: &str) -> (u16, String) {
    (status, slug.to_owned())
}

fn sum(statistics: &Value, name: &str) -> u64 {
    let minutes = statistics["minutes"].as_array().expect("minutes are a list");
    minutes.iter().map(|minute| minute[name].as_u64().expect("a count")).sum()
}

fn queue<'a>(statistics: &'a Value, name: &str) -> &'a Value {
    let queues = statistics["queues"].as_array().expect("queues are a list");
    queues.iter().find(|queue| queue["queue"] == name).expect("all queues are there")
}

#[test]
fn sign_ins_and_sign_ups_are_counted_by_minutes() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("email_verification", "off").variable("authorization", "required").start();
    let root = app.admin("root@statistics.example");
    let read = || app.get(OF_USERS).bearer(&root.access).send().expect(200).json();
    let before = read();
    assert_eq!(before["minutes"].as_array().map(Vec::len), Some(60));
    assert_eq!((sum(&before, "sign_ins"), sum(&before, "sign_ups"), sum(&before, "failed_sign_ins")), (1, 1, 0));
    let ada = app.person("ada@statistics.example");
    let wrong = json!({"username": ada.email, "password": "wrong horse"});
    let _ = app.post("/auth-ms/auth/login").json(&wrong).send().expect(401);
    // What goes on with a second factor is no refusal.
    let _totp = app.add_totp(&ada);
    assert_eq!(app.login(&ada.email, PASSWORD).outcome(), refusal(403, "mfa-required"));
    poll::until(SOON, "they are counted", || {
        let now = read();
        (sum(&now, "sign_ins"), sum(&now, "sign_ups"), sum(&now, "failed_sign_ins")) == (2, 2, 1)
    });
    // Minutes that are over are kept, and are not counted again; what is older than an hour is not shown.
    let mut sql = backend.sql();
    let back = "UPDATE audit_log SET created_at = created_at - interval '30 minutes'";
    assert!(sql.execute(back, &[]).expect("rows can be moved") >= 5);
    let _ = sql
        .execute("UPDATE statistics SET taken_at = '-infinity', document = '{}'", &[])
        .expect("they can be forgotten");
    let half_an_hour_ago = read();
    assert_eq!(sum(&half_an_hour_ago, "sign_ins"), 2);
    let minutes = half_an_hour_ago["minutes"].as_array().expect("minutes are a list");
    assert!(minutes[40..].iter().all(|minute| minute["sign_ins"] == 0), "{half_an_hour_ago}");
    let _ = sql.execute("DELETE FROM audit_log", &[]).expect("rows can be deleted");
    poll::until(SOON, "a second has passed", || read()["taken_at"] != half_an_hour_ago["taken_at"]);
    assert_eq!((sum(&read(), "sign_ins"), sum(&read(), "sign_ups"), sum(&read(), "failed_sign_ins")), (2, 2, 1));
}

#[test]
fn permits_in_use_and_the_outbox_are_shown_and_nobody_is_named() {
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("hash_permits", 7).start();
    let root = app.admin("root@permits.example");
    backend.wait_until_published();
    let mut sql = backend.sql();
    assert_eq!(backend.hold_permits(3), 3);
    let keep = "INSERT INTO outbox (exchange, event, created_at, leased_until, refusals)
        VALUES ('user_login_event', '{\"id\": \"kept\", \"data\": \"ada@permits.example\"}', now() - interval '70 seconds', now() + interval '1 hour', 1)";
    assert_eq!(sql.execute(keep, &[]).expect("an event can be kept"), 1);
    let answer = poll::eventually(SOON, "it is seen", || {
        let answer = app.get(OF_USERS).bearer(&root.access).send().expect(200);
        (answer.json()["outbox"]["waiting"] == 1).then_some(answer)
    });
    let statistics = answer.json();
    assert_eq!(statistics["hash_permits"], json!({"in_use": 3, "permits": 7, "waiting": 0}));
    assert_eq!(statistics["outbox"]["refused"], 1);
    assert!((70..100).contains(&statistics["outbox"]["oldest_seconds"].as_u64().expect("an age")), "{statistics}");
    assert!(!answer.text().contains('@'), "{}", answer.text());
    // Many who look see the same, and only the first costs anything.
    let looks: Vec<_> = (0..5).map(|_| app.get(OF_USERS).bearer(&root.access).send().expect(200).json()).collect();
    assert!(
        looks.iter().map(|look| look["taken_at"].to_string()).collect::<std::collections::BTreeSet<_>>().len() <= 2
    );
}

#[test]
fn statistics_are_an_administrators_whose_session_is_alive() {
    let app = TestApp::guarded();
    let (root, ada) = (app.admin("root@reads.example"), app.person("ada@reads.example"));
    for path in [OF_USERS, OF_QUEUES] {
        assert_eq!(app.get(path).bearer(&ada.access).send().outcome(), refusal(403, "forbidden"));
        assert_eq!(app.get(path).send().outcome(), refusal(401, "invalid-token"));
        assert_eq!(app.get(path).bearer(app.scheduler()).send().outcome(), refusal(401, "invalid-token"));
        let _ = app.get(path).bearer(&root.access).send().expect(200);
    }
    let _ = app.get(OF_QUEUES).bearer(app.operator()).send().expect(200);
    assert_eq!(app.get(OF_USERS).bearer(app.operator()).send().outcome(), refusal(401, "invalid-token"));
    let _ = app.post("/auth-ms/auth/logout").json(&json!({"refresh_token": root.refresh})).send().expect(204);
    assert_eq!(app.get(OF_USERS).bearer(&root.access).send().outcome(), refusal(401, "invalid-token"));
}

/// The same session with a token that is issued now.
fn refreshed(app: &TestApp, person: &Person) -> Person {
    let body = json!({"refresh_token": person.refresh});
    let tokens = app.post("/auth-ms/auth/refresh").json(&body).send().expect(200).json();
    let token = |name: &str| tokens[name].as_str().expect("a token is a text").to_owned();
    Person { access: token("access_token"), refresh: token("refresh_token"), ..person.clone() }
}

fn administrators_see_and_change_dead_letters(backend: &Arc<Backend>) {
    let _turn = turn::together();
    let mail = MailApi::start();
    let app = TestApp::on(backend)
        .variable("notification_sender", "http")
        .variable("mail_api_url", mail.url())
        .variable("login_notice", "always")
        .variable("consumer_name", "the-one")
        .start();
    backend.wait_for_queues();
    let _schedules = Schedules::start(&[&app], Duration::from_millis(300));
    let (root, ada) = (app.admin("root@letters.example"), app.person("ada@letters.example"));
    let read = |who: &str| app.get(OF_QUEUES).bearer(who).send();
    // What was acknowledged is counted for the consumer.
    let statistics = poll::eventually(SOON, "all are sent and counted", || {
        let statistics = read(&root.access).expect(200).json();
        let counts = statistics["consumers"][0]["acknowledged"].as_array()?.clone();
        let count: u64 = counts.iter().filter_map(Value::as_u64).sum();
        (mail.taken().len() >= 4 && count >= 4).then_some(statistics)
    });
    assert_eq!(statistics["consumers"][0]["consumer"], "the-one");
    assert_eq!(statistics["broker"], if backend.rabbit.is_some() { "rabbitmq" } else { "redis" });
    // An endless reason, with what would be HTML elsewhere.
    mail.refuse_with(422, "<b>no</b>");
    let _ = app.login(&ada.email, PASSWORD).expect(200);
    poll::until(SOON, "it is dead", || backend.dead_letter_count(LOGIN_EMAIL) == 1);
    poll::until(SOON, "it is counted", || {
        let statistics = read(app.operator()).expect(200).json();
        queue(&statistics, LOGIN_EMAIL)["dead"] == 1 && queue(&statistics, WELCOME)["dead"] == 0
    });
    let dead = format!("/notification-ms/internal/queues/{LOGIN_EMAIL}/dead");
    let list = app.get(&dead).bearer(&root.access).send().expect(200).json();
    let letter = format!("{dead}/{}", list["items"][0]["id"].as_str().expect("an id"));
    let changes = [
        ("POST", format!("{letter}/redrive")),
        ("POST", format!("{dead}/redrive")),
        ("DELETE", letter.clone()),
        ("DELETE", dead.clone()),
    ];
    let ask = |method: &str, path: &str, token: &str| -> Answer { app.request(method, path).bearer(token).send() };
    for (method, path) in &changes {
        assert_eq!(ask(method, path, &ada.access).outcome(), refusal(403, "forbidden"), "{method} {path}");
        assert_eq!(app.request(method, path).send().outcome(), refusal(401, "invalid-token"), "{method} {path}");
    }
    assert_eq!(ask("GET", &dead, &ada.access).outcome(), refusal(403, "forbidden"));
    assert_eq!(ask("GET", "/notification-ms/internal/queues", &ada.access).outcome(), refusal(403, "forbidden"));
    // Eleven minutes later the same administrator reads on, and changes nothing until the password is shown.
    let late = "UPDATE sessions SET authenticated_at = authenticated_at - interval '11 minutes' WHERE user_id = $1";
    assert_eq!(backend.sql().execute(late, &[&root.id]).expect("time can pass"), 1);
    let root = refreshed(&app, &root);
    for (method, path) in &changes {
        assert_eq!(
            ask(method, path, &root.access).outcome(),
            refusal(403, "reauthentication-required"),
            "{method} {path}"
        );
    }
    let _ = ask("GET", &dead, &root.access).expect(200);
    let path = format!("{}/reauthenticate", root.path());
    let _ = app.post(&path).bearer(&root.access).json(&json!({"current_password": PASSWORD})).send().expect(204);
    let root = refreshed(&app, &root);
    mail.answer(0);
    let redriven = ask("POST", &format!("{letter}/redrive"), &root.access).expect(200).json();
    assert_eq!(redriven, json!({"redriven": 1, "left": 0}));
    assert_eq!(ask("DELETE", &letter, &root.access).outcome(), refusal(404, "dead-letter-not-found"));
    assert_eq!(ask("DELETE", &dead, &root.access).expect(200).json(), json!({"dropped": 0, "left": 0}));
    app.wait_for_log(&format!("\"by\":\"{}\"", root.id));
}

#[test]
fn administrators_see_and_change_dead_letters_on_redis() {
    administrators_see_and_change_dead_letters(&Backend::new());
}

#[test]
fn administrators_see_and_change_dead_letters_on_rabbitmq() {
    administrators_see_and_change_dead_letters(&Backend::with_rabbitmq());
}

#[test]
fn what_operators_do_with_queues_takes_their_credential_and_no_other() {
    let app = TestApp::shared();
    let callers = [("auth", app.auth()), ("scheduler", app.scheduler()), ("operator", app.operator())];
    for (method, path) in OF_OPERATORS {
        for (caller, credential) in callers {
            let answer = app.request(method, path).bearer(credential).send();
            let is_refused = (answer.status, answer.problem().as_str()) == (401, "invalid-token");
            assert_eq!(is_refused, caller != "operator", "{caller} asks {method} {path}: {}", answer.shown());
        }
    }
}
