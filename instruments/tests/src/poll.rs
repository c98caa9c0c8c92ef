//! Waiting: looking again and again until something is there, or a deadline has passed.

use crate::http::Answer;
use std::time::{Duration, Instant};

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// What `look` finds, as soon as it finds something.
///
/// # Panics
/// If it finds nothing within `limit`; `what` is what was waited for.
#[track_caller]
pub fn eventually<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} in vain: {what}");
        std::thread::sleep(PAUSE);
    }
}

/// Waits until `holds`.
///
/// # Panics
/// As [`eventually`].
#[track_caller]
pub fn until(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    eventually(limit, what, || holds().then_some(()));
}

/// Looks on for `time`, for what must not happen.
///
/// # Panics
/// As soon as `holds` is no more.
#[track_caller]
pub fn throughout(time: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while start.elapsed() < time {
        assert!(holds(), "no longer true after {:?}: {what}", start.elapsed());
        std::thread::sleep(PAUSE);
    }
}

/// What `ask` gets, within `limit`.
///
/// # Panics
/// If it comes later.
#[track_caller]
pub fn within(limit: Duration, ask: impl FnOnce() -> Answer) -> Answer {
    let start = Instant::now();
    let answer = ask();
    assert!(start.elapsed() <= limit, "{:?} for {}", start.elapsed(), answer.shown());
    answer
}
