//! The locked app: Spin's lock JSON, the one model that everything runs from.
//!
//! `spindle up` makes it from `spin.toml`; a trigger plugin reads the same JSON from `SPIN_LOCKED_URL`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

/// The newest version of the lock that is understood.
const NEWEST_VERSION: u32 = 1;

/// What `must_understand` may name. Requirements themselves are checked where they matter: a component that
/// asks for what is not there is refused.
const UNDERSTOOD: &str = "host_requirements";

/// Why a lock cannot be used.
#[derive(Debug, Error)]
pub(crate) enum LockError {
    /// The URL does not name a file.
    #[error("{0} is no file:// URL")]
    Url(String),
    /// There is no such file, or it may not be read.
    #[error("cannot read {0}: {1}")]
    Unreadable(PathBuf, std::io::Error),
    /// It is no lock.
    #[error("{0} is no locked app: {1}")]
    Invalid(PathBuf, serde_json::Error),
    /// It is one of a later Spin.
    #[error("the locked app asks for what is not known here: {0}")]
    Unknown(String),
}

/// An application with everything in it resolved except its variables.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LockedApp {
    /// 0, or 1 when the app has host requirements.
    pub(crate) spin_lock_version: u32,
    /// What a host must understand to run the app.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) must_understand: Vec<String>,
    /// Name, version, and the settings of trigger types.
    #[serde(default)]
    pub(crate) metadata: Metadata,
    /// What a host must offer to run the app.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) host_requirements: Map<String, Value>,
    /// Declared variables.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, LockedVariable>,
    /// Triggers, of all types.
    pub(crate) triggers: Vec<LockedTrigger>,
    /// Components.
    pub(crate) components: Vec<LockedComponent>,
}

impl LockedApp {
    /// Reads the lock at a `file://` URL.
    ///
    /// # Errors
    /// When there is none, or one that is not understood.
    pub(crate) fn load(url: &str) -> Result<Self, LockError> {
        let path = Url::parse(url).ok().and_then(|url| url.to_file_path().ok());
        let path = path.ok_or_else(|| LockError::Url(url.to_owned()))?;
        let bytes = std::fs::read(&path).map_err(|error| LockError::Unreadable(path.clone(), error))?;
        let locked: Self = serde_json::from_slice(&bytes).map_err(|error| LockError::Invalid(path, error))?;
        if locked.spin_lock_version > NEWEST_VERSION {
            return Err(LockError::Unknown(format!("version {} of the lock", locked.spin_lock_version)));
        }
        match locked.must_understand.iter().find(|name| *name != UNDERSTOOD) {
            Some(name) => Err(LockError::Unknown(name.clone())),
            None => Ok(locked),
        }
    }
}

/// What is known about the app itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Metadata {
    /// The app's name.
    #[serde(default)]
    pub(crate) name: String,
    /// The app's version.
    #[serde(default)]
    pub(crate) version: String,
    /// One line about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// Where it was made from, as a URL.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) origin: String,
    /// `[application.trigger.<type>]`, by type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) triggers: BTreeMap<String, Value>,
    /// Everything else.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// A declared variable. One without a default is required.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockedVariable {
    /// The value when nothing else gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) default: Option<String>,
    /// Whether the value must never be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) secret: bool,
}

/// One trigger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LockedTrigger {
    /// Unique in the app.
    pub(crate) id: String,
    /// `http`, `redis`, ...
    pub(crate) trigger_type: String,
    /// The trigger's own table, `component` included.
    pub(crate) trigger_config: Value,
}

impl LockedTrigger {
    /// The component that the trigger calls, if it calls one.
    #[must_use]
    pub(crate) fn component(&self) -> Option<&str> {
        self.trigger_config.get("component").and_then(Value::as_str)
    }
}

/// One component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LockedComponent {
    /// Unique in the app.
    pub(crate) id: String,
    /// What it is allowed, and how it is built.
    #[serde(default)]
    pub(crate) metadata: ComponentMetadata,
    /// Its code.
    pub(crate) source: LockedSource,
    /// Environment variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) env: BTreeMap<String, String>,
    /// Directories that it may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<LockedFiles>,
    /// Its variables, as templates over the app's variables.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) config: BTreeMap<String, String>,
    /// Components composed into this one; Spindle runs only components without any.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) dependencies: Map<String, Value>,
    /// What a host must offer to run it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) host_requirements: Map<String, Value>,
}

/// What a component is allowed, and how it is built.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ComponentMetadata {
    /// Destinations, as templates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) allowed_outbound_hosts: Vec<String>,
    /// Labels of key-value stores.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) key_value_stores: Vec<String>,
    /// Labels of SQLite databases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) databases: Vec<String>,
    /// Names of models.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) ai_models: Vec<String>,
    /// How it is built.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) build: Option<Build>,
    /// Everything else.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// How a component is built.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Build {
    /// A command line, or several.
    pub(crate) command: Command,
    /// Everything else: `workdir`, `watch`.
    #[serde(flatten)]
    pub(crate) rest: Map<String, Value>,
}

/// One command line or several in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Command {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(line) => f.write_str(line),
            Self::Many(lines) => f.write_str(&lines.join(" && ")),
        }
    }
}

/// Where a component's code is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockedSource {
    /// `application/wasm`.
    pub(crate) content_type: String,
    /// A `file://` URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source: Option<String>,
    /// `sha256:...` of the code, in apps from a registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) digest: Option<String>,
}

/// A directory that a component may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LockedFiles {
    /// A `file://` URL of a directory.
    pub(crate) source: String,
    /// The absolute path that the component sees.
    pub(crate) path: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_that_spin_writes_survives_a_round_trip() {
        let json = serde_json::json!({
            "spin_lock_version": 0,
            "metadata": {
                "name": "concierge", "version": "0.1.0", "origin": "file:///app/spin.toml", "trigger": {"type": "x"},
                "triggers": {"amqp": {"address": "amqp://broker"}}
            },
            "variables": {"db_url": {"default": "x"}, "token": {"secret": true}},
            "triggers": [{
                "id": "trigger--notification", "trigger_type": "amqp",
                "trigger_config": {"component": "notification", "exchange": "user_login_event", "prefetch": 1}
            }],
            "components": [{
                "id": "notification",
                "metadata": {
                    "allowed_outbound_hosts": ["redis://{{ redis_host }}"], "key_value_stores": ["default"],
                    "build": {"command": "cargo build", "watch": ["src"]}, "description": "sends"
                },
                "source": {"content_type": "application/wasm", "source": "file:///app/notification.wasm"},
                "config": {"db_url": "{{ db_url }}"}
            }]
        });
        let locked: LockedApp = serde_json::from_value(json.clone()).unwrap();
        assert_eq!(locked.triggers[0].component(), Some("notification"));
        assert_eq!(serde_json::to_value(&locked).unwrap(), json);
    }
}
