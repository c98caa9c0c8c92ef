//! What kubectl gives, read and changed.

use serde_json::{Value, json};

/// The label that spin-operator gives the pods of a SpinApp.
pub const APP_NAME: &str = "core.spinkube.dev/app-name";

/// A pod, as far as experiments care.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Whether it takes requests.
    pub is_ready: bool,
    /// How often its containers were started anew.
    pub restarts: u64,
}

/// The pods of a list that are to stay: one that is on its way out may be ready until its end.
#[must_use]
pub fn pods(list: &Value) -> Vec<Pod> {
    let one = |pod: &Value| {
        let statuses = pod["status"]["containerStatuses"].as_array();
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        Pod {
            name: pod["metadata"]["name"].as_str().unwrap_or_default().to_owned(),
            is_ready: conditions
                .into_iter()
                .any(|condition| condition["type"] == "Ready" && condition["status"] == "True"),
            restarts: statuses.into_iter().flatten().filter_map(|status| status["restartCount"].as_u64()).sum(),
        }
    };
    let is_to_stay = |pod: &&Value| pod["metadata"]["deletionTimestamp"].is_null();
    list["items"].as_array().into_iter().flatten().filter(is_to_stay).map(one).collect()
}

/// What an autoscaler says: pods that there are, pods that it wants, and the load in percent if it knows it.
#[must_use]
pub fn autoscaler(object: &Value) -> (u64, u64, Option<u64>) {
    let metrics = object["status"]["currentMetrics"].as_array().into_iter().flatten();
    let load = metrics.filter_map(|metric| metric["resource"]["current"]["averageUtilization"].as_u64()).next();
    let number = |field: &str| object["status"][field].as_u64().unwrap_or(0);
    (number("currentReplicas"), number("desiredReplicas"), load)
}

/// How few pods an autoscaler leaves.
#[must_use]
pub fn least_pods(autoscaler: &Value) -> u64 {
    // One is what Kubernetes takes for none said.
    autoscaler["spec"]["minReplicas"].as_u64().unwrap_or(1)
}

/// The variables of a SpinApp with another value for one of them.
#[must_use]
pub fn variables_with(app: &Value, name: &str, value: &str) -> Value {
    let mut variables = app["spec"]["variables"].clone();
    for variable in variables.as_array_mut().into_iter().flatten().filter(|variable| variable["name"] == name) {
        *variable = json!({ "name": name, "value": value });
    }
    variables
}

/// A second SpinApp like the first, under another name, with a fixed number of pods and these labels on them.
#[must_use]
pub fn twin(app: &Value, name: &str, replicas: u32, labels: &Value) -> Value {
    let mut spec = app["spec"].clone();
    if let Some(fields) = spec.as_object_mut() {
        fields.remove("enableAutoscaling");
        fields.insert("replicas".into(), json!(replicas));
        fields.insert("podLabels".into(), labels.clone());
    }
    json!({
        "apiVersion": app["apiVersion"],
        "kind": app["kind"],
        "metadata": { "name": name, "namespace": app["metadata"]["namespace"] },
        "spec": spec,
    })
}

/// For each policy that names a SpinApp, one that says the same of its twin.
#[must_use]
pub fn policies_for_twin(list: &Value, app: &str, twin: &str) -> Vec<Value> {
    let policies = list["items"].as_array().into_iter().flatten();
    let copies = policies.filter_map(|policy| {
        let mut spec = policy["spec"].clone();
        if !rename(&mut spec, app, twin) {
            return None;
        }
        let name = format!("{}-for-{twin}", policy["metadata"]["name"].as_str()?);
        let metadata =
            json!({ "name": name, "namespace": policy["metadata"]["namespace"], "labels": { "experiment": twin } });
        Some(json!({ "apiVersion": policy["apiVersion"], "kind": policy["kind"], "metadata": metadata, "spec": spec }))
    });
    copies.collect()
}

/// Puts one name in the place of another wherever it is a whole value; whether it was there.
fn rename(value: &mut Value, from: &str, to: &str) -> bool {
    match value {
        Value::String(text) if text == from => {
            to.clone_into(text);
            true
        }
        Value::Array(items) => {
            // All of them, not only up to the first.
            items.iter_mut().map(|item| rename(item, from, to)).filter(|found| *found).count() > 0
        }
        Value::Object(fields) => {
            fields.values_mut().map(|field| rename(field, from, to)).filter(|found| *found).count() > 0
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_are_read() {
        let list = json!({ "items": [
            { "metadata": { "name": "a" }, "status": {
                "conditions": [{ "type": "Ready", "status": "True" }], "containerStatuses": [{ "restartCount": 2 }] } },
            { "metadata": { "name": "b" }, "status": { "conditions": [{ "type": "Ready", "status": "False" }] } },
            { "metadata": { "name": "c", "deletionTimestamp": "2026-11-23T05:46:17Z" }, "status": {
                "conditions": [{ "type": "Ready", "status": "True" }] } },
        ]});
        let expected = [
            Pod { name: "a".into(), is_ready: true, restarts: 2 },
            Pod { name: "b".into(), is_ready: false, restarts: 0 },
        ];
        assert_eq!(pods(&list), expected);
        assert_eq!(pods(&json!({})), []);
    }

    #[test]
    fn an_autoscaler_without_metrics_says_so() {
        let known = json!({ "status": { "currentReplicas": 2, "desiredReplicas": 4, "currentMetrics": [
            { "type": "Resource", "resource": { "name": "cpu", "current": { "averageUtilization": 120 } } }] } });
        assert_eq!(autoscaler(&known), (2, 4, Some(120)));
        assert_eq!(autoscaler(&json!({ "status": { "currentReplicas": 2 } })), (2, 0, None));
        assert_eq!((least_pods(&json!({ "spec": { "minReplicas": 2 } })), least_pods(&known)), (2, 1));
    }

    #[test]
    fn a_twin_has_all_but_name_number_and_labels() {
        let app = json!({ "apiVersion": "v", "kind": "SpinApp", "metadata": { "name": "users-ms", "namespace": "n", "uid": "x" },
            "spec": { "image": "i", "enableAutoscaling": true, "variables": [{ "name": "load_test", "valueFrom": {} }, { "name": "b", "value": "c" }] },
            "status": {} });
        let twin = twin(&app, "users-ms-green", 2, &json!({ "l": "m" }));
        assert_eq!(twin["metadata"], json!({ "name": "users-ms-green", "namespace": "n" }));
        assert_eq!(twin["spec"]["replicas"], 2);
        assert!(twin["spec"].get("enableAutoscaling").is_none() && twin.get("status").is_none());
        let variables = variables_with(&app, "load_test", "on");
        assert_eq!(variables, json!([{ "name": "load_test", "value": "on" }, { "name": "b", "value": "c" }]));
    }

    #[test]
    fn a_twin_may_do_what_the_first_may() {
        let policy = |name: &str, spec: Value| json!({ "apiVersion": "v", "kind": "NetworkPolicy", "metadata": { "name": name, "namespace": "n" }, "spec": spec });
        let list = json!({ "items": [
            policy("users-ms", json!({ "podSelector": { "matchLabels": { APP_NAME: "users-ms" } } })),
            policy("redis", json!({ "ingress": [{ "from": [{ "podSelector": { "matchExpressions": [{ "values": ["users-ms", "auth-ms"] }] } }] }] })),
            policy("wake-consumers", json!({ "podSelector": {} })),
        ]});
        let copies = policies_for_twin(&list, "users-ms", "users-ms-green");
        assert_eq!(copies.len(), 2);
        assert_eq!(copies[0]["spec"]["podSelector"]["matchLabels"][APP_NAME], "users-ms-green");
        assert_eq!(copies[1]["metadata"]["name"], "redis-for-users-ms-green");
    }
}
