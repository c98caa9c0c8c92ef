//! The descriptions of the operations that issue and spend tickets.

use super::docs;
use crate::description::Description;
use problem::Kind::{
    DatabaseUnavailable, InvalidEmail, InvalidQuery, InvalidTicket, InvalidValue, MissingField, TooManyAttempts,
};
use serde_json::json;

/// Describes the request for a mail that confirms an address.
pub(super) fn request_verification(it: Description) -> Description {
    it.tag("email verification")
        .fails(&[InvalidEmail, TooManyAttempts, DatabaseUnavailable])
        .body("address", json!({"email": "ada@example.org"}))
        .replies(202, "If the address is to be confirmed, a mail is sent to it.")
}

/// Describes the confirmation of an address.
pub(super) fn confirm_verification(it: Description) -> Description {
    it.tag("email verification")
        .fails(&[InvalidTicket, TooManyAttempts, DatabaseUnavailable])
        .fails_with(MissingField, "Send the token, or email and code.")
        .fails_with(InvalidValue, "Send the token, or email and code; not both.")
        .body("link", json!({"token": docs::TICKET}))
        .body("code", json!({"email": "ada@example.org", "code": "012345"}))
        .replies(204, "The address is confirmed.")
}

/// Describes the page that confirms an address.
pub(super) fn show_verification_page(it: Description) -> Description {
    it.tag("email verification").needs_no_configuration().replies(200, "The page.").page()
}

/// Describes the form of that page.
pub(super) fn submit_verification_page(it: Description) -> Description {
    it.tag("email verification")
        .fails(&[TooManyAttempts, DatabaseUnavailable])
        .fails_with(InvalidQuery, "Unknown parameter. Known here: token.")
        .body("form", json!({"token": docs::TICKET}))
        .replies(200, "The address is confirmed.")
        .page()
        .replies(403, "The link is not valid, or not any more; as `invalid-ticket` of the other operation.")
        .page()
}
