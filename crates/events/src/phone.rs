//! The data of events about phone numbers.

use crate::OneTimeSecret;
use identity::UserId;
use serde::{Deserialize, Serialize};

/// The data of a `phone_verification_requested_event`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhoneVerificationRequested {
    /// Whose number it is.
    pub user_id: UserId,
    /// The address of the account, by which the delivery is logged.
    pub email: String,
    /// The number, where the SMS goes.
    pub phone: String,
    /// The code that confirms it.
    pub code: OneTimeSecret,
}
