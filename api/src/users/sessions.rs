//! Sessions, which auth begins and users stores.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::{optional_uuid, wire};
use identity::{Authentication, Role, UserId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

wire! {
    /// A refresh token to rotate.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RotateTokenRequest {
        /// The session that the token names.
        #[serde(deserialize_with = "optional_uuid")]
        pub session_id: Option<Uuid> as "schema::SessionOfToken",
        /// How many tokens of the session came before this one.
        #[cfg_attr(feature = "openapi", schemars(range(min = 0, max = 9_223_372_036_854_775_806_i64)))]
        pub generation: i64,
        /// The digest of the token.
        pub refresh_digest: String as "schema::Digest",
        /// The digest of its successor.
        pub next_digest: String as "schema::Digest",
        /// How long the session lives unused.
        pub idle_seconds: i32 as "schema::Lifetime",
        /// For how long the token before the current one gets the same answer as the current one did.
        #[cfg_attr(feature = "openapi", schemars(range(min = 0, max = 300)))]
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
        pub session_id: Uuid as "schema::SessionUuid",
        /// The user.
        pub user_id: UserId as "schema::UserId",
        /// What the user may do now; null for a session that has ended.
        pub role: Option<Role> as "Option<schema::Role>",
        /// All roles; absent without any.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        pub roles: Vec<String> as "schema::Roles",
        /// Public metadata that tokens are to have; absent without any.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub metadata: Option<Map<String, Value>> as "schema::MetadataObject",
        /// Whether the address is confirmed; absent while nobody is asked to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<bool> as "bool",
        /// When and how the user authenticated.
        #[serde(default)]
        pub authentication: Option<Authentication> as "Option<schema::Authentication>",
    }

    /// The session to end, by its refresh token.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct EndSessionRequest {
        /// The session that the token names.
        #[serde(deserialize_with = "optional_uuid")]
        pub session_id: Option<Uuid> as "schema::SessionOfToken",
        /// The digest of the token.
        pub refresh_digest: String as "schema::Digest",
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
        pub session_id: Uuid as "schema::SessionUuid",
        /// The user.
        pub user_id: UserId as "schema::UserId",
    }

    /// Whether a session is alive.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct SessionStatus {
        /// Whether it is.
        pub alive: bool,
        /// Whether its user signed in, or showed the current password, in the last ten minutes.
        #[serde(default)]
        pub recent: bool,
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
        pub id: Uuid as "schema::SessionUuid",
        /// When it began.
        pub created_at: String as "schema::DateTime",
        /// When it began or was last refreshed.
        pub used_at: String as "schema::DateTime",
        /// When it ends at the latest, however much it is used.
        pub ends_at: String as "schema::DateTime",
        /// What the client called itself at the sign-in.
        pub user_agent: Option<String> as "Option<schema::UserAgent>",
        /// The network that the sign-in came from.
        pub network: Option<String> as "Option<schema::ClientNetwork>",
        /// The application that has it; null for a session of the user's own.
        #[serde(default)]
        pub application: Option<String> as "Option<schema::ClientName>",
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
