//! What has to be there before something else is sent before it.

use crate::app::App;
use crate::manifests::Manifests;

/// A kind, and one that comes after it: a namespace has to exist, an executor is looked for by a webhook, and a pod that
/// starts before its policy or its settings are there starts wrongly.
const BEFORE: &[(&str, &str)] = &[
    ("Namespace", "ServiceAccount"),
    ("SpinAppExecutor", "SpinApp"),
    ("ServiceAccount", "SpinApp"),
    ("NetworkPolicy", "SpinApp"),
    ("NetworkPolicy", "Deployment"),
    ("ConfigMap", "Deployment"),
    ("ConfigMap", "SpinApp"),
    ("ExternalSecret", "Deployment"),
    ("ExternalSecret", "Cluster"),
    ("Certificate", "Cluster"),
    ("Certificate", "Deployment"),
    ("Secret", "Deployment"),
    ("Secret", "SpinApp"),
];

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let place = |kind: &str, is_last: bool| {
        let mut places = manifests.objects.iter().enumerate().filter(|(_, object)| object.kind() == kind);
        if is_last { places.next_back() } else { places.next() }.map(|(place, _)| place)
    };
    let mut faults = Vec::new();
    if manifests.objects.first().is_none_or(|object| object.kind() != "Namespace") {
        faults.push("the namespace does not come first".to_owned());
    }
    for (first, second) in BEFORE {
        let pair = place(first, true).zip(place(second, false));
        if pair.is_some_and(|(first, second)| first > second) {
            faults.push(format!("a {second} comes before a {first}"));
        }
    }
    faults
}
