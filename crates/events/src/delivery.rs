//! How often a message is delivered, and when.

use std::time::Duration;

/// After this many deliveries a message that still cannot be handled becomes a dead letter.
pub const MAX_DELIVERIES: u64 = 5;

/// When deliveries are repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a delivery may stay unacknowledged before its consumer counts as dead and another takes it over.
    /// It must be longer than the longest send.
    pub claim_after: Duration,
    /// The delay before the second delivery; each further one doubles it, up to `claim_after`.
    pub first_retry: Duration,
}

/// What becomes of a message after a failed delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is delivered again after this time.
    RetryAfter(Duration),
    /// It has had its deliveries.
    DeadLetter,
}

impl Policy {
    /// What becomes of a message whose delivery number `deliveries`, counted from 1, has failed.
    #[must_use]
    pub fn after_failure(&self, deliveries: u64) -> Verdict {
        if deliveries >= MAX_DELIVERIES {
            return Verdict::DeadLetter;
        }
        let doublings = u32::try_from(deliveries.saturating_sub(1)).unwrap_or(u32::MAX);
        let delay = self.first_retry.saturating_mul(2u32.saturating_pow(doublings));
        Verdict::RetryAfter(delay.min(self.claim_after))
    }

    /// Whether a message claimed for the `deliveries`-th time has had its deliveries already: its consumers died in
    /// the middle of all of them.
    #[must_use]
    pub fn is_spent(deliveries: u64) -> bool {
        deliveries > MAX_DELIVERIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: Policy = Policy { claim_after: Duration::from_secs(30), first_retry: Duration::from_secs(1) };

    #[test]
    fn delays_grow_until_the_fifth_delivery_is_the_last() {
        let verdicts: Vec<_> = (1..=5).map(|n| POLICY.after_failure(n)).collect();
        let after = |seconds| Verdict::RetryAfter(Duration::from_secs(seconds));
        assert_eq!(verdicts, [after(1), after(2), after(4), after(8), Verdict::DeadLetter]);
    }

    #[test]
    fn a_delay_never_passes_the_time_at_which_any_consumer_may_claim() {
        let policy = Policy { first_retry: Duration::from_secs(20), ..POLICY };
        assert_eq!(policy.after_failure(3), Verdict::RetryAfter(Duration::from_secs(30)));
    }

    #[test]
    fn a_message_that_kills_its_consumers_is_spent_too() {
        assert!(!Policy::is_spent(5));
        assert!(Policy::is_spent(6));
    }
}
