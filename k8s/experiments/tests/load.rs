//! The load generator and its counts, on the app itself.

use blackbox::app::TestApp;
use blackbox::backend::Backend;
use cluster_experiments::load::Load;
use std::time::Duration;

const RATE: u32 = 40;

#[test]
fn a_steady_load_notices_exactly_when_nobody_answers() {
    let app = TestApp::on(&Backend::new()).start();
    let load = Load::start(&format!("{}/users-ms/healthcheck", app.app.url()), RATE);
    load.go_on(Duration::from_secs(2));
    let killed_at = load.seconds();
    app.app.kill();
    load.go_on(Duration::from_secs(2));
    let samples = load.stop();
    let before = samples.between(0.0, killed_at - 0.2);
    assert!(before.count() > 60 && before.failed() == 0, "{} of {}", before.failed(), before.count());
    let after = samples.between(killed_at + 0.2, f64::MAX);
    assert!(after.count() > 60 && after.failed() == after.count(), "{} of {}", after.failed(), after.count());
    assert!((1.5..2.5).contains(&samples.longest_outage()), "{}", samples.longest_outage());
    assert!(samples.quantile_ms(0.5) < 1000.0);
}

#[test]
fn answers_are_told_apart_by_their_status() {
    let app = TestApp::on(&Backend::new()).start();
    let load = Load::start(&format!("{}/users-ms/load-test?n=1", app.app.url()), RATE);
    load.go_on(Duration::from_secs(1));
    let samples = load.stop();
    assert!(samples.count() > 20 && samples.with_status(404) == samples.count(), "it is not open");
    assert_eq!(samples.failed(), 0);
}
