//! `spin.toml`, version 2, and how it becomes a locked app.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

use crate::locked::{
    Build, ComponentMetadata, LockedApp, LockedComponent, LockedFiles, LockedSource, LockedTrigger, LockedVariable,
    Metadata,
};
use crate::template::is_variable_name;
use crate::toml_error;

/// Why a manifest was refused.
#[derive(Debug, Error)]
pub(crate) enum ManifestError {
    /// There is no manifest where it was looked for.
    #[error("no application at {0}: run this where spin.toml is, or name it with --from")]
    Missing(PathBuf),
    /// The file could not be read.
    #[error("cannot read {path}: {source}")]
    Unreadable {
        /// The manifest.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Not TOML, or not what a manifest holds. The message names the key.
    #[error("{path}: {message}")]
    Invalid {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

#[derive(Debug, Deserialize)]
struct Version {
    spin_manifest_version: Option<toml::Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    #[serde(rename = "spin_manifest_version")]
    _version: u32,
    application: Application,
    #[serde(default)]
    variables: BTreeMap<String, Variable>,
    #[serde(default)]
    trigger: BTreeMap<String, Vec<Map<String, Value>>>,
    #[serde(default)]
    component: BTreeMap<String, Component>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Application {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    authors: Vec<String>,
    #[serde(default)]
    trigger: BTreeMap<String, Value>,
    #[serde(default, rename = "tool")]
    _tool: Map<String, Value>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Variable {
    default: Option<String>,
    #[serde(default)]
    required: bool,
    #[serde(default)]
    secret: bool,
    #[serde(default, rename = "description")]
    _description: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Component {
    source: Value,
    #[serde(default)]
    description: String,
    #[serde(default)]
    variables: BTreeMap<String, String>,
    #[serde(default)]
    environment: BTreeMap<String, String>,
    #[serde(default)]
    files: Vec<Value>,
    #[serde(default)]
    allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    key_value_stores: Vec<String>,
    #[serde(default)]
    sqlite_databases: Vec<String>,
    #[serde(default)]
    ai_models: Vec<String>,
    build: Option<Build>,
    #[serde(default)]
    dependencies: Map<String, Value>,
    #[serde(default, rename = "tool")]
    _tool: Map<String, Value>,
}

/// Finds the manifest that `--from` means: a file, or the `spin.toml` of a directory.
#[must_use]
pub(crate) fn locate(from: &Path) -> PathBuf {
    if from.is_dir() { from.join("spin.toml") } else { from.to_owned() }
}

/// Reads a manifest and locks it.
///
/// # Errors
/// When the file is missing or is not a version 2 manifest with known keys alone.
pub(crate) fn load(path: &Path) -> Result<LockedApp, ManifestError> {
    let text = std::fs::read_to_string(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => ManifestError::Missing(path.to_owned()),
        _ => ManifestError::Unreadable { path: path.to_owned(), source },
    })?;
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    lock(&text, &path).map_err(|message| ManifestError::Invalid { path, message })
}

/// Locks the text of a manifest that lies at `path`, an absolute path.
fn lock(text: &str, path: &Path) -> Result<LockedApp, String> {
    let version: Version = toml::from_str(text).map_err(|e| toml_error::describe(text, &e))?;
    match version.spin_manifest_version {
        Some(toml::Value::Integer(2)) => {}
        Some(_) => return Err("spin_manifest_version is not 2; Spindle reads version 2 only".to_owned()),
        None => {
            return Err("spin_manifest_version is missing; Spindle reads version 2 only \
                        (version 1 manifests say spin_version, and are not read)"
                .to_owned());
        }
    }
    let manifest: Manifest = toml::from_str(text).map_err(|e| toml_error::describe(text, &e))?;
    let dir = path.parent().unwrap_or(Path::new("/"));
    let components = manifest
        .component
        .into_iter()
        .map(|(id, component)| lock_component(&id, component, dir).map_err(|e| format!("component `{id}`: {e}")))
        .collect::<Result<Vec<_>, _>>()?;
    let mut triggers = Vec::new();
    for (trigger_type, tables) in manifest.trigger {
        for table in tables {
            triggers.push(lock_trigger(&trigger_type, table, &components, triggers.len())?);
        }
    }
    let mut rest = Map::new();
    if !manifest.application.authors.is_empty() {
        rest.insert("authors".to_owned(), manifest.application.authors.join(", ").into());
    }
    Ok(LockedApp {
        spin_lock_version: 0,
        must_understand: Vec::new(),
        metadata: Metadata {
            name: manifest.application.name,
            version: manifest.application.version,
            description: manifest.application.description,
            origin: file_url(path)?,
            triggers: manifest.application.trigger,
            rest,
        },
        host_requirements: Map::new(),
        variables: manifest
            .variables
            .into_iter()
            .map(|(name, variable)| lock_variable(&name, variable).map(|locked| (name, locked)))
            .collect::<Result<_, _>>()?,
        triggers,
        components,
    })
}

fn lock_variable(name: &str, variable: Variable) -> Result<LockedVariable, String> {
    if !is_variable_name(name) {
        return Err(format!(
            "`{name}` cannot be a variable: use lower-case words that start with a letter, with an underscore between two"
        ));
    }
    match (&variable.default, variable.required) {
        (Some(_), true) => Err(format!("variable `{name}` is required and has a default; choose one")),
        (None, false) => Err(format!("variable `{name}` needs a default, or required = true")),
        _ => Ok(LockedVariable { default: variable.default, secret: variable.secret }),
    }
}

fn lock_trigger(
    trigger_type: &str,
    mut table: Map<String, Value>,
    components: &[LockedComponent],
    index: usize,
) -> Result<LockedTrigger, String> {
    let component = match table.get("component") {
        None => None,
        Some(Value::String(id)) => Some(id.clone()),
        Some(_) => {
            return Err(format!(
                "a {trigger_type} trigger has its component in line; give the component a [component.<id>] table and name it"
            ));
        }
    };
    if let Some(id) = &component
        && !components.iter().any(|c| c.id == *id)
    {
        return Err(format!("a {trigger_type} trigger calls component `{id}`, which has no [component.{id}] table"));
    }
    let id = match table.remove("id") {
        Some(Value::String(id)) => id,
        Some(_) => return Err(format!("the id of a {trigger_type} trigger is not a text")),
        None => format!("trigger-{index}-{trigger_type}-{}", component.as_deref().unwrap_or("static")),
    };
    Ok(LockedTrigger { id, trigger_type: trigger_type.to_owned(), trigger_config: Value::Object(table) })
}

fn lock_component(id: &str, component: Component, dir: &Path) -> Result<LockedComponent, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || !id.chars().all(plain) {
        return Err("an id is made of letters, digits, `-` and `_`".to_owned());
    }
    let source = match &component.source {
        Value::String(path) => file_url(&dir.join(path))?,
        _ => return Err("only a file can be its source; a url or a registry is not supported".to_owned()),
    };
    for name in component.variables.keys() {
        if !is_variable_name(name) {
            return Err(format!(
                "`{name}` cannot be a variable: use lower-case words that start with a letter, with an underscore between two"
            ));
        }
    }
    let mut rest = Map::new();
    if !component.description.is_empty() {
        rest.insert("description".to_owned(), component.description.into());
    }
    let mut host_requirements = Map::new();
    if component.allowed_outbound_hosts.iter().any(|host| host.contains(".spin.internal")) {
        host_requirements.insert("local_service_chaining".to_owned(), "required".into());
    }
    Ok(LockedComponent {
        id: id.to_owned(),
        metadata: ComponentMetadata {
            allowed_outbound_hosts: component.allowed_outbound_hosts,
            key_value_stores: component.key_value_stores,
            databases: component.sqlite_databases,
            ai_models: component.ai_models,
            build: component.build,
            rest,
        },
        source: LockedSource { content_type: "application/wasm".to_owned(), source: Some(source), digest: None },
        env: component.environment,
        files: component.files.iter().map(|entry| lock_files(entry, dir)).collect::<Result<_, _>>()?,
        config: component.variables,
        dependencies: component.dependencies,
        host_requirements,
    })
}

fn lock_files(entry: &Value, dir: &Path) -> Result<LockedFiles, String> {
    let text = |key: &str| entry.get(key).and_then(Value::as_str);
    match (text("source"), text("destination")) {
        (Some(source), Some(path)) => Ok(LockedFiles { source: file_url(&dir.join(source))?, path: path.to_owned() }),
        _ => Err("files: only { source = \"dir\", destination = \"/path\" } is supported, no patterns".to_owned()),
    }
}

fn file_url(path: &Path) -> Result<String, String> {
    Url::from_file_path(path).map(String::from).map_err(|()| format!("{} is not an absolute path", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
        spin_manifest_version = 2
        [application]
        name = "a"
        [application.trigger.redis]
        address = "redis://x"
        [variables]
        token = { required = true, secret = true }
        [[trigger.http]]
        route = "/..."
        component = "c"
        [[trigger.amqp]]
        component = "c"
        prefetch = 1
        [component.c]
        source = "c.wasm"
        allowed_outbound_hosts = ["http://d.spin.internal"]
        [component.c.variables]
        token = "{{ token }}"
        [component.c.build]
        command = ["make", "make install"]
    "#;

    fn parse(text: &str) -> Result<LockedApp, String> {
        lock(text, Path::new("/app/spin.toml"))
    }

    #[test]
    fn a_manifest_becomes_a_lock() {
        let app = parse(GOOD).unwrap();
        assert_eq!(app.components[0].source.source.as_deref(), Some("file:///app/c.wasm"));
        assert_eq!(app.components[0].host_requirements["local_service_chaining"], "required");
        assert_eq!(app.metadata.triggers["redis"]["address"], "redis://x");
        assert_eq!(app.triggers[0].trigger_config["prefetch"], 1);
        assert_eq!(app.variables["token"], LockedVariable { default: None, secret: true });
        assert_eq!(app.components[0].metadata.build.as_ref().unwrap().command.to_string(), "make && make install");
    }

    #[test]
    fn unknown_keys_are_named() {
        for (place, key) in
            [("[component.c]", "colour"), ("[application]", "nome"), ("spin_manifest_version = 2", "extra")]
        {
            let text = GOOD.replacen(place, &format!("{place}\n{key} = 1\n"), 1);
            let error = parse(&text).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn version_1_is_refused() {
        let error = parse("spin_version = \"1\"\nname = \"a\"").unwrap_err();
        assert!(error.contains("version 2 only"), "{error}");
        let error = parse("spin_manifest_version = \"1\"").unwrap_err();
        assert!(error.contains("version 2 only"), "{error}");
    }

    #[test]
    fn a_trigger_without_its_component_is_refused() {
        let error = parse(&GOOD.replace("component = \"c\"", "component = \"d\"")).unwrap_err();
        assert!(error.contains("[component.d]"), "{error}");
    }

    #[test]
    fn a_variable_is_required_or_has_a_default() {
        let error = parse(&GOOD.replace("required = true, ", "")).unwrap_err();
        assert!(error.contains("`token` needs a default"), "{error}");
    }

    #[test]
    fn a_missing_manifest_says_what_to_do() {
        let error = load(Path::new("/nowhere/spin.toml")).unwrap_err();
        assert!(error.to_string().contains("--from"), "{error}");
    }
}
