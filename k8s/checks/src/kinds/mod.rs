//! The types of all objects. Those of Kubernetes itself are `k8s-openapi`'s; those of operators are here, with the fields
//! that are used, and refuse any other.

mod cert_manager;
mod cloud_native_pg;
mod external_secrets;
mod keda;
mod prometheus;
mod rabbitmq;
mod spinkube;

use k8s_openapi::api::{apps, autoscaling, batch, core, networking, policy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An object of an operator's.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Resource<S> {
    api_version: String,
    kind: String,
    metadata: ObjectMeta,
    spec: S,
}

/// What is wrong with an object by its type: unknown kinds and fields, values of the wrong shape, fields that are missing.
#[must_use]
pub fn faults(object: &Value) -> Vec<String> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    match (text("/apiVersion"), text("/kind")) {
        ("v1", "Namespace") => check::<core::v1::Namespace>(object),
        ("v1", "ServiceAccount") => check::<core::v1::ServiceAccount>(object),
        ("v1", "ConfigMap") => check::<core::v1::ConfigMap>(object),
        ("v1", "Secret") => check::<core::v1::Secret>(object),
        ("v1", "Service") => check::<core::v1::Service>(object),
        ("v1", "PersistentVolumeClaim") => check::<core::v1::PersistentVolumeClaim>(object),
        ("apps/v1", "Deployment") => check::<apps::v1::Deployment>(object),
        ("batch/v1", "Job") => check::<batch::v1::Job>(object),
        ("batch/v1", "CronJob") => check::<batch::v1::CronJob>(object),
        ("autoscaling/v2", "HorizontalPodAutoscaler") => check::<autoscaling::v2::HorizontalPodAutoscaler>(object),
        ("policy/v1", "PodDisruptionBudget") => check::<policy::v1::PodDisruptionBudget>(object),
        ("networking.k8s.io/v1", "NetworkPolicy") => check::<networking::v1::NetworkPolicy>(object),
        ("networking.k8s.io/v1", "Ingress") => check::<networking::v1::Ingress>(object),
        ("core.spinkube.dev/v1alpha1", "SpinApp") => check::<Resource<spinkube::SpinApp>>(object),
        ("core.spinkube.dev/v1alpha1", "SpinAppExecutor") => check::<Resource<spinkube::SpinAppExecutor>>(object),
        ("keda.sh/v1alpha1", "ScaledObject") => check::<Resource<keda::ScaledObject>>(object),
        ("keda.sh/v1alpha1", "TriggerAuthentication") => check::<Resource<keda::TriggerAuthentication>>(object),
        ("monitoring.coreos.com/v1alpha1", "ScrapeConfig") => check::<Resource<prometheus::ScrapeConfig>>(object),
        ("monitoring.coreos.com/v1", "PrometheusRule") => check::<Resource<prometheus::PrometheusRule>>(object),
        ("rabbitmq.com/v1beta1", "RabbitmqCluster") => check::<Resource<rabbitmq::RabbitmqCluster>>(object),
        ("rabbitmq.com/v1beta1", "Exchange") => check::<Resource<rabbitmq::Exchange>>(object),
        ("rabbitmq.com/v1beta1", "Queue") => check::<Resource<rabbitmq::Queue>>(object),
        ("rabbitmq.com/v1beta1", "Binding") => check::<Resource<rabbitmq::Binding>>(object),
        ("rabbitmq.com/v1beta1", "User") => check::<Resource<rabbitmq::User>>(object),
        ("rabbitmq.com/v1beta1", "Permission") => check::<Resource<rabbitmq::Permission>>(object),
        ("postgresql.cnpg.io/v1", "Cluster") => check::<Resource<cloud_native_pg::Cluster>>(object),
        ("postgresql.cnpg.io/v1", "Pooler") => check::<Resource<cloud_native_pg::Pooler>>(object),
        ("postgresql.cnpg.io/v1", "ScheduledBackup") => check::<Resource<cloud_native_pg::ScheduledBackup>>(object),
        ("barmancloud.cnpg.io/v1", "ObjectStore") => check::<Resource<cloud_native_pg::ObjectStore>>(object),
        ("external-secrets.io/v1", "ExternalSecret") => check::<Resource<external_secrets::ExternalSecret>>(object),
        ("cert-manager.io/v1", "Issuer") => check::<Resource<cert_manager::Issuer>>(object),
        ("cert-manager.io/v1", "Certificate") => check::<Resource<cert_manager::Certificate>>(object),
        (version, kind) => vec![format!("{version} {kind} is no kind that these checks know")],
    }
}

/// Reads the value as a `T` and writes it out again: what a `T` has no place for is lost on the way.
fn check<T: DeserializeOwned + Serialize>(object: &Value) -> Vec<String> {
    // By its text, so that a failure can say where it is.
    let typed: T = match serde_json::from_str(&object.to_string()) {
        Ok(typed) => typed,
        Err(error) => return vec![error.to_string()],
    };
    match serde_json::to_value(&typed) {
        Ok(again) => lost(object, &again, ""),
        Err(error) => vec![error.to_string()],
    }
}

/// The pointers to what is in `before` and not, or otherwise, in `after`.
fn lost(before: &Value, after: &Value, pointer: &str) -> Vec<String> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let one = |(key, value): (&String, &Value)| match after.get(key) {
                Some(after) => lost(value, after, &format!("{pointer}/{key}")),
                None => vec![format!("{pointer}/{key} is no field")],
            };
            before.iter().flat_map(one).collect()
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            let pairs = before.iter().zip(after).enumerate();
            pairs.flat_map(|(place, (before, after))| lost(before, after, &format!("{pointer}/{place}"))).collect()
        }
        _ if before == after => vec![],
        _ => vec![format!("{pointer} is read as {after}")],
    }
}
