//! The descriptions of what administrators do to an account that is misused or locked.

use super::docs;
use super::parameters::IF_MATCH;
use crate::description::Description;
use problem::Kind::{DatabaseUnavailable, Forbidden, LastAdministrator, PreconditionFailed, ReauthenticationRequired};
use serde_json::json;

/// Describes what keeps a user out.
pub(super) fn get_access(it: Description) -> Description {
    it.tag("users")
        .fails(&[DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(200, "What keeps the user out.")
        .example("locked", json!({"suspended_at": null, "locked": true, "password_reset_required": false}))
        .example(
            "suspended",
            json!({"suspended_at": "2026-05-04T09:30:00.123456Z", "locked": false, "password_reset_required": true}),
        )
        .link("unlock", "unlock_user", "Unlock the account.", docs::SAME_ID)
}

/// Describes how a suspension is shown.
pub(super) fn get_suspension(it: Description) -> Description {
    it.tag("users")
        .fails(&[DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(200, "Whether the user is suspended.")
        .example("suspended", json!({"suspended_at": "2026-05-04T09:30:00.123456Z"}))
        .example("not_suspended", json!({"suspended_at": null}))
        .link("lift", "lift_suspension", "Lift the suspension.", docs::SAME_ID)
}

/// Describes a suspension.
pub(super) fn suspend_user(it: Description) -> Description {
    it.tag("users")
        .header(IF_MATCH)
        .fails(&[ReauthenticationRequired, LastAdministrator, PreconditionFailed, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(204, "The user is suspended.")
        .link("lift", "lift_suspension", "Lift the suspension.", docs::SAME_ID)
}

/// Describes its end.
pub(super) fn lift_suspension(it: Description) -> Description {
    it.tag("users")
        .header(IF_MATCH)
        .fails(&[ReauthenticationRequired, PreconditionFailed, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(204, "The user is not suspended.")
}

/// Describes how an account is unlocked.
pub(super) fn unlock_user(it: Description) -> Description {
    it.tag("users")
        .header(IF_MATCH)
        .fails(&[ReauthenticationRequired, PreconditionFailed, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(204, "The account is not locked.")
}

/// Describes how a new password is required.
pub(super) fn require_password_reset(it: Description) -> Description {
    it.tag("users")
        .header(IF_MATCH)
        .fails(&[ReauthenticationRequired, PreconditionFailed, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(204, "The user has to choose a new password.")
        .link("withdraw", "withdraw_password_reset", "Accept the old password again.", docs::SAME_ID)
}

/// Describes how it is not required any more.
pub(super) fn withdraw_password_reset(it: Description) -> Description {
    it.tag("users")
        .header(IF_MATCH)
        .fails(&[ReauthenticationRequired, PreconditionFailed, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(204, "No new password is required of the user.")
}
