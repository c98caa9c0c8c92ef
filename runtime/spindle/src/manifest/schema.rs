//! What a manifest holds, key by key. Unknown keys are errors.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::locked::Build;

#[derive(Debug, Deserialize)]
pub(super) struct Version {
    pub(super) spin_manifest_version: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    #[serde(rename = "spin_manifest_version")]
    pub(super) _version: u32,
    pub(super) application: Application,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, Variable>,
    #[serde(default)]
    pub(super) trigger: BTreeMap<String, Vec<Map<String, Value>>>,
    #[serde(default)]
    pub(super) component: BTreeMap<String, Component>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Application {
    pub(super) name: String,
    #[serde(default)]
    pub(super) version: String,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) authors: Vec<String>,
    #[serde(default)]
    pub(super) trigger: BTreeMap<String, Value>,
    /// What `spin build` checks the code against.
    #[serde(default, rename = "targets")]
    pub(super) _targets: Vec<Value>,
    #[serde(default, rename = "tool")]
    pub(super) _tool: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    pub(super) default: Option<String>,
    #[serde(default)]
    pub(super) required: bool,
    #[serde(default)]
    pub(super) secret: bool,
    #[serde(default, rename = "description")]
    pub(super) _description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub(super) source: Value,
    #[serde(default)]
    pub(super) description: String,
    #[serde(default)]
    pub(super) variables: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) environment: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) files: Vec<FilesEntry>,
    #[serde(default)]
    pub(super) exclude_files: Vec<String>,
    #[serde(default)]
    pub(super) allowed_http_hosts: Vec<String>,
    #[serde(default)]
    pub(super) allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub(super) key_value_stores: Vec<String>,
    #[serde(default)]
    pub(super) sqlite_databases: Vec<String>,
    #[serde(default)]
    pub(super) ai_models: Vec<String>,
    pub(super) build: Option<Build>,
    #[serde(default)]
    pub(super) dependencies: Map<String, Value>,
    #[serde(default, rename = "dependencies_inherit_configuration")]
    pub(super) _dependencies_inherit_configuration: bool,
    /// What `spin build` checks the code against.
    #[serde(default, rename = "targets")]
    pub(super) _targets: Vec<Value>,
    #[serde(default, rename = "tool")]
    pub(super) _tool: Map<String, Value>,
}

/// One entry of `files`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "write a pattern such as \"images/*.png\", or { source = \"dir\", destination = \"/path\" }"
)]
pub(super) enum FilesEntry {
    /// Files of the app's directory, which the component sees under their own names.
    Pattern(String),
    /// A directory or a file that it sees elsewhere.
    Placement {
        /// Relative to the manifest's directory.
        source: String,
        /// What the component sees.
        destination: String,
    },
}
