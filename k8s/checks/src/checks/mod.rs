//! The invariants, one a module. Each check gives the faults that it finds, as sentences.

mod connections;
mod encryption;
mod gateway;
mod hardening;
mod images;
mod network;
mod order;
mod pod_security;
mod probes;
mod published;
mod references;
mod scaling;
mod selectors;
mod service_links;
mod spin_apps;
mod types;
mod variables;

use crate::app::App;
use crate::manifests::Manifests;

/// An invariant: what is wrong with these manifests of this application.
pub type Check = fn(&Manifests, &App) -> Vec<String>;

/// All of them, by name.
pub const CHECKS: &[(&str, Check)] = &[
    ("types", types::check),
    ("names", types::check_names),
    ("selectors", selectors::check),
    ("budgets", selectors::check_budgets),
    ("scaling", scaling::check),
    ("replicas", scaling::check_replicas),
    ("connections", connections::check),
    ("executor", spin_apps::check_executor),
    ("components", spin_apps::check_components),
    ("kube-deploy", spin_apps::check_kube_deploy),
    ("order", order::check),
    ("images", images::check),
    ("references", references::check),
    ("variables", variables::check),
    ("settings", variables::check_settings),
    ("secrecy", variables::check_secrecy),
    ("service-links", service_links::check),
    ("network", network::check),
    ("published", published::check),
    ("probes", probes::check),
    ("schedules", probes::check_schedules),
    ("pod-security", pod_security::check),
    ("resources", pod_security::check_resources),
    ("gateway", gateway::check),
    ("hardening", hardening::check),
    ("encryption", encryption::check),
];

/// The check of a name.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn named(name: &str) -> Check {
    CHECKS.iter().find(|(found, _)| *found == name).unwrap_or_else(|| panic!("there is no check {name}")).1
}

/// The manifest of the application that an overlay is for.
#[must_use]
pub fn manifest_of(manifests: &Manifests) -> &'static str {
    match manifests.of_kind("RabbitmqCluster").next() {
        Some(_) => "spin.rabbitmq.toml",
        None => "spin.toml",
    }
}
