//! The audit log, as its readers see it.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use identity::UserId;
use serde::{Deserialize, Serialize};

wire! {
    /// What happened to a user's access, as the user sees it.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct Activity {
        /// When it happened.
        pub time: String as "schema::Timestamp",
        /// What happened, or was tried.
        pub action: String as "schema::Slug",
        /// What came of it.
        pub result: String as "schema::Slug",
        /// Who did it.
        pub actor: String as "schema::ActorKind",
        /// The network that it was done from; null if it is unknown or an administrator's.
        pub network: Option<String> as "Option<schema::ClientNetwork>",
        /// What the client called itself; null if it is unknown or an administrator's.
        pub user_agent: Option<String> as "Option<schema::UserAgent>",
        /// The request in which it happened.
        pub request_id: String as "schema::RequestId",
    }

    /// A row of the audit log.
    #[derive(Clone, Debug, Serialize, Deserialize)]
    pub struct AuditRow {
        /// When it happened.
        pub time: String as "schema::Timestamp",
        /// What happened, or was tried.
        pub action: String as "schema::Slug",
        /// What came of it.
        pub result: String as "schema::Slug",
        /// Whom it is about; null if that is nobody, or somebody who was removed since.
        pub user_id: Option<UserId> as "Option<schema::UserId>",
        /// Who did it.
        pub actor: String as "schema::ActorKind",
        /// Which user that is; null if it is none, or one who was removed since.
        pub actor_id: Option<UserId> as "Option<schema::UserId>",
        /// The network that it was done from, if it is known.
        pub network: Option<String> as "Option<schema::ClientNetwork>",
        /// What the client called itself, if it is known.
        pub user_agent: Option<String> as "Option<schema::UserAgent>",
        /// The request in which it happened.
        pub request_id: String as "schema::RequestId",
    }
}
