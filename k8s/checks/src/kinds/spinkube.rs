//! SpinKube's kinds, with all fields of spin-operator 0.6.1.

use k8s_openapi::api::core::v1::{EnvVarSource, LocalObjectReference, ResourceRequirements, Volume, VolumeMount};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SpinApp {
    image: String,
    executor: Option<String>,
    replicas: Option<u32>,
    enable_autoscaling: Option<bool>,
    image_pull_secrets: Option<Vec<LocalObjectReference>>,
    checks: Option<Checks>,
    variables: Option<Vec<Variable>>,
    resources: Option<ResourceRequirements>,
    invocation_limits: Option<BTreeMap<String, String>>,
    runtime_config: Option<RuntimeConfig>,
    volumes: Option<Vec<Volume>>,
    volume_mounts: Option<Vec<VolumeMount>>,
    service_annotations: Option<BTreeMap<String, String>>,
    deployment_annotations: Option<BTreeMap<String, String>>,
    pod_annotations: Option<BTreeMap<String, String>>,
    pod_labels: Option<BTreeMap<String, String>>,
    components: Option<Vec<String>>,
    service_account_name: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Variable {
    name: String,
    value: Option<String>,
    value_from: Option<EnvVarSource>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Checks {
    readiness: Option<Probe>,
    liveness: Option<Probe>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Probe {
    // Accepted without, and then the operator fails.
    http_get: HttpGet,
    initial_delay_seconds: Option<u32>,
    timeout_seconds: Option<u32>,
    period_seconds: Option<u32>,
    success_threshold: Option<u32>,
    failure_threshold: Option<u32>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct HttpGet {
    path: String,
    http_headers: Option<Vec<NameAndValue>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct NameAndValue {
    name: String,
    value: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct RuntimeConfig {
    load_from_secret: Option<String>,
    sqlite_databases: Option<Vec<Store>>,
    key_value_stores: Option<Vec<Store>>,
    llm_compute: Option<Store>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Store {
    name: String,
    r#type: String,
    options: Option<Vec<Variable>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct SpinAppExecutor {
    create_deployment: bool,
    deployment_config: Option<DeploymentConfig>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct DeploymentConfig {
    #[serde(rename = "runtimeClassName")]
    runtime_class_name: Option<String>,
    #[serde(rename = "spinImage")]
    spin_image: Option<String>,
    #[serde(rename = "caCertSecret")]
    ca_cert_secret: Option<String>,
    #[serde(rename = "installDefaultCACerts")]
    install_default_ca_certs: Option<bool>,
    otel: Option<Otel>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Otel {
    exporter_otlp_endpoint: Option<String>,
    exporter_otlp_traces_endpoint: Option<String>,
    exporter_otlp_metrics_endpoint: Option<String>,
    exporter_otlp_logs_endpoint: Option<String>,
}
