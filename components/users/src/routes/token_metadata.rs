//! What auth is told about the user whom it signs a token for.

use crate::settings;
use crate::store::{Store, metadata};
use identity::UserId;
use problem::Problem;
use serde_json::{Map, Value};
use service_kit::{Request, log};

/// The public metadata that the user's tokens are to have, if there are any: a statement more, where there are keys at all.
pub(super) fn of(request: &Request, user_id: UserId) -> Result<Option<Map<String, Value>>, Problem> {
    let listed = settings::token_metadata()?;
    if listed.keys().is_empty() {
        return Ok(None);
    }
    let public = metadata::find_public(&Store::open()?, user_id, listed.keys())?;
    let (selected, left_out) = listed.select(public);
    if !left_out.is_empty() {
        let (user_id, keys) = (user_id.to_string(), left_out.join(","));
        let fields = [("request_id", request.id.as_str()), ("user_id", &user_id), ("keys", &keys)];
        log::warn("metadata does not fit into a token", &fields);
    }
    Ok(Some(selected).filter(|selected| !selected.is_empty()))
}
