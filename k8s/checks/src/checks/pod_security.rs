//! Nothing needs a wider pod security level than `baseline`, and what is not a SpinApp keeps to `restricted`.

use crate::app::App;
use crate::manifests::{Manifests, at, items, text};
use crate::pods::{self, Maker, Pods};
use serde_json::{Value, json};

/// What `baseline` lets a container add.
const HARMLESS: [&str; 13] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
/// The kinds of volume that `restricted` knows.
const VOLUMES: [&str; 7] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"];

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for namespace in manifests.of_kind("Namespace") {
        for (mode, level) in [("enforce", "baseline"), ("warn", "restricted")] {
            let label = format!("/metadata/labels/pod-security.kubernetes.io~1{mode}");
            if namespace.text(&label) != level {
                faults.push(format!("{} does not {mode} {level}", namespace.id()));
            }
        }
    }
    for account in manifests.of_kind("ServiceAccount") {
        if account.at("/automountServiceAccountToken") != false {
            faults.push(format!("{} has its token mounted", account.id()));
        }
    }
    for pods in pods::all(manifests) {
        let found = match pods.maker {
            Maker::Template => [above_baseline(&pods), above_restricted(&pods)].concat(),
            Maker::SpinOperator => above_baseline(&pods),
            Maker::OtherOperator => vec![],
        };
        faults.extend(found.into_iter().map(|fault| format!("{}: {fault}", pods.owner)));
    }
    faults
}

/// Every container says what it needs and what it may have.
pub(super) fn check_resources(manifests: &Manifests, _: &App) -> Vec<String> {
    let mut faults = Vec::new();
    for pods in pods::all(manifests) {
        for container in items(&pods.spec, "/containers") {
            for field in ["requests/cpu", "requests/memory", "limits/cpu", "limits/memory"] {
                if !at(container, &format!("/resources/{field}")).is_string() {
                    faults.push(format!("{}: {} has no {field}", pods.owner, text(container, "/name")));
                }
            }
        }
    }
    faults
}

fn above_baseline(pods: &Pods) -> Vec<String> {
    let mut faults = Vec::new();
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if at(&pods.spec, &format!("/{field}")) == true {
            faults.push(format!("it has {field}"));
        }
    }
    if items(&pods.spec, "/volumes").any(|volume| at(volume, "/hostPath").is_object()) {
        faults.push("it mounts a folder of the node".to_owned());
    }
    let sysctls = items(&pods.spec, "/securityContext/sysctls").count();
    if sysctls > 0 {
        faults.push("it sets the kernel's parameters".to_owned());
    }
    for context in contexts(pods) {
        if at(context, "/privileged") == true {
            faults.push("it is privileged".to_owned());
        }
        let mut added = items(context, "/capabilities/add").filter_map(Value::as_str);
        if added.any(|capability| !HARMLESS.contains(&capability)) {
            faults.push("it adds capabilities".to_owned());
        }
        if text(context, "/seccompProfile/type") == "Unconfined" || text(context, "/procMount") == "Unmasked" {
            faults.push("it is not confined".to_owned());
        }
    }
    let ports = containers(pods).flat_map(|container| items(container, "/ports"));
    if ports.into_iter().any(|port| at(port, "/hostPort").is_u64()) {
        faults.push("it has a port of the node".to_owned());
    }
    faults
}

fn above_restricted(pods: &Pods) -> Vec<String> {
    let mut faults = Vec::new();
    let of_pod = at(&pods.spec, "/securityContext");
    if at(&pods.spec, "/automountServiceAccountToken") != false {
        faults.push("it has its service account's token mounted".to_owned());
    }
    if at(of_pod, "/runAsNonRoot") != true || at(of_pod, "/runAsUser").as_u64().is_none_or(|user| user == 0) {
        faults.push("it may run as root".to_owned());
    }
    if text(of_pod, "/seccompProfile/type") != "RuntimeDefault" {
        faults.push("it has no seccomp profile".to_owned());
    }
    let kinds = items(&pods.spec, "/volumes").flat_map(|volume| crate::manifests::entries(volume, ""));
    if kinds.into_iter().any(|(kind, _)| kind != "name" && !VOLUMES.contains(&kind)) {
        faults.push("it has a volume of another kind".to_owned());
    }
    for container in containers(pods) {
        let context = at(container, "/securityContext");
        let name = text(container, "/name");
        if at(context, "/allowPrivilegeEscalation") != false || *at(context, "/capabilities/drop") != json!(["ALL"]) {
            faults.push(format!("{name} keeps privileges"));
        }
        if at(context, "/readOnlyRootFilesystem") != true {
            faults.push(format!("{name} can write to its image's file system"));
        }
        if at(context, "/runAsUser") == 0 || at(context, "/runAsNonRoot") == false {
            faults.push(format!("{name} runs as root"));
        }
    }
    faults
}

fn containers(pods: &Pods) -> impl Iterator<Item = &Value> {
    items(&pods.spec, "/containers").chain(items(&pods.spec, "/initContainers"))
}

fn contexts(pods: &Pods) -> impl Iterator<Item = &Value> {
    let own = at(&pods.spec, "/securityContext");
    containers(pods).map(|container| at(container, "/securityContext")).chain(std::iter::once(own))
}
