//! Metrics: what collects them gets what the services, the database and the broker know, and nobody's data.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use blackbox::people::PASSWORD;
use blackbox::poll;
use metrics::{Kind, SERVICES};
use std::collections::BTreeMap;
use std::time::Duration;

/// The samples of a service, by name and labels as they are written.
fn scrape(app: &TestApp, service: &str) -> BTreeMap<String, f64> {
    let answer = app.get(&format!("/{service}-ms/internal/metrics")).bearer(app.metrics()).send().expect(200);
    assert_eq!(answer.header("content-type"), Some(metrics::MEDIA_TYPE));
    assert!(answer.text().ends_with("# EOF\n"), "{}", answer.text());
    answer
        .text()
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').expect("a sample has a value");
            (name.to_owned(), value.parse().expect("a value is a number"))
        })
        .collect()
}

fn sum(samples: &BTreeMap<String, f64>, beginning: &str) -> f64 {
    samples.iter().filter(|(name, _)| name.starts_with(beginning)).map(|(_, value)| value).sum()
}

/// Whether a metric of the catalogue has a sample.
fn has(samples: &BTreeMap<String, f64>, metric: &metrics::Metric) -> bool {
    let name = format!("{}{}", metric.name, metric.kind.endings()[0]);
    samples.keys().any(|sample| sample == &name || sample.starts_with(&format!("{name}{{")))
}

#[test]
fn every_metric_of_the_catalogue_is_there_and_no_other_is() {
    let app = TestApp::on(&Backend::new()).start();
    let person = app.person("ada@metrics.example");
    // A ticket that is not used.
    let _ =
        app.post("/users-ms/password-recovery").json(&serde_json::json!({"email": person.email})).send().expect(202);
    app.backend.sql().batch_execute("ANALYZE").expect("PostgreSQL estimates");
    // Rows are counted ten seconds after they were written.
    poll::until(Duration::from_secs(30), "a sign-in is counted", || {
        scrape(&app, "users").contains_key("concierge_audit_events_total{action=\"login\",result=\"success\"}")
    });
    poll::until(Duration::from_secs(10), "a message is sent", || {
        sum(&scrape(&app, "notification"), "concierge_messages_acknowledged_total") >= 2.0
    });
    for (service, catalogue) in SERVICES {
        let samples = scrape(&app, service);
        for metric in *catalogue {
            assert!(has(&samples, metric), "{} is not in {samples:#?}", metric.name);
        }
        for sample in samples.keys() {
            let name = sample.split('{').next().expect("a name");
            let known = catalogue
                .iter()
                .any(|metric| metric.kind.endings().iter().any(|ending| name == format!("{}{ending}", metric.name)));
            assert!(known, "{name} is not in the catalogue");
            assert!(!sample.contains("metrics.example"), "{sample}");
        }
    }
    let users = scrape(&app, "users");
    assert_eq!(users["concierge_hash_permits"], 16.0);
    assert!(
        users["concierge_database_connections"] >= 1.0 && users["concierge_database_size_bytes"] > 1e6,
        "{users:#?}"
    );
    let auth = scrape(&app, "auth");
    assert_eq!(auth["concierge_access_token_keys{algorithm=\"EdDSA\"}"], 1.0, "{auth:#?}");
}

#[test]
fn a_counter_never_falls_however_many_ask_at_once() {
    let app = TestApp::on(&Backend::new()).start();
    let _ = app.sign_up("ada@metrics-counter.example");
    for _ in 0..5 {
        let _ = app.login("ada@metrics-counter.example", PASSWORD).expect(200);
    }
    let signed_in = "concierge_audit_events_total{action=\"login\",result=\"success\"}";
    let deadline = std::time::Instant::now() + Duration::from_secs(40);
    let mut last = 0.0;
    while last < 5.0 {
        assert!(std::time::Instant::now() < deadline, "only {last} sign-ins are counted");
        let found: Vec<f64> = std::thread::scope(|scope| {
            let asking: Vec<_> =
                (0..8).map(|_| scope.spawn(|| scrape(&app, "users").get(signed_in).copied().unwrap_or(0.0))).collect();
            asking.into_iter().map(|one| one.join().expect("a scrape")).collect()
        });
        for value in &found {
            assert!(*value >= last && *value <= 5.0, "{found:?} after {last}");
        }
        last = found.into_iter().fold(last, f64::max);
    }
}

#[test]
fn a_provider_that_fails_shows_in_the_histogram_of_its_sends() {
    let app = TestApp::on(&Backend::new())
        .variable("notification_sender", "http")
        .variable("mail_api_url", "http://127.0.0.1:1")
        .start();
    let _ = app.sign_up("ada@metrics-failing.example");
    let failed = "concierge_send_duration_seconds_count{provider=\"mailpit\",result=\"temporary\"}";
    poll::until(Duration::from_secs(20), "a failed send is counted", || {
        scrape(&app, "notification").get(failed).copied().unwrap_or(0.0) >= 1.0
    });
    let samples = scrape(&app, "notification");
    let all = "concierge_send_duration_seconds_bucket{le=\"+Inf\",provider=\"mailpit\",result=\"temporary\"}";
    assert!((samples[all] - samples[failed]).abs() < f64::EPSILON, "{samples:#?}");
    poll::until(Duration::from_secs(10), "the message is seen in its queue", || {
        sum(&scrape(&app, "notification"), "concierge_queue_messages{") >= 1.0
    });
}

#[test]
fn rabbitmq_shows_its_queues_and_what_the_consumers_have_counted_in_redis() {
    let app = TestApp::on(&Backend::with_rabbitmq()).start();
    let _ = app.sign_up("ada@metrics-rabbitmq.example");
    poll::until(Duration::from_secs(30), "a message is counted", || {
        let samples = scrape(&app, "notification");
        sum(&samples, "concierge_messages_acknowledged_total") >= 1.0
            && sum(&samples, "concierge_send_duration_seconds_count") >= 1.0
    });
    // Its management API tells of new consumers some seconds later.
    poll::until(Duration::from_secs(30), "consumers are seen", || {
        sum(&scrape(&app, "notification"), "concierge_queue_consumers") >= 1.0
    });
}

#[test]
fn without_a_credential_nobody_is_shown_metrics() {
    let app = TestApp::on(&Backend::new()).variable("metrics_credential", "").start();
    for service in ["users", "auth", "notification"] {
        let path = format!("/{service}-ms/internal/metrics");
        for shown in ["", ",", app.metrics(), app.operator()] {
            assert_eq!(app.get(&path).bearer(shown).send().outcome(), (401, "invalid-service-token".into()));
        }
        assert_eq!(app.get(&path).send().outcome(), (401, "invalid-service-token".into()));
        let _ = app.get(&format!("/{service}-ms/readiness")).send().expect(200);
    }
    assert!(SERVICES.iter().flat_map(|(_, all)| *all).any(|metric| metric.kind == Kind::Counter));
}
