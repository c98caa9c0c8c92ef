//! `minikube up`: what has to be in the cluster before Concierge. The order matters: the operator's webhooks need
//! cert-manager, executors go through the webhooks, and a SpinApp is refused while its executor is not there.

use anyhow::{Result, bail};

use super::cluster::Cluster;

const CERT_MANAGER: &str = "https://github.com/cert-manager/cert-manager/releases/download/v1.20.0/cert-manager.yaml";
const RUNTIME_CLASS_MANAGER: (&str, &str) = ("0.2.0", "oci://ghcr.io/spinframework/charts/runtime-class-manager");
const OPERATOR: (&str, &str) = ("0.6.1", "oci://ghcr.io/spinframework/charts/spin-operator");
/// The operator's own limit of 128 MiB is too little for it (spin-operator's issue 496).
const OPERATOR_MEMORY: [&str; 4] = [
    "--set",
    "controllerManager.manager.resources.limits.memory=512Mi",
    "--set",
    "controllerManager.manager.resources.requests.memory=128Mi",
];
const OPERATOR_KINDS: &str =
    "https://github.com/spinframework/spin-operator/releases/download/v0.6.1/spin-operator.crds.yaml";

/// What the manifests were written to.
const KUBERNETES: &str = "--kubernetes-version=v1.36.0";

const NETWORK: &str = "It loads from the network: try again when that is there. `kubectl get events --all-namespaces` says \
                       what the cluster is waiting for.";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Cores of the node, if it is made now.
    #[arg(long, default_value_t = 4)]
    cpus: u32,
    /// Memory of the node, if it is made now.
    #[arg(long, default_value = "6g")]
    memory: String,
}

impl Default for Arguments {
    fn default() -> Self {
        Self { cpus: 4, memory: "6g".to_owned() }
    }
}

pub(crate) fn prepare(cluster: &Cluster, arguments: &Arguments) -> Result<()> {
    let advice = "`minikube logs` says more. A node that was made with another runtime has to be made anew: `cargo xtask \
                  minikube down --delete` removes it with all that is on it.";
    cluster.step("the node", advice, || {
        if cluster.minikube(&["status"]).is_err() {
            let (cpus, memory) = (format!("--cpus={}", arguments.cpus), format!("--memory={}", arguments.memory));
            let kind = ["--container-runtime=containerd", "--cni=calico", KUBERNETES];
            cluster.minikube(&[&["start"], &kind[..], &[&cpus, &memory]].concat())?;
        }
        let field = "jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}";
        let runtime = cluster.kubectl(&["get", "nodes", "--output", field])?;
        if !runtime.trim().starts_with("containerd://") {
            bail!("the node's container runtime is {runtime}, and SpinKube works with containerd alone");
        }
        Ok(())
    })?;
    cluster.step("metrics, for the autoscalers, and a registry", NETWORK, || {
        cluster.minikube(&["addons", "enable", "metrics-server"])?;
        measure_often(cluster)?;
        cluster.minikube(&["addons", "enable", "registry"])?;
        // There are no pods to wait for in the first moments.
        let wait = ["wait", "--namespace", "kube-system", "--for=condition=Ready", "pod", "--timeout=120s"];
        let registry = ["--selector", "kubernetes.io/minikube-addons=registry"];
        cluster.insist(|| cluster.kubectl(&[&wait[..], &registry[..]].concat()).map(drop))
    })?;
    cluster.step("cert-manager", NETWORK, || {
        cluster.kubectl(&["apply", "--filename", CERT_MANAGER])?;
        let wait = ["wait", "--namespace", "cert-manager", "--for=condition=Available", "deployment", "--all"];
        cluster.kubectl(&[&wait[..], &["--timeout=300s"]].concat()).map(drop)
    })?;
    let advice = "`kubectl get jobs --namespace runtime-class-manager` says how far the download to the node is, and \
                  `kubectl logs` of its pod why it failed.";
    cluster.step("the shim for Spin", advice, || {
        install(cluster, "runtime-class-manager", RUNTIME_CLASS_MANAGER, &[])?;
        cluster.kubectl(&["apply", "--filename", "k8s/cluster/shim.yaml"])?;
        cluster.kubectl(&["label", "node", "--all", "--overwrite", "spin=true"])?;
        // The RuntimeClass is there before the shim is; the label comes when containerd knows it.
        let provisioned = "--for=jsonpath={.metadata.labels.spin-v2}=provisioned";
        cluster.kubectl(&["wait", "node", "--all", provisioned, "--timeout=600s"])?;
        let wait = ["wait", "--for=create", "runtimeclass/wasmtime-spin-v2", "--timeout=300s"];
        cluster.kubectl(&wait).map(drop)
    })?;
    cluster.step("the operator", NETWORK, || {
        cluster.kubectl(&["apply", "--server-side", "--filename", OPERATOR_KINDS])?;
        install(cluster, "spin-operator", OPERATOR, &OPERATOR_MEMORY)
    })?;
    let advice =
        "It goes through the operator's webhook: `kubectl get pods --namespace spin-operator` says whether that runs.";
    cluster.step("the namespace and its executor", advice, || {
        cluster.kubectl(&["apply", "--filename", "k8s/base/namespace.yaml"])?;
        // Right after the installation there are no endpoints for the webhook's service.
        cluster.insist(|| cluster.kubectl(&["apply", "--filename", "k8s/base/executor.yaml"]).map(drop))
    })
}

/// Has metrics-server look every 15 seconds, as it does by default. minikube's addon has it look once a minute, and an
/// autoscaler acts on nothing that was not measured.
fn measure_often(cluster: &Cluster) -> Result<()> {
    const OPTION: &str = "--metric-resolution=";
    let server = ["deployment", "metrics-server", "--namespace", "kube-system"];
    let place = "--output=jsonpath={.spec.template.spec.containers[0].args}";
    let text = cluster.kubectl(&[&["get"], &server[..], &[place]].concat())?;
    let options: Vec<String> = serde_json::from_str(&text).unwrap_or_default();
    let seldom = options.iter().position(|option| option.starts_with(OPTION) && option != &format!("{OPTION}15s"));
    let Some(n) = seldom else { return Ok(()) };
    let patch = serde_json::json!([
        { "op": "replace", "path": format!("/spec/template/spec/containers/0/args/{n}"), "value": format!("{OPTION}15s") }
    ]);
    cluster.kubectl(&[&["patch"], &server[..], &["--type=json", "--patch", &patch.to_string()]].concat()).map(drop)
}

/// Installs a chart, or brings it to its version.
fn install(cluster: &Cluster, name: &str, (version, chart): (&str, &str), values: &[&str]) -> Result<()> {
    let place = ["--namespace", name, "--create-namespace", "--version", version, "--wait"];
    cluster.helm(&[&["upgrade", "--install", name, chart], &place[..], values].concat()).map(drop)
}
