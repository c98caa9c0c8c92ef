//! Export: a person gets all that is kept about them, or is told that it is not to be had now.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGINS, login_event_of};
use blackbox::people::{PASSWORD, sign_up_form};
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::time::Duration;
use uuid::Uuid;

const ROUND: Duration = Duration::from_millis(300);
const SOON: Duration = Duration::from_secs(20);

fn path(id: i64) -> String {
    format!("/users-ms/users/{id}/export")
}

fn list<'a>(export: &'a Value, name: &str) -> &'a Vec<Value> {
    export[name].as_array().expect("a list")
}

#[test]
fn an_export_has_the_user_the_sessions_the_events_and_the_deliveries() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let consumer = TestApp::on(&backend).only(&["notification"]).start();
    let schedules = Schedules::start(&[&consumer], ROUND);
    let id = app.sign_up("ada@export.example");
    let _ = app.sign_up("other@export.example");
    for to in ["ada@export.example", "other@export.example"] {
        poll::until(SOON, "a welcome", || consumer.deliveries_to(to).len() == 1);
    }
    drop(schedules);
    drop(consumer);
    let _ = app.login("ada@export.example", PASSWORD).expect(200);
    let _ = app.login("other@export.example", PASSWORD).expect(200);
    // An event that was published a moment ago is in the outbox still.
    backend.wait_until_published();
    let answer = app.get(&path(id)).send();
    assert_snapshot!(answer.shown(), @r#"
    200
    cache-control: no-store
    content-disposition: attachment; filename="user-[id].json"
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "activity": [
        {
          "action": "login",
          "actor": "self",
          "network": "127.0.0.0/24",
          "request_id": "[uuid]",
          "result": "success",
          "time": "[time]",
          "user_agent": "[user_agent]"
        },
        {
          "action": "sign-up",
          "actor": "self",
          "network": "127.0.0.0/24",
          "request_id": "[uuid]",
          "result": "success",
          "time": "[time]",
          "user_agent": "[user_agent]"
        }
      ],
      "addresses": [],
      "connected_applications": [],
      "email_verified_at": null,
      "exported_at": "[time]",
      "kept_answers": [],
      "metadata": {
        "private": {},
        "public": {}
      },
      "notifications": [
        {
          "attempts": 1,
          "consumer": "notification",
          "delivered_at": "[time]",
          "event_id": "[id]",
          "event_type": "new_user_event",
          "id": "[id]",
          "kind": "email",
          "queue": "welcome_email_notification",
          "subject": "Welcome",
          "to": "ada@export.example"
        }
      ],
      "passkeys": [],
      "pending_events": [
        {
          "event": {
            "data": {
              "email": "ada@export.example",
              "known_device": false,
              "network": "127.0.0.0/24",
              "phone": null,
              "user_id": "[id]"
            },
            "datacontenttype": "application/json",
            "id": "[id]",
            "requestid": "[uuid]",
            "source": "/auth-ms",
            "specversion": "1.0",
            "subject": "1",
            "time": "[time]",
            "traceparent": "[trace]",
            "type": "user_login_event"
          },
          "kept_in": "user_login_event"
        }
      ],
      "phone_verified_at": null,
      "second_factor": {
        "recovery_codes_left": 0,
        "totp": null
      },
      "sessions": [
        {
          "application": null,
          "created_at": "[time]",
          "ends_at": "[time]",
          "id": "[id]",
          "network": "127.0.0.0/24",
          "used_at": "[time]",
          "user_agent": "[user_agent]"
        }
      ],
      "user": {
        "created_at": "[time]",
        "email": "ada@export.example",
        "email_verified": false,
        "id": "[id]",
        "locale": null,
        "name": "Ada",
        "phone": null,
        "phone_verified": false,
        "role": "user",
        "roles": [],
        "surname": "Lovelace",
        "updated_at": "[time]",
        "version": 1,
        "zoneinfo": null
      }
    }
    "#);
    assert_eq!(answer.header("content-disposition"), Some(format!("attachment; filename=\"user-{id}.json\"").as_str()));
    let head = app.request("HEAD", &path(id)).send().expect(200);
    assert!(head.body.is_empty());
}

#[test]
fn an_export_has_what_waits_in_the_outbox_what_is_claimed_and_what_is_dead() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let form = sign_up_form("places@export.example");
    let signed_up = app.post("/users-ms/users").header("idempotency-key", "places").json(&form).send().expect(201);
    let id = signed_up.json()["id"].as_i64().unwrap();
    backend.wait_until_published();
    let event = || login_event_of(&Uuid::new_v4().to_string(), id, "places@export.example");
    let mut broker = backend.broker();
    broker.add(LOGINS, &event());
    broker.claim(LOGINS, LOGIN_EMAIL, "nobody");
    broker.add(&format!("{LOGIN_EMAIL}.dead"), &event().replace("{\"data\"", "broken {\"data\""));
    backend.keep_event(&event());
    let export = app.get(&path(id)).send().expect(200).json();
    let places: Vec<_> = list(&export, "pending_events").iter().map(|event| event["kept_in"].as_str()).collect();
    assert_eq!(export["kept_answers"], json!([signed_up.json()]));
    let dead = format!("{LOGIN_EMAIL}.dead");
    assert_eq!(places, [Some("outbox"), Some(LOGINS), Some("new_user_event"), Some(&dead)]);
    assert!(list(&export, "pending_events")[3]["event"].as_str().unwrap().starts_with("broken"));
}

#[test]
fn deliveries_to_a_former_address_are_in_the_export_and_each_is_there_once() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).start();
    let _schedules = Schedules::start(&[&app], ROUND);
    let id = app.sign_up_with_phone("former@export.example");
    poll::until(SOON, "a welcome", || app.deliveries_to("former@export.example").len() == 1);
    let change = json!({"email": "present@export.example"});
    let _ = app.patch(&format!("/users-ms/users/{id}")).json(&change).send().expect(200);
    let _ = app.login("present@export.example", PASSWORD).expect(200);
    poll::until(SOON, "two more", || app.deliveries_to("present@export.example").len() == 2);
    let told = || {
        let export = app.get(&path(id)).send().expect(200).json();
        list(&export, "notifications").iter().map(|item| item["to"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let expected = ["present@export.example", "present@export.example", "former@export.example"];
    assert_eq!(told(), expected);
    // What is gone from the log of all recipients is still in their own.
    let mut connection = redis_connection(&backend);
    let _: i64 =
        redis::cmd("XTRIM").arg("concierge:notifications").arg("MAXLEN").arg(0).query(&mut connection).unwrap();
    assert_eq!(told(), expected);
}

fn redis_connection(backend: &Backend) -> redis::Connection {
    redis::Client::open(backend.redis.url()).and_then(|client| client.get_connection()).expect("Redis answers")
}

#[test]
fn an_export_without_the_broker_would_not_be_complete_and_is_none() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let id = app.sign_up("broker@export.example");
    backend.redis.stop();
    assert_snapshot!(app.get(&path(id)).send().shown(), @r#"
    503
    cache-control: no-store
    content-type: application/problem+json
    retry-after: 1
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "The message broker is unavailable. Try again shortly.",
      "instance": "[uuid]",
      "status": 503,
      "title": "Broker unavailable",
      "type": "urn:concierge:problem:broker-unavailable"
    }
    "#);
    backend.redis.start_again().expect("Redis starts again");
    let _ = app.get(&path(id)).send().expect(200);
}

#[test]
fn a_long_stream_is_read_to_its_end() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let id = app.sign_up("long@export.example");
    let mut broker = backend.broker();
    for number in 0..1201 {
        let user = if number % 2 == 0 { id } else { id + 1 };
        broker.add(LOGINS, &login_event_of(&Uuid::new_v4().to_string(), user, "long@export.example"));
    }
    let export = app.get(&path(id)).send().expect(200).json();
    let of_logins = list(&export, "pending_events").iter().filter(|event| event["kept_in"] == LOGINS);
    assert_eq!(of_logins.count(), 601);
}

#[test]
fn an_export_is_for_the_person_and_for_administrators() {
    let app = TestApp::guarded();
    let ada = app.person("guarded@export.example");
    let eve = app.person("eve@export.example");
    let admin = app.admin("admin@export.example");
    let _ = app.get(&path(ada.id)).send().expect(401);
    assert_eq!(app.get(&path(ada.id)).bearer(&eve.access).send().expect(404).problem(), "user-not-found");
    for who in [&ada, &admin] {
        let export = app.get(&path(ada.id)).bearer(&who.access).send().expect(200).json();
        assert_eq!(export["user"]["email"], "guarded@export.example");
        assert_eq!(list(&export, "sessions").len(), 1);
    }
    let body = json!({"refresh_token": ada.refresh});
    let _ = app.post("/auth-ms/auth/logout").json(&body).send().expect(204);
    let _ = app.get(&path(ada.id)).bearer(&ada.access).send().expect(401);
}

#[test]
fn what_is_no_request_for_an_export_is_refused() {
    let app = TestApp::shared();
    let id = app.sign_up_with(&sign_up_form("odd@export.example"));
    assert_eq!(app.get(&format!("{}?all=1", path(id))).send().expect(400).problem(), "invalid-query");
    assert_eq!(app.get("/users-ms/users/x/export").send().expect(400).problem(), "invalid-id");
    assert_eq!(app.get(&path(999_999_999)).send().expect(404).problem(), "user-not-found");
    let answer = app.post(&path(id)).send().expect(405);
    assert_eq!(answer.header("allow"), Some("GET, HEAD"));
}

#[test]
fn an_export_is_had_once_in_a_while_and_by_others_meanwhile() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("login_throttling", "on").only(&["users"]).start();
    let (id, other) = (app.sign_up("often@export.example"), app.sign_up("other@export.example"));
    let _ = app.get(&path(id)).send().expect(200);
    let again = app.get(&path(id)).send();
    assert_eq!((again.status, again.problem().as_str()), (429, "too-many-requests"));
    let seconds: i64 = again.header("retry-after").expect("it says when").parse().unwrap();
    assert!((295..=300).contains(&seconds), "{seconds} s");
    let _ = app.get(&path(other)).send().expect(200);
    let _ = app.get(&path(other + 1)).send().expect(404);
    let statuses: Vec<_> = std::thread::scope(|scope| {
        let third = app.sign_up("third@export.example");
        let threads: Vec<_> = (0..10)
            .map(|_| {
                scope.spawn({
                    let app = &app;
                    move || app.get(&path(third)).send().status
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 429).count(), 9, "{statuses:?}");
    backend.sql().execute("UPDATE exports SET begun_at = now() - interval '5 minutes'", &[]).unwrap();
    let _ = app.get(&path(id)).send().expect(200);
}

#[test]
fn while_four_exports_are_made_a_fifth_is_told_to_come_again() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("login_throttling", "on").only(&["users"]).start();
    let id = app.sign_up("fifth@export.example");
    let held = |condition: &str| -> i64 {
        let count = format!("SELECT count(*) FROM export_permits WHERE {condition}");
        backend.sql().query_one(&count, &[]).unwrap().get(0)
    };
    let hold = |until: &str| {
        let all =
            format!("UPDATE export_permits SET holder = gen_random_uuid(), held_until = now() + interval '{until}'");
        assert_eq!(backend.sql().execute(&all, &[]).unwrap(), 4);
    };
    hold("1 minute");
    let busy = app.get(&path(id)).send().expect(503);
    assert_eq!((busy.problem().as_str(), busy.header("retry-after")), ("too-busy", Some("5")));
    // Somebody who is not there is told so all the same.
    let _ = app.get(&path(id + 1)).send().expect(404);
    // Permits end by themselves, and what was not made is not counted.
    hold("-1 second");
    let _ = app.get(&path(id)).send().expect(200);
    assert_eq!(held("held_until > now()"), 0, "the permit is given back");
    assert_eq!(held("holder IS NULL"), 1);
}
