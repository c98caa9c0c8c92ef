//! Nothing that keeps data has a port on the nodes, for that lets in every pod and whoever reaches a node. `kubectl port-forward` asks
//! the API server first.

use crate::app::App;
use crate::manifests::{Manifests, at, items};
use crate::pods::{self, Pods};

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let pods = pods::all(manifests);
    let mut faults = Vec::new();
    for service in manifests.of_kind("Service").filter(|service| service.text("/spec/type") != "ClusterIP") {
        let selector = serde_json::json!({ "matchLabels": at(&service.0, "/spec/selector") });
        let keeping = pods.iter().filter(|pods| keeps_data(pods) && pods.are_selected_by(&selector));
        faults.extend(keeping.map(|pods| {
            format!(
                "{} gives {}, which keeps data, a port on the nodes: use kubectl port-forward",
                service.id(),
                pods.owner
            )
        }));
    }
    faults
}

fn keeps_data(pods: &Pods) -> bool {
    let is_cluster = ["Cluster/", "RabbitmqCluster/"].iter().any(|kind| pods.owner.starts_with(kind));
    is_cluster || items(&pods.spec, "/volumes").any(|volume| at(volume, "/persistentVolumeClaim").is_object())
}
