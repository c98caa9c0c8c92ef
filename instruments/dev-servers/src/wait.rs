//! Waiting for something with a deadline: the one loop that every wait of this crate is.

use std::time::{Duration, Instant};

/// Between two looks at the same thing.
const STEP: Duration = Duration::from_millis(10);

/// Asks `attempt` until it gives `Some`, for at most `limit`; `None` when the time is up. It is asked at least once.
pub(crate) fn until<T>(limit: Duration, mut attempt: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(found) = attempt() {
            return Some(found);
        }
        if Instant::now() >= deadline {
            return None;
        }
        std::thread::sleep(STEP);
    }
}
