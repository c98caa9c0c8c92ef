//! What somebody is told who may not try now.

use problem::{Kind, Problem};

/// The problem for an account or a client with too many failed attempts, the same whether the account exists or not.
#[must_use]
pub fn too_many_attempts(seconds: u32) -> Problem {
    Problem::new(Kind::TooManyAttempts, "Too many attempts have failed; wait as long as retry-after says.")
        .with_header("retry-after", seconds.max(1).to_string())
}

/// The problem for an account that is open to known devices alone, the same whether it exists or not.
#[must_use]
pub fn account_locked() -> Problem {
    let detail = "Too many sign-ins to this account have failed in a row. Sign in on a device on which you have signed in \
                  before, or have a new password set.";
    Problem::new(Kind::AccountLocked, detail)
}

/// The problem for a password that cannot be hashed now, since as many are being hashed as may be.
#[must_use]
pub fn too_busy() -> Problem {
    Problem::new(Kind::TooBusy, "The service is busy. Try again shortly.")
        .with_header("retry-after", "1")
        .with_cause("all places for hashing are taken")
}
