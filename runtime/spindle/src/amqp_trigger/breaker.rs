//! A circuit breaker: after several failures in a row a queue pauses, and is then tried with one message at a time. So an
//! outage of what the component needs is not hammered, and uses up no deliveries.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The first pause; each further one doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest pause. A message that waits for its end is unacknowledged.
const LONGEST_PAUSE: Duration = Duration::from_secs(5 * 60);
/// After this time a message that is to show whether it goes on again counts as lost.
const PROBE_TIME: Duration = Duration::from_secs(60);

/// What a delivery says of whatever its handling needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Up,
    Down,
    Unknown,
}

/// Whether a message may be handled now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admission {
    /// It may. After a pause it is the only one, a probe.
    Go { is_probe: bool },
    /// Not for this time at least.
    Wait(Duration),
}

/// One queue's.
#[derive(Debug)]
pub(super) struct Breaker {
    /// After how many failures in a row it opens; never, if that is zero.
    after: u32,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    failures: u32,
    pauses: u32,
    until: Option<Instant>,
}

impl Breaker {
    pub(super) fn new(after: u32) -> Self {
        Self { after, state: Mutex::default() }
    }

    /// Asks for leave to handle a message. Whoever gets it says how it went.
    pub(super) fn admit(&self, now: Instant) -> Admission {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.until {
            None => Admission::Go { is_probe: false },
            Some(until) if until > now => Admission::Wait(until - now),
            Some(_) => {
                state.until = Some(now + PROBE_TIME);
                Admission::Go { is_probe: true }
            }
        }
    }

    /// Takes note of how it went; gives the length of a pause that begins.
    pub(super) fn record(&self, now: Instant, health: Health, is_probe: bool) -> Option<Duration> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match health {
            Health::Up => *state = State::default(),
            Health::Unknown if is_probe => state.until = Some(now),
            Health::Unknown => {}
            Health::Down => {
                state.failures = state.failures.saturating_add(1);
                let is_due = self.after > 0 && state.failures >= self.after;
                // What was under way when the pause began makes it no longer.
                if is_due && (state.until.is_none() || is_probe) {
                    let pause = FIRST_PAUSE.saturating_mul(1 << state.pauses.min(16)).min(LONGEST_PAUSE);
                    state.pauses += 1;
                    state.until = Some(now + pause);
                    return Some(pause);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GO: Admission = Admission::Go { is_probe: false };
    const PROBE: Admission = Admission::Go { is_probe: true };

    fn open(now: Instant) -> Breaker {
        let breaker = Breaker::new(3);
        assert_eq!(breaker.record(now, Health::Down, false), None);
        assert_eq!(breaker.record(now, Health::Down, false), None);
        assert_eq!(breaker.record(now, Health::Down, false), Some(FIRST_PAUSE));
        breaker
    }

    #[test]
    fn failures_in_a_row_begin_a_pause_and_a_success_between_them_does_not() {
        let now = Instant::now();
        let breaker = Breaker::new(2);
        breaker.record(now, Health::Down, false);
        breaker.record(now, Health::Up, false);
        assert_eq!(breaker.record(now, Health::Down, false), None);
        assert_eq!(breaker.admit(now), GO);
        assert_eq!(breaker.record(now, Health::Down, false), Some(FIRST_PAUSE));
        assert_eq!(breaker.admit(now), Admission::Wait(FIRST_PAUSE));
    }

    #[test]
    fn after_a_pause_there_is_one_probe_and_the_next_pause_is_longer() {
        let now = Instant::now();
        let breaker = open(now);
        assert_eq!(breaker.record(now, Health::Down, false), None, "it was under way");
        let later = now + FIRST_PAUSE;
        assert_eq!(breaker.admit(later), PROBE);
        assert_eq!(breaker.admit(later), Admission::Wait(PROBE_TIME));
        assert_eq!(breaker.record(later, Health::Down, true), Some(2 * FIRST_PAUSE));
        let mut now = later;
        let mut pause = 2 * FIRST_PAUSE;
        for _ in 0..10 {
            now += pause;
            assert_eq!(breaker.admit(now), PROBE);
            pause = breaker.record(now, Health::Down, true).unwrap();
        }
        assert_eq!(pause, LONGEST_PAUSE);
    }

    #[test]
    fn a_probe_that_succeeds_ends_it_and_one_that_says_nothing_is_followed_by_another() {
        let now = Instant::now() + FIRST_PAUSE;
        let breaker = open(now - FIRST_PAUSE);
        assert_eq!(breaker.admit(now), PROBE);
        breaker.record(now, Health::Unknown, true);
        assert_eq!(breaker.admit(now), PROBE);
        breaker.record(now, Health::Up, true);
        assert_eq!(breaker.admit(now), GO);
        assert_eq!(breaker.record(now, Health::Down, false), None, "it counts anew");
    }

    #[test]
    fn without_a_number_it_never_pauses() {
        let breaker = Breaker::new(0);
        let now = Instant::now();
        assert!((0..100).all(|_| breaker.record(now, Health::Down, false).is_none()));
        assert_eq!(breaker.admit(now), GO);
    }
}
