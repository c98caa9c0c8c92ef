//! The refusals of rate limits.

use problem::{Kind, Problem};

/// The problem for an account or a client with too many failed attempts, the same whether the account exists or not.
#[must_use]
pub fn too_many_attempts(seconds: u32) -> Problem {
    Problem::of(Kind::TooManyAttempts).with_header("retry-after", seconds.max(1).to_string())
}

/// The problem for an account that only known devices can sign in to, the same whether it exists or not.
#[must_use]
pub fn account_locked() -> Problem {
    Problem::of(Kind::AccountLocked)
}

/// The problem for a password that cannot be hashed now, since as many are being hashed as may be.
#[must_use]
pub fn too_busy() -> Problem {
    Problem::of(Kind::TooBusy).with_header("retry-after", "1").with_cause("all hashing permits are taken")
}
