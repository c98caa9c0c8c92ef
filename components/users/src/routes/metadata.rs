//! /users-ms/users/{id}/metadata: what applications keep about a user.

use super::Call;
use crate::store::{Store, metadata};
use api::users::Metadata;
use api::users::operation::{ChangeMetadata, GetMetadata};
use service_kit::{HandlerResult, log};
use users_domain::{Caller, ValidatedMetadata, user_not_found};

/// GET: the metadata; the private ones to administrators.
pub(super) fn get_metadata(call: &Call<'_, GetMetadata>) -> HandlerResult {
    call.caller.authorize_access(call.request, call.path)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    let Metadata { public, private } = metadata::find(&store, call.path)?.ok_or_else(user_not_found)?;
    let is_administrator = matches!(call.caller.caller(), Caller::Admin(_));
    Ok(call.ok(&Metadata { public, private: private.filter(|_| is_administrator) }))
}

/// PUT: replaces the public or the private metadata, or both.
pub(super) fn change_metadata(call: &Call<'_, ChangeMetadata>) -> HandlerResult {
    let (request, guard, id) = (call.request, &call.caller, call.path);
    guard.authorize_administration(request)?;
    let change = ValidatedMetadata::try_from(call.body()?)?;
    let store = Store::open()?;
    guard.require_live_session(&store)?.require_recent(request)?;
    let changed = metadata::change(&store, id, &change, &guard.trace(request, id)?)?.ok_or_else(user_not_found)?;
    log::audit("metadata-changed", "success", &request.id, &[("user_id", &id.to_string()), ("by", &guard.by())]);
    Ok(call.ok(&changed))
}
