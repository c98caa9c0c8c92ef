//! Turns: most tests run together, those that measure time or need the machine run alone.
//!
//! Before a test runs alone, all others have to end, and meanwhile most of the machine waits. So those that want to be alone
//! are put off until [`GATHERED`] of them are there, or nobody else is left, and then run one after the other.

use std::fs;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};

/// How many tests at most wait for a turn alone before they get it. `cargo xtask test` starts as many threads more than
/// [`places`], so that those who wait take nobody's place.
pub const GATHERED: usize = 6;
/// How many tests run together, for the test programs.
pub const AT_ONCE: &str = "CONCIERGE_TESTS_AT_ONCE";
/// Most tests wait most of the time, for servers that start and for what must not happen.
const TESTS_PER_CORE: usize = 2;

static MACHINE: Machine = Machine { state: Mutex::new(State::NOBODY), changed: Condvar::new() };

/// How many tests run together: what [`AT_ONCE`] says, else two for each core.
pub fn places() -> usize {
    static PLACES: LazyLock<usize> = LazyLock::new(|| {
        let said = std::env::var(AT_ONCE).ok().and_then(|said| said.parse().ok()).filter(|&said| said > 0);
        said.unwrap_or_else(|| TESTS_PER_CORE * std::thread::available_parallelism().map_or(1, usize::from))
    });
    *PLACES
}

/// Who has the machine, and who waits for it.
#[derive(Debug, Clone, Copy)]
struct State {
    together: usize,
    together_waiting: usize,
    is_alone: bool,
    alone_waiting: usize,
    /// Whether those who waited to be alone are having their turns.
    is_theirs: bool,
}

impl State {
    const NOBODY: Self = Self { together: 0, together_waiting: 0, is_alone: false, alone_waiting: 0, is_theirs: false };

    fn has_place_together(&self, places: usize) -> bool {
        !self.is_alone && !self.is_theirs && self.together < places
    }

    fn has_place_alone(&self) -> bool {
        !self.is_alone && self.together == 0 && (self.is_theirs || self.together_waiting == 0)
    }

    /// To be called whenever who waits has changed.
    fn decide(&mut self) {
        if self.alone_waiting >= GATHERED {
            self.is_theirs = true;
        } else if self.alone_waiting == 0 {
            self.is_theirs = false;
        }
    }
}

#[derive(Debug)]
struct Machine {
    state: Mutex<State>,
    changed: Condvar,
}

impl Machine {
    /// A test that failed in its turn left the state as it should be.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.state();
        change(&mut state);
        state.decide();
        drop(state);
        self.changed.notify_all();
    }

    fn wait_until(&self, may_begin: impl Fn(&State) -> bool, begin: impl FnOnce(&mut State)) {
        let state = self.state();
        let mut state =
            self.changed.wait_while(state, |state| !may_begin(state)).unwrap_or_else(PoisonError::into_inner);
        begin(&mut state);
        state.decide();
        drop(state);
        self.changed.notify_all();
    }
}

/// A turn with others. One test takes one turn: two in the same thread could wait for each other.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
#[non_exhaustive]
pub struct Together;

impl Drop for Together {
    fn drop(&mut self) {
        MACHINE.change(|state| state.together -= 1);
    }
}

/// A turn alone.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Alone(Option<OneGroup>);

impl Drop for Alone {
    fn drop(&mut self) {
        // Before somebody else begins.
        self.0 = None;
        MACHINE.change(|state| state.is_alone = false);
    }
}

/// Waits for a turn beside other tests.
pub fn together() -> Together {
    MACHINE.change(|state| state.together_waiting += 1);
    MACHINE.wait_until(
        |state| state.has_place_together(places()),
        |state| {
            state.together_waiting -= 1;
            state.together += 1;
        },
    );
    Together
}

/// Waits until no other test runs, and keeps them from starting.
pub fn alone() -> Alone {
    MACHINE.change(|state| state.alone_waiting += 1);
    MACHINE.wait_until(State::has_place_alone, |state| {
        state.alone_waiting -= 1;
        state.is_alone = true;
    });
    Alone(OneGroup::begin())
}

/// Whether Linux has a scheduler group for each session, as `proc(5)` says of `autogroup`.
const AUTOGROUP: &str = "/proc/sys/kernel/sched_autogroup_enabled";

/// One scheduler group for all sessions, as long as it lives.
///
/// Each process of PostgreSQL that serves a connection begins a session, so it has a group of its own. Linux 6.18 lets such
/// a group wait for a processor for up to three seconds when all of them are busy, and a test would take that for a service's
/// doing. Only root may change it; whoever is not root may see such a test fail on such a kernel.
#[derive(Debug)]
struct OneGroup;

impl OneGroup {
    /// None when it is so already, or is not to be had.
    fn begin() -> Option<Self> {
        let is_off = fs::read_to_string(AUTOGROUP).ok()?.trim() == "0";
        (!is_off && fs::write(AUTOGROUP, "0").is_ok()).then_some(Self)
    }
}

impl Drop for OneGroup {
    fn drop(&mut self) {
        if let Err(error) = fs::write(AUTOGROUP, "1") {
            eprintln!("{AUTOGROUP} stays 0: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(together: usize, together_waiting: usize, alone_waiting: usize) -> State {
        let mut state = State { together, together_waiting, alone_waiting, ..State::NOBODY };
        state.decide();
        state
    }

    #[test]
    fn one_that_wants_to_be_alone_keeps_nobody_from_starting() {
        assert!(state(3, 1, 1).has_place_together(4));
        assert!(!state(4, 1, 1).has_place_together(4));
        assert!(!state(0, 1, 1).has_place_alone());
    }

    #[test]
    fn enough_of_them_wait_for_the_others_end_and_run_until_none_waits() {
        let mut state = state(1, 1, GATHERED);
        assert!(!state.has_place_together(4) && !state.has_place_alone());
        state.together = 0;
        assert!(state.has_place_alone());
        state.alone_waiting = 1;
        state.decide();
        assert!(state.has_place_alone() && !state.has_place_together(4));
        state.alone_waiting = 0;
        state.is_alone = true;
        state.decide();
        assert!(!state.has_place_together(4));
        state.is_alone = false;
        assert!(state.has_place_together(4));
    }

    #[test]
    fn where_nobody_else_is_left_they_run_at_once() {
        assert!(state(0, 0, 1).has_place_alone());
        assert!(!state(1, 0, 1).has_place_alone());
    }
}
