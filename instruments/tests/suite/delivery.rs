//! From what happened to what was delivered, as the delivery log shows it.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::{LOGIN_EMAIL, LOGIN_SMS, WELCOME};
use blackbox::deliveries::queues;
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::schedules::Schedules;
use blackbox::turn;
use insta::assert_snapshot;
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

/// Until a delivery is in the log.
const SOON: Duration = Duration::from_secs(20);

fn wait_for_deliveries(app: &TestApp, to: &str, count: usize) {
    let what = format!("{count} deliveries");
    poll::until(SOON, &what, || app.deliveries_to(to).len() >= count);
}

fn log_page(app: &TestApp, query: &str) -> Value {
    let path = format!("/notification-ms/notifications?{query}");
    app.get(&path).bearer(app.operator()).send().expect(200).json()
}

#[test]
fn a_sign_up_leads_to_one_welcome() {
    let app = TestApp::shared();
    let _ = app.sign_up("Welcome@delivery.example");
    wait_for_deliveries(&app, "Welcome@delivery.example", 1);
    let path = "/notification-ms/notifications?to=welcome@DELIVERY.example";
    assert_snapshot!(app.get(path).bearer(app.operator()).send().shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "items": [
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
          "to": "Welcome@delivery.example"
        }
      ],
      "next_cursor": null
    }
    "#);
}

#[test]
fn a_sign_up_and_a_login_lead_to_a_welcome_a_mail_and_an_sms() {
    let app = TestApp::shared();
    let to = "three@delivery.example";
    let _ = app.sign_up_with_phone(to);
    let _ = app.login(to, PASSWORD).expect(200);
    wait_for_deliveries(&app, to, 3);
    poll::throughout(Duration::from_millis(700), "three deliveries and no more", || app.deliveries_to(to).len() == 3);
    let deliveries = app.deliveries_to(to);
    assert_eq!(queues(&deliveries), [LOGIN_EMAIL, LOGIN_SMS, WELCOME]);
    assert!(deliveries.iter().all(|delivery| delivery.attempts == 1 && delivery.consumer == "notification"));
    let items = log_page(&app, &format!("to={to}"))["items"].clone();
    let told: HashSet<_> = items.as_array().unwrap().iter().map(|item| (&item["kind"], &item["subject"])).collect();
    let expected = [("email", "New sign-in to your account"), ("email", "Welcome"), ("sms", "New sign-in")];
    let expected: Vec<(Value, Value)> = expected.map(|(kind, subject)| (kind.into(), subject.into())).into();
    assert_eq!(told, expected.iter().map(|(kind, subject)| (kind, subject)).collect());
}

#[test]
fn a_delivery_is_in_the_log_soon_after_it_was_sent() {
    const SEND: Duration = Duration::from_millis(100);
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).variable("notification_send_ms", SEND.as_millis()).start();
    let _schedules = Schedules::start(&[&app], Duration::from_millis(300));
    let to = "soon@delivery.example";
    let _ = app.sign_up_with_phone(to);
    let _ = app.login(to, PASSWORD).expect(200);
    // Three sends, one after the other.
    poll::until(SEND * 3 + Duration::from_secs(2), "three deliveries", || app.deliveries_to(to).len() == 3);
}

#[test]
fn a_failed_login_is_no_event() {
    let app = TestApp::shared();
    let to = "failed@delivery.example";
    let _ = app.sign_up(to);
    let _ = app.login(to, "incorrect horse").expect(401);
    wait_for_deliveries(&app, to, 1);
    poll::throughout(Duration::from_millis(700), "one delivery", || app.deliveries_to(to).len() == 1);
}

#[test]
fn a_sign_up_that_is_refused_is_no_event() {
    let app = TestApp::shared();
    let to = "refused@delivery.example";
    let _ = app.sign_up(to);
    let _ = app.post("/users-ms/users").json(&blackbox::people::sign_up_form(to)).send().expect(409);
    wait_for_deliveries(&app, to, 1);
    poll::throughout(Duration::from_millis(700), "one welcome", || app.deliveries_to(to).len() == 1);
}

#[test]
fn the_log_goes_back_page_by_page() {
    let app = TestApp::shared();
    let to = "pages@delivery.example";
    let _ = app.sign_up_with_phone(to);
    wait_for_deliveries(&app, to, 1);
    for _ in 0..3 {
        let _ = app.login(to, PASSWORD).expect(200);
    }
    wait_for_deliveries(&app, to, 7);
    let mut seen = Vec::new();
    let mut sizes = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = log_page(&app, &format!("to={to}&limit=3{cursor}"));
        let items = page["items"].as_array().unwrap();
        sizes.push(items.len());
        seen.extend(items.iter().map(|item| item["id"].as_str().unwrap().to_owned()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(seen.iter().collect::<HashSet<_>>().len(), 7);
    assert_eq!(app.deliveries_to(to).last().unwrap().queue, WELCOME, "the oldest comes last");
}

#[test]
fn the_log_of_somebody_unknown_is_empty() {
    let app = TestApp::shared();
    let path = "/notification-ms/notifications?to=nobody@delivery.example";
    assert_snapshot!(app.get(path).bearer(app.operator()).send().shown(), @r#"
    200
    cache-control: no-store
    content-type: application/json
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "items": [],
      "next_cursor": null
    }
    "#);
}

#[test]
fn the_log_needs_an_operators_credential_or_an_administrators_token() {
    let app = TestApp::shared();
    assert_snapshot!(app.get("/notification-ms/notifications").send().shown(), @r#"
    401
    cache-control: no-store
    content-type: application/problem+json
    www-authenticate: Bearer realm="concierge"
    x-content-type-options: nosniff
    x-request-id: [uuid]

    {
      "detail": "An access token is required as a bearer token. Sign in to get one.",
      "instance": "[uuid]",
      "status": 401,
      "title": "Invalid token",
      "type": "urn:concierge:problem:invalid-token"
    }
    "#);
}
