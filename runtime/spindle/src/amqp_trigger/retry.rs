//! What becomes of a message that was not handled: it is delivered again after a delay, or it is a dead letter.
//!
//! Nothing can be written onto a message that goes back to its queue, so its age is told by its number of deliveries: the
//! delays between them are known.

use std::time::Duration;

/// The longest delay between two deliveries. All that time the message is unacknowledged.
pub(super) const LONGEST_DELAY: Duration = Duration::from_secs(15 * 60);

/// After so many deliveries a message that ends in a trap each time is given up where no other number is said.
const MOST_TRAPS: u32 = 5;

/// When a failed message is delivered again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Retries {
    /// The delay before the second delivery; each further one doubles it.
    pub(crate) first_delay: Duration,
    /// For how long a message that fails is delivered again; zero is no limit of time.
    pub(crate) retry_for: Duration,
    /// After how many failed deliveries it is given up all the same.
    pub(crate) max_deliveries: Option<u32>,
}

/// Why a message was not handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// The component says that it was not possible this time.
    Failed,
    /// The component says that it will never be possible.
    Unusable,
    /// A trap, no end in time, or no instance.
    Broken,
}

impl Retries {
    /// After what time a message is delivered again whose delivery with this number, from 1, has failed; none if that was
    /// its last.
    pub(super) fn next(&self, delivery: u32, cause: Cause) -> Option<Duration> {
        let most = match cause {
            Cause::Unusable => return None,
            Cause::Failed => self.max_deliveries,
            Cause::Broken => Some(self.max_deliveries.unwrap_or(MOST_TRAPS)),
        };
        if most.is_some_and(|most| delivery >= most) {
            return None;
        }
        let delay = self.delay(delivery);
        if self.retry_for.is_zero() {
            return Some(delay);
        }
        // The last delivery is at the end of the time.
        match self.retry_for.saturating_sub(self.age(delivery)) {
            Duration::ZERO => None,
            left => Some(delay.min(left)),
        }
    }

    /// The most deliveries that a message can have.
    pub(super) fn most_deliveries(&self) -> u32 {
        let by_time = || {
            // Once the delays are as long as can be, they are all the same.
            let (mut delivery, mut age) = (1_u32, Duration::ZERO);
            while age < self.retry_for {
                age += self.delay(delivery);
                delivery += 1;
            }
            delivery
        };
        match self.max_deliveries {
            Some(most) if self.retry_for.is_zero() => most,
            Some(most) => most.min(by_time()),
            None => by_time(),
        }
    }

    /// The delay after this delivery.
    fn delay(&self, delivery: u32) -> Duration {
        let doublings = delivery.saturating_sub(1).min(31);
        self.first_delay.saturating_mul(1 << doublings).min(LONGEST_DELAY)
    }

    /// How old a message is at this delivery: the sum of the delays before it.
    fn age(&self, delivery: u32) -> Duration {
        let mut age = Duration::ZERO;
        for earlier in 1..delivery {
            let delay = self.delay(earlier);
            if delay == LONGEST_DELAY {
                return age.saturating_add(delay.saturating_mul(delivery - earlier));
            }
            age += delay;
        }
        age
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(60 * 60);
    const BY_TIME: Retries = Retries {
        first_delay: Duration::from_secs(1),
        retry_for: Duration::from_secs(72 * 60 * 60),
        max_deliveries: None,
    };
    const BY_NUMBER: Retries =
        Retries { first_delay: Duration::from_secs(1), retry_for: Duration::ZERO, max_deliveries: Some(5) };

    #[expect(clippy::unnecessary_wraps, reason = "it is compared with an option")]
    fn after(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn delays_double_up_to_a_quarter_of_an_hour() {
        let delays: Vec<_> = (1..=12).map(|delivery| BY_TIME.next(delivery, Cause::Failed)).collect();
        assert_eq!(delays, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900].map(after));
    }

    #[test]
    fn a_message_is_tried_for_its_time_and_at_its_end_for_the_last_time() {
        let most = BY_TIME.most_deliveries();
        // A queue's own limit is one less, in `k8s/overlays/rabbitmq/topology.yaml` as well.
        assert_eq!(most, 298);
        assert_eq!(BY_TIME.next(most, Cause::Failed), None);
        let (mut age, mut delivery) = (Duration::ZERO, 1);
        while let Some(delay) = BY_TIME.next(delivery, Cause::Failed) {
            age += delay;
            delivery += 1;
        }
        assert_eq!((age, delivery), (72 * HOUR, most));
    }

    #[test]
    fn the_number_of_deliveries_can_be_the_limit_instead() {
        let verdicts: Vec<_> = (1..=5).map(|delivery| BY_NUMBER.next(delivery, Cause::Failed)).collect();
        assert_eq!(verdicts, [after(1), after(2), after(4), after(8), None]);
        assert_eq!(BY_NUMBER.most_deliveries(), 5);
        let both = Retries { max_deliveries: Some(3), ..BY_TIME };
        assert_eq!((both.next(3, Cause::Failed), both.most_deliveries()), (None, 3));
    }

    #[test]
    fn what_can_never_be_handled_is_dead_at_once() {
        assert_eq!(BY_TIME.next(1, Cause::Unusable), None);
    }

    #[test]
    fn a_message_that_breaks_its_component_is_not_tried_for_days() {
        assert_eq!(BY_TIME.next(4, Cause::Broken), after(8));
        assert_eq!(BY_TIME.next(5, Cause::Broken), None);
        assert_eq!(BY_TIME.next(5, Cause::Failed), after(16));
    }
}
