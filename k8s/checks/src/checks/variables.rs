//! The variables of each SpinApp: all that the application requires, none that it has not, every setting where it is
//! used, and secrets for those alone who use them.

use super::manifest_of;
use crate::app::{App, Component};
use crate::manifests::{Manifests, Object, at, entries, items, text};
use std::collections::BTreeSet;

/// The ConfigMap of the settings. Its name ends with a hash of its content, or not.
const SETTINGS: &str = "concierge-config";
/// Where a service is for what runs in its process: the variable, the component, the address.
const CHAINED: [(&str, &str, &str); 3] = [
    ("users_url", "users", "http://users.spin.internal"),
    ("auth_url", "auth", "http://auth.spin.internal"),
    ("notification_url", "notification", "http://notification.spin.internal"),
];
/// The manifest that the base is for.
const BASE: &str = "spin.toml";

pub(super) fn check(manifests: &Manifests, app: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for spin_app in manifests.of_kind("SpinApp") {
        let id = spin_app.id();
        let names: Vec<_> = items(&spin_app.0, "/spec/variables").map(|variable| text(variable, "/name")).collect();
        let given: BTreeSet<_> = names.iter().copied().collect();
        if given.len() != names.len() {
            faults.push(format!("{id} is given a variable twice"));
        }
        for (name, variable) in &app.variables {
            if variable.is_required && !given.contains(name.as_str()) {
                faults.push(format!("{id} is not given {name}, which {} requires", manifest_of(manifests)));
            }
        }
        for name in given.iter().filter(|name| !app.variables.contains_key(**name)) {
            faults.push(format!("{id} is given {name}, which {} has not", manifest_of(manifests)));
        }
        for variable in items(&spin_app.0, "/spec/variables") {
            if at(variable, "/value").is_string() == at(variable, "/valueFrom").is_object() {
                faults.push(format!("{id}: {} needs one of value and valueFrom", text(variable, "/name")));
            }
        }
    }
    faults
}

/// A setting has an effect wherever it is used, and none is without.
pub(super) fn check_settings(manifests: &Manifests, app: &App) -> Vec<String> {
    let Some(settings) = manifests.of_kind("ConfigMap").find(|map| map.name().starts_with(SETTINGS)) else {
        return vec![format!("there is no ConfigMap {SETTINGS}")];
    };
    let settings: BTreeSet<_> = entries(&settings.0, "/data").map(|(key, _)| key).collect();
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for spin_app in manifests.of_kind("SpinApp") {
        let given: BTreeSet<_> = items(&spin_app.0, "/spec/variables")
            .filter(|variable| text(variable, "/valueFrom/configMapKeyRef/name").starts_with(SETTINGS))
            .map(|variable| (text(variable, "/name"), text(variable, "/valueFrom/configMapKeyRef/key")))
            .collect();
        for (name, key) in &given {
            used.insert(*key);
            if name != key {
                faults.push(format!("{} is given {key} as {name}", spin_app.id()));
            }
        }
        let uses = components(spin_app, app).flat_map(|component| &component.uses).map(String::as_str);
        // Who runs a service itself reaches it in its own process.
        let is_chained = |name: &str| {
            let Some((_, service, url)) = CHAINED.iter().find(|(variable, ..)| *variable == name) else { return false };
            let mut variables = items(&spin_app.0, "/spec/variables");
            items(&spin_app.0, "/spec/components").any(|component| component == service)
                && variables.any(|variable| text(variable, "/name") == name && text(variable, "/value") == *url)
        };
        let missing = uses.filter(|name| settings.contains(name) && !given.contains(&(*name, *name)));
        for name in missing.filter(|name| !is_chained(name)) {
            faults.push(format!("{} uses {name} and is not given the setting", spin_app.id()));
        }
    }
    // A setting of the base may be about what this manifest does not have, such as another broker.
    let of_another = if manifest_of(manifests) == BASE { App::default() } else { App::read(BASE) };
    let unused = settings.difference(&used).filter(|name| !of_another.variables.contains_key(**name));
    faults.extend(unused.map(|name| format!("the setting {name} is used by nobody")));
    faults
}

/// Whoever does not use a secret has a word in its place, and secrets are in no manifest.
pub(super) fn check_secrecy(manifests: &Manifests, app: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for spin_app in manifests.of_kind("SpinApp") {
        let uses: BTreeSet<_> = components(spin_app, app).flat_map(|component| &component.uses).collect();
        for variable in items(&spin_app.0, "/spec/variables") {
            let name = text(variable, "/name").to_owned();
            let is_used = uses.contains(&name);
            let is_secret = app.variables.get(&name).is_some_and(|variable| variable.is_secret);
            let is_from_secret = at(variable, "/valueFrom/secretKeyRef").is_object();
            let is_a_word = text(variable, "/value").starts_with("not-for-");
            if is_secret && is_used && !is_from_secret {
                faults.push(format!("{}: {name} does not come from a Secret", spin_app.id()));
            }
            if !is_used && !is_a_word {
                faults.push(format!("{} is given {name}, which it does not use", spin_app.id()));
            }
            if is_used && is_a_word {
                faults.push(format!("{} uses {name} and is not given it", spin_app.id()));
            }
        }
    }
    faults
}

/// The components that a SpinApp runs.
fn components<'a>(spin_app: &'a Object, app: &'a App) -> impl Iterator<Item = &'a Component> {
    let names = items(&spin_app.0, "/spec/components").filter_map(|name| name.as_str());
    names.filter_map(|name| app.components.get(name))
}
