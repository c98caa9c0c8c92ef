//! DELETE /users-ms/users/{id}: remove a user.

use super::change_user::precondition_failed;
use super::guard::Guard;
use crate::erasure;
use crate::store::{Removed, Store, users};
use identity::UserId;
use service_kit::{Outcome, Request, StatusCode, empty, log};
use users_domain::{Precondition, last_administrator, user_not_found};

/// Removes a user, and all that is kept about it.
pub(super) fn delete_user(request: &Request, id: UserId) -> Outcome {
    let guard = Guard::of(request)?;
    guard.reach(request, id)?;
    request.query(&[])?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let store = Store::open()?;
    guard.confirm(&store)?.require_recent(request)?;
    match users::remove(&store, id, &condition)? {
        Removed::Done { is_mine } => {
            log::audit("user-removed", "success", &request.id, &[("user_id", &id.to_string()), ("by", &guard.by())]);
            // Noted in the same statement; what cannot be erased then is erased by later sweeps.
            if is_mine {
                request.after(async move { erasure::erase_now(id) });
            }
            Ok(empty(StatusCode::NO_CONTENT))
        }
        Removed::NotFound => Err(user_not_found()),
        Removed::LastAdministrator => Err(last_administrator()),
        Removed::OtherVersion => Err(precondition_failed()),
    }
}
