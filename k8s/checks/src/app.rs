//! What the application says of itself: variables, components and their reach, routes; and the paths of its API.

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// A manifest of the application, and its OpenAPI files.
#[derive(Debug, Default)]
pub struct App {
    /// The variables.
    pub variables: BTreeMap<String, Variable>,
    /// The components.
    pub components: BTreeMap<String, Component>,
    /// The paths of the API, with their methods.
    pub paths: BTreeMap<String, BTreeSet<String>>,
}

/// A variable of the application.
#[derive(Debug)]
pub struct Variable {
    /// Whether somebody has to give it a value.
    pub is_required: bool,
    /// Whether it is secret.
    pub is_secret: bool,
    /// Its value when nobody gives it one.
    pub default: Option<String>,
}

/// A component of the application.
#[derive(Debug)]
pub struct Component {
    /// The variables of the application that its own are made of, those of its triggers included.
    pub uses: BTreeSet<String>,
    /// What it may reach, as templates.
    pub hosts: Vec<String>,
    /// Its HTTP routes.
    pub routes: Vec<String>,
    /// The types of its triggers.
    pub triggers: BTreeSet<String>,
}

/// The workspace.
#[must_use]
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

impl App {
    /// Reads one of the workspace's manifests.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    pub fn read(manifest: &str) -> Self {
        let path = workspace().join(manifest);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let table: Table = text.parse().unwrap_or_else(|error| panic!("{manifest}: {error}"));
        let components = tables(table.get("component")).map(|(name, component)| {
            let component = read_component(&table, &name, component);
            (name, component)
        });
        Self {
            variables: tables(table.get("variables")).map(|(name, variable)| (name, read_variable(variable))).collect(),
            components: components.collect(),
            paths: paths(),
        }
    }

    /// Fills in a template; a variable that nobody knows stays as it is.
    #[must_use]
    pub fn filled_in(&self, template: &str, given: &BTreeMap<String, String>) -> String {
        let mut text = template.to_owned();
        for name in names(template) {
            let default = || self.variables.get(&name).and_then(|variable| variable.default.clone());
            if let Some(value) = given.get(&name).cloned().or_else(default) {
                text = text.replace(&format!("{{{{ {name} }}}}"), &value);
            }
        }
        text
    }
}

/// The variables that a template names.
#[must_use]
pub fn names(template: &str) -> BTreeSet<String> {
    let parts = template.split("{{").skip(1).filter_map(|part| part.split("}}").next());
    parts.map(|name| name.trim().to_owned()).collect()
}

fn tables(value: Option<&Value>) -> impl Iterator<Item = (String, &Table)> {
    let entries = value.and_then(Value::as_table).into_iter().flatten();
    entries.filter_map(|(name, value)| Some((name.clone(), value.as_table()?)))
}

fn read_variable(variable: &Table) -> Variable {
    let is = |key: &str| variable.get(key).and_then(Value::as_bool).unwrap_or(false);
    Variable {
        is_required: is("required"),
        is_secret: is("secret"),
        default: variable.get("default").and_then(Value::as_str).map(str::to_owned),
    }
}

fn read_component(manifest: &Table, name: &str, component: &Table) -> Component {
    let listed = component.get("allowed_outbound_hosts").and_then(Value::as_array).into_iter().flatten();
    let hosts: Vec<_> = listed.filter_map(|host| host.as_str().map(str::to_owned)).collect();
    let variables = component.get("variables").and_then(Value::as_table).into_iter().flatten();
    let mut uses: BTreeSet<_> = variables.flat_map(|(_, value)| names(value.as_str().unwrap_or_default())).collect();
    uses.extend(hosts.iter().flat_map(|host| names(host)));
    let mut routes = Vec::new();
    let mut types = BTreeSet::new();
    // Each type of trigger has settings of its own, and of the application.
    for (kind, triggers) in manifest.get("trigger").and_then(Value::as_table).into_iter().flatten() {
        let triggers = triggers.as_array().into_iter().flatten();
        for trigger in triggers.filter(|trigger| trigger.get("component").and_then(Value::as_str) == Some(name)) {
            types.insert(kind.clone());
            routes.extend(trigger.get("route").and_then(Value::as_str).map(str::to_owned));
            uses.extend(names(&trigger.to_string()));
            let of_app = manifest.get("application").and_then(|application| application.get("trigger")?.get(kind));
            uses.extend(of_app.map(|of_app| names(&of_app.to_string())).unwrap_or_default());
        }
    }
    Component { uses, hosts, routes, triggers: types }
}

/// The paths of the OpenAPI files, with their methods.
fn paths() -> BTreeMap<String, BTreeSet<String>> {
    let mut paths = BTreeMap::new();
    for service in ["users", "auth", "notification"] {
        let file = workspace().join("openapi").join(format!("{service}.yaml"));
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let options = serde_saphyr::options! { strict_booleans: true };
        let document: Json = serde_saphyr::from_str_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{} is no YAML: {error}", file.display()));
        for (path, methods) in crate::manifests::entries(&document, "/paths") {
            let methods = methods.as_object().into_iter().flatten().map(|(method, _)| method.to_uppercase());
            paths.insert(path.to_owned(), methods.collect());
        }
    }
    paths
}
