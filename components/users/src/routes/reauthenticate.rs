//! POST /users-ms/users/{id}/reauthenticate: showing once more who is there, in a session that goes on.

use super::JSON;
use super::current_password;
use super::guard::Guard;
use crate::store::{Store, sessions, users};
use identity::UserId;
use problem::Problem;
use serde::Deserialize;
use service_kit::{Outcome, Request, StatusCode, empty, invalid_token, log};
use users_domain::user_not_found;

/// The body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Form {
    current_password: String,
}

/// Lets the caller's session count as a fresh sign-in for some minutes, by the current password.
pub(super) async fn reauthenticate(request: &Request, id: UserId) -> Outcome {
    let guard = Guard::of(request)?;
    guard.reach(request, id)?;
    request.query(&[])?;
    // Nobody has a session of somebody else's.
    let session = guard.session.ok_or_else(invalid_token)?;
    if !guard.caller().is(id) {
        return Err(Problem::forbidden("A session is its owner's: use your own id."));
    }
    let form: Form = request.json(JSON)?;
    let store = Store::open()?;
    guard.confirm(&store)?;
    let account = users::find_account(&store, id)?.ok_or_else(user_not_found)?;
    // No connection is kept while somebody waits for a place to hash in.
    drop(store);
    current_password::require(request, id, &account, Some(&form.current_password), None).await?;
    if !sessions::record_authentication(&Store::open()?, session)? {
        return Err(invalid_token());
    }
    log::audit("reauthentication", "success", &request.id, &[("user_id", &id.to_string())]);
    Ok(empty(StatusCode::NO_CONTENT))
}
