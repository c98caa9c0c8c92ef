//! The descriptions of the operations of invitations.

use super::docs::{self, ADMINISTRATORS, ID_OF_BODY, PASSWORD, TICKET};
use super::parameters::USE_KEY;
use crate::description::{Description, header};
use problem::Kind::{
    DatabaseUnavailable, EmailTaken, Forbidden, InvalidCursor, InvalidEmail, InvalidName, InvalidPassword,
    InvalidQuery, InvalidSurname, InvalidTicket, InvalidValue, MissingField, ReauthenticationRequired, SignUpClosed,
    TooBusy, TooManyAttempts, TooManyRequests, ValidationFailed,
};
use serde_json::{Value, json};

fn invitation() -> Value {
    json!({"id": 8, "email": "bob@example.org", "role": "user", "roles": ["support"], "locale": "de", "invited_by": 1,
        "created_at": "2026-05-04T09:30:00.123456Z", "expires_at": "2026-05-11T09:30:00.123456Z"})
}

fn for_administrators(it: Description) -> Description {
    it.tag("invitations").fails_with(Forbidden, ADMINISTRATORS).fails(&[DatabaseUnavailable])
}

fn sends_mail(it: Description) -> Description {
    for_administrators(it).fails(&[ReauthenticationRequired, SignUpClosed, EmailTaken]).fails_with(
        TooManyRequests,
        "Too many invitations were sent, or too many to this address. Wait as long as retry-after says.",
    )
}

/// Describes an invitation.
pub(super) fn invite_user(it: Description) -> Description {
    sends_mail(it)
        .fails(&[InvalidEmail, InvalidValue, ValidationFailed])
        .body("address", json!({"email": "bob@example.org"}))
        .body("roles_and_language", json!({"email": "bob@example.org", "roles": ["support"], "locale": "de"}))
        .replies(201, "The invitation; its mail is on the way.")
        .example("invitation", invitation())
        .sends(header::INVITATION_LOCATION)
        .link("get", "get_invitation", "Read the invitation.", ID_OF_BODY)
        .link("revoke", "revoke_invitation", "Revoke the invitation.", ID_OF_BODY)
        .link("again", "resend_invitation", "Send it again.", ID_OF_BODY)
}

/// Describes the list.
pub(super) fn list_invitations(it: Description) -> Description {
    for_administrators(it)
        .fails(&[InvalidCursor])
        .replies(200, "A page of invitations.")
        .sends(header::LINK)
        .example("page", json!({"items": [invitation()], "next_cursor": "dTE6Nw"}))
        .example("nobody", json!({"items": [], "next_cursor": null}))
        .link("next_page", "list_invitations", "The next page.", &[("cursor", "$response.body#/next_cursor")])
}

/// Describes how an invitation is read.
pub(super) fn get_invitation(it: Description) -> Description {
    for_administrators(it).replies(200, "The invitation.").example("invitation", invitation())
}

/// Describes a revocation.
pub(super) fn revoke_invitation(it: Description) -> Description {
    for_administrators(it).fails(&[ReauthenticationRequired]).replies(204, "Nobody can accept it any more.")
}

/// Describes another mail.
pub(super) fn resend_invitation(it: Description) -> Description {
    sends_mail(it).replies(200, "The invitation as it is now.").example("invitation", invitation())
}

/// Describes an acceptance.
pub(super) fn accept_invitation(it: Description) -> Description {
    let body = |more: Value| {
        let mut body = json!({"name": "Bob", "surname": "Bell", "password": PASSWORD});
        if let (Some(body), Value::Object(more)) = (body.as_object_mut(), more) {
            body.extend(more);
        }
        body
    };
    it.tag("invitations")
        .header(USE_KEY)
        .fails_with(
            InvalidTicket,
            "The link or the code is not valid, or not any more. Ask whoever has invited you for a new one.",
        )
        .fails(&[InvalidName, InvalidSurname, InvalidPassword, ValidationFailed])
        .fails(&[TooManyAttempts, TooBusy, DatabaseUnavailable])
        .fails_with(MissingField, "Send the token, or email and code.")
        .fails_with(InvalidValue, "Send the token, or email and code; not both.")
        .body("link", body(json!({"token": TICKET})))
        .body("code", body(json!({"email": "bob@example.org", "code": "012345"})))
        .replies(201, "The user.")
        .example("user", docs::user())
        .sends(header::USER_LOCATION)
        .sends(header::ETAG)
        .sends(header::IDEMPOTENT_REPLAYED)
        .link("get", "get_user", "Read the user.", ID_OF_BODY)
}

/// Describes the page.
pub(super) fn show_invitation_page(it: Description) -> Description {
    it.tag("invitations").needs_no_configuration().replies(200, "The page.").page()
}

/// Describes the form of the page.
pub(super) fn submit_invitation_page(it: Description) -> Description {
    it.tag("invitations")
        .fails(&[TooManyAttempts, TooBusy, DatabaseUnavailable])
        .fails_with(InvalidQuery, "Unknown parameter. Known here: token, name, surname, password.")
        .body("form", json!({"token": TICKET, "name": "Bob", "surname": "Bell", "password": PASSWORD}))
        .replies(200, "The account is ready.")
        .page()
        .replies(403, "The link is not valid, or not any more; as `invalid-ticket` of the other operation.")
        .page()
        .replies(422, "The page again, with what is wrong; the link stays valid.")
        .page()
}
