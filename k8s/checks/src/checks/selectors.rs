//! What selects pods selects some: Services, policies, budgets, Deployments. Pods of SpinApps have the labels that
//! spin-operator gives them, and no other.

use crate::app::App;
use crate::manifests::{Manifests, Object, at, items, text};
use crate::pods::{self, Pods};
use serde_json::{Value, json};

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let pods = pods::all(manifests);
    let mut faults = Vec::new();
    for object in &manifests.objects {
        match object.kind() {
            "Service" => faults.extend(service_faults(object, &pods)),
            "NetworkPolicy" => faults.extend(policy_faults(object, &pods)),
            "Deployment" => faults.extend(deployment_faults(object)),
            _ => {}
        }
    }
    faults
}

pub(super) fn check_budgets(manifests: &Manifests, _: &App) -> Vec<String> {
    let pods = pods::all(manifests);
    let mut faults = Vec::new();
    for budget in manifests.of_kind("PodDisruptionBudget") {
        let selector = budget.at("/spec/selector");
        let count = pods.iter().filter(|pods| pods.are_selected_by(selector)).count();
        if count != 1 || *selector == json!({}) {
            faults.push(format!("{} is about {count} workloads, not about one", budget.id()));
        }
        if budget.at("/spec/maxUnavailable").is_null() == budget.at("/spec/minAvailable").is_null() {
            faults.push(format!("{} needs one of maxUnavailable and minAvailable", budget.id()));
        }
    }
    for app in manifests.of_kind("SpinApp") {
        let budgets = manifests.of_kind("PodDisruptionBudget");
        let own = pods::of(app)
            .map_or(0, |pods| budgets.filter(|budget| pods.are_selected_by(budget.at("/spec/selector"))).count());
        if own != 1 {
            faults.push(format!("{} has {own} disruption budgets", app.id()));
        }
    }
    faults
}

fn service_faults(service: &Object, pods: &[Pods]) -> Vec<String> {
    let selector = json!({ "matchLabels": service.at("/spec/selector") });
    let selected: Vec<_> = pods.iter().filter(|pods| pods.are_selected_by(&selector)).collect();
    let [pods] = selected[..] else {
        return vec![format!("{} selects {} workloads, not one", service.id(), selected.len())];
    };
    let targets = items(&service.0, "/spec/ports").map(|port| match at(port, "/targetPort") {
        Value::Null => at(port, "/port"),
        target => target,
    });
    let missing = targets.filter(|target| pods.port(target).is_none());
    missing.map(|target| format!("{} leads to the port {target}, which {} has not", service.id(), pods.owner)).collect()
}

fn policy_faults(policy: &Object, pods: &[Pods]) -> Vec<String> {
    let mut selectors = vec![policy.at("/spec/podSelector")];
    for (rules, peers) in [("/spec/ingress", "/from"), ("/spec/egress", "/to")] {
        let peers = items(&policy.0, rules).flat_map(|rule| items(rule, peers));
        let inside = peers.filter(|peer| at(peer, "/namespaceSelector").is_null());
        selectors.extend(inside.map(|peer| at(peer, "/podSelector")).filter(|selector| !selector.is_null()));
    }
    let mut faults = Vec::new();
    for selector in selectors {
        if !pods.iter().any(|pods| pods.are_selected_by(selector)) {
            faults.push(format!("{} selects nothing by {selector}", policy.id()));
        }
        // A list is a list of names: each has to be one.
        for expression in items(selector, "/matchExpressions").filter(|found| text(found, "/operator") == "In") {
            for value in items(expression, "/values") {
                let label = text(expression, "/key");
                if !pods.iter().any(|pods| pods.labels.get(label).map(String::as_str) == value.as_str()) {
                    faults.push(format!("{} lists {value}, and no pod has that as {label}", policy.id()));
                }
            }
        }
    }
    faults
}

fn deployment_faults(deployment: &Object) -> Option<String> {
    let is_own = pods::of(deployment).is_some_and(|pods| pods.are_selected_by(deployment.at("/spec/selector")));
    (!is_own).then(|| format!("{} does not select its own pods", deployment.id()))
}
