//! The network policies allow exactly the edges that there have to be: `allowed_outbound_hosts`, the Services that other
//! pods name in their settings, DNS, and the ways in and out that are listed here. Everything is denied otherwise.

use crate::app::App;
use crate::manifests::{Manifests, Object, at, entries, items, text};
use crate::pods::{self, Maker, Pods};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Who may talk to whom, and on which port.
type Edges = BTreeSet<(String, String, String)>;

const ANYBODY: &str = "anybody";

/// Edges to and from what is not ours, with the kind of object that they come with, or kind and name.
const OUTSIDE: &[(&str, &str, &str, &str)] = &[
    // KEDA asks how long the queues are, and how many wait for a hashing permit.
    ("ScaledObject/notification-ms", "namespace keda", "Deployment/redis", "6379"),
    ("ScaledObject/auth-ms", "namespace keda", "SpinApp/users-ms", "80"),
    // Prometheus asks the services.
    ("PrometheusRule", "namespace monitoring", "SpinApp/users-ms", "80"),
    ("PrometheusRule", "namespace monitoring", "SpinApp/auth-ms", "80"),
    ("PrometheusRule", "namespace monitoring", "SpinApp/notification-ms", "80"),
    // The collector hands traces on.
    ("Deployment/otel-collector", "Deployment/otel-collector", "namespace monitoring", "4318"),
    // The ingress controller.
    ("Ingress", "namespace traefik", "Deployment/gateway", "4000"),
    // The operator asks each instance how it is, and instances follow each other; they tell the API server what they are,
    // and archive to the object store.
    ("Cluster", "namespace cnpg-system", "Cluster/users-db", "8000"),
    ("Cluster", "namespace cnpg-system", "Cluster/users-db", "5432"),
    ("Cluster", "Cluster/users-db", "Cluster/users-db", "5432"),
    ("Cluster", "Cluster/users-db", "Cluster/users-db", "8000"),
    ("Cluster", "Cluster/users-db", "addresses", "443"),
    ("Cluster", "Cluster/users-db", "addresses", "6443"),
    // A pooler goes to the primary or to the standbys, and gets its configuration from the API server.
    ("Pooler", "Pooler/users-db-pooler", "Cluster/users-db", "5432"),
    ("Pooler", "Pooler/users-db-pooler", "addresses", "443"),
    ("Pooler", "Pooler/users-db-pooler", "addresses", "6443"),
    ("Pooler/users-db-pooler-ro", "Pooler/users-db-pooler-ro", "Cluster/users-db", "5432"),
    ("Pooler/users-db-pooler-ro", "Pooler/users-db-pooler-ro", "addresses", "443"),
    ("Pooler/users-db-pooler-ro", "Pooler/users-db-pooler-ro", "addresses", "6443"),
    // Nodes of the broker find each other, and ask the API server who they are; the operator of the topology declares.
    ("RabbitmqCluster", "RabbitmqCluster/rabbitmq", "RabbitmqCluster/rabbitmq", "4369"),
    ("RabbitmqCluster", "RabbitmqCluster/rabbitmq", "RabbitmqCluster/rabbitmq", "25672"),
    ("RabbitmqCluster", "RabbitmqCluster/rabbitmq", "addresses", "443"),
    ("RabbitmqCluster", "RabbitmqCluster/rabbitmq", "addresses", "6443"),
    ("RabbitmqCluster", "namespace rabbitmq-system", "RabbitmqCluster/rabbitmq", "15672"),
];

pub(super) fn check(manifests: &Manifests, app: &App) -> Vec<String> {
    let pods = pods::all(manifests);
    let mut faults = unrestricted(manifests, &pods);
    let (out, into) = (allowed(manifests, &pods, Direction::Egress), allowed(manifests, &pods, Direction::Ingress));
    let is_inside = |name: &String| pods.iter().any(|pods| pods.owner == *name);
    let both = |(from, to, _): &&(String, String, String)| is_inside(from) && is_inside(to);
    let mut edges: Edges = out.intersection(&into).cloned().collect();
    edges.extend(out.iter().chain(&into).filter(|edge| !both(edge)).cloned());
    let expected = expected(manifests, app, &pods);
    let shown = |(from, to, port): &(String, String, String)| format!("{from} to {to} on {port}");
    faults.extend(expected.difference(&edges).map(|edge| format!("not allowed, and needed: {}", shown(edge))));
    faults.extend(edges.difference(&expected).map(|edge| format!("allowed, and not needed: {}", shown(edge))));
    // Half an edge is a leftover. Who lets anybody in lets all of our pods in too, and that is another matter.
    let is_open =
        |(_, to, port): &&(String, String, String)| into.contains(&(ANYBODY.into(), to.clone(), port.clone()));
    let halves = out.symmetric_difference(&into).filter(both).filter(|edge| !is_open(edge));
    faults.extend(halves.map(|edge| format!("allowed at one end alone: {}", shown(edge))));
    faults
}

/// Pods that no policy restricts.
fn unrestricted(manifests: &Manifests, pods: &[Pods]) -> Vec<String> {
    let denies = |policy: &&Object| {
        *policy.at("/spec/podSelector") == json!({})
            && *policy.at("/spec/policyTypes") == json!(["Ingress", "Egress"])
            && items(&policy.0, "/spec/ingress").chain(items(&policy.0, "/spec/egress")).count() == 0
    };
    if manifests.of_kind("NetworkPolicy").any(|policy| denies(&policy)) {
        return vec![];
    }
    pods.iter().map(|pods| format!("{} is not kept from anything by default", pods.owner)).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

/// All that the policies of one direction allow.
fn allowed(manifests: &Manifests, pods: &[Pods], direction: Direction) -> Edges {
    let (name, rules, peers) = match direction {
        Direction::Ingress => ("Ingress", "/spec/ingress", "/from"),
        Direction::Egress => ("Egress", "/spec/egress", "/to"),
    };
    let mut edges = Edges::new();
    for policy in manifests.of_kind("NetworkPolicy") {
        if !items(&policy.0, "/spec/policyTypes").any(|kind| kind == name) {
            continue;
        }
        let subjects = pods.iter().filter(|pods| pods.are_selected_by(policy.at("/spec/podSelector")));
        for subject in subjects {
            for rule in items(&policy.0, rules) {
                for peer in peers_of(rule, peers, pods) {
                    let other = pods.iter().find(|pods| pods.owner == peer);
                    let target = if direction == Direction::Ingress { Some(subject) } else { other };
                    for port in ports_of(rule, target) {
                        edges.insert(match direction {
                            Direction::Ingress => (peer.clone(), subject.owner.clone(), port),
                            Direction::Egress => (subject.owner.clone(), peer.clone(), port),
                        });
                    }
                }
            }
        }
    }
    edges
}

/// Whom a rule is about: our pods by the names of their objects, others by a description.
fn peers_of(rule: &Value, field: &str, pods: &[Pods]) -> BTreeSet<String> {
    let every = || pods.iter().map(|pods| pods.owner.clone());
    if at(rule, field).is_null() {
        return every().chain([ANYBODY.to_owned()]).collect();
    }
    let mut peers = BTreeSet::new();
    for peer in items(rule, field) {
        let namespaces = at(peer, "/namespaceSelector");
        if at(peer, "/ipBlock").is_object() {
            peers.insert("addresses".to_owned());
        } else if namespaces.is_null() {
            let selected = pods.iter().filter(|pods| pods.are_selected_by(at(peer, "/podSelector")));
            peers.extend(selected.map(|pods| pods.owner.clone()));
        } else if *namespaces == json!({}) {
            peers.extend(every());
            peers.insert("any namespace".to_owned());
        } else {
            let name = text(namespaces, "/matchLabels/kubernetes.io~1metadata.name");
            peers.insert(format!("namespace {name}"));
        }
    }
    peers
}

/// The ports of a rule; all that the target has if it names none.
fn ports_of(rule: &Value, target: Option<&Pods>) -> Vec<String> {
    if at(rule, "/ports").is_null() {
        return target.map_or_else(
            || vec!["any".into()],
            |target| target.ports.iter().map(|(_, port)| port.to_string()).collect(),
        );
    }
    let one = |port: &Value| {
        let number = match target {
            Some(target) => target.port(at(port, "/port")).map(|number| number.to_string()),
            None => None,
        };
        let number = number.unwrap_or_else(|| at(port, "/port").to_string());
        match text(port, "/protocol") {
            "TCP" | "" => number,
            other => format!("{number} {other}"),
        }
    };
    items(rule, "/ports").map(one).collect()
}

/// What has to be allowed.
fn expected(manifests: &Manifests, app: &App, pods: &[Pods]) -> Edges {
    let mut edges = Edges::new();
    for pods in pods {
        for port in ["53", "53 UDP"] {
            edges.insert((pods.owner.clone(), "namespace kube-system".into(), port.into()));
        }
    }
    for spin_app in manifests.of_kind("SpinApp") {
        edges.extend(reach_of(spin_app, manifests, app, pods));
        edges.extend(reach_of_runtime(spin_app, manifests, app, pods));
    }
    for from in pods.iter().filter(|pods| pods.maker == Maker::Template) {
        edges.extend(named_services(from, manifests, pods));
    }
    // Who has a port on the nodes is reached from anywhere, by our own pods too if they like.
    for service in manifests.of_kind("Service").filter(|service| service.text("/spec/type") != "ClusterIP") {
        edges.extend(targets(service, pods).into_iter().map(|(to, port)| (ANYBODY.to_owned(), to, port)));
    }
    let outside = OUTSIDE.iter().filter(|(with, ..)| match with.split_once('/') {
        Some((kind, name)) => manifests.get(kind, name).is_some(),
        None => manifests.of_kind(with).next().is_some(),
    });
    edges.extend(outside.map(|(_, from, to, port)| ((*from).to_owned(), (*to).to_owned(), (*port).to_owned())));
    edges
}

/// `allowed_outbound_hosts` of what a SpinApp runs, with its variables filled in.
fn reach_of(spin_app: &Object, manifests: &Manifests, app: &App, pods: &[Pods]) -> Edges {
    let given = spin_app.values(manifests);
    let components = items(&spin_app.0, "/spec/components").filter_map(|name| app.components.get(name.as_str()?));
    let mut edges = Edges::new();
    for template in components.flat_map(|component| &component.hosts) {
        if !is_posted_to(template, app, &given) {
            continue;
        }
        let Some((host, port)) = address(&app.filled_in(template, &given)) else { continue };
        let services = pods::services(manifests);
        let service = services.iter().find(|service| service.name() == host);
        let found = service.map(|service| targets_on(service, pods, port));
        // What is no Service of ours is somewhere outside.
        let reached = found.unwrap_or_else(|| vec![("addresses".to_owned(), port.to_string())]);
        edges.extend(reached.into_iter().map(|(to, port)| (spin_app.id(), to, port)));
    }
    edges
}

/// Whether a host is reached with these settings. Nothing is posted to the APIs of mail and SMS unless the sender is the one
/// that does, and SMS may go by the mail API or not at all. Without webhooks, their hosts are nowhere, and so are experiments without
/// what starts them. Breached passwords are looked up if they are to be refused.
fn is_posted_to(template: &str, app: &App, given: &BTreeMap<String, String>) -> bool {
    let has_sms_api = !matches!(app.filled_in("{{ sms_api }}", given).as_str(), "mail" | "off");
    if app.filled_in(template, given).contains("none.invalid") {
        return false;
    }
    if template.contains("breached_passwords_url") {
        return app.filled_in("{{ breached_passwords }}", given) == "refuse";
    }
    let is_api = template.contains("mail_api_url") || template.contains("sms_api_url");
    let is_posting = app.filled_in("{{ notification_sender }}", given) == "http";
    !is_api || is_posting && (has_sms_api || !template.contains("sms_api_url"))
}

/// What the runtime of a SpinApp reaches: the broker that its trigger listens to, the collector of its traces, and the
/// registry, where Spin in a container gets the artifact itself. The Redis of the wake-ups is in `allowed_outbound_hosts` anyway.
fn reach_of_runtime(spin_app: &Object, manifests: &Manifests, app: &App, pods: &[Pods]) -> Edges {
    let mut edges = Edges::new();
    let mut components = items(&spin_app.0, "/spec/components").filter_map(|name| app.components.get(name.as_str()?));
    if components.any(|component| component.triggers.contains("amqp")) {
        let brokers = manifests.of_kind("RabbitmqCluster");
        edges.extend(brokers.map(|broker| (spin_app.id(), broker.id(), "5672".to_owned())));
    }
    let executor = manifests.get("SpinAppExecutor", spin_app.text("/spec/executor"));
    if executor.is_some_and(|executor| executor.at("/spec/deploymentConfig/spinImage").is_string()) {
        edges.insert((spin_app.id(), "addresses".into(), "443".into()));
    }
    let endpoints = executor.into_iter().flat_map(|executor| entries(&executor.0, "/spec/deploymentConfig/otel"));
    for (host, port) in endpoints.filter_map(|(_, endpoint)| address(endpoint.as_str()?)) {
        let services = pods::services(manifests);
        let service = services.iter().find(|service| host.split('.').next() == Some(service.name()));
        let reached = service.map(|service| targets_on(service, pods, port));
        let reached = reached.unwrap_or_else(|| vec![("addresses".to_owned(), port.to_string())]);
        edges.extend(reached.into_iter().map(|(to, port)| (spin_app.id(), to, port)));
    }
    edges
}

/// Host and port of an address; none for what is in the same process or listens in the same pod.
fn address(url: &str) -> Option<(String, u64)> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, port.parse().ok()));
    let usual = match scheme {
        "postgres" => 5432,
        "redis" | "rediss" => 6379,
        "mqtt" => 1883,
        "mqtts" => 8883,
        "https" => 443,
        _ => 80,
    };
    (name != "self" && !name.ends_with(".spin.internal")).then(|| (name.to_owned(), port.unwrap_or(usual)))
}

/// The Services that pods name in their environment, or in the files that they are given.
fn named_services(from: &Pods, manifests: &Manifests, pods: &[Pods]) -> Edges {
    let containers = || items(&from.spec, "/containers");
    let mut texts: Vec<&str> =
        containers().flat_map(|container| items(container, "/env")).map(|variable| text(variable, "/value")).collect();
    for volume in items(&from.spec, "/volumes") {
        let map = manifests.get("ConfigMap", text(volume, "/configMap/name"));
        texts.extend(map.into_iter().flat_map(|map| entries(&map.0, "/data")).filter_map(|(_, file)| file.as_str()));
    }
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let names =
        |service: &&Object| texts.iter().any(|text| text.split(|c| !is_part(c)).any(|word| word == service.name()));
    let services = manifests.of_kind("Service").filter(names);
    services.flat_map(|service| targets(service, pods)).map(|(to, port)| (from.owner.clone(), to, port)).collect()
}

/// The pods behind a Service, with their ports.
fn targets(service: &Object, pods: &[Pods]) -> Vec<(String, String)> {
    let ports = items(&service.0, "/spec/ports").filter_map(|port| at(port, "/port").as_u64());
    ports.flat_map(|port| targets_on(service, pods, port)).collect()
}

/// The pods behind one port of a Service.
fn targets_on(service: &Object, pods: &[Pods], port: u64) -> Vec<(String, String)> {
    let selector = json!({ "matchLabels": service.at("/spec/selector") });
    let Some(entry) = items(&service.0, "/spec/ports").find(|entry| at(entry, "/port").as_u64() == Some(port)) else {
        return vec![(format!("{}, which has no port", service.id()), port.to_string())];
    };
    let target = if at(entry, "/targetPort").is_null() { at(entry, "/port") } else { at(entry, "/targetPort") };
    let selected = pods.iter().filter(|pods| pods.are_selected_by(&selector));
    selected.filter_map(|pods| Some((pods.owner.clone(), pods.port(target)?.to_string()))).collect()
}
