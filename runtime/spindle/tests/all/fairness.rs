//! Guests that compute must not keep others from answering.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::support::Setup;

#[test]
fn cheap_requests_stay_quick_beside_twenty_busy_guests() {
    assert_cheap_requests_are_quick_beside("/fib?n=34");
}

#[test]
fn cheap_requests_stay_quick_beside_twenty_guests_that_sleep_between_short_computations() {
    assert_cheap_requests_are_quick_beside("/slices?count=200");
}

#[track_caller]
fn assert_cheap_requests_are_quick_beside(busy: &str) {
    let app = Setup::default().start();
    let stop = AtomicBool::new(false);
    let mut times = std::thread::scope(|scope| {
        for _ in 0..20 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    app.get(busy);
                }
            });
        }
        // The busy ones begin meanwhile.
        (0..20).for_each(|_| drop(app.text("/hello")));
        let times: Vec<_> = (0..300)
            .map(|_| {
                let start = Instant::now();
                assert_eq!(app.text("/hello"), "hello");
                start.elapsed()
            })
            .collect();
        stop.store(true, Ordering::Relaxed);
        times
    });
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    assert!(p99 < Duration::from_millis(250), "p50 {:?}, p99 {p99:?}", times[times.len() / 2]);
}

#[test]
fn a_guest_that_only_gives_way_does_not_wait_for_a_timer() {
    let app = Setup::default().start();
    let start = Instant::now();
    assert_eq!(app.text("/naps?count=500"), "rested");
    let time = start.elapsed();
    // A timer takes a millisecond at least.
    assert!(time < Duration::from_millis(250), "{time:?}");
    let start = Instant::now();
    assert_eq!(app.text("/sleep?ms=20"), "slept");
    assert!(start.elapsed() >= Duration::from_millis(20));
}
