//! DELETE /users-ms/users/{id}: remove a user.

use super::change_user::precondition_failed;
use super::user_not_found;
use crate::store::{Removed, Store, users};
use identity::UserId;
use shell::{Outcome, Request, StatusCode, empty};
use users_domain::Precondition;

/// Removes a user.
pub(super) fn delete_user(request: &Request, id: UserId) -> Outcome {
    request.query(&[])?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    match users::remove(&Store::open()?, id, &condition)? {
        Removed::Done => Ok(empty(StatusCode::NO_CONTENT)),
        Removed::NotFound => Err(user_not_found()),
        Removed::OtherVersion => Err(precondition_failed()),
    }
}
