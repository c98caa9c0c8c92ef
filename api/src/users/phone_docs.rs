//! The descriptions of the operations that confirm a phone number.

use super::docs::SAME_ID;
use crate::description::Description;
use problem::Kind::{
    DatabaseUnavailable, Forbidden, InvalidTicket, NoPhone, ReauthenticationRequired, TooManyAttempts, TooManyRequests,
};
use serde_json::json;

const OWN: &str = "Use your own id: only its owner confirms a number.";

/// Describes the request for a code.
pub(super) fn request_phone_code(it: Description) -> Description {
    it.tag("phone verification")
        .fails(&[ReauthenticationRequired, NoPhone, TooManyAttempts, DatabaseUnavailable])
        .fails_with(Forbidden, OWN)
        .fails_with(
            TooManyRequests,
            "The account has had as many codes as it gets in a day. Wait as long as retry-after says.",
        )
        .replies(202, "If the number is to be confirmed, an SMS is sent to it.")
        .link("user", "get_user", "The user, with `phone_verified`.", SAME_ID)
}

/// Describes the confirmation.
pub(super) fn confirm_phone(it: Description) -> Description {
    it.tag("phone verification")
        .fails(&[InvalidTicket, TooManyAttempts, DatabaseUnavailable])
        .fails_with(Forbidden, OWN)
        .body("code", json!({"code": "012345"}))
        .replies(204, "The number is confirmed.")
        .link("user", "get_user", "The user, with `phone_verified`.", SAME_ID)
}
