//! What spin-operator's webhooks would refuse, or take for something else than was meant.

use crate::app::App;
use crate::manifests::{Manifests, items};
use std::collections::BTreeMap;

/// A SpinApp names its executor, which is there, and which knows one way to run it.
pub(super) fn check_executor(manifests: &Manifests, _: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for app in manifests.of_kind("SpinApp") {
        let executor = app.text("/spec/executor");
        if manifests.get("SpinAppExecutor", executor).is_none() {
            faults.push(format!("{} is for the executor `{executor}`, which is not there", app.id()));
        }
    }
    for executor in manifests.of_kind("SpinAppExecutor") {
        let has = |field: &str| executor.at(&format!("/spec/deploymentConfig/{field}")).is_string();
        if has("runtimeClassName") == has("spinImage") {
            faults.push(format!("{} needs one of runtimeClassName and spinImage", executor.id()));
        }
        if executor.at("/spec/createDeployment") != true {
            faults.push(format!("{} makes no Deployment", executor.id()));
        }
    }
    faults
}

/// The documentation, the pages for people and the console are not everywhere.
const OPTIONAL: [&str; 3] = ["account", "console", "docs"];

/// The SpinApp that runs the whole application beside the others. The plugin `kube` calls it like the artifact.
pub(super) const WHOLE_APP: &str = "concierge";

/// Each component of the application runs in one SpinApp, and all of them in the one that is the whole application.
pub(super) fn check_components(manifests: &Manifests, app: &App) -> Vec<String> {
    let mut faults = Vec::new();
    let mut run = BTreeMap::<&str, usize>::new();
    for spin_app in manifests.of_kind("SpinApp") {
        let components: Vec<_> = items(&spin_app.0, "/spec/components").filter_map(|name| name.as_str()).collect();
        if components.is_empty() {
            faults.push(format!("{} runs all components", spin_app.id()));
        }
        if spin_app.name() == WHOLE_APP {
            let missing = app.components.keys().filter(|name| !components.contains(&name.as_str()));
            faults.extend(missing.map(|name| format!("{} does not run {name}", spin_app.id())));
            continue;
        }
        for component in components {
            *run.entry(component).or_default() += 1;
            if !app.components.contains_key(component) {
                faults.push(format!("{} runs {component}, which the application has not", spin_app.id()));
            }
        }
    }
    let others = app.components.keys().filter(|name| match run.get(name.as_str()) {
        Some(count) => *count != 1,
        None => !OPTIONAL.contains(&name.as_str()),
    });
    faults.extend(others.map(|name| format!("the component {name} does not run in one SpinApp")));
    faults
}

/// What `spin kube deploy` sends for the whole application, a name, an image, a number of replicas and an executor, is what
/// is there, but for the image's tag. The operator refuses replicas beside an autoscaler.
pub(super) fn check_kube_deploy(manifests: &Manifests, _: &App) -> Vec<String> {
    let Some(app) = manifests.get("SpinApp", WHOLE_APP) else { return vec![] };
    let image = app.text("/spec/image").rsplit('/').next().unwrap_or_default();
    let sent = [
        ("image", image.starts_with(&format!("{WHOLE_APP}:"))),
        ("replicas", *app.at("/spec/replicas") == 2 && app.at("/spec/enableAutoscaling").is_null()),
        ("executor", app.text("/spec/executor") == "containerd-shim-spin"),
    ];
    let faults = sent.into_iter().filter(|(_, is_good)| !is_good);
    faults.map(|(field, _)| format!("`spin kube deploy` would change the {field} of {}", app.id())).collect()
}
