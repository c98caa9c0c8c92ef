//! The descriptions of the operations that sign in by mail.

use super::docs;
use crate::description::Description;
use crate::users::mail_sign_in_docs::{OFF, accepted};
use problem::Kind::{
    AccountLocked, AccountSuspended, InvalidEmail, InvalidHeader, InvalidQuery, InvalidTicket, InvalidValue,
    MfaEnrolmentRequired, MfaRequired, MissingField, NotConfigured, PasswordResetRequired, TooBusy, TooManyAttempts,
    UsersUnavailable,
};
use serde_json::json;

const TOKEN: &str = "VGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGFuIGV4YW0";

/// Describes the request for a mail.
pub(super) fn request_mail_login(it: Description) -> Description {
    it.tag("auth")
        .fails(&[InvalidEmail, TooManyAttempts, UsersUnavailable])
        .fails_with(InvalidHeader, docs::NO_KEY)
        .fails_with(NotConfigured, OFF)
        .body("address", json!({"email": "ada@example.org"}))
        .replies(202, "If the address has an account, a mail is sent to it.")
        .example("accepted", accepted())
        .link_body(
            "confirm",
            "confirm_mail_login",
            "Send the code of the mail.",
            &[("request", "$response.body#/request")],
        )
}

/// Describes the sign-in by link or code.
pub(super) fn confirm_mail_login(it: Description) -> Description {
    signs_in(it)
        .fails_with(InvalidHeader, docs::NO_KEY)
        .fails_with(MissingField, "Send the token, or request and code.")
        .fails_with(InvalidValue, "Send the token, or request and code; not both.")
        .fails(&[InvalidTicket])
        .body("link", json!({"token": TOKEN}))
        .body("code", json!({"request": TOKEN, "code": "012345", "device_token": docs::DEVICE_TOKEN}))
        .replies(200, "The tokens.")
        .example("tokens", docs::login_tokens())
        .link_body("refresh", "refresh", "Rotate the refresh token.", docs::REFRESH_TOKEN_OF_BODY)
        .link_body("logout", "logout", "End the session.", docs::REFRESH_TOKEN_OF_BODY)
}

/// Describes the page behind the link.
pub(super) fn show_mail_login_page(it: Description) -> Description {
    it.tag("auth").needs_no_configuration().replies(200, "The page.").page()
}

/// Describes the form of that page.
pub(super) fn submit_mail_login_page(it: Description) -> Description {
    signs_in(it)
        .fails(&[InvalidTicket])
        .fails_with(InvalidQuery, "Unknown parameter. Known here: token.")
        .body("form", json!({"token": TOKEN}))
        .replies(200, "The tokens.")
        .example("tokens", docs::login_tokens())
}

fn signs_in(it: Description) -> Description {
    it.tag("auth")
        .fails(&[
            AccountLocked,
            AccountSuspended,
            PasswordResetRequired,
            MfaRequired,
            MfaEnrolmentRequired,
            TooManyAttempts,
            TooBusy,
            UsersUnavailable,
        ])
        .fails_with(NotConfigured, OFF)
}
