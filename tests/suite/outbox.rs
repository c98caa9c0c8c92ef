//! The outbox: what could not be published is published later, once.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::broker::{LOGINS, SIGN_UPS, login_event};
use blackbox::people::PASSWORD;
use blackbox::poll;
use blackbox::ringer::Ringer;
use blackbox::turn;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::time::Duration;
use uuid::Uuid;

fn sweep(app: &TestApp) -> Value {
    app.post("/users-ms/internal/outbox/sweep").bearer(app.scheduler()).send().expect(200).json()
}

#[test]
fn after_a_sign_up_nothing_is_left_in_the_outbox() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users", "auth"]).start();
    let _ = app.sign_up("left@outbox.example");
    let _ = app.login("left@outbox.example", PASSWORD).expect(200);
    backend.wait_until_published();
    let mut broker = backend.broker();
    assert_eq!((broker.length(SIGN_UPS), broker.length(LOGINS)), (1, 1));
}

#[test]
fn what_waits_is_published_by_a_sweep_once() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    backend.keep_event(&login_event(&Uuid::new_v4().to_string(), "once@outbox.example"));
    assert_eq!(sweep(&app), json!({"published": 1, "left": 0}));
    assert_eq!(sweep(&app), json!({"published": 0, "left": 0}));
    assert_eq!((backend.outbox_length(), backend.broker().length(LOGINS)), (0, 1));
}

#[test]
fn sweeps_at_once_lead_to_one_mail_for_each_event() {
    const EVENTS: usize = 60;
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).variable("notification_send_ms", 1).start();
    let ids: Vec<_> = (0..EVENTS).map(|_| Uuid::new_v4().to_string()).collect();
    for id in &ids {
        backend.keep_event(&login_event(id, "sweeps@outbox.example"));
    }
    let published: u64 = std::thread::scope(|scope| {
        let sweeps: Vec<_> = (0..4).map(|_| scope.spawn(|| sweep(&app)["published"].as_u64().unwrap())).collect();
        sweeps.into_iter().map(|sweep| sweep.join().expect("a sweep answers")).sum()
    });
    assert_eq!(published, EVENTS as u64, "two sweeps take different events");
    assert_eq!(backend.outbox_length(), 0);
    let _ringer = Ringer::start(&[&app], Duration::from_millis(300));
    let all = Duration::from_secs(30);
    poll::until(all, "each event is delivered", || app.all_deliveries().len() >= 2 * EVENTS);
    let deliveries = app.all_deliveries();
    let distinct: HashSet<_> = deliveries.iter().map(|delivery| (&delivery.queue, &delivery.event_id)).collect();
    assert_eq!((deliveries.len(), distinct.len()), (2 * EVENTS, 2 * EVENTS));
}

#[test]
fn a_sweep_without_broker_leaves_everything_for_the_next() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    backend.keep_event(&login_event(&Uuid::new_v4().to_string(), "broker@outbox.example"));
    backend.redis.stop();
    assert_eq!(sweep(&app), json!({"published": 0, "left": 1}));
    assert_eq!(backend.outbox_length(), 1);
    backend.redis.start_again().expect("Redis starts again");
    assert_eq!(sweep(&app), json!({"published": 1, "left": 0}));
    assert_eq!((backend.outbox_length(), backend.broker().length(LOGINS)), (0, 1));
}

#[test]
fn events_of_a_sweep_that_died_are_swept_when_its_lease_is_over() {
    let _turn = turn::together();
    let backend = Backend::new();
    let app = TestApp::on(&backend).only(&["users"]).start();
    backend.keep_event(&login_event(&Uuid::new_v4().to_string(), "lease@outbox.example"));
    let mut sql = backend.sql();
    sql.execute("UPDATE outbox SET leased_until = now() + interval '30 seconds'", &[]).unwrap();
    assert_eq!(sweep(&app), json!({"published": 0, "left": 0}), "it is in somebody's hands");
    sql.execute("UPDATE outbox SET leased_until = now() - interval '1 second'", &[]).unwrap();
    assert_eq!(sweep(&app), json!({"published": 1, "left": 0}));
}
