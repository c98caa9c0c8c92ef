//! Pauses between attempts to connect: each is twice as long as the one before, up to a limit.

use std::time::Duration;

/// The pauses of one connection.
#[derive(Debug)]
pub(crate) struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// Pauses that begin with `first` and end with `longest`.
    pub(crate) fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// Starts again: the next pause is the first, doubled `doublings` times.
    pub(crate) fn reset(&mut self, doublings: u32) {
        self.next = self.first.saturating_mul(1 << doublings.min(16)).min(self.longest);
    }

    /// Waits. A pause is at least half as long as it could be, and random beyond that: many that have lost the same
    /// server do not come back at the same moment.
    pub(crate) async fn wait(&mut self) {
        let pause = self.next;
        self.next = self.next.saturating_mul(2).min(self.longest);
        tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64() / 2.0)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    const FIRST: Duration = Duration::from_millis(40);

    async fn pause(backoff: &mut Backoff) -> Duration {
        let start = Instant::now();
        backoff.wait().await;
        start.elapsed()
    }

    #[tokio::test]
    async fn pauses_grow_up_to_a_limit() {
        let mut backoff = Backoff::new(FIRST, 3 * FIRST);
        let took = pause(&mut backoff).await;
        assert!(took >= FIRST / 2 && took < Duration::from_secs(2), "{took:?}");
        assert_eq!(backoff.next, 2 * FIRST);
        pause(&mut backoff).await;
        assert_eq!(backoff.next, 3 * FIRST);
        backoff.reset(1);
        assert_eq!(backoff.next, 2 * FIRST);
        backoff.reset(u32::MAX);
        assert_eq!(backoff.next, 3 * FIRST);
    }
}
