//! GET /users-ms/users/{id}: one user.

use super::guard::Guard;
use crate::store::{self, Store, users};
use identity::UserId;
use service_kit::{Outcome, Request, StatusCode, empty, invalid_token};
use users_domain::{Precondition, etag, user_not_found};

/// Shows a user; 304 if the caller has this version already.
pub(super) fn get_user(request: &Request, id: UserId) -> Outcome {
    let guard = Guard::of(request)?;
    guard.reach(request, id)?;
    request.query(&[])?;
    let known = Precondition::parse(request.header("if-none-match"), id, true)?;
    let store::Found { is_alive, user } = users::find(&Store::open()?, id, guard.session)?;
    if !is_alive {
        return Err(invalid_token());
    }
    let user = user.ok_or_else(user_not_found)?;
    if known != Precondition::None && known.admits(user.version) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        if let Ok(tag) = etag(id, user.version).parse() {
            response.headers_mut().insert("etag", tag);
        }
        return Ok(response);
    }
    Ok(store::user_response(StatusCode::OK, &user))
}
