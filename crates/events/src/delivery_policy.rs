//! The delivery policy: when a message is retried, and when it is dead-lettered.
//!
//! A failure is temporary (the provider is unavailable) or permanent (the message is refused). Only a temporary one is
//! worth a retry, and retries are limited by age, not by number: an outage of hours uses up nothing but time.

use std::time::Duration;

/// After so many consumers have crashed while sending a message, it is dead-lettered: it may be what crashes them.
pub const MAX_CRASHES: u64 = 5;
/// After so many claims without a send, a message is dead-lettered for the same reason.
pub const MAX_CLAIMS: u64 = 20;
/// The longest pause between two attempts of a message.
pub const LONGEST_RETRY: Duration = Duration::from_secs(30 * 60);
/// The longest time that a provider's `retry-after` is believed for.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// The first pause of a queue whose sends keep failing; each further one doubles it.
pub const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause of a queue: so much later than its provider a queue is back at most.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);

/// When deliveries are retried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// How long a delivery may stay unacknowledged before its consumer counts as dead and another takes it over.
    /// It must be longer than the longest send.
    pub claim_after: Duration,
    /// The pause before the second attempt; each further one doubles it, up to [`LONGEST_RETRY`].
    pub first_retry: Duration,
    /// For how long after its first attempt a message is retried.
    pub retry_for: Duration,
    /// After how many attempts a message is dead-lettered however young it is.
    pub max_attempts: Option<u64>,
    /// After how many failures in a row a queue pauses; never, if that is zero.
    pub pause_after: u64,
}

/// A send that has failed temporarily.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailedAttempt {
    /// Which attempt it was, from 1.
    pub number: u64,
    /// How long ago the first one was.
    pub age: Duration,
    /// How long the provider asks to wait.
    pub retry_after: Option<Duration>,
    /// For how long the message is still of use, if not for ever.
    pub expires_in: Option<Duration>,
}

/// What happens to a message after a temporary failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// It is retried after this time.
    RetryAfter(Duration),
    /// Its time, or its attempts, are used up.
    DeadLetter,
}

impl DeliveryPolicy {
    /// What happens to a message after a failed attempt. `jitter`, from 0 to 255, makes the pause longer by up to a tenth,
    /// so that what failed together does not come back together.
    #[must_use]
    pub fn after_failure(&self, failed: FailedAttempt, jitter: u8) -> RetryDecision {
        let left = self.retry_for.saturating_sub(failed.age).min(failed.expires_in.unwrap_or(Duration::MAX));
        if left.is_zero() || self.max_attempts.is_some_and(|most| failed.number >= most) {
            return RetryDecision::DeadLetter;
        }
        let doublings = u32::try_from(failed.number.saturating_sub(1)).unwrap_or(u32::MAX);
        let pause = self.first_retry.saturating_mul(2u32.saturating_pow(doublings)).min(LONGEST_RETRY);
        let pause = pause + pause / 10 * u32::from(jitter) / 255;
        let asked = failed.retry_after.unwrap_or_default().min(LONGEST_RETRY_AFTER);
        // The last attempt is at the end of the time.
        RetryDecision::RetryAfter(pause.max(asked).min(left))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const POLICY: DeliveryPolicy = DeliveryPolicy {
        claim_after: Duration::from_secs(30),
        first_retry: Duration::from_secs(1),
        retry_for: Duration::from_secs(72 * 60 * 60),
        max_attempts: None,
        pause_after: 5,
    };

    fn failed(number: u64, age: Duration) -> FailedAttempt {
        FailedAttempt { number, age, retry_after: None, expires_in: None }
    }

    #[test]
    fn pauses_grow_from_a_second_to_half_an_hour() {
        let pauses: Vec<_> = (1..=13).map(|number| POLICY.after_failure(failed(number, HOUR), 0)).collect();
        let expected = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800];
        assert_eq!(pauses, expected.map(|seconds| RetryDecision::RetryAfter(Duration::from_secs(seconds))));
        assert_eq!(POLICY.after_failure(failed(u64::MAX, HOUR), 0), RetryDecision::RetryAfter(LONGEST_RETRY));
    }

    #[test]
    fn a_message_is_tried_for_72_hours_however_often_and_at_their_end_for_the_last_time() {
        let minute = Duration::from_secs(60);
        assert_eq!(POLICY.after_failure(failed(200, 71 * HOUR), 0), RetryDecision::RetryAfter(LONGEST_RETRY));
        assert_eq!(POLICY.after_failure(failed(200, 72 * HOUR - minute), 0), RetryDecision::RetryAfter(minute));
        assert_eq!(POLICY.after_failure(failed(2, 72 * HOUR), 0), RetryDecision::DeadLetter);
    }

    #[test]
    fn jitter_makes_a_pause_longer_by_a_tenth_at_most() {
        assert_eq!(POLICY.after_failure(failed(1, HOUR), 255), RetryDecision::RetryAfter(Duration::from_millis(1100)));
        let half = POLICY.after_failure(failed(1, HOUR), 128);
        assert!(
            matches!(half, RetryDecision::RetryAfter(pause) if pause.as_millis() > 1040 && pause.as_millis() < 1060)
        );
    }

    #[test]
    fn a_provider_that_asks_for_time_gets_it_within_reason() {
        let asks = |seconds| FailedAttempt { retry_after: Some(Duration::from_secs(seconds)), ..failed(1, HOUR) };
        assert_eq!(POLICY.after_failure(asks(90), 0), RetryDecision::RetryAfter(Duration::from_secs(90)));
        assert_eq!(POLICY.after_failure(asks(0), 0), RetryDecision::RetryAfter(Duration::from_secs(1)));
        assert_eq!(POLICY.after_failure(asks(u64::MAX), 0), RetryDecision::RetryAfter(24 * HOUR));
    }

    #[test]
    fn a_message_that_expires_is_looked_at_once_more_when_it_has() {
        let expires = |seconds| FailedAttempt { expires_in: Some(Duration::from_secs(seconds)), ..failed(6, HOUR) };
        assert_eq!(POLICY.after_failure(expires(600), 0), RetryDecision::RetryAfter(Duration::from_secs(32)));
        assert_eq!(POLICY.after_failure(expires(20), 0), RetryDecision::RetryAfter(Duration::from_secs(20)));
        assert_eq!(POLICY.after_failure(expires(0), 0), RetryDecision::DeadLetter);
    }

    #[test]
    fn the_number_of_tries_can_be_limited_too() {
        let policy = DeliveryPolicy { max_attempts: Some(5), ..POLICY };
        assert_eq!(policy.after_failure(failed(4, HOUR), 0), RetryDecision::RetryAfter(Duration::from_secs(8)));
        assert_eq!(policy.after_failure(failed(5, Duration::ZERO), 0), RetryDecision::DeadLetter);
    }
}
