//! What applications keep about a user.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

wire! {
    /// Metadata of a user.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    pub struct Metadata {
        /// What the user sees too.
        pub public: Map<String, Value> as "schema::MetadataObject",
        /// What only administrators see; absent for others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pub private: Option<Map<String, Value>> as "schema::MetadataObject",
    }

    /// New metadata. What is absent or null stays as it is.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct MetadataChange {
        /// What the user sees too.
        #[serde(default)]
        pub public: Option<Map<String, Value>> as "Option<schema::MetadataObject>",
        /// What only administrators see.
        #[serde(default)]
        pub private: Option<Map<String, Value>> as "Option<schema::MetadataObject>",
    }
}
