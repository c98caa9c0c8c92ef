//! PUT and PATCH /users-ms/users/{id}: replace a user, or change some fields.

use super::JSON;
use super::create_user::{email_taken, hash_in_place};
use super::current_password;
use super::guard::Guard;
use super::representation::changed_user;
use crate::store::{Changed, Store, users};
use identity::UserId;
use problem::{Kind, Problem};
use shell::{Outcome, Request, StatusCode, log};
use users_domain::{Change, Changes, Precondition, Shown, user_not_found};

/// The media types of a merge patch.
const MERGE_PATCH: &[&str] = &["application/merge-patch+json", "application/json"];

/// Replaces a user.
pub(super) fn replace_user(request: &Request, id: UserId) -> Outcome {
    let guard = reach(request, id)?;
    let shown = request.json::<Changes>(JSON)?.replacement()?;
    change_user(request, id, &guard, &shown)
}

/// Changes what a merge patch names (RFC 7396).
pub(super) fn patch_user(request: &Request, id: UserId) -> Outcome {
    let guard = reach(request, id)?;
    let shown = request.json::<Changes>(MERGE_PATCH)?.patch()?;
    change_user(request, id, &guard, &shown)
}

fn reach(request: &Request, id: UserId) -> Result<Guard, Problem> {
    let guard = Guard::of(request)?;
    guard.reach(request, id)?;
    request.query(&[])?;
    Ok(guard)
}

fn change_user(request: &Request, id: UserId, guard: &Guard, shown: &Shown) -> Outcome {
    let change = &shown.change;
    guard.make(request, change)?;
    let condition = Precondition::parse(request.header("if-match"), id, false)?;
    let store = Store::open()?;
    guard.confirm(&store)?;
    if guard.must_show_password(id) {
        current_password::require(request, &store, id, change, shown.current_password.as_deref())?;
    }
    let hash = change.password.as_ref().map(|password| hash_in_place(&store, password)).transpose()?;
    match users::update(&store, id, change, hash.as_ref(), &condition)? {
        Changed::Done(user) => {
            report(request, id, guard, change);
            Ok(changed_user(request, StatusCode::OK, &user))
        }
        Changed::NotFound => Err(user_not_found()),
        Changed::OtherVersion => Err(precondition_failed()),
        Changed::EmailTaken => Err(email_taken()),
    }
}

/// Says in the audit log what changed of that on which access depends.
fn report(request: &Request, id: UserId, guard: &Guard, change: &Change) {
    let (id, by) = (id.to_string(), guard.by());
    let fields = [("user_id", id.as_str()), ("by", &by)];
    if change.password.is_some() {
        log::audit("password-changed", "success", &request.id, &fields);
    }
    if change.email.is_some() {
        log::audit("email-changed", "success", &request.id, &fields);
    }
    if let Some(role) = change.role {
        log::audit("role-changed", "success", &request.id, &[fields[0], fields[1], ("role", role.name())]);
    }
}

pub(super) fn precondition_failed() -> Problem {
    Problem::new(Kind::PreconditionFailed, "The user has changed since; read it again and use its etag.")
}
