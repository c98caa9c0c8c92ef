//! Sessions, which auth begins and users stores.

use crate::wire::{optional_uuid, wire};
use identity::{Role, UserId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

wire! {
    /// A refresh token to rotate.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RotateTokenRequest {
        /// The session that the token names.
        #[serde(deserialize_with = "optional_uuid")]
        pub session_id: Option<Uuid>,
        /// How many tokens of the session came before this one.
        pub generation: i64,
        /// The digest of the token.
        pub refresh_digest: String,
        /// The digest of its successor.
        pub next_digest: String,
        /// How long the session lives unused.
        pub idle_seconds: i32,
        /// For how long the token before the current one gets the same answer as the current one did.
        pub leeway_seconds: i32,
    }

    /// What a rotation did.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct RotateTokenResponse {
        /// What happened.
        pub outcome: RotationOutcome,
        /// The session that goes on, or has ended; null if it is unknown.
        pub session: Option<RotatedSession>,
    }

    /// A session that was refreshed or ended.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct RotatedSession {
        /// Its id.
        pub session_id: Uuid,
        /// The user.
        pub user_id: UserId,
        /// What the user may do now; null for a session that has ended.
        pub role: Option<Role>,
    }

    /// The session to end, by its refresh token.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct EndSessionRequest {
        /// The session that the token names.
        #[serde(deserialize_with = "optional_uuid")]
        pub session_id: Option<Uuid>,
        /// The digest of the token.
        pub refresh_digest: String,
    }

    /// The session that was ended.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct EndSessionResponse {
        /// The session that has ended; null if there was none.
        pub ended: Option<EndedSession>,
    }

    /// A session that was ended.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct EndedSession {
        /// Its id.
        pub session_id: Uuid,
        /// The user.
        pub user_id: UserId,
    }

    /// Whether a session is alive.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct SessionStatus {
        /// Whether it is.
        pub alive: bool,
    }

    /// How many sessions were ended.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct SessionsEnded {
        /// How many sessions have ended.
        pub ended: u64,
    }

    /// A session as its owner sees it.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct Session {
        /// Its id.
        pub id: Uuid,
        /// When it began.
        pub created_at: String,
        /// When it began or was last refreshed.
        pub used_at: String,
        /// When it ends at the latest, however much it is used.
        pub ends_at: String,
    }
}

/// What a rotation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum RotationOutcome {
    /// The session goes on with the next token.
    Renewed,
    /// It went on with that token a moment ago; the answer may have been lost.
    Repeated,
    /// The token had been rotated before that, and its session has ended now.
    Reused,
    /// The token belongs to no session that is alive.
    Unknown,
}
