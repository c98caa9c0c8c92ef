//! PostgreSQL takes as many connections as all pods of its clients may hold at once, one more pod of each during a rollout. With
//! a pooler, that one takes them, and PostgreSQL takes those of its pools.

use crate::app::App;
use crate::manifests::{Manifests, Object, items, text};

/// How many connections Spin keeps for one pod and one address at most.
const OF_A_POD: u64 = 64;
/// For the migrations, a backup, and somebody who looks; with those that PostgreSQL keeps for superusers.
const OF_OTHERS: u64 = 13;

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let pods: u64 =
        manifests.of_kind("SpinApp").filter(|app| has_database(app)).map(|app| most(manifests, app) + 1).sum();
    let mut faults = Vec::new();
    let mut wanted = pods * OF_A_POD + OF_OTHERS;
    let poolers = Pooler::all(manifests);
    for pooler in &poolers {
        // One pod of it may be away.
        let taken = pooler.clients * (pooler.pods - 1);
        if taken < pods * OF_A_POD {
            faults.push(format!(
                "{pods} pods may want {} connections of {}, which takes {taken}",
                pods * OF_A_POD,
                pooler.name
            ));
        }
    }
    // And one more is there during a rollout of its own. Those of the standbys go to servers with the same limit.
    if let Some(most) = poolers.iter().map(|pooler| pooler.pool * (pooler.pods + 1)).max() {
        wanted = most + OF_OTHERS;
    }
    match allowed(manifests) {
        None => faults.push("nothing says how many connections PostgreSQL takes (max_connections)".to_owned()),
        Some(allowed) if allowed < wanted => {
            faults.push(format!("{wanted} connections may be wanted, and PostgreSQL takes {allowed}"));
        }
        Some(_) => {}
    }
    faults
}

/// The component `pooler`, or that of CloudNativePG.
struct Pooler {
    name: String,
    pods: u64,
    /// Connections to PostgreSQL, of one pod.
    pool: u64,
    /// Connections of clients, of one pod.
    clients: u64,
}

impl Pooler {
    fn all(manifests: &Manifests) -> Vec<Self> {
        let by_operator = manifests.of_kind("Pooler").map(|pooler| {
            let parameters = pooler.at("/spec/pgbouncer/parameters");
            let number = |name: &str| text(parameters, &format!("/{name}")).parse().unwrap_or(0);
            let pods = pooler.at("/spec/instances").as_u64().unwrap_or(1);
            let (pool, clients) = (number("default_pool_size"), number("max_client_conn"));
            Self { name: pooler.id(), pods, pool, clients }
        });
        by_operator.chain(Self::of_component(manifests)).collect()
    }

    fn of_component(manifests: &Manifests) -> Option<Self> {
        let deployment = manifests.get("Deployment", "users-db-pooler")?;
        let is_its = |map: &&Object| map.name().starts_with("users-db-pooler");
        let config = manifests.of_kind("ConfigMap").find(is_its)?.text("/data/pgbouncer.ini").to_owned();
        let number = |name: &str| {
            let value = config.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix('='));
            value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
        };
        let pods = deployment.at("/spec/replicas").as_u64().unwrap_or(1);
        let (pool, clients) = (number("default_pool_size"), number("max_client_conn"));
        Some(Self { name: deployment.id(), pods, pool, clients })
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
