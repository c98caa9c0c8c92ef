//! The statements that demand a new password.

use super::Store;
use super::preconditions::Change;
use identity::UserId;
use problem::Problem;
use users_domain::{Precondition, Trace};

/// Demands a new password of a user at a version that is admitted before the next sign-in, and ends their sessions; a sign-in under
/// way comes to nothing. Returns whether it was not demanded before.
pub(crate) fn require(store: &Store, id: UserId, condition: &Precondition, trace: &Trace) -> Result<bool, Problem> {
    let change = Change {
        action: "password-reset-required",
        applies: "NOT u.password_reset_required",
        assignments: "password_reset_required = true, credentials_epoch = u.credentials_epoch + 1",
        ends_sessions: true,
    };
    change.make(store, id, condition, trace)
}

/// Demands no new password any more of a user at a version that is admitted. Returns whether it was demanded.
pub(crate) fn withdraw(store: &Store, id: UserId, condition: &Precondition, trace: &Trace) -> Result<bool, Problem> {
    let change = Change {
        action: "password-reset-withdrawn",
        applies: "u.password_reset_required",
        assignments: "password_reset_required = false",
        ends_sessions: false,
    };
    change.make(store, id, condition, trace)
}
