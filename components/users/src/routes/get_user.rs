//! GET /users-ms/users/{id}: one user.

use super::user_not_found;
use crate::store::{self, Store, users};
use identity::UserId;
use shell::{Outcome, Request, StatusCode, empty};
use users_domain::{Precondition, etag};

/// Shows a user; 304 if the caller has this version already.
pub(super) fn get_user(request: &Request, id: UserId) -> Outcome {
    request.query(&[])?;
    let known = Precondition::parse(request.header("if-none-match"), id, true)?;
    let user = users::find(&Store::open()?, id)?.ok_or_else(user_not_found)?;
    if known != Precondition::None && known.admits(user.version) {
        let mut response = empty(StatusCode::NOT_MODIFIED);
        if let Ok(tag) = etag(id, user.version).parse() {
            response.headers_mut().insert("etag", tag);
        }
        return Ok(response);
    }
    Ok(store::user_response(StatusCode::OK, &user))
}
