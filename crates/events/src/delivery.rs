//! When a message is tried again, and when it is given up.
//!
//! A failure is temporary (the dependency is away) or permanent (the message is refused). Only a temporary one is worth
//! a retry, and it is retried by age, not by number: an outage of hours uses up nothing but time.

use std::time::Duration;

/// After so many consumers have died while sending a message, it is a dead letter: it may be what kills them.
pub const MAX_DEATHS: u64 = 5;
/// After so many claims that came to nothing, not even to a send, a message is a dead letter for the same reason.
pub const MAX_CLAIMS: u64 = 20;
/// The longest pause between two tries of a message.
pub const LONGEST_RETRY: Duration = Duration::from_secs(30 * 60);
/// The longest time that a provider's `retry-after` is believed for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// The first pause of a queue whose sends keep failing; each further one doubles it.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of a queue: so much later than its provider a queue is back at most.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// When deliveries are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a delivery may stay unacknowledged before its consumer counts as dead and another takes it over.
    /// It must be longer than the longest send.
    pub claim_after: Duration,
    /// The pause before the second try; each further one doubles it, up to [`LONGEST_RETRY`].
    pub first_retry: Duration,
    /// For how long after its first try a message is tried again.
    pub retry_for: Duration,
    /// After how many tries a message is given up however young it is.
    pub max_attempts: Option<u64>,
    /// After how many failures in a row a queue pauses; never, if that is zero.
    pub pause_after: u64,
}

/// A send that has failed temporarily.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Try {
    /// Which try it was, from 1.
    pub number: u64,
    /// How long ago the first one was.
    pub age: Duration,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
}

/// What becomes of a message after a temporary failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is tried again after this time.
    RetryAfter(Duration),
    /// It has had its time, or its tries.
    DeadLetter,
}

impl Policy {
    /// What becomes of a message after a failed try. `jitter`, from 0 to 255, makes the pause longer by up to a tenth,
    /// so that what failed together does not come back together.
    #[must_use]
    pub fn after_failure(&self, failed: Try, jitter: u8) -> Verdict {
        let left = self.retry_for.saturating_sub(failed.age);
        if left.is_zero() || self.max_attempts.is_some_and(|most| failed.number >= most) {
            return Verdict::DeadLetter;
        }
        let doublings = u32::try_from(failed.number.saturating_sub(1)).unwrap_or(u32::MAX);
        let pause = self.first_retry.saturating_mul(2u32.saturating_pow(doublings)).min(LONGEST_RETRY);
        let pause = pause + pause / 10 * u32::from(jitter) / 255;
        let asked = failed.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        // The last try is at the end of the time.
        Verdict::RetryAfter(pause.max(asked).min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const POLICY: Policy = Policy {
        claim_after: Duration::from_secs(30),
        first_retry: Duration::from_secs(1),
        retry_for: Duration::from_secs(72 * 60 * 60),
        max_attempts: None,
        pause_after: 5,
    };

    fn failed(number: u64, age: Duration) -> Try {
        Try { number, age, retry_after: None }
    }

    #[test]
    fn pauses_grow_from_a_second_to_half_an_hour() {
        let pauses: Vec<_> = (1..=13).map(|number| POLICY.after_failure(failed(number, HOUR), 0)).collect();
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800];
        assert_eq!(pauses, expected.map(|seconds| Verdict::RetryAfter(Duration::from_secs(seconds))));
        assert_eq!(POLICY.after_failure(failed(u64::MAX, HOUR), 0), Verdict::RetryAfter(LONGEST_RETRY));
    }

    #[test]
    fn a_message_is_tried_for_72_hours_however_often_and_at_their_end_for_the_last_time() {
        let minute = Duration::from_secs(60);
        assert_eq!(POLICY.after_failure(failed(200, 71 * HOUR), 0), Verdict::RetryAfter(LONGEST_RETRY));
        assert_eq!(POLICY.after_failure(failed(200, 72 * HOUR - minute), 0), Verdict::RetryAfter(minute));
        assert_eq!(POLICY.after_failure(failed(2, 72 * HOUR), 0), Verdict::DeadLetter);
    }

    #[test]
    fn jitter_makes_a_pause_longer_by_a_tenth_at_most() {
        assert_eq!(POLICY.after_failure(failed(1, HOUR), 255), Verdict::RetryAfter(Duration::from_millis(1100)));
        let half = POLICY.after_failure(failed(1, HOUR), 128);
        assert!(matches!(half, Verdict::RetryAfter(pause) if pause.as_millis() > 1040 && pause.as_millis() < 1060));
    }

    #[test]
    fn a_provider_that_asks_for_time_gets_it_within_reason() {
        let asks = |seconds| Try { retry_after: Some(Duration::from_secs(seconds)), ..failed(1, HOUR) };
        assert_eq!(POLICY.after_failure(asks(90), 0), Verdict::RetryAfter(Duration::from_secs(90)));
        assert_eq!(POLICY.after_failure(asks(0), 0), Verdict::RetryAfter(Duration::from_secs(1)));
        assert_eq!(POLICY.after_failure(asks(u64::MAX), 0), Verdict::RetryAfter(24 * HOUR));
    }

    #[test]
    fn the_number_of_tries_can_be_limited_too() {
        let policy = Policy { max_attempts: Some(5), ..POLICY };
        assert_eq!(policy.after_failure(failed(4, HOUR), 0), Verdict::RetryAfter(Duration::from_secs(8)));
        assert_eq!(policy.after_failure(failed(5, Duration::ZERO), 0), Verdict::DeadLetter);
    }
}
