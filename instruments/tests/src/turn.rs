//! Turns: most tests run together, those that measure time or need the machine run alone.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static MACHINE: RwLock<()> = RwLock::new(());

/// A turn with others. One test takes one turn: two in the same thread could wait for each other.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Together(#[expect(dead_code, reason = "held, never looked at")] RwLockReadGuard<'static, ()>);

/// A turn alone.
#[derive(Debug)]
#[must_use = "the turn ends when this is dropped"]
pub struct Alone(#[expect(dead_code, reason = "held, never looked at")] RwLockWriteGuard<'static, ()>);

/// Waits for a turn beside other tests. A test that failed in its turn did the lock no harm.
pub fn together() -> Together {
    Together(MACHINE.read().unwrap_or_else(PoisonError::into_inner))
}

/// Waits until no other test runs, and keeps them from starting.
pub fn alone() -> Alone {
    Alone(MACHINE.write().unwrap_or_else(PoisonError::into_inner))
}
