//! PUT and PATCH /users-ms/users/{id}: replace a user, or change some fields.

use super::create_user::{email_taken, hash_password};
use super::{JSON, user_not_found};
use crate::store::{self, Changed, Store, users};
use identity::UserId;
use problem::{Kind, Problem};
use shell::{Outcome, Request, StatusCode};
use users_domain::{Change, Changes, Precondition};

/// The media types of a merge patch.
const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// Replaces a user.
pub(super) fn replace_user(request: &Request, id: UserId) -> Outcome {
    let change = request.json::<Changes>(JSON)?.replacement()?;
    change_user(request, id, &change)
}

/// Changes what a merge patch names (RFC 7396).
pub(super) fn patch_user(request: &Request, id: UserId) -> Outcome {
    let change = request.json::<Changes>(MERGE_PATCH)?.patch()?;
    change_user(request, id, &change)
}

fn change_user(request: &Request, id: UserId, change: &Change) -> Outcome {
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let hash = change.password.as_ref().map(hash_password).transpose()?;
    match users::update(&Store::open()?, id, change, hash.as_ref(), &condition)? {
        Changed::Done(user) => Ok(store::user_response(StatusCode::OK, &user)),
        Changed::NotFound => Err(user_not_found()),
        Changed::OtherVersion => Err(precondition_failed()),
        Changed::EmailTaken => Err(email_taken()),
    }
}

pub(super) fn precondition_failed() -> Problem {
    Problem::new(Kind::PreconditionFailed, "The user has changed since; read it again and use its etag.")
}
