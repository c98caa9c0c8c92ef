//! DELETE /users-ms/users/{id}: remove a user.

use super::Call;
use super::tickets::publish_after;
use crate::erasure;
use crate::store::Store;
use crate::store::preconditions::precondition_failed;
use crate::store::removal::{self, Removed};
use api::users::operation::DeleteUser;
use service_kit::{HandlerResult, StatusCode, log};
use users_domain::{Actor, Precondition, Trace, last_administrator, user_not_found};

/// Deletes a user and all their data.
pub(super) fn delete_user(call: &Call<'_, DeleteUser>) -> HandlerResult {
    let (request, guard, id) = (call.request, &call.caller, call.path);
    guard.authorize_access(request, id)?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let store = Store::open()?;
    guard.require_live_session(&store)?.require_recent(request)?;
    let trace =
        if guard.caller().is(id) { Trace::of_nowhere(Actor::Owner, &request.id) } else { guard.trace(request, id)? };
    match removal::remove(&store, id, &condition, &trace)? {
        Removed::Done { is_mine, events } => {
            log::audit("user-removed", "success", &request.id, &[("user_id", &id.to_string()), ("by", &guard.by())]);
            publish_after(request, events);
            // Noted in the same statement; what cannot be erased then is erased by later sweeps.
            if is_mine {
                request.after(async move { erasure::erase_now(id) });
            }
            Ok(call.empty(StatusCode::NO_CONTENT))
        }
        Removed::NotFound => Err(user_not_found()),
        Removed::LastAdministrator => Err(last_administrator()),
        Removed::OtherVersion => Err(precondition_failed()),
    }
}
