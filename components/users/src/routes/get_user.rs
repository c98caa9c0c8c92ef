//! GET /users-ms/users/{id}: one user.

use super::Call;
use crate::store::preconditions::precondition_failed;
use crate::store::{self, Store, user_response, users};
use api::users::operation::GetUser;
use service_kit::{HandlerResult, StatusCode, empty, invalid_token, set_header};
use users_domain::{Precondition, etag, user_not_found};

/// Shows a user; 412 if the caller wants another version, 304 if they have this one already (RFC 9110, 13.2.2).
pub(super) fn get_user(call: &Call<'_, GetUser>) -> HandlerResult {
    let (request, guard, id) = (call.request, &call.caller, call.path);
    guard.authorize_access(request, id)?;
    let wanted = Precondition::parse(request.header("if-match"), id, false)?;
    let known = Precondition::parse(request.header("if-none-match"), id, true)?;
    let store::Found { is_alive, user } = users::find(&Store::open()?, id, guard.session)?;
    if !is_alive {
        return Err(invalid_token());
    }
    let user = user.ok_or_else(user_not_found)?;
    if !wanted.admits(user.version) {
        return Err(precondition_failed());
    }
    if known != Precondition::None && known.admits(user.version) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        set_header(&mut response, "etag", &etag(id, user.version));
        return Ok(response);
    }
    Ok(user_response(StatusCode::OK, &user))
}
