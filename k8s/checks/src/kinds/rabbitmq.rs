//! The kinds of RabbitMQ's two operators: the cluster's, and the topology's.

use k8s_openapi::api::core::v1::ResourceRequirements;
use serde::{Deserialize, Serialize};
use serde_json::Value;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct RabbitmqCluster {
    image: Option<String>,
    replicas: Option<u32>,
    resources: Option<ResourceRequirements>,
    persistence: Option<Persistence>,
    rabbitmq: Option<Configuration>,
    termination_grace_period_seconds: Option<u32>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Persistence {
    storage_class_name: Option<String>,
    storage: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Configuration {
    additional_plugins: Option<Vec<String>>,
    additional_config: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    name: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Exchange {
    name: String,
    r#type: String,
    durable: Option<bool>,
    auto_delete: Option<bool>,
    vhost: Option<String>,
    arguments: Option<Value>,
    rabbitmq_cluster_reference: Reference,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Queue {
    name: String,
    r#type: Option<String>,
    durable: Option<bool>,
    auto_delete: Option<bool>,
    vhost: Option<String>,
    arguments: Option<Value>,
    rabbitmq_cluster_reference: Reference,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Binding {
    source: String,
    destination: String,
    destination_type: String,
    routing_key: Option<String>,
    vhost: Option<String>,
    arguments: Option<Value>,
    rabbitmq_cluster_reference: Reference,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct User {
    tags: Option<Vec<String>>,
    import_credentials_secret: Option<Reference>,
    rabbitmq_cluster_reference: Reference,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Permission {
    vhost: String,
    user: Option<String>,
    user_reference: Option<Reference>,
    permissions: Permissions,
    rabbitmq_cluster_reference: Reference,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Permissions {
    configure: String,
    write: String,
    read: String,
}
