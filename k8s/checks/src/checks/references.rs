//! What is referred to is there: every key of a Secret or ConfigMap, volumes, claims, service accounts.

use crate::app::App;
use crate::manifests::{Manifests, Object, at, entries, items, text};
use crate::pods::{self, Maker};
use serde_json::Value;
use std::collections::BTreeSet;

/// Made by a command of the README, of `migrations/`.
const MADE_BY_HAND: &[(&str, &str)] = &[("ConfigMap", "migrations")];

/// A reference to a key, or to the whole of an object.
#[derive(Debug)]
struct Reference {
    kind: &'static str,
    name: String,
    key: Option<String>,
}

pub(super) fn check(manifests: &Manifests, _: &App) -> Vec<String> {
    let made = made(manifests);
    let mut faults = Vec::new();
    for object in &manifests.objects {
        let mut references = Vec::new();
        collect(&object.0, &mut references);
        references.extend(of_kind(object));
        for Reference { kind, name, key } in references {
            let is_there = MADE_BY_HAND.contains(&(kind, &name))
                || made.iter().any(|(made_kind, made_name, made_key)| {
                    *made_kind == kind && *made_name == name && key.as_ref().is_none_or(|key| made_key == key)
                });
            if !is_there {
                let key = key.map(|key| format!(" with the key {key}")).unwrap_or_default();
                faults.push(format!("{} refers to the {kind} {name}{key}, which nobody makes", object.id()));
            }
        }
    }
    for pods in pods::all(manifests).iter().filter(|pods| pods.maker != Maker::OtherOperator) {
        let account = text(&pods.spec, "/serviceAccountName");
        if manifests.get("ServiceAccount", account).is_none() {
            faults.push(format!("{} runs as the service account `{account}`, which is not there", pods.owner));
        }
        let volumes: BTreeSet<_> = items(&pods.spec, "/volumes").map(|volume| text(volume, "/name")).collect();
        let mounts = items(&pods.spec, "/containers").flat_map(|container| items(container, "/volumeMounts"));
        let missing = mounts.map(|mount| text(mount, "/name")).filter(|name| !volumes.contains(name));
        faults.extend(missing.map(|name| format!("{} mounts the volume {name}, which it has not", pods.owner)));
    }
    faults
}

/// All keys of Secrets and ConfigMaps; one that is empty stands for the whole.
fn made(manifests: &Manifests) -> Vec<(&str, String, String)> {
    let mut made = Vec::new();
    for object in &manifests.objects {
        let name = object.name().to_owned();
        match object.kind() {
            kind @ ("Secret" | "ConfigMap") => {
                made.push((kind, name.clone(), String::new()));
                for field in ["/data", "/stringData", "/binaryData"] {
                    made.extend(entries(&object.0, field).map(|(key, _)| (kind, name.clone(), key.to_owned())));
                }
            }
            "ExternalSecret" => {
                let name = object.text("/spec/target/name").to_owned();
                made.push(("Secret", name.clone(), String::new()));
                let template = entries(&object.0, "/spec/target/template/data").map(|(key, _)| key);
                // With a template, only what that says is made.
                let keys: Vec<_> = match object.at("/spec/target/template/data") {
                    Value::Null => items(&object.0, "/spec/data").map(|datum| text(datum, "/secretKey")).collect(),
                    _ => template.collect(),
                };
                made.extend(keys.into_iter().map(|key| ("Secret", name.clone(), key.to_owned())));
            }
            "PersistentVolumeClaim" => made.push(("PersistentVolumeClaim", name, String::new())),
            // By the RabbitMQ Cluster Operator.
            "RabbitmqCluster" => {
                let name = format!("{name}-default-user");
                made.extend(
                    ["", "username", "password", "host", "port", "connection_string"]
                        .map(|key| ("Secret", name.clone(), key.to_owned())),
                );
            }
            // By cert-manager.
            "Certificate" => {
                let name = object.text("/spec/secretName").to_owned();
                made.extend(["", "ca.crt", "tls.crt", "tls.key"].map(|key| ("Secret", name.clone(), key.to_owned())));
            }
            "Ingress" if !object.text("/metadata/annotations/cert-manager.io~1cluster-issuer").is_empty() => {
                made.extend(
                    items(&object.0, "/spec/tls")
                        .map(|tls| ("Secret", text(tls, "/secretName").to_owned(), String::new())),
                );
            }
            _ => {}
        }
    }
    made
}

/// References by the names of fields, wherever they are.
fn collect(value: &Value, references: &mut Vec<Reference>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        Value::Object(fields) => {
            for (field, value) in fields {
                let kind = match field.as_str() {
                    "secretKeyRef" | "secretRef" => "Secret",
                    "configMapKeyRef" | "configMapRef" | "configMap" => "ConfigMap",
                    "persistentVolumeClaim" => "PersistentVolumeClaim",
                    "secret" if value.is_object() => "Secret",
                    _ => {
                        collect(value, references);
                        continue;
                    }
                };
                let name = ["/name", "/secretName", "/claimName"].map(|pointer| text(value, pointer)).concat();
                let keys = items(value, "/items").map(|item| text(item, "/key").to_owned());
                let keys: Vec<_> = keys.chain(at(value, "/key").as_str().map(str::to_owned)).map(Some).collect();
                let keys = if keys.is_empty() { vec![None] } else { keys };
                if at(value, "/optional") != true {
                    references.extend(keys.into_iter().map(|key| Reference { kind, name: name.clone(), key }));
                }
            }
        }
        _ => {}
    }
}

/// References that are written otherwise.
fn of_kind(object: &Object) -> Vec<Reference> {
    let secret = |name: &str, key: Option<&str>| Reference {
        kind: "Secret",
        name: name.to_owned(),
        key: key.map(str::to_owned),
    };
    match object.kind() {
        "TriggerAuthentication" => items(&object.0, "/spec/secretTargetRef")
            .map(|target| secret(text(target, "/name"), Some(text(target, "/key"))))
            .collect(),
        "ScrapeConfig" => {
            let credentials = object.at("/spec/authorization/credentials");
            vec![secret(text(credentials, "/name"), Some(text(credentials, "/key")))]
        }
        "ObjectStore" => entries(&object.0, "/spec/configuration/s3Credentials")
            .map(|(_, reference)| secret(text(reference, "/name"), Some(text(reference, "/key"))))
            .collect(),
        "Cluster" => {
            let owner = object.text("/spec/bootstrap/initdb/secret/name");
            let roles = items(&object.0, "/spec/managed/roles").map(|role| text(role, "/passwordSecret/name"));
            let names = std::iter::once(owner).chain(roles);
            let passwords = names.flat_map(|name| [secret(name, Some("username")), secret(name, Some("password"))]);
            let certificate = [("/serverTLSSecret", "tls.crt"), ("/serverCASecret", "ca.crt")]
                .map(|(field, key)| (text(object.at("/spec/certificates"), field), key));
            let is_given = |(name, _): &(&str, &str)| !name.is_empty();
            passwords
                .chain(certificate.into_iter().filter(is_given).map(|(name, key)| secret(name, Some(key))))
                .collect()
        }
        "Issuer" if object.at("/spec/ca").is_object() => {
            vec![secret(object.text("/spec/ca/secretName"), Some("tls.key"))]
        }
        "User" => {
            let name = object.text("/spec/importCredentialsSecret/name");
            vec![secret(name, Some("username")), secret(name, Some("password"))]
        }
        "Ingress" => items(&object.0, "/spec/tls").map(|tls| secret(text(tls, "/secretName"), None)).collect(),
        _ => vec![],
    }
}
