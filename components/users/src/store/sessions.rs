//! The statements about sessions.

use super::Store;
use super::statements::{self, ALIVE};
use identity::{Role, UserId};
use problem::Problem;
use serde::{Deserialize, Serialize};
use spin_sdk::pg4::ParameterValue;
use users_domain::Rotation;
use uuid::Uuid;

/// A session as its owner sees it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    id: Uuid,
    created_at: String,
    used_at: String,
    ends_at: String,
}

/// What a new access token needs to know about a session that goes on.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Continued {
    session_id: Uuid,
    user_id: UserId,
    role: Role,
}

/// What came of a rotation.
#[derive(Debug, Deserialize)]
pub(crate) struct Rotated {
    pub(crate) session: Option<Continued>,
    /// The token had been spent before; its whole session has ended now.
    pub(crate) was_reused: bool,
}

/// The columns of a session as its owner sees it.
pub(super) const SHOWN: &str = "id,
    to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS created_at,
    to_char(used_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS used_at,
    to_char(ends_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS ends_at";

/// Spends a refresh token. Of two who try at once the row's lock lets one through; the other finds another digest.
/// A token that was spent before ends its session.
pub(crate) fn rotate(store: &Store, rotation: &Rotation) -> Result<Rotated, Problem> {
    let parameters = [text(&rotation.digest), text(&rotation.next), ParameterValue::Int32(rotation.idle_seconds)];
    Ok(store.one(statements::ROTATE, &parameters)?)
}

/// The sessions of a user that are alive, newest first.
pub(crate) fn list(store: &Store, user_id: UserId) -> Result<Vec<Session>, Problem> {
    let statement = format!(
        "SELECT coalesce(jsonb_agg(to_jsonb(s) ORDER BY created_at DESC, id), '[]')
         FROM (SELECT {SHOWN} FROM sessions s WHERE user_id = $1 AND {ALIVE}) s"
    );
    Ok(store.one(&statement, &[ParameterValue::Int64(user_id.get())])?)
}

/// Whether a session is alive.
pub(crate) fn is_alive(store: &Store, id: Uuid) -> Result<bool, Problem> {
    let statement = format!("SELECT to_jsonb(EXISTS (SELECT FROM sessions s WHERE s.id = $1::text::uuid AND {ALIVE}))");
    Ok(store.one(&statement, &[text(&id.to_string())])?)
}

/// Ends one session of a user, or all of them; says how many.
pub(crate) fn end(store: &Store, user_id: UserId, id: Option<Uuid>) -> Result<i64, Problem> {
    const STATEMENT: &str = "
        WITH ended AS (
            DELETE FROM sessions WHERE user_id = $1 AND ($2::text IS NULL OR id = $2::text::uuid) RETURNING id
        )
        SELECT to_jsonb((SELECT count(*) FROM ended))";
    let id = id.map_or(ParameterValue::DbNull, |id| text(&id.to_string()));
    Ok(store.one(STATEMENT, &[ParameterValue::Int64(user_id.get()), id])?)
}

/// A session that was ended.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    session_id: Uuid,
    user_id: UserId,
}

/// Ends the session that a refresh token belongs to, whether the token is the current one or spent; says which.
pub(crate) fn end_by_token(store: &Store, digest: &str) -> Result<Option<Ended>, Problem> {
    const STATEMENT: &str = "
        WITH ended AS (
            DELETE FROM sessions WHERE refresh_digest = $1
                OR id = (SELECT session_id FROM spent_refresh_tokens WHERE digest = $1)
            RETURNING id AS session_id, user_id
        )
        SELECT (SELECT to_jsonb(ended) FROM ended)";
    match store.one(STATEMENT, &[text(digest)])? {
        // A refresh that spent the token while this waited for it: now that is seen.
        None => Ok(store.one(STATEMENT, &[text(digest)])?),
        ended => Ok(ended),
    }
}

fn text(text: &str) -> ParameterValue {
    ParameterValue::Str(text.to_owned())
}
