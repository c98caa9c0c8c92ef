//! When a hash gives its thread away.
//!
//! Spin never interrupts a guest: one that computes keeps its thread until it is done or waits for something. So a hash
//! runs in slices, with the shortest sleep that there is between them. On an idle machine that sleep ends at the host's
//! next timer tick, after a millisecond or two; where others wait for the same threads, when they have had their turn.
//! The slices follow: long ones when nobody waits, so that pauses cost a hash a few percent at most, and short ones when
//! many do, so that a request that comes along waits for a few milliseconds at each of its steps.

use identity::Pacer;
use std::num::NonZeroU32;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The shortest sleep: none at all would not give the thread away.
const NAP: Duration = Duration::from_nanos(1);
/// The rounds of a hash's first slice.
const FIRST: u32 = 64;
/// The fewest rounds of a slice, half a millisecond: with fewer, the pauses themselves would take the time.
const FEWEST: u32 = 8;
/// The most rounds of a slice, about 60 ms.
const MOST: u32 = 1024;
/// How long a pause may be on an idle machine, in microseconds.
const IDLE: u128 = 2_500;
/// How long a pause may be at all, in microseconds.
const CROWDED: u128 = 4_000;

/// Paces one hash by how long its pauses are.
#[derive(Debug, Default)]
pub struct YieldingPacer {
    /// Of the slice before; none before the first.
    rounds: Option<u32>,
}

impl Pacer for YieldingPacer {
    fn pace(&mut self) -> NonZeroU32 {
        let rounds = match self.rounds {
            None => FIRST,
            Some(rounds) => {
                let start = Instant::now();
                sleep(NAP);
                next(rounds, start.elapsed())
            }
        };
        self.rounds = Some(rounds);
        NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN)
    }
}

/// The rounds of the slice after a pause.
fn next(rounds: u32, pause: Duration) -> u32 {
    let pause = pause.as_micros();
    let next = if pause <= IDLE {
        // Where others waited a moment ago, with care.
        rounds * if rounds < FIRST { 2 } else { 4 }
    } else if pause <= CROWDED {
        rounds
    } else {
        // Less than `rounds`, so it fits.
        u32::try_from(u128::from(rounds) * CROWDED / pause).unwrap_or(FEWEST)
    };
    next.clamp(FEWEST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(rounds: u32, milliseconds: u64, times: u32) -> u32 {
        (0..times).fold(rounds, |rounds, _| next(rounds, Duration::from_millis(milliseconds)))
    }

    #[test]
    fn slices_grow_on_an_idle_machine_and_pauses_are_few() {
        assert_eq!(after(FIRST, 1, 10), MOST);
        let (mut rounds, mut left, mut slices) = (FIRST, 1_u32 << 12, 1);
        while left > rounds {
            left -= rounds;
            rounds = next(rounds, Duration::from_millis(2));
            slices += 1;
        }
        assert!(slices <= 6, "{slices} slices of cost 12");
    }

    #[test]
    fn slices_shrink_where_others_wait_and_the_more_the_longer_they_do() {
        assert_eq!(after(MOST, 8, 1), MOST / 2);
        assert_eq!(after(MOST, 32, 1), MOST / 8);
        assert_eq!(after(MOST, 32, 10), FEWEST);
        assert_eq!(after(FIRST, 3, 10), FIRST);
        assert_eq!(after(FEWEST, 1, 1), 2 * FEWEST);
    }

    #[test]
    fn the_first_slice_begins_at_once_and_the_next_after_a_sleep() {
        let mut pacer = YieldingPacer::default();
        assert_eq!(pacer.pace().get(), FIRST);
        let start = Instant::now();
        let _ = pacer.pace();
        assert!(start.elapsed() >= NAP);
    }
}
