//! Lines of the log that an attacker could cause: one a minute.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Between two lines.
const PAUSE: Duration = Duration::from_secs(60);

/// Decides whether a line is written again.
#[derive(Debug, Default)]
pub(super) struct Seldom(Mutex<Option<(Instant, u64)>>);

impl Seldom {
    /// Whether to write the line now, and if so how often it was not written since the last time.
    pub(super) fn pass(&self) -> Option<u64> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *last {
            Some((at, suppressed)) if at.elapsed() < PAUSE => {
                *suppressed += 1;
                None
            }
            other => Some(other.replace((Instant::now(), 0)).map_or(0, |(_, suppressed)| suppressed)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_once() {
        let line = Seldom::default();
        assert_eq!(line.pass(), Some(0));
        assert_eq!((line.pass(), line.pass()), (None, None));
    }
}
