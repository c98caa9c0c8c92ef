//! The steps on programs that only write down how they were called: which there are, in which order, and that they may be
//! repeated.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cluster::Cluster;
use super::{deploy, up};
use crate::folder::Folder;

/// A folder with programs that write down their arguments, and fail when these have in them what `fails` says.
struct Stage {
    folder: tempfile::TempDir,
    _turn: MutexGuard<'static, ()>,
}

/// One test at a time: a program that is written while another test starts one cannot be started itself ("text file busy").
static TURN: Mutex<()> = Mutex::new(());

const PROGRAM: &str = r#"#!/bin/sh
line="${0##*/} $*"
echo "$line" >> "${0%/*}/log"
if [ -s "${0%/*}/fails" ]; then
    case "$line" in *"$(cat "${0%/*}/fails")"*)
        if [ -s "${0%/*}/words" ]; then cat "${0%/*}/words" >&2; else echo "it did not work" >&2; fi
        exit 1 ;;
    esac
fi
case "$line" in
    *containerRuntimeVersion*) echo containerd://2.1.0 ;;
    *"get deployment metrics-server"*) echo '["--cert-dir=/tmp","--metric-resolution=60s"]' ;;
    "minikube ip"*) echo 192.0.2.1 ;;
esac
"#;

impl Stage {
    fn set() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = tempfile::tempdir().unwrap();
        for name in ["minikube", "kubectl", "helm", "spin", "sh"] {
            let path = folder.path().join(name);
            // The script's own interpreter is not looked for on the PATH.
            std::fs::write(&path, PROGRAM).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { folder, _turn: turn }
    }

    fn cluster(&self) -> Cluster {
        let mut path = self.folder.path().as_os_str().to_owned();
        path.push(":/usr/bin:/bin");
        Cluster::new(Folder::find().unwrap(), "stage").with_path(path)
    }

    fn fails_at(&self, words: &str) {
        std::fs::write(self.folder.path().join("fails"), words).unwrap();
    }

    fn fails_saying(&self, at: &str, words: &str) {
        self.fails_at(at);
        std::fs::write(self.folder.path().join("words"), words).unwrap();
    }

    /// What was called since the last look.
    fn calls(&self) -> Vec<String> {
        let log: PathBuf = self.folder.path().join("log");
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        let _ = std::fs::remove_file(log);
        text.lines().map(str::to_owned).collect()
    }
}

fn place(calls: &[String], words: &str) -> usize {
    let found = calls.iter().position(|call| call.contains(words));
    found.unwrap_or_else(|| panic!("nobody called {words}:\n{}", calls.join("\n")))
}

#[test]
fn the_cluster_is_prepared_in_the_order_that_the_webhooks_need() {
    let stage = Stage::set();
    up::prepare(&stage.cluster(), &up::Arguments::default()).unwrap();
    let calls = stage.calls();
    let order = [
        "cert-manager.yaml",
        "k8s/cluster/shim.yaml",
        "spin-v2}=provisioned",
        "spin-operator.crds.yaml",
        "spin-operator --",
        "namespace.yaml",
        "executor.yaml",
    ];
    let places: Vec<_> = order.iter().map(|words| place(&calls, words)).collect();
    assert!(places.is_sorted(), "{calls:#?}");
    // The addon looks once a minute, which is slower than an autoscaler should be.
    let patch = &calls[place(&calls, "patch deployment metrics-server")];
    assert!(
        patch.contains(r#""path":"/spec/template/spec/containers/0/args/1","value":"--metric-resolution=15s""#),
        "{patch}"
    );
    // A node that runs is left as it is.
    assert!(!calls.iter().any(|call| call.contains("minikube start")), "{calls:#?}");
    up::prepare(&stage.cluster(), &up::Arguments::default()).unwrap();
    assert_eq!(stage.calls(), calls);
}

#[test]
fn a_node_is_made_when_there_is_none() {
    let stage = Stage::set();
    stage.fails_at("minikube status");
    up::prepare(&stage.cluster(), &up::Arguments::default()).unwrap();
    let calls = stage.calls();
    assert!(calls[place(&calls, "minikube start")].contains("--container-runtime=containerd"), "{calls:#?}");
}

#[test]
fn a_step_that_fails_says_which_why_and_what_to_do() {
    let stage = Stage::set();
    stage.fails_at("cert-manager.yaml");
    let error = format!("{:#}", up::prepare(&stage.cluster(), &up::Arguments::default()).unwrap_err());
    assert!(error.contains("cert-manager failed") && error.contains("it did not work"), "{error}");
    assert!(error.contains("try again"), "{error}");
    assert!(!stage.calls().iter().any(|call| call.contains("spin-operator")));
}

#[test]
fn what_is_refused_is_told_at_once_and_what_is_still_starting_is_tried_again() {
    const REFUSED: &str = "Error from server: admission webhook \"mspinapp.kb.io\" denied the request: no executor";
    const STARTING: &str = "failed calling webhook \"mspinapp.kb.io\": no endpoints available for service";
    for (words, tries) in [(REFUSED, 1), (STARTING, 4)] {
        let stage = Stage::set();
        stage.fails_saying("apply --kustomize", words);
        let cluster = stage.cluster().with_tries(4);
        let error = format!("{:#}", deploy::apply(&cluster, &deploy::Arguments::default(), "1").unwrap_err());
        assert!(error.contains(words), "{error}");
        assert_eq!(stage.calls().iter().filter(|call| call.contains("apply --kustomize")).count(), tries, "{words}");
    }
}

#[test]
fn manifests_are_applied_before_what_is_merged_into_their_deployments() {
    let stage = Stage::set();
    deploy::apply(&stage.cluster(), &deploy::Arguments::default(), "1").unwrap();
    let calls = stage.calls();
    let order = [
        "make-secrets.sh",
        "namespace.yaml",
        "create configmap migrations",
        "delete job migrations",
        "apply --kustomize",
        "wait --for=create deployment/docs-ms",
        "k8s/hardening",
        "rollout status deployment/users-ms",
    ];
    let places: Vec<_> = order.iter().map(|words| place(&calls, words)).collect();
    assert!(places.is_sorted(), "{calls:#?}");
    assert!(calls.iter().filter(|call| call.starts_with("kubectl")).all(|call| call.contains("--context stage")));
}

#[test]
fn a_tool_that_is_missing_is_named_with_its_source() {
    let stage = Stage::set();
    std::fs::remove_file(stage.folder.path().join("helm")).unwrap();
    let cluster = Cluster::new(Folder::find().unwrap(), "stage").with_path(stage.folder.path().into());
    let missing = cluster.missing_tools();
    assert!(matches!(&missing[..], [one] if one.contains("helm: 3, https://")), "{missing:?}");
}
