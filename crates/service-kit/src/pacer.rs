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
const IDLE: u128 = 1_400;
/// How long a pause may be at all, in microseconds.
const CROWDED: u128 = 2_000;
/// How many times as long as the slice after it a pause may be: where everything waits for long, as on a machine that is
/// flooded, a hash that went on shrinking its slices would hardly get on at all.
const LONGEST: u128 = 16;

/// Paces one hash by how long its pauses are.
#[derive(Debug, Default)]
pub struct YieldingPacer {
    /// None before the first.
    slice: Option<Slice>,
    /// What a round takes, in nanoseconds, by the quickest slice so far: others were interrupted.
    round: Option<u128>,
}

/// The slice that runs.
#[derive(Debug)]
struct Slice {
    rounds: u32,
    begin: Instant,
}

impl Pacer for YieldingPacer {
    fn pace(&mut self) -> NonZeroU32 {
        let rounds = match &self.slice {
            None => FIRST,
            Some(Slice { rounds, begin }) => {
                let round = begin.elapsed().as_nanos() / u128::from(*rounds);
                let round = self.round.map_or(round, |before| before.min(round));
                self.round = Some(round);
                let begin = Instant::now();
                sleep(NAP);
                next(*rounds, begin.elapsed(), round)
            }
        };
        self.slice = Some(Slice { rounds, begin: Instant::now() });
        NonZeroU32::new(rounds).unwrap_or(NonZeroU32::MIN)
    }
}

/// The rounds of the slice after a pause, when a round takes so many nanoseconds.
fn next(rounds: u32, pause: Duration, round: u128) -> u32 {
    let fewest = u32::try_from(pause.as_nanos() / LONGEST / round.max(1)).unwrap_or(MOST).clamp(FEWEST, MOST);
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
    next.clamp(fewest, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a round takes, in nanoseconds.
    const ROUND: u128 = 60_000;

    fn after(rounds: u32, milliseconds: u64, times: u32) -> u32 {
        (0..times).fold(rounds, |rounds, _| next(rounds, Duration::from_millis(milliseconds), ROUND))
    }

    #[test]
    fn slices_grow_on_an_idle_machine_and_pauses_are_few() {
        assert_eq!(after(FIRST, 1, 10), MOST);
        let (mut rounds, mut left, mut slices) = (FIRST, 1_u32 << 12, 1);
        while left > rounds {
            left -= rounds;
            rounds = next(rounds, Duration::from_micros(1_400), ROUND);
            slices += 1;
        }
        assert!(slices <= 6, "{slices} slices of cost 12");
    }

    #[test]
    fn slices_shrink_where_others_wait_and_the_more_the_longer_they_do() {
        assert_eq!(after(MOST, 8, 1), MOST / 4);
        assert_eq!(after(MOST, 16, 1), MOST / 8);
        assert_eq!(after(MOST, 7, 10), FEWEST);
        assert_eq!(after(FIRST, 2, 10), FIRST);
        assert_eq!(after(FEWEST, 1, 1), 2 * FEWEST);
    }

    #[test]
    fn slices_grow_again_where_every_pause_is_long() {
        let (mut rounds, mut left, mut time) = (MOST, 1_u128 << 12, Duration::ZERO);
        let pause = Duration::from_millis(20);
        while left > 0 {
            time += pause;
            rounds = next(rounds, pause, ROUND);
            left = left.saturating_sub(rounds.into());
        }
        assert!(time < Duration::from_secs(5), "{time:?}");
        // In a storm of sixteen on two threads, eight take turns.
        let turn = |rounds: u32| Duration::from_micros(8 * 60 * u64::from(rounds) + 1_000);
        assert_eq!((0..10).fold(MOST, |rounds, _| next(rounds, turn(rounds), ROUND)), FEWEST);
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
