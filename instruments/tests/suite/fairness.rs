//! Fairness: what computes for long does not keep the probes waiting.

use blackbox::app::{TestApp, is_spindle};
use blackbox::backend::Backend;
use blackbox::poll;
use blackbox::turn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn busy_requests_do_not_keep_the_probes_waiting() {
    const BUSY: usize = 20;
    const PROBES: usize = 200;
    const P99: Duration = Duration::from_millis(100);
    if !is_spindle("Spin keeps a worker on a busy guest until it is done") {
        return;
    }
    let _turn = turn::alone();
    let app = TestApp::on(&Backend::new()).variable("load_test", "on").start();
    // The first request of each kind is not what this is about.
    let _ = app.get("/users-ms/load-test?n=1").send().expect(200);
    let _ = app.get("/users-ms/healthcheck").send().expect(200);
    let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let times = std::thread::scope(|scope| {
        for _ in 0..BUSY {
            scope.spawn(|| {
                begun.fetch_add(1, Ordering::SeqCst);
                // How long they take is the machine's affair; that all of them are still there is checked below.
                let _ = app.get("/users-ms/load-test?n=40").send_unchecked();
                done.fetch_add(1, Ordering::SeqCst);
            });
        }
        poll::until(Duration::from_secs(5), "the load runs", || begun.load(Ordering::SeqCst) == BUSY);
        let mut times: Vec<_> = (0..PROBES)
            .map(|_| {
                let start = Instant::now();
                let _ = app.get("/users-ms/healthcheck").send().expect(200);
                start.elapsed()
            })
            .collect();
        let done = done.load(Ordering::SeqCst);
        app.app.kill();
        assert!(done < BUSY / 2, "the load was there to the end: {done} of {BUSY} were done");
        times.sort_unstable();
        times
    });
    let (median, p99) = (times[PROBES / 2], times[PROBES * 99 / 100]);
    println!("a probe under load: median {median:?}, p99 {p99:?}");
    assert!(p99 < P99, "p99 of a probe under load: {p99:?}, median {median:?}");
}
