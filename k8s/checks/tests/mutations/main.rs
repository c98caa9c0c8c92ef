//! A test of the checks: manifests that were broken in one way each, which the check in charge has to find.

mod minikube;
mod mutation;
mod production;
mod rabbitmq;

use k8s_checks::app::App;
use k8s_checks::checks::{CHECKS, manifest_of, named};
use k8s_checks::manifests::Object;
use k8s_checks::render::overlay;
use mutation::{Mutation, changed};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

fn mutations() -> impl Iterator<Item = Mutation> {
    minikube::mutations().into_iter().chain(production::mutations()).chain(rabbitmq::mutations())
}

#[test]
fn every_broken_object_is_found_by_the_check_in_charge() {
    let mut missed = Vec::new();
    let mut apps = BTreeMap::new();
    for mutation in mutations() {
        let Some(manifests) = overlay(mutation.overlay) else { return };
        let broken = changed(manifests, &mutation);
        let app = apps.entry(manifest_of(manifests)).or_insert_with_key(|manifest| App::read(manifest));
        if named(mutation.check)(&broken, app).is_empty() {
            missed.push(format!("{}: {} {}", mutation.check, mutation.object, mutation.change.shown()));
        }
    }
    assert!(missed.is_empty(), "{} were not found:\n{}", missed.len(), missed.join("\n"));
}

#[test]
fn every_check_has_something_to_find() {
    let tried: BTreeSet<_> = mutations().map(|mutation| mutation.check).collect();
    let all: BTreeSet<_> = CHECKS.iter().map(|(name, _)| *name).collect();
    assert_eq!(tried, all);
}

/// There is no overlay for production with RabbitMQ; one with an Ingress would be held to the same.
#[test]
fn an_overlay_with_rabbitmq_that_faces_the_internet_has_to_encrypt_mqtt() {
    let Some(manifests) = overlay("rabbitmq") else { return };
    let ingress = json!({ "kind": "Ingress", "metadata": { "name": "concierge" } });
    let mut facing = manifests.clone();
    facing.objects.push(Object(ingress));
    let app = App::read(manifest_of(manifests));
    let faults = named("encryption")(&facing, &app);
    for name in ["auth-ms", "users-ms"] {
        let expected = format!("SpinApp/{name} has mqtt_scheme=mqtt, not mqtts (spin.rabbitmq.toml)");
        assert!(faults.contains(&expected), "{faults:#?}");
    }
    assert!(named("encryption")(manifests, &app).is_empty(), "minikube's overlay is for one machine");
}
