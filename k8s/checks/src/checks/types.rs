//! Every object is of a known type and has no field that its type has not; each is there once and in our namespace.

use crate::app::App;
use crate::kinds;
use crate::manifests::{Manifests, Object};
use std::collections::BTreeSet;

/// The namespace of everything.
const NAMESPACE: &str = "concierge";

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let of = |object: &Object| {
        let id = object.id();
        kinds::faults(&object.0).into_iter().map(move |fault| format!("{id}: {fault}"))
    };
    manifests.objects.iter().chain(&manifests.merged).flat_map(of).collect()
}

pub(super) fn check_names(manifests: &Manifests, _: &App) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for object in &manifests.objects {
        let id = object.id();
        if object.name().is_empty() {
            faults.push(format!("a {} has no name", object.kind()));
        }
        let is_ours = match object.kind() {
            "Namespace" => object.name() == NAMESPACE,
            _ => object.text("/metadata/namespace") == NAMESPACE,
        };
        if !is_ours {
            faults.push(format!("{id} is not in the namespace {NAMESPACE}"));
        }
        if object.text("/metadata/labels/app.kubernetes.io~1part-of") != NAMESPACE {
            faults.push(format!("{id} has no label app.kubernetes.io/part-of"));
        }
        if !seen.insert(id.clone()) {
            faults.push(format!("{id} is there twice"));
        }
    }
    faults
}
