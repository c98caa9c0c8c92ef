//! Turns: most tests run together, those that measure time or need the machine run alone.

use std::fs;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::new(());

/// A turn with others. One test takes one turn: two in the same thread could wait for each other.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Together(#[expect(dead_code, reason = "held, never looked at")] RwLockReadGuard<'static, ()>);

/// A turn alone.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
#[expect(dead_code, reason = "held, never looked at")]
pub struct Alone(Option<OneGroup>, RwLockWriteGuard<'static, ()>);

/// Waits for a turn beside other tests. A test that failed in its turn did the lock no harm.
pub fn together() -> Together {
    Together(MACHINE.read().unwrap_or_else(PoisonError::into_inner))
}

/// Waits until no other test runs, and keeps them from starting.
pub fn alone() -> Alone {
    let turn = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
    Alone(OneGroup::begin(), turn)
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
