//! PostgreSQL takes as many connections as all pods of its clients may hold at once, one more pod of each during a rollout.

use crate::app::App;
use crate::manifests::{Manifests, Object, items, text};

/// How many connections Spin keeps for one pod and one address at most.
const OF_A_POD: u64 = 64;
/// For the migrations, a backup, and somebody who looks; with those that PostgreSQL keeps for superusers.
const OF_OTHERS: u64 = 13;

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let pods: u64 =
        manifests.of_kind("SpinApp").filter(|app| has_database(app)).map(|app| most(manifests, app) + 1).sum();
    let wanted = pods * OF_A_POD + OF_OTHERS;
    match allowed(manifests) {
        None => vec!["nothing says how many connections PostgreSQL takes (max_connections)".to_owned()],
        Some(allowed) if allowed < wanted => {
            vec![format!(
                "{pods} pods, those of a rollout included, may want {wanted} connections; PostgreSQL takes {allowed}"
            )]
        }
        Some(_) => Vec::new(),
    }
}

/// Whether it has the address of the database. Others get a placeholder for it.
fn has_database(app: &Object) -> bool {
    items(&app.0, "/spec/variables")
        .any(|variable| text(variable, "/name") == "db_host" && !text(variable, "/value").starts_with("not-for-"))
}

/// How many pods it may have.
fn most(manifests: &Manifests, app: &Object) -> u64 {
    let is_of_it = |scaler: &&Object| scaler.text("/spec/scaleTargetRef/name") == app.name();
    let by_hpa = manifests.of_kind("HorizontalPodAutoscaler").find(is_of_it).map(|found| found.at("/spec/maxReplicas"));
    let by_keda = manifests.of_kind("ScaledObject").find(is_of_it).map(|found| found.at("/spec/maxReplicaCount"));
    by_hpa.or(by_keda).unwrap_or_else(|| app.at("/spec/replicas")).as_u64().unwrap_or(1)
}

/// How many connections PostgreSQL takes: a cluster's parameter, or an argument of its container.
fn allowed(manifests: &Manifests) -> Option<u64> {
    let cluster = manifests
        .of_kind("Cluster")
        .find_map(|cluster| cluster.at("/spec/postgresql/parameters/max_connections").as_str()?.parse().ok());
    cluster.or_else(|| {
        let containers = ["Deployment", "StatefulSet"].into_iter().flat_map(|kind| manifests.of_kind(kind));
        let mut arguments = containers
            .flat_map(|object| items(&object.0, "/spec/template/spec/containers"))
            .flat_map(|container| items(container, "/args"));
        arguments.find_map(|argument| argument.as_str()?.strip_prefix("max_connections=")?.parse().ok())
    })
}
