//! The statements about metadata.

use super::{Store, audit};
use api::users::Metadata;
use identity::UserId;
use problem::Problem;
use serde_json::{Map, Value, json};
use spin_sdk::pg4::ParameterValue;
use users_domain::{Trace, ValidatedMetadata};

/// The metadata of a user; `None` if there is no such user.
pub(crate) fn find(store: &Store, id: UserId) -> Result<Option<Metadata>, Problem> {
    const STATEMENT: &str = "
        SELECT (SELECT jsonb_build_object('public', coalesce(m.public, '{}'), 'private', coalesce(m.private, '{}'))
                FROM users u LEFT JOIN user_metadata m ON m.user_id = u.id WHERE u.id = $1)";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get())])?)
}

/// Changes the metadata of a user; returns them, or `None` if there is no such user.
pub(crate) fn change(
    store: &Store,
    id: UserId,
    metadata: &ValidatedMetadata,
    trace: &Trace,
) -> Result<Option<Metadata>, Problem> {
    let audited = audit::row("metadata-changed", "success", "user_id", 4, "changed");
    let statement = format!(
        "WITH owner AS (
            SELECT id FROM users WHERE id = $1 FOR KEY SHARE
         ), changed AS (
            INSERT INTO user_metadata AS m (user_id, public, private)
            SELECT id, coalesce($2::text::jsonb, '{{}}'), coalesce($3::text::jsonb, '{{}}') FROM owner
            ON CONFLICT (user_id) DO UPDATE SET public = coalesce($2::text::jsonb, m.public),
                private = coalesce($3::text::jsonb, m.private)
            RETURNING user_id, public, private
         ), audited AS ({audited})
         SELECT (SELECT jsonb_build_object('public', public, 'private', private) FROM changed)"
    );
    let text = |text: &Option<String>| text.clone().map_or(ParameterValue::DbNull, ParameterValue::Str);
    let id = ParameterValue::Int64(id.get());
    Ok(store.one(&statement, &[id, text(&metadata.public), text(&metadata.private), audit::parameter(trace)])?)
}

/// The public metadata of a user under these keys.
pub(crate) fn find_public(store: &Store, id: UserId, keys: &[String]) -> Result<Map<String, Value>, Problem> {
    const STATEMENT: &str = "
        SELECT coalesce((SELECT jsonb_object_agg(key, public -> key)
                         FROM user_metadata, jsonb_array_elements_text($2::text::jsonb) AS key
                         WHERE user_id = $1 AND public ? key), '{}')";
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(id.get()), ParameterValue::Str(json!(keys).to_string())])?)
}
