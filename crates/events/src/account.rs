//! The data of events about how somebody gets into their account.

use crate::OneTimeSecret;
use identity::UserId;
use serde::{Deserialize, Serialize};

/// The data of a `recovery_requested_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecoveryRequested {
    /// Whose account it is.
    pub user_id: UserId,
    /// The address of the account, where the mail goes.
    pub email: String,
    /// The link that leads to a new password.
    pub link: OneTimeSecret,
    /// The code that does the same.
    pub code: OneTimeSecret,
}

/// The data of a `password_changed_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PasswordChanged {
    /// Whose password it is.
    pub user_id: UserId,
    /// Where mail goes.
    pub email: String,
}
