//! `spin.toml`, version 2, and how it becomes a locked app.

mod build;
mod files;
mod schema;

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use thiserror::Error;
use url::Url;

pub(crate) use self::files::Assets;
use self::schema::{Component, Manifest, Variable, Version};
use crate::locked::{
    ComponentMetadata, LockedApp, LockedComponent, LockedSource, LockedTrigger, LockedVariable, Metadata,
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

/// A manifest that has been read, and where it is.
#[derive(Debug)]
pub(crate) struct Source {
    manifest: Manifest,
    /// An absolute path.
    path: PathBuf,
}

/// Finds the manifest that `--from` means: a file, or the `spin.toml` of a directory.
#[must_use]
pub(crate) fn locate(from: &Path) -> PathBuf {
    if from.is_dir() { from.join("spin.toml") } else { from.to_owned() }
}

impl Source {
    /// Reads a manifest. A file of WebAssembly instead of one is an app of that component alone, which gets all requests.
    ///
    /// # Errors
    /// When the file is missing or is not a version 2 manifest with known keys alone.
    pub(crate) fn read(path: &Path) -> Result<Self, ManifestError> {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let is_code = path.extension().is_some_and(|extension| extension == "wasm" || extension == "wat");
        let text = if is_code {
            path.exists().then(|| around(&absolute)).ok_or_else(|| ManifestError::Missing(path.to_owned()))?
        } else {
            std::fs::read_to_string(path).map_err(|source| match source.kind() {
                std::io::ErrorKind::NotFound => ManifestError::Missing(path.to_owned()),
                _ => ManifestError::Unreadable { path: path.to_owned(), source },
            })?
        };
        match parse(&text) {
            Ok(manifest) => Ok(Self { manifest, path: absolute }),
            Err(message) => Err(ManifestError::Invalid { path: absolute, message }),
        }
    }

    /// Runs the build commands of all components.
    ///
    /// # Errors
    /// When one of them fails.
    pub(crate) fn build(&self) -> Result<(), ManifestError> {
        let components = self.manifest.component.iter();
        let builds = components.filter_map(|(id, component)| Some((id.as_str(), component.build.as_ref()?)));
        build::run(builds, self.dir()).map_err(|message| self.invalid(message))
    }

    /// Makes the locked app. Files that components may read are copied or mounted as `assets` says.
    ///
    /// # Errors
    /// When something in the manifest is not valid or not there.
    pub(crate) fn lock(self, assets: &mut Assets) -> Result<LockedApp, ManifestError> {
        let dir = self.dir().to_owned();
        let Self { manifest, path } = self;
        lock(manifest, &path, &dir, assets).map_err(|message| ManifestError::Invalid { path, message })
    }

    fn dir(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    fn invalid(&self, message: String) -> ManifestError {
        ManifestError::Invalid { path: self.path.clone(), message }
    }
}

/// The manifest of an app that is one file of WebAssembly.
fn around(code: &Path) -> String {
    let name = code.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    // What JSON escapes, TOML escapes in the same way.
    let text = |text: &str| Value::from(text).to_string();
    format!(
        "spin_manifest_version = 2\napplication.name = {}\n[[trigger.http]]\nroute = \"/...\"\ncomponent = {{ source = {} }}\n",
        text(&name),
        text(&code.to_string_lossy()),
    )
}

fn parse(text: &str) -> Result<Manifest, String> {
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
    let mut manifest: Manifest = toml::from_str(text).map_err(|e| toml_error::describe(text, &e))?;
    move_inline_components(&mut manifest)?;
    Ok(manifest)
}

/// Gives each component that is written inside of its trigger a place among the others.
fn move_inline_components(manifest: &mut Manifest) -> Result<(), String> {
    let mut count = 0;
    for (trigger_type, table) in
        manifest.trigger.iter_mut().flat_map(|(name, all)| all.iter_mut().map(move |t| (name, t)))
    {
        if table.contains_key("components") {
            return Err(format!(
                "a {trigger_type} trigger has `components`, of which Spindle knows none; write one `component`"
            ));
        }
        let Some(inline @ Value::Object(_)) = table.get_mut("component") else { continue };
        let component: Component = serde_json::from_value(inline.take())
            .map_err(|error| format!("the component of a {trigger_type} trigger: {error}"))?;
        let id = loop {
            count += 1;
            let id = format!("inline-component{count}");
            if !manifest.component.contains_key(&id) {
                break id;
            }
        };
        *inline = id.clone().into();
        manifest.component.insert(id, component);
    }
    Ok(())
}

/// Locks a manifest that lies at `path`, an absolute path, in `dir`.
fn lock(manifest: Manifest, path: &Path, dir: &Path, assets: &mut Assets) -> Result<LockedApp, String> {
    let components = manifest
        .component
        .into_iter()
        .map(|(id, component)| {
            lock_component(&id, component, dir, assets).map_err(|e| format!("component `{id}`: {e}"))
        })
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
        Some(_) => return Err(format!("the component of a {trigger_type} trigger is not a name")),
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

fn lock_component(id: &str, component: Component, dir: &Path, assets: &mut Assets) -> Result<LockedComponent, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if id.is_empty() || !id.chars().all(plain) {
        return Err("an id is made of letters, digits, `-` and `_`".to_owned());
    }
    let source = match &component.source {
        Value::String(path) => file_url(&dir.join(path))?,
        _ => {
            return Err(
                "its source is a URL or in a registry, which Spindle does not download; fetch the file and name it: \
                        source = \"component.wasm\""
                    .to_owned(),
            );
        }
    };
    if !component.allowed_http_hosts.is_empty() {
        return Err("`allowed_http_hosts` is of Spin 1; write allowed_outbound_hosts = [\"https://HOST\"]".to_owned());
    }
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
    let mounts = assets.mounts(id, dir, &component.files, &component.exclude_files);
    let files = mounts.map_err(|error| match &component.build {
        Some(build) => format!("files: {error}; building the component may make it: {}", build.command),
        None => format!("files: {error}"),
    })?;
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
        files,
        config: component.variables,
        dependencies: component.dependencies,
        host_requirements,
    })
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

    fn locked(text: &str) -> Result<LockedApp, String> {
        lock(parse(text)?, Path::new("/app/spin.toml"), Path::new("/app"), &mut Assets::default())
    }

    #[test]
    fn a_manifest_becomes_a_lock() {
        let app = locked(GOOD).unwrap();
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
            let error = locked(&text).unwrap_err();
            assert!(error.contains(key), "{error}");
        }
    }

    #[test]
    fn version_1_is_refused() {
        let error = locked("spin_version = \"1\"\nname = \"a\"").unwrap_err();
        assert!(error.contains("version 2 only"), "{error}");
        let error = locked("spin_manifest_version = \"1\"").unwrap_err();
        assert!(error.contains("version 2 only"), "{error}");
    }

    #[test]
    fn a_trigger_without_its_component_is_refused() {
        let error = locked(&GOOD.replace("component = \"c\"", "component = \"d\"")).unwrap_err();
        assert!(error.contains("[component.d]"), "{error}");
    }

    #[test]
    fn a_variable_is_required_or_has_a_default() {
        let error = locked(&GOOD.replace("required = true, ", "")).unwrap_err();
        assert!(error.contains("`token` needs a default"), "{error}");
    }

    #[test]
    fn a_component_may_be_written_in_its_trigger() {
        let app = locked(
            "spin_manifest_version = 2\napplication.name = \"a\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = { source = \"c.wasm\" }",
        )
        .unwrap();
        assert_eq!(
            (app.components[0].id.as_str(), app.triggers[0].component()),
            ("inline-component1", Some("inline-component1"))
        );
        assert_eq!(locked(&around(Path::new("/app/c.wasm"))).unwrap().components, app.components);
    }

    #[test]
    fn a_missing_manifest_says_what_to_do() {
        let error = Source::read(Path::new("/nowhere/spin.toml")).unwrap_err();
        assert!(error.to_string().contains("--from"), "{error}");
    }
}
