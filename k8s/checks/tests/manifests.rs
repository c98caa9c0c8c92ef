//! Every check on the base and on every overlay, and the Shim, which is applied before them.

use k8s_checks::app::{App, workspace};
use k8s_checks::checks::{CHECKS, manifest_of};
use k8s_checks::manifests::Manifests;
use k8s_checks::render::overlays;
use serde_json::Value;
use std::collections::BTreeSet;

#[test]
fn every_overlay_keeps_every_invariant() {
    let mut faults = Vec::new();
    for manifests in overlays() {
        let app = App::read(manifest_of(manifests));
        for (name, check) in CHECKS {
            faults
                .extend(check(manifests, &app).into_iter().map(|fault| format!("{}: {name}: {fault}", manifests.name)));
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_shim_is_the_one_that_the_readme_names_and_the_executor_asks_for() {
    let read = |path: &str| std::fs::read_to_string(workspace().join(path)).expect("the file is there");
    let of = |path: &str| Manifests::parse(path, &read(path));
    let (cluster, base) = (of("k8s/cluster/shim.yaml"), of("k8s/base/executor.yaml"));
    let shim = cluster.get("Shim", "spin-v2").expect("the Shim is there");
    let executor = base.get("SpinAppExecutor", "containerd-shim-spin").expect("the executor is there");
    let class = shim.text("/spec/runtimeClass/name");
    assert_eq!(class, executor.text("/spec/deploymentConfig/runtimeClassName"));
    let location = shim.text("/spec/fetchStrategy/platforms/0/location");
    let version = location.split("/releases/download/v").nth(1).and_then(|rest| rest.split('/').next());
    let (minor, _) = version.and_then(|version| version.rsplit_once('.')).expect("the location has a version");
    let readme = read("k8s/README.md");
    assert!(readme.contains(&format!("the shim for Spin ({minor} here")), "{location}");
    assert!(readme.contains(&format!("runtimeclass/{class} ")), "{class}");
    // By this label runtime-class-manager finds the nodes; by its own name it labels those that are done.
    assert_eq!(shim.text("/spec/nodeSelector/spin"), "true");
    assert!(readme.contains("kubectl label node --all spin=true"));
    assert!(readme.contains(&format!("{{.metadata.labels.{}}}'=provisioned", shim.name())));
}

/// `kubectl wait --for=create` fails at once when two or more of several names are missing.
#[test]
fn whoever_waits_for_something_to_be_created_waits_for_one_thing() {
    let mut waits = Vec::new();
    for page in ["k8s/README.md", "docs/operations.md", "README.md"] {
        let text = std::fs::read_to_string(workspace().join(page)).expect("the page is there");
        let text = text.replace("\\\n", " ");
        waits.extend(text.lines().filter(|line| line.contains("--for=create")).map(str::to_owned));
    }
    assert!(!waits.is_empty());
    for wait in waits {
        // What is waited for is named `kind/name`; a variable of the shell stands for one name.
        let count = wait.split_whitespace().filter(|word| word.contains('/') && !word.starts_with('-')).count();
        assert_eq!(count, 1, "{wait}");
    }
}

/// The queues, each with its exchange, as the manifest of RabbitMQ lists them; with those of webhooks or without.
fn queues(with_webhooks: bool) -> BTreeSet<(String, String)> {
    let text = std::fs::read_to_string(workspace().join("spin.rabbitmq.toml")).expect("the manifest is there");
    let manifest: toml::Table = text.parse().expect("the manifest is TOML");
    let triggers = manifest["trigger"]["amqp"].as_array().expect("it has triggers");
    let field = |trigger: &toml::Value, name: &str| trigger[name].as_str().expect("a text").to_owned();
    let queues = triggers.iter().map(|trigger| (field(trigger, "exchange"), field(trigger, "queue")));
    queues.filter(|(_, queue)| with_webhooks || !queue.contains("_webhook_")).collect()
}

#[test]
fn keda_looks_at_each_queue_and_at_those_of_webhooks_only_with_the_component_for_them() {
    for (overlay, with_webhooks) in [("minikube-mailpit-keda", false), ("minikube-keda-webhooks", true)] {
        // None is rendered without kubectl.
        let Some(manifests) = overlays().iter().find(|manifests| manifests.name == overlay) else { continue };
        let scaled = manifests.get("ScaledObject", "notification-ms").expect("it is scaled");
        let triggers = scaled.at("/spec/triggers").as_array().expect("it has triggers");
        let field = |trigger: &Value, name: &str| trigger["metadata"][name].as_str().expect("a text").to_owned();
        let asked: BTreeSet<_> =
            triggers.iter().map(|trigger| (field(trigger, "stream"), field(trigger, "consumerGroup"))).collect();
        assert_eq!(asked, queues(with_webhooks), "{overlay}");
        let names: BTreeSet<_> = triggers.iter().filter_map(|trigger| trigger["name"].as_str()).collect();
        assert_eq!(names.len(), triggers.len(), "KEDA knows a trigger by its name");
        assert!(triggers.iter().all(|trigger| trigger["authenticationRef"]["name"] == "redis"));
    }
}
