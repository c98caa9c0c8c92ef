//! Every image has a tag that says what it is: not `latest`, and not none, which is the same.

use crate::app::App;
use crate::manifests::{Manifests, items, text};
use crate::pods;

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let mut images = Vec::new();
    for pods in pods::all(manifests) {
        for containers in ["/containers", "/initContainers"] {
            let found = items(&pods.spec, containers).map(|container| text(container, "/image").to_owned());
            images.extend(found.map(|image| (pods.owner.clone(), image)));
        }
    }
    for (kind, field) in [
        ("SpinAppExecutor", "/spec/deploymentConfig/spinImage"),
        ("Cluster", "/spec/imageName"),
        ("RabbitmqCluster", "/spec/image"),
    ] {
        for object in manifests.of_kind(kind) {
            let is_without = kind == "SpinAppExecutor" && object.at(field).is_null();
            images.extend((!is_without).then(|| (object.id(), object.text(field).to_owned())));
        }
    }
    let bad = images.into_iter().filter(|(_, image)| !has_version(image));
    bad.map(|(owner, image)| format!("{owner}: the image `{image}` has no version")).collect()
}

fn has_version(image: &str) -> bool {
    if image.contains("@sha256:") {
        return true;
    }
    // A colon before the last slash is a registry's port.
    let name = image.rsplit('/').next().unwrap_or_default();
    name.split_once(':').is_some_and(|(_, tag)| !tag.is_empty() && tag != "latest")
}
