//! The runtime configuration: a TOML file that belongs to the machine, not to the app. Unknown keys are errors.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use thiserror::Error;

use crate::limits::{Bytes, Count, Limits};
use crate::toml_error;

/// A runtime configuration file that could not be used.
#[derive(Debug, Error)]
#[error("runtime configuration {path}: {message}")]
pub(crate) struct RuntimeConfigError {
    path: PathBuf,
    message: String,
}

/// Keys that Spin has and Spindle has not, with what to do.
const NOT_SUPPORTED: [(&str, &str); 4] = [
    (
        "client_tls",
        "put the authorities into the file that SSL_CERT_FILE names; for client certificates run the app on Spin",
    ),
    ("outbound_networking", "list what components may reach in allowed_outbound_hosts, or use a firewall"),
    ("outbound_mysql", "use PostgreSQL, or run the app on Spin"),
    ("llm_compute", "call a model by HTTP, or run the app on Spin"),
];

/// What the file can hold.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RuntimeConfig {
    /// Where variables come from, in order.
    #[serde(default, alias = "variable_provider", alias = "config_provider")]
    pub(crate) variables_provider: Vec<VariablesProvider>,
    /// Key-value stores by label.
    #[serde(default)]
    pub(crate) key_value_store: BTreeMap<String, KeyValueStore>,
    /// SQLite databases by label.
    #[serde(default)]
    pub(crate) sqlite_database: BTreeMap<String, SqliteDatabase>,
    /// Requests of guests.
    #[serde(default)]
    pub(crate) outbound_http: OutboundHttp,
    /// PostgreSQL connections of guests.
    #[serde(default)]
    pub(crate) outbound_pg: Outbound,
    /// MQTT connections of guests.
    #[serde(default)]
    pub(crate) outbound_mqtt: Outbound,
    /// Redis connections of guests.
    #[serde(default)]
    pub(crate) outbound_redis: Outbound,
    /// Where stores keep their files; relative to the manifest's directory. An empty text is the default.
    #[serde(default)]
    pub(crate) state_dir: Option<PathBuf>,
    /// Where guests' output goes. An empty text is nowhere.
    #[serde(default)]
    pub(crate) log_dir: Option<PathBuf>,
    /// Whether `log_dir` says nowhere.
    #[serde(skip)]
    pub(crate) has_no_logs: bool,
    /// Limits by their names: Spindle's own, which Spin would not take.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// The most memory of one instance, in bytes.
    #[serde(default)]
    pub(crate) max_instance_memory: Option<usize>,
}

/// A place that variables come from.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum VariablesProvider {
    /// Values in the file itself.
    Static {
        /// By name.
        values: BTreeMap<String, String>,
    },
    /// Environment variables.
    Env {
        /// Put before each name with an underscore.
        #[serde(default)]
        prefix: Option<String>,
        /// A file of further ones.
        #[serde(default)]
        dotenv_path: Option<PathBuf>,
    },
}

/// Where a key-value store keeps its data.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum KeyValueStore {
    /// A SQLite file.
    Spin {
        /// Relative to the state directory; without one the store lives in memory.
        #[serde(default)]
        path: Option<PathBuf>,
    },
    /// A Redis database.
    Redis {
        /// `redis://...`
        url: String,
    },
}

/// Where a SQLite database is.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum SqliteDatabase {
    /// A file.
    Spin {
        /// Relative to where Spindle is started; without one the database lives in memory.
        #[serde(default)]
        path: Option<PathBuf>,
    },
}

/// Settings of guests' HTTP requests.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OutboundHttp {
    /// Whether connections are kept for later requests.
    pub(crate) connection_pooling: bool,
    /// The most requests that are under way at once.
    pub(crate) max_connections: Option<usize>,
}

impl Default for OutboundHttp {
    fn default() -> Self {
        Self { connection_pooling: true, max_connections: None }
    }
}

/// Settings of connections to a server.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Outbound {
    /// The most connections of one component to one address.
    #[serde(default)]
    pub(crate) max_connections: Option<usize>,
}

impl RuntimeConfig {
    /// Reads a file.
    ///
    /// # Errors
    /// When the file cannot be read, is no TOML or holds an unknown key, which the error names.
    pub(crate) fn load(path: &Path) -> Result<Self, RuntimeConfigError> {
        let fail = |message: String| RuntimeConfigError { path: path.to_owned(), message };
        let text = std::fs::read_to_string(path).map_err(|e| fail(e.to_string()))?;
        let mut config = Self::parse(&text).map_err(fail)?;
        // Relative names in the file are meant from where the file is.
        let base = path.parent().unwrap_or(Path::new("."));
        for provider in &mut config.variables_provider {
            if let VariablesProvider::Env { dotenv_path: Some(dotenv), .. } = provider {
                *dotenv = base.join(&*dotenv);
            }
        }
        config.has_no_logs = config.log_dir.as_ref().is_some_and(|dir| dir.as_os_str().is_empty());
        for dir in [&mut config.state_dir, &mut config.log_dir] {
            *dir = dir.take().filter(|dir| !dir.as_os_str().is_empty()).map(|dir| base.join(dir));
        }
        Ok(config)
    }

    /// The limits, with those that have a key of Spin's.
    pub(crate) fn limits(&self) -> Limits {
        let mut limits = self.limits.clone();
        let set = |limit: &mut Count, given: Option<usize>| *limit = given.map_or(*limit, Count);
        set(&mut limits.postgres_connections, self.outbound_pg.max_connections);
        set(&mut limits.redis_connections, self.outbound_redis.max_connections);
        set(&mut limits.mqtt_connections, self.outbound_mqtt.max_connections);
        limits.instance_memory = self.max_instance_memory.map_or(limits.instance_memory, Bytes);
        limits
    }

    fn parse(text: &str) -> Result<Self, String> {
        // What is not TOML at all is said below.
        let keys: toml::Table = toml::from_str(text).unwrap_or_default();
        if let Some((key, remedy)) = NOT_SUPPORTED.iter().find(|(key, _)| keys.contains_key(*key)) {
            return Err(format!("`{key}` is not supported by Spindle: {remedy}"));
        }
        toml::from_str(text).map_err(|e| toml_error::describe(text, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_known_keys_are_read() {
        let config = RuntimeConfig::parse(
            r#"
            state_dir = "s"
            log_dir = ""
            max_instance_memory = 1
            [[variables_provider]]
            type = "static"
            values = { a = "b" }
            [[variables_provider]]
            type = "env"
            prefix = "X"
            [key_value_store.default]
            type = "spin"
            path = "kv.db"
            [key_value_store.far]
            type = "redis"
            url = "redis://x"
            [outbound_http]
            max_connections = 3
            [outbound_pg]
            max_connections = 4
            [limits]
            redis_connections = 5
            http_deadline = "2s"
            "#,
        )
        .unwrap();
        assert_eq!(config.variables_provider.len(), 2);
        assert!(config.outbound_http.connection_pooling);
        let limits = config.limits();
        assert_eq!((limits.postgres_connections, limits.redis_connections), (Count(4), Count(5)));
        assert_eq!((limits.instance_memory, limits.mqtt_connections), (Bytes(1), Count(32)));
        assert!(matches!(config.key_value_store["far"], KeyValueStore::Redis { .. }));
    }

    #[test]
    fn the_old_name_of_variable_providers_is_read() {
        let config = RuntimeConfig::parse("[[config_provider]]\ntype = \"static\"\nvalues = {}").unwrap();
        assert_eq!(config.variables_provider.len(), 1);
    }

    #[test]
    fn keys_of_spins_that_are_not_supported_say_what_to_do() {
        for (key, remedy) in NOT_SUPPORTED {
            let error = RuntimeConfig::parse(&format!("[{key}]\na = 1")).unwrap_err();
            assert!(error.contains(key) && error.contains(remedy), "{error}");
        }
    }

    #[test]
    fn unknown_keys_are_named() {
        for text in [
            "nope = 1",
            "[outbound_http]\nnope = 1",
            "[key_value_store.x]\ntype = \"spin\"\nnope = 1",
            "[limits]\nnope = 1",
            "[sqlite_database.x]\ntype = \"spin\"\nnope = 1",
        ] {
            let error = RuntimeConfig::parse(text).unwrap_err();
            assert!(error.contains("nope"), "{error}");
        }
    }
}
