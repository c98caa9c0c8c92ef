//! The pods that the objects lead to, also those that an operator makes.

use crate::manifests::{Manifests, Object, at, entries, items, text};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The label that spin-operator gives the pods, the Deployment and the Service of a SpinApp.
pub const APP_NAME: &str = "core.spinkube.dev/app-name";

/// The pods of one object.
#[derive(Debug)]
pub struct Pods {
    /// The object, as `kind/name`.
    pub owner: String,
    /// Their labels.
    pub labels: BTreeMap<String, String>,
    /// Their specification, as far as it is known here.
    pub spec: Value,
    /// Their ports, with the names of those that have one.
    pub ports: Vec<(Option<String>, u16)>,
    /// Who makes them.
    pub maker: Maker,
}

/// Who makes a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Kubernetes itself, from a template of ours.
    Template,
    /// spin-operator.
    SpinOperator,
    /// Another operator, by rules of its own.
    OtherOperator,
}

impl Pods {
    /// Whether a label selector takes them.
    #[must_use]
    pub fn are_selected_by(&self, selector: &Value) -> bool {
        let all_labels = entries(selector, "/matchLabels")
            .all(|(key, value)| self.labels.get(key).map(String::as_str) == value.as_str());
        let all_expressions = items(selector, "/matchExpressions").all(|expression| {
            let label = self.labels.get(text(expression, "/key"));
            let is_listed = items(expression, "/values").any(|value| value.as_str() == label.map(String::as_str));
            match text(expression, "/operator") {
                "In" => label.is_some() && is_listed,
                "NotIn" => !is_listed,
                "Exists" => label.is_some(),
                "DoesNotExist" => label.is_none(),
                _ => false,
            }
        });
        all_labels && all_expressions
    }

    /// The number of the port that a number or a name stands for.
    #[must_use]
    pub fn port(&self, port: &Value) -> Option<u16> {
        let find = |(name, number): &(Option<String>, u16)| {
            let is_it =
                port.as_u64() == Some(u64::from(*number)) || (port.is_string() && port.as_str() == name.as_deref());
            is_it.then_some(*number)
        };
        self.ports.iter().find_map(find)
    }
}

/// All pods of an overlay.
#[must_use]
pub fn all(manifests: &Manifests) -> Vec<Pods> {
    manifests.objects.iter().filter_map(of).collect()
}

/// All Services of an overlay, also those that operators make of RabbitMQ and of poolers.
#[must_use]
pub fn services(manifests: &Manifests) -> Vec<Object> {
    let made = manifests.of_kind("RabbitmqCluster").map(|cluster| {
        let ports = [("amqp", 5672), ("mqtt", 1883), ("management", 15672)];
        Object(json!({
            "kind": "Service",
            "metadata": { "name": cluster.name() },
            "spec": {
                "type": "ClusterIP",
                "selector": { "app.kubernetes.io/name": cluster.name() },
                "ports": ports.map(|(name, port)| json!({ "name": name, "port": port })),
            },
        }))
    });
    let poolers = manifests.of_kind("Pooler").map(|pooler| {
        Object(json!({
            "kind": "Service",
            "metadata": { "name": pooler.name() },
            "spec": {
                "type": "ClusterIP",
                "selector": { "cnpg.io/poolerName": pooler.name() },
                "ports": [{ "name": "pgbouncer", "port": 5432 }],
            },
        }))
    });
    manifests.of_kind("Service").cloned().chain(made).chain(poolers).collect()
}

/// The pods that an object leads to, if it does.
#[must_use]
pub fn of(object: &Object) -> Option<Pods> {
    match object.kind() {
        "Deployment" | "Job" => Some(of_template(object, "/spec/template")),
        "CronJob" => Some(of_template(object, "/spec/jobTemplate/spec/template")),
        "SpinApp" => Some(of_spin_app(object)),
        // As far as clients see it, there is one: the primary.
        "Cluster" => Some(of_operator(
            object,
            &[("cnpg.io/cluster", object.name()), ("cnpg.io/instanceRole", "primary")],
            "/spec/inheritedMetadata",
            &[("postgresql", 5432), ("status", 8000)],
        )),
        "Pooler" => Some(of_operator(
            object,
            &[("cnpg.io/poolerName", object.name())],
            "/spec/template/metadata",
            &[("pgbouncer", 5432)],
        )),
        "RabbitmqCluster" => Some(of_operator(
            object,
            &[("app.kubernetes.io/name", object.name()), ("app.kubernetes.io/component", "rabbitmq")],
            "/metadata",
            &[("amqp", 5672), ("mqtt", 1883), ("management", 15672), ("epmd", 4369), ("clustering", 25672)],
        )),
        _ => None,
    }
}

fn of_template(object: &Object, pointer: &str) -> Pods {
    let template = object.at(pointer);
    let containers = items(template, "/spec/containers");
    let ports = containers.flat_map(|container| items(container, "/ports")).filter_map(|port| {
        let number = u16::try_from(at(port, "/containerPort").as_u64()?).ok()?;
        Some((at(port, "/name").as_str().map(str::to_owned), number))
    });
    Pods {
        owner: object.id(),
        labels: labels_of(at(template, "/metadata")),
        spec: at(template, "/spec").clone(),
        ports: ports.collect(),
        maker: Maker::Template,
    }
}

/// As spin-operator makes them (`internal/controller/spinapp_controller.go`).
fn of_spin_app(object: &Object) -> Pods {
    let name = object.name();
    let labels =
        [(APP_NAME.to_owned(), name.to_owned()), (format!("core.spinkube.dev/app.{name}.status"), "ready".into())];
    let spec = json!({
        "serviceAccountName": object.at("/spec/serviceAccountName"),
        "volumes": object.at("/spec/volumes"),
        "containers": [{
            "name": name,
            "image": object.at("/spec/image"),
            "env": object.at("/spec/variables"),
            "resources": object.at("/spec/resources"),
            "volumeMounts": object.at("/spec/volumeMounts"),
            "ports": [{ "name": "http-app", "containerPort": 80 }],
        }],
    });
    let mut labels = BTreeMap::from(labels);
    let own = entries(object.at("/spec"), "/podLabels");
    labels.extend(own.filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned()))));
    Pods { owner: object.id(), labels, spec, ports: vec![(Some("http-app".into()), 80)], maker: Maker::SpinOperator }
}

/// As another operator makes them: with labels of its own, with those that it takes over, and with these ports.
fn of_operator(object: &Object, labels: &[(&str, &str)], inherited: &str, ports: &[(&str, u16)]) -> Pods {
    let mut all = labels_of(object.at(inherited));
    all.extend(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    Pods {
        owner: object.id(),
        labels: all,
        spec: Value::Null,
        ports: ports.iter().map(|(name, number)| (Some((*name).to_owned()), *number)).collect(),
        maker: Maker::OtherOperator,
    }
}

fn labels_of(metadata: &Value) -> BTreeMap<String, String> {
    let labels = entries(metadata, "/labels");
    labels.filter_map(|(key, value)| Some((key.to_owned(), value.as_str()?.to_owned()))).collect()
}
