//! Webhooks: events are posted to somebody's endpoints, signed by the scheme of Standard Webhooks.

use blackbox::app::{Setup, TestApp};
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, LOGINS, login_event};
use blackbox::folder;
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use blackbox::post_office::Office;
use blackbox::receiver::{Answers, Received, Receiver};
use blackbox::schedules::Schedules;
use blackbox::skipped;
use blackbox::turn;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(30);
const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const OTHER_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const LOGIN_WEBHOOK: &str = "login_webhook_notification";

/// What an endpoint does that knows its secret: the library says whether it is a webhook.
const VERIFY: &str = r#"
import json, sys
from standardwebhooks.webhooks import Webhook
secret, headers, body = sys.argv[1:]
print(json.dumps(Webhook(secret).verify(body, json.loads(headers))))
"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Broker {
    Redis,
    RabbitMq,
}

impl Broker {
    const BOTH: [Broker; 2] = [Broker::Redis, Broker::RabbitMq];

    fn backend(self) -> Arc<Backend> {
        if self == Broker::Redis { Backend::new() } else { Backend::with_rabbitmq() }
    }
}

/// An app that posts to these endpoints.
fn app_with(backend: &Arc<Backend>, receivers: &[(&str, &Receiver)]) -> Setup {
    let endpoints = receivers.iter().map(|(name, receiver)| format!("{name}={}/hook", receiver.origin()));
    let secrets = receivers.iter().map(|(name, _)| format!("{name}={SECRET}"));
    let mut setup = TestApp::on(backend)
        .variable("webhook_endpoints", endpoints.collect::<Vec<_>>().join(" "))
        .variable("webhook_secrets", secrets.collect::<Vec<_>>().join(" "))
        .variable("notification_retry_ms", 200);
    if backend.rabbit.is_none() {
        setup = setup.variable("notification_claim_ms", 6000);
    }
    for (letter, (_, receiver)) in ('a'..='d').zip(receivers) {
        setup = setup.variable(&format!("webhook_host_{letter}"), receiver.origin());
    }
    setup
}

/// Waits until what is published is for the endpoints: RabbitMQ's queues have to be there.
fn wait_for_queues(backend: &Backend) {
    backend.wait_for_queues();
    if let Some(rabbit) = &backend.rabbit {
        for queue in [LOGIN_WEBHOOK, "email_changed_webhook_notification", "new_user_webhook_notification"] {
            poll::until(SOON, "the queues of webhooks are there", || rabbit.has_queue(queue));
        }
    }
}

/// The folder of the library, by which `cargo xtask test` installs it, or nothing if Python has it by itself.
fn library() -> Option<PathBuf> {
    let folder = folder::workspace().join(".concierge/standardwebhooks");
    let has_it = |folder: &PathBuf| {
        let mut python = Command::new("python3");
        python.env("PYTHONPATH", folder).args(["-c", "import standardwebhooks"]);
        python.output().is_ok_and(|output| output.status.success())
    };
    let found = Some(folder).filter(has_it);
    if found.is_none() {
        skipped::note("there is no standardwebhooks for Python here (`cargo xtask test` installs it)");
    }
    found
}

/// What the library says of what was received: the event, or the exception.
fn verified(library: &PathBuf, secret: &str, received: &Received, body: &str) -> Result<Value, String> {
    let headers: serde_json::Map<_, _> =
        received.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect();
    let mut python = Command::new("python3");
    python.env("PYTHONPATH", library).args(["-c", VERIFY, secret, &Value::from(headers).to_string(), body]);
    let output = python.output().expect("Python runs");
    if output.status.success() {
        return Ok(serde_json::from_slice(&output.stdout).expect("an event is JSON"));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or_default().to_owned())
}

fn types(received: &[Received]) -> Vec<String> {
    let mut types: Vec<_> =
        received.iter().map(|received| received.json()["type"].as_str().unwrap_or("none").to_owned()).collect();
    types.sort_unstable();
    types
}

fn publish_logins(backend: &Backend, count: usize, to: &str) -> Vec<String> {
    let ids: Vec<_> = (0..count).map(|_| Uuid::new_v4().to_string()).collect();
    for id in &ids {
        backend.publish(LOGINS, &login_event(id, to));
    }
    ids
}

#[test]
fn an_endpoint_gets_signed_events_that_satisfy_their_schema() {
    let _turn = turn::together();
    let library = library();
    for broker in Broker::BOTH {
        let backend = broker.backend();
        let (all, some) = (Receiver::start(), Receiver::start());
        let endpoints = format!("all={}/hook?tenant=1 some={}/in new_user_event", all.origin(), some.origin());
        let app =
            app_with(&backend, &[("all", &all), ("some", &some)]).variable("webhook_endpoints", endpoints).start();
        wait_for_queues(&backend);
        let _schedules = Schedules::start(&[&app], ROUND);
        let mut form = sign_up_form("hook@webhooks.example");
        form["phone"] = "+39 02 1234567".into();
        let id = app.sign_up_with(&form);
        app.confirm_phone("hook@webhooks.example");
        let _ = app.login("hook@webhooks.example", PASSWORD).expect(200);
        poll::until(SOON, "two events", || all.received().len() == 2 && some.received().len() == 1);
        let received = all.received();
        // In any order.
        let mut kinds = types(&received);
        kinds.sort_unstable();
        assert_eq!(kinds, ["new_user_event", "user_login_event"]);
        assert_eq!(types(&some.received()), ["new_user_event"]);
        for received in &received {
            let event = received.json();
            assert_eq!(received.request, "POST /hook?tenant=1");
            assert_eq!(received.header("content-type"), "application/json");
            assert_eq!(received.header("content-length"), received.body.len().to_string());
            assert_eq!(received.header("webhook-id"), event["id"].as_str().unwrap());
            assert_eq!(event["subject"], id.to_string());
            assert!(!received.body.contains("1234567"), "{}", received.body);
            let file = format!("events/{}.v1.json", event["type"].as_str().unwrap());
            let schema = std::fs::read(folder::workspace().join(file)).expect("each type has a schema");
            let schema = serde_json::from_slice(&schema).expect("a schema is JSON");
            assert!(jsonschema::is_valid(&schema, &event), "{event}");
            if let Some(library) = &library {
                assert_eq!(verified(library, SECRET, received, &received.body), Ok(event));
                for (secret, body) in [(OTHER_SECRET, received.body.clone()), (SECRET, format!("{} ", received.body))] {
                    let said = verified(library, secret, received, &body).expect_err("it is refused");
                    assert!(said.contains("No matching signature"), "{said}");
                }
            }
        }
        // Mail and SMS as ever, and no webhook in the log.
        poll::until(SOON, "mails and an SMS", || app.deliveries_to("hook@webhooks.example").len() == 3);
    }
}

#[test]
fn no_link_and_no_code_goes_out() {
    let _turn = turn::together();
    let backend = Backend::new();
    let receiver = Receiver::start();
    let office = Office::new(&backend, |setup| {
        let endpoint = format!("all={}/hook", receiver.origin());
        let setup = setup.variable("webhook_endpoints", endpoint).variable("webhook_secrets", format!("all={SECRET}"));
        setup.variable("webhook_host_a", receiver.origin())
    });
    let app = &office.app;
    let _ = office.sign_up("secret@webhooks.example").expect(202);
    let _ = office.sign_up("secret@webhooks.example").expect(202);
    let recovery = json!({"email": "secret@webhooks.example"});
    let _ = app.post("/users-ms/password-recovery").json(&recovery).send().expect(202);
    let mut changed: Value = serde_json::from_str(&login_event(&Uuid::new_v4().to_string(), "old@webhooks.example"))
        .expect("an event is JSON");
    changed["type"] = "email_changed_event".into();
    changed["source"] = "/users-ms".into();
    changed["data"] =
        json!({"user_id": 1, "email": "old@webhooks.example", "link": "http://x.example/?token=opensesame"});
    backend.publish("email_changed_event", &changed.to_string());
    for queue in ["verification_email_notification", "recovery_email_notification", "email_changed_email_notification"]
    {
        let has_come = || app.all_deliveries().iter().any(|delivery| delivery.queue == queue);
        poll::until(SOON, &format!("a delivery of {queue}"), has_come);
    }
    poll::until(SOON, "what has happened", || receiver.received().len() >= 2);
    let received = receiver.received();
    assert_eq!(types(&received), ["email_changed_event", "new_user_event"]);
    for received in received {
        let data = received.json()["data"].clone();
        assert!(data.get("link").is_none() && data.get("code").is_none(), "{data}");
        assert!(!received.body.contains("opensesame"));
    }
}

#[test]
fn an_endpoint_that_fails_gets_the_event_later_under_the_same_id_and_the_others_get_it_once() {
    let _turn = turn::together();
    for broker in Broker::BOTH {
        let backend = broker.backend();
        let (good, bad) = (Receiver::start(), Receiver::start());
        bad.status(500);
        let app = app_with(&backend, &[("good", &good), ("bad", &bad)]).start();
        wait_for_queues(&backend);
        let _schedules = Schedules::start(&[&app], ROUND);
        let ids = publish_logins(&backend, 1, "again@webhooks.example");
        poll::until(SOON, "it has failed twice", || bad.received().len() >= 2);
        bad.status(404);
        poll::until(SOON, "it has failed three times", || bad.received().len() >= 3);
        bad.status(204);
        poll::until(SOON, "it has the event", || bad.accepted().len() == 1);
        poll::throughout(Duration::from_secs(1), "once", || bad.accepted().len() == 1 && good.received().len() == 1);
        for received in bad.received().iter().chain(&good.received()) {
            assert_eq!((received.header("webhook-id"), received.json()["id"].as_str()), (&*ids[0], Some(&*ids[0])));
        }
        let times: Vec<u64> =
            bad.received().iter().map(|received| received.header("webhook-timestamp").parse().unwrap()).collect();
        assert!(times.is_sorted() && times[0] > 1_700_000_000, "{times:?}");
        backend.wait_until_acknowledged(LOGIN_WEBHOOK);
        assert_eq!(backend.dead_letter_count(LOGIN_WEBHOOK), 0);
        assert!(!app.log().contains("again@webhooks.example") && !app.log().contains("MfKQ9r8G"));
    }
}

#[test]
fn an_event_that_is_published_twice_is_posted_once() {
    let _turn = turn::together();
    for broker in Broker::BOTH {
        let backend = broker.backend();
        let receiver = Receiver::start();
        let app = app_with(&backend, &[("all", &receiver)]).start();
        wait_for_queues(&backend);
        let _schedules = Schedules::start(&[&app], ROUND);
        let id = Uuid::new_v4().to_string();
        for _ in 0..2 {
            backend.publish(LOGINS, &login_event(&id, "twice@webhooks.example"));
            poll::until(SOON, "it is posted", || receiver.received().len() == 1);
        }
        let _ = publish_logins(&backend, 1, "twice@webhooks.example");
        poll::until(SOON, "the next is posted", || receiver.received().len() >= 2);
        poll::throughout(Duration::from_millis(700), "two", || receiver.received().len() == 2);
    }
}

#[test]
fn an_endpoint_that_hangs_holds_up_neither_mail_nor_the_others() {
    const EVENTS: usize = 30;
    let _turn = turn::alone();
    for broker in Broker::BOTH {
        let backend = broker.backend();
        let (good, hanging) = (Receiver::start(), Receiver::start());
        hanging.answer(Answers::Never);
        let app = app_with(&backend, &[("good", &good), ("hanging", &hanging)]).start();
        wait_for_queues(&backend);
        let _schedules = Schedules::start(&[&app], ROUND);
        let start = Instant::now();
        let _ = publish_logins(&backend, EVENTS, "hang@webhooks.example");
        poll::until(SOON, "the mails are sent", || app.all_deliveries().len() >= EVENTS);
        // Longer than a call of the consumer at the most: with an endpoint that is waited for, they would take a minute.
        assert!(start.elapsed() < Duration::from_secs(5), "mails took {:?}", start.elapsed());
        app.wait_for_log("endpoint paused");
        poll::until(SOON, "the other endpoint has all", || good.received().len() == EVENTS);
        assert!(start.elapsed() < Duration::from_secs(15), "the other endpoint took {:?}", start.elapsed());
        // Paused, it is left alone, and what happens now goes to the others at once.
        let tried = hanging.received().len();
        let again = Instant::now();
        let _ = publish_logins(&backend, 5, "hang@webhooks.example");
        poll::until(SOON, "the other endpoint has these too", || good.received().len() == EVENTS + 5);
        assert!(again.elapsed() < Duration::from_secs(8), "the other endpoint took {:?}", again.elapsed());
        assert!(hanging.received().len() <= tried + 2, "a paused endpoint is probed by one message at a time");
        hanging.status(200);
        poll::until(SOON * 3, "it has all in the end", || hanging.accepted().len() == EVENTS + 5);
        assert_eq!(good.received().len(), EVENTS + 5, "and the other one has each once");
        assert_eq!(backend.dead_letter_count(LOGIN_WEBHOOK), 0);
    }
}

#[test]
fn an_endpoint_that_is_gone_makes_a_dead_letter_that_can_be_redriven() {
    let _turn = turn::together();
    let backend = Backend::new();
    let (good, gone) = (Receiver::start(), Receiver::start());
    gone.status(410);
    let app = app_with(&backend, &[("good", &good), ("gone", &gone)]).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let ids = publish_logins(&backend, 1, "gone@webhooks.example");
    let mut broker = backend.broker();
    let dead = poll::eventually(SOON, "a dead letter", || broker.dead_letters(LOGIN_WEBHOOK).into_iter().next());
    assert_eq!((dead.deliveries, dead.reason.as_str()), (1, "endpoint gone: answered with status 410"));
    assert_eq!((gone.received().len(), good.received().len()), (1, 1));
    gone.status(200);
    let redrive = format!("/notification-ms/internal/queues/{LOGIN_WEBHOOK}/dead/redrive");
    let _ = app.post(&redrive).bearer(app.operator()).send().expect(200);
    poll::until(SOON, "it has the event", || gone.accepted().len() == 1);
    assert_eq!(gone.accepted()[0].header("webhook-id"), ids[0]);
    assert_eq!(good.received().len(), 1, "who has it does not get it again");
}

#[test]
fn a_redirection_is_not_followed_and_an_endless_answer_is_not_read() {
    let _turn = turn::together();
    let backend = Backend::new();
    let (there, endpoint) = (Receiver::start(), Receiver::start());
    let redirects = |status| Answers::With(status, format!("location: {}/hook\r\n", there.origin()));
    endpoint.answer(redirects(301));
    let app = app_with(&backend, &[("moved", &endpoint)]).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = publish_logins(&backend, 1, "moved@webhooks.example");
    for status in [302, 307, 308] {
        let tried = endpoint.received().len();
        poll::until(SOON, "it is tried again", || endpoint.received().len() > tried);
        endpoint.answer(redirects(status));
    }
    endpoint.answer(Answers::WithoutEnd);
    poll::until(SOON, "it has the event", || endpoint.accepted().len() == 1);
    poll::throughout(Duration::from_secs(1), "once", || endpoint.accepted().len() == 1);
    assert_eq!(there.received().len(), 0);
    assert!(app.log().contains("answered with status 30"));
    backend.wait_until_acknowledged(LOGIN_WEBHOOK);
    // The app is well: the next event arrives.
    endpoint.status(200);
    let _ = publish_logins(&backend, 1, "moved@webhooks.example");
    poll::until(SOON, "it has the next event", || endpoint.accepted().len() == 2);
}

#[test]
fn an_endpoint_that_asks_for_time_gets_it() {
    let _turn = turn::together();
    let backend = Backend::new();
    let endpoint = Receiver::start();
    endpoint.answer(Answers::With(429, "retry-after: 3\r\n".to_owned()));
    let app = app_with(&backend, &[("busy", &endpoint)]).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = publish_logins(&backend, 1, "busy@webhooks.example");
    poll::until(SOON, "it is refused", || endpoint.received().len() == 1);
    endpoint.status(200);
    poll::until(SOON, "it has the event", || endpoint.accepted().len() == 1);
    let waited = endpoint.received()[1].at - endpoint.received()[0].at;
    assert!(waited >= Duration::from_millis(2900), "{waited:?}");
}

#[test]
fn while_a_secret_is_replaced_both_verify() {
    let Some(library) = library() else { return };
    let _turn = turn::together();
    let backend = Backend::new();
    let endpoint = Receiver::start();
    let both = format!("all={OTHER_SECRET},{SECRET}");
    let app = app_with(&backend, &[("all", &endpoint)]).variable("webhook_secrets", both).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let _ = publish_logins(&backend, 1, "rotated@webhooks.example");
    poll::until(SOON, "it has the event", || endpoint.received().len() == 1);
    let received = endpoint.received().remove(0);
    assert_eq!(received.header("webhook-signature").split(' ').count(), 2);
    for secret in [SECRET, OTHER_SECRET] {
        assert_eq!(verified(&library, secret, &received, &received.body), Ok(received.json()));
    }
    let third = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert!(verified(&library, third, &received, &received.body).is_err());
}

#[test]
fn without_endpoints_there_is_no_queue_of_webhooks_and_one_that_was_is_removed() {
    let _turn = turn::together();
    let backend = Backend::new();
    let endpoint = Receiver::start();
    endpoint.status(500);
    let with = app_with(&backend, &[("all", &endpoint)]).start();
    let _ = publish_logins(&backend, 1, "off@webhooks.example");
    let mut broker = backend.broker();
    let waiting = format!("{LOGIN_WEBHOOK}.retry");
    poll::until(SOON, "it waits for the endpoint", || broker.length(&waiting) == 1);
    assert!(broker.queues(LOGINS).iter().any(|queue| queue == LOGIN_WEBHOOK));
    drop(with);
    // A queue is removed once nobody has consumed it for twenty times `notification_claim_ms`.
    let without = TestApp::on(&backend).variable("notification_claim_ms", 500).start();
    let _schedules = Schedules::start(&[&without], ROUND);
    poll::until(SOON, "the queue is removed with what waits in it", || {
        let _ = publish_logins(&backend, 1, "off@webhooks.example");
        std::thread::sleep(ROUND);
        broker.queues(LOGINS) == [LOGIN_EMAIL, LOGIN_SMS] && broker.length(&waiting) == 0
    });
    poll::until(SOON, "nothing is left on the stream", || broker.length(LOGINS) == 0);
}

#[test]
fn on_rabbitmq_messages_are_acknowledged_without_endpoints() {
    let _turn = turn::together();
    let backend = Backend::with_rabbitmq();
    let app = TestApp::on(&backend).start();
    wait_for_queues(&backend);
    let _ = publish_logins(&backend, 1, "off@webhooks.example");
    poll::until(SOON, "the mail is sent", || !app.all_deliveries().is_empty());
    backend.wait_until_acknowledged(LOGIN_WEBHOOK);
    assert_eq!(backend.dead_letter_count(LOGIN_WEBHOOK), 0);
}

#[test]
fn an_event_that_waits_for_an_endpoint_goes_with_its_person() {
    let _turn = turn::together();
    let backend = Backend::new();
    let endpoint = Receiver::start();
    endpoint.answer(Answers::With(503, "retry-after: 2\r\n".to_owned()));
    let app = app_with(&backend, &[("all", &endpoint)]).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let id = app.sign_up("leaving@webhooks.example");
    let queue = "new_user_webhook_notification";
    let mut broker = backend.broker();
    poll::until(SOON, "it waits", || broker.length(&format!("{queue}.retry")) == 1);
    let _ = app.delete(&format!("/users-ms/users/{id}")).send().expect(204);
    backend.wait_until_looked_through(id);
    endpoint.status(200);
    // Who has copies is told to erase them, by the id alone.
    poll::until(SOON, "the removal is told", || !endpoint.accepted().is_empty());
    poll::throughout(Duration::from_secs(4), "nothing else of them is sent", || endpoint.accepted().len() == 1);
    let told = endpoint.accepted().remove(0).json();
    assert_eq!((&told["type"], &told["data"]), (&"user_removed_event".into(), &json!({"user_id": id})));
    assert_eq!(broker.length(&format!("{queue}.retry")), 0);
}
