//! What is merged into the Deployments that spin-operator makes: for each SpinApp, all that it cannot say itself, and
//! nothing that the operator says.

use crate::app::App;
use crate::manifests::{Manifests, Object, at, entries, items, text};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Fields of the operator's: what else applied them would fight with it.
const OF_OPERATOR: [&str; 5] = [
    "/spec/replicas",
    "/spec/selector",
    "/spec/template/metadata",
    "/spec/template/spec/volumes",
    "/spec/template/spec/runtimeClassName",
];
/// What may be said of a container.
const OF_CONTAINER: [&str; 3] = ["name", "securityContext", "lifecycle"];

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let apps: BTreeSet<_> = manifests.of_kind("SpinApp").map(Object::name).collect();
    let merged: BTreeSet<_> = manifests.merged.iter().map(Object::name).collect();
    let mut faults = Vec::new();
    // kubectl refuses a List on its own side when it applies on the server: "missing required field selector".
    let others = manifests.merged.iter().filter(|object| object.kind() != "Deployment");
    faults.extend(others.map(|object| format!("{} is merged, which is no Deployment", object.id())));
    faults.extend(apps.difference(&merged).map(|name| format!("nothing is merged into the Deployment of {name}")));
    faults.extend(merged.difference(&apps).map(|name| format!("{name} is no SpinApp, so nobody makes its Deployment")));
    for deployment in &manifests.merged {
        let found = [of_deployment(deployment), of_pods(at(&deployment.0, "/spec/template/spec"), deployment.name())];
        faults.extend(found.concat().into_iter().map(|fault| format!("merged into {}: {fault}", deployment.name())));
    }
    faults
}

fn of_deployment(deployment: &Object) -> Vec<String> {
    let mut faults = Vec::new();
    let fought_for = OF_OPERATOR.iter().filter(|pointer| !deployment.at(pointer).is_null());
    faults.extend(fought_for.map(|pointer| format!("{pointer} is the operator's")));
    // A pod is ready before another goes.
    let rolling = deployment.at("/spec/strategy/rollingUpdate");
    if *at(rolling, "/maxUnavailable") != 0 || at(rolling, "/maxSurge").as_u64().is_none_or(|surge| surge == 0) {
        faults.push("a rollout takes pods away before there are new ones".to_owned());
    }
    faults
}

fn of_pods(pod: &Value, name: &str) -> Vec<String> {
    let mut faults = Vec::new();
    if *at(pod, "/automountServiceAccountToken") != false || *at(pod, "/enableServiceLinks") != false {
        faults.push("pods get a token or service links".to_owned());
    }
    let context = at(pod, "/securityContext");
    let is_ordinary =
        *at(context, "/runAsNonRoot") == true && at(context, "/runAsUser").as_u64().is_some_and(|user| user > 0);
    if !is_ordinary || text(context, "/seccompProfile/type") != "RuntimeDefault" {
        faults.push("pods run as root, or without a seccomp profile".to_owned());
    }
    for constraint in items(pod, "/topologySpreadConstraints") {
        let selected: BTreeSet<_> = entries(constraint, "/labelSelector/matchLabels")
            .map(|(key, _)| key)
            .chain(items(constraint, "/labelSelector/matchExpressions").map(|expression| text(expression, "/key")))
            .collect();
        let keys = items(constraint, "/matchLabelKeys").filter_map(Value::as_str);
        // Kubernetes adds the keys to the selector, and refuses one that is in it.
        faults.extend(keys.filter(|key| selected.contains(key)).map(|key| format!("{key} is selected by twice")));
    }
    let containers: Vec<_> = items(pod, "/containers").collect();
    let [container] = containers[..] else {
        return vec![format!("it is about {} containers", containers.len())];
    };
    if text(container, "/name") != name {
        faults.push("the container is called otherwise, so it would be a second one".to_owned());
    }
    let others = entries(container, "").filter(|(field, _)| !OF_CONTAINER.contains(field));
    faults.extend(others.map(|(field, _)| format!("{field} of a container is the operator's")));
    let context = at(container, "/securityContext");
    if *at(context, "/allowPrivilegeEscalation") != false || *at(context, "/capabilities/drop") != json!(["ALL"]) {
        faults.push("the container keeps privileges".to_owned());
    }
    // The shim writes to the root of the container.
    if *at(context, "/readOnlyRootFilesystem") == true {
        faults.push("the shim cannot write".to_owned());
    }
    // There is no program in the image that a command could name.
    let pause = at(container, "/lifecycle/preStop/sleep/seconds").as_u64().unwrap_or_default();
    let grace = at(pod, "/terminationGracePeriodSeconds").as_u64().unwrap_or(30);
    if pause == 0 || pause >= grace {
        faults.push("a pod does not wait before it ends, or too long".to_owned());
    }
    faults
}
