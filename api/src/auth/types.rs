//! What callers send to auth and get from it.

use crate::wire::wire;
use serde::Serialize;
use uuid::Uuid;

wire! {
    /// A session, as its owner sees it.
    #[derive(Debug, Serialize)]
    pub struct Session {
        /// Its id.
        pub id: Uuid,
        /// When it began.
        pub created_at: String,
        /// When it began or was last refreshed.
        pub used_at: String,
        /// When it ends at the latest, however much it is used.
        pub ends_at: String,
        /// Whether the caller's access token belongs to it.
        pub current: bool,
    }
}
