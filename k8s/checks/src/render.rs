//! What `kubectl kustomize` makes of the base and of each overlay.

use crate::app::workspace;
use crate::manifests::Manifests;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

/// An overlay that is no folder of its own: the components that a folder can be joined with, or what the base is given.
struct Variant {
    name: &'static str,
    kustomization: &'static str,
}

const VARIANTS: &[Variant] = &[
    Variant {
        name: "base",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../../base]\n\
                        secretGenerator: [{name: concierge-secrets, envs: [secrets.env]}]\n",
    },
    Variant {
        name: "minikube-mailpit-keda",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/mailpit, ../../components/keda]\n",
    },
    Variant {
        name: "minikube-keda-webhooks",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/keda, ../../components/keda-webhooks]\n",
    },
    Variant {
        name: "minikube-keda-permits",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/keda, ../../components/keda-permits]\n",
    },
    Variant {
        name: "minikube-pooler",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/pooler]\n",
    },
    Variant {
        name: "minikube-observability",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/observability]\n",
    },
    Variant {
        name: "minikube-traces",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/traces]\n",
    },
    Variant {
        name: "minikube-whole-app",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/whole-app]\n",
    },
    Variant {
        name: "production-read-replica",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../production]\n\
                        components: [../../components/read-replica]\n",
    },
    Variant {
        name: "minikube-administrator",
        kustomization: "labels: [{pairs: {app.kubernetes.io/part-of: concierge}}]\nresources: [../minikube]\n\
                        components: [../../components/administrator]\n",
    },
];

/// All overlays, the base with the secrets of one, and joined components; nothing, after saying why, without kubectl.
///
/// # Panics
/// If one does not render.
#[must_use]
pub fn overlays() -> &'static [Manifests] {
    static OVERLAYS: OnceLock<Vec<Manifests>> = OnceLock::new();
    OVERLAYS.get_or_init(|| {
        if Command::new("kubectl").args(["version", "--client"]).output().is_err() {
            assert!(
                std::env::var_os("CONCIERGE_REQUIRE_KUBECTL").is_none(),
                "kubectl is not on the PATH, and CONCIERGE_REQUIRE_KUBECTL asks for it"
            );
            // Past what catches the output of tests that pass.
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED: the manifests of k8s/ are not checked, for kubectl is not on the PATH; \
                 https://kubernetes.io/docs/tasks/tools/ tells how to get it."
            );
            return Vec::new();
        }
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        copy(&workspace().join("k8s"), folder.path());
        prepare(folder.path());
        let overlays = names(&folder.path().join("overlays"));
        overlays.iter().map(|name| render(folder.path(), name)).collect()
    })
}

/// One overlay of those.
///
/// # Panics
/// If there is none of this name, but for want of kubectl.
#[must_use]
pub fn overlay(name: &str) -> Option<&'static Manifests> {
    let found = overlays().iter().find(|overlay| overlay.name == name);
    assert!(found.is_some() || overlays().is_empty(), "there is no overlay {name}");
    found
}

/// Makes the secrets that are in no repository, and the variants.
fn prepare(k8s: &Path) {
    let minikube = k8s.join("overlays/minikube");
    for overlay in names(&k8s.join("overlays")) {
        let script = k8s.join("overlays").join(overlay).join("make-secrets.sh");
        if script.exists() {
            let made = Command::new("sh").arg(script).output().expect("sh can be started");
            assert!(made.status.success(), "make-secrets.sh failed: {}", String::from_utf8_lossy(&made.stderr));
        }
    }
    for variant in VARIANTS {
        let folder = k8s.join("overlays").join(variant.name);
        std::fs::create_dir(&folder).expect("a folder can be made");
        let head = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nnamespace: concierge\n";
        let is_production = variant.kustomization.contains("../production");
        let sorted = if is_production { "overlays/production" } else { "base" };
        let order = std::fs::read_to_string(k8s.join(sorted).join("kustomization.yaml")).expect("it is there");
        let order = order.split_once("sortOptions:").expect("it says the order").1;
        let text = format!("{head}{}sortOptions:{order}", variant.kustomization);
        std::fs::write(folder.join("kustomization.yaml"), text).expect("a file can be written");
        std::fs::copy(minikube.join("secrets.env"), folder.join("secrets.env")).expect("the secrets can be copied");
    }
}

fn render(k8s: &Path, name: &str) -> Manifests {
    let folder = k8s.join("overlays").join(name);
    let output = Command::new("kubectl").arg("kustomize").arg(folder).output().expect("kubectl can be started");
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the overlay {name} does not render: {words}");
    let mut manifests = Manifests::parse(name, &String::from_utf8_lossy(&output.stdout));
    // What is not everywhere has a file of its own.
    let is_there = |file: &str| match file {
        "account.yaml" => manifests.get("SpinApp", "account-ms").is_some(),
        "console.yaml" => manifests.get("SpinApp", "console-ms").is_some(),
        "docs.yaml" => manifests.get("SpinApp", "docs-ms").is_some(),
        "whole-app.yaml" => manifests.get("SpinApp", "concierge").is_some(),
        _ => true,
    };
    for file in names(&k8s.join("hardening")).into_iter().filter(|file| is_there(file)).collect::<Vec<_>>() {
        let text = std::fs::read_to_string(k8s.join("hardening").join(file)).expect("a file can be read");
        manifests = manifests.with_merged(&text);
    }
    manifests
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the folder can be read").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Copies manifests and scripts; not the secrets of whoever runs this, nor this package.
fn copy(from: &Path, to: &Path) {
    for name in names(from) {
        let (from, to) = (from.join(&name), to.join(&name));
        if from.is_dir() && name != "checks" && name != "experiments" {
            std::fs::create_dir(&to).expect("a folder can be made");
            copy(&from, &to);
        } else if from.is_file() && name != "secrets.env" {
            std::fs::copy(&from, &to).expect("a file can be copied");
        }
    }
}
