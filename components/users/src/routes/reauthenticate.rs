//! POST /users-ms/users/{id}/reauthenticate: confirms the current password within a session.

use super::Call;
use super::current_password;
use crate::store::{Store, sessions, users};
use api::users::operation::Reauthenticate;
use problem::Problem;
use service_kit::{HandlerResult, StatusCode, invalid_token, log};
use users_domain::user_not_found;

/// Lets the caller's session count as a fresh sign-in for some minutes, by the current password.
pub(super) async fn reauthenticate(call: &Call<'_, Reauthenticate>) -> HandlerResult {
    let (request, guard, id) = (call.request, &call.caller, call.path);
    guard.authorize_access(request, id)?;
    // Nobody has a session of somebody else's.
    let session = guard.session.ok_or_else(invalid_token)?;
    if !guard.caller().is(id) {
        return Err(Problem::forbidden("Use your own id: a session belongs to one user."));
    }
    let form = call.body()?;
    let store = Store::open()?;
    guard.require_live_session(&store)?;
    let account = users::find_account(&store, id)?.ok_or_else(user_not_found)?;
    // No connection is kept while somebody waits for a place to hash in.
    drop(store);
    current_password::require(request, guard, id, &account, Some(&form.current_password), None).await?;
    if !sessions::record_authentication(&Store::open()?, session, &guard.trace(request, id)?)? {
        return Err(invalid_token());
    }
    log::audit("reauthentication", "success", &request.id, &[("user_id", &id.to_string())]);
    Ok(call.empty(StatusCode::NO_CONTENT))
}
