//! The descriptions of the operations that issue and spend tickets.

use super::docs;
use super::parameters::USE_KEY;
use crate::description::{Description, header};
use problem::Kind::{
    DatabaseUnavailable, InvalidEmail, InvalidPassword, InvalidQuery, InvalidTicket, InvalidValue, MissingField,
    TooBusy, TooManyAttempts,
};
use serde_json::json;

const NOT_ME: &str =
    "nm1.7.1795405395.BwcHBwcHBwcHBwcHBwcHBw.60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752";

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
        .header(USE_KEY)
        .fails(&[InvalidTicket, TooManyAttempts, DatabaseUnavailable])
        .fails_with(MissingField, "Send the token, or email and code.")
        .fails_with(InvalidValue, "Send the token, or email and code; not both.")
        .body("link", json!({"token": docs::TICKET}))
        .body("code", json!({"email": "ada@example.org", "code": "012345"}))
        .replies(204, "The address is confirmed.")
        .sends(header::IDEMPOTENT_REPLAYED)
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

/// Describes the request for a mail that leads to a new password.
pub(super) fn request_recovery(it: Description) -> Description {
    it.tag("password recovery")
        .fails(&[InvalidEmail, TooManyAttempts, DatabaseUnavailable])
        .body("address", json!({"email": "ada@example.org"}))
        .replies(202, "If the address has an account, a mail is sent to it.")
}

/// Describes the new password of a recovery.
pub(super) fn confirm_recovery(it: Description) -> Description {
    it.tag("password recovery")
        .header(USE_KEY)
        .fails(&[InvalidTicket, InvalidPassword, TooManyAttempts, TooBusy, DatabaseUnavailable])
        .fails_with(MissingField, "Send the token, or email and code.")
        .fails_with(InvalidValue, "Send the token, or email and code; not both.")
        .body("link", json!({"token": docs::TICKET, "password": docs::PASSWORD}))
        .body("code", json!({"email": "ada@example.org", "code": "012345", "password": docs::PASSWORD}))
        .replies(204, "The password is set.")
        .sends(header::IDEMPOTENT_REPLAYED)
}

/// Describes the page for a new password.
pub(super) fn show_recovery_page(it: Description) -> Description {
    it.tag("password recovery").needs_no_configuration().replies(200, "The page.").page()
}

/// Describes the form of that page.
pub(super) fn submit_recovery_page(it: Description) -> Description {
    it.tag("password recovery")
        .fails(&[TooManyAttempts, TooBusy, DatabaseUnavailable])
        .fails_with(InvalidQuery, "Unknown parameter. Known here: token, password.")
        .body("form", json!({"token": docs::TICKET, "password": docs::PASSWORD}))
        .replies(200, "The password is set.")
        .page()
        .replies(403, "The link is not valid, or not any more; as `invalid-ticket` of the other operation.")
        .page()
        .replies(422, "The page again, with what is wrong with the password; the link stays valid.")
        .page()
}

/// Describes the confirmation of a new address.
pub(super) fn confirm_email_change(it: Description) -> Description {
    confirm_verification(it).tag("email change").replaces(204, "The address is changed.")
}

/// Describes a page with a button about an address.
pub(super) fn show_ticket_page(it: Description) -> Description {
    show_verification_page(it).tag("email change")
}

/// Describes the form of the page for a new address.
pub(super) fn submit_email_change_page(it: Description) -> Description {
    submit_verification_page(it).tag("email change").replaces(200, "The address is changed.")
}

/// Describes taking an address back.
pub(super) fn confirm_email_return(it: Description) -> Description {
    it.tag("email change")
        .header(USE_KEY)
        .fails(&[InvalidTicket, TooManyAttempts, TooBusy, DatabaseUnavailable])
        .body("link", json!({"token": docs::TICKET}))
        .replies(204, "The address is that of the account again.")
        .sends(header::IDEMPOTENT_REPLAYED)
}

/// Describes the form of the page for taking an address back.
pub(super) fn submit_email_return_page(it: Description) -> Description {
    let it = submit_verification_page(it).tag("email change").fails(&[TooBusy]);
    it.replaces(200, "The address is that of the account again.")
}

/// Describes the report of somebody else's sign-in or change.
pub(super) fn confirm_not_me(it: Description) -> Description {
    it.tag("sessions and credentials")
        .header(USE_KEY)
        .fails(&[InvalidTicket, TooManyAttempts, DatabaseUnavailable])
        .body("link", json!({"token": NOT_ME}))
        .replies(204, "It has ended, and a mail is on its way.")
        .sends(header::IDEMPOTENT_REPLAYED)
}

/// Describes the page for that.
pub(super) fn show_not_me_page(it: Description) -> Description {
    show_verification_page(it).tag("sessions and credentials")
}

/// Describes the form of that page.
pub(super) fn submit_not_me_page(it: Description) -> Description {
    submit_verification_page(it)
        .tag("sessions and credentials")
        .replaces(200, "It has ended, and a mail is on its way.")
}
