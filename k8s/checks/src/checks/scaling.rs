//! Who says how many pods a SpinApp has: its `replicas`, or one autoscaler, which acts on the operator's Deployment and
//! measures against requests.

use crate::app::App;
use crate::manifests::{Manifests, Object, items, text};

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for scaler in scalers(manifests) {
        let id = scaler.id();
        let target = scaler.text("/spec/scaleTargetRef/name");
        match manifests.get("SpinApp", target) {
            None => faults.push(format!("{id} is about {target}, which is no SpinApp")),
            Some(app) if app.at("/spec/enableAutoscaling") != true => {
                faults.push(format!("{id} is about {target}, which has enableAutoscaling not set"));
            }
            Some(_) => {}
        }
        // A SpinApp has no scale subresource. KEDA assumes a Deployment by default.
        let kind = scaler.at("/spec/scaleTargetRef/kind").as_str();
        if kind != Some("Deployment") && !(kind.is_none() && scaler.kind() == "ScaledObject") {
            faults.push(format!("{id} has to act on a Deployment"));
        }
        let bounds = [("/spec/minReplicas", "/spec/maxReplicas"), ("/spec/minReplicaCount", "/spec/maxReplicaCount")];
        let is_bounded = bounds.iter().any(|(min, max)| {
            let (min, max) = (scaler.at(min).as_u64(), scaler.at(max).as_u64());
            min.zip(max).is_some_and(|(min, max)| (1..max).contains(&min))
        });
        if !is_bounded {
            faults.push(format!("{id} has to go from one pod or more to more than that"));
        }
        // Kubernetes' default waits five minutes before it takes pods away. A pause before adding some costs people's time.
        let behavior = ["/spec/behavior", "/spec/advanced/horizontalPodAutoscalerConfig/behavior"]
            .into_iter()
            .find(|path| scaler.at(path).is_object());
        if let Some(path) =
            behavior.or_else(|| (scaler.kind() == "HorizontalPodAutoscaler").then_some("/spec/behavior"))
        {
            let window = |way: &str| scaler.at(&format!("{path}/{way}/stabilizationWindowSeconds")).as_u64();
            let (up, down) = (window("scaleUp"), window("scaleDown"));
            if up != Some(0) || !down.is_some_and(|seconds| (60..300).contains(&seconds)) {
                faults.push(format!(
                    "{id} has to add pods at once, and to wait one to five minutes before it removes some"
                ));
            }
        }
        for metric in items(&scaler.0, "/spec/metrics") {
            let resource = text(metric, "/resource/name");
            let app = manifests.get("SpinApp", target);
            if !app.is_some_and(|app| app.at(&format!("/spec/resources/requests/{resource}")).is_string()) {
                faults.push(format!("{id} measures {resource}, of which {target} requests nothing"));
            }
        }
    }
    faults
}

pub(super) fn check_replicas(manifests: &Manifests, _: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for app in manifests.of_kind("SpinApp") {
        let is_scaled = app.at("/spec/enableAutoscaling") == true;
        let replicas = app.at("/spec/replicas").as_u64();
        if is_scaled == replicas.is_some() || replicas == Some(0) {
            faults.push(format!("{} needs one of replicas and enableAutoscaling", app.id()));
        }
        let own = scalers(manifests).filter(|scaler| scaler.text("/spec/scaleTargetRef/name") == app.name()).count();
        if own != usize::from(is_scaled) {
            faults.push(format!("{} has {own} autoscalers", app.id()));
        }
    }
    faults
}

fn scalers(manifests: &Manifests) -> impl Iterator<Item = &Object> {
    manifests.of_kind("HorizontalPodAutoscaler").chain(manifests.of_kind("ScaledObject"))
}
