//! An overlay that faces the internet, which is one with an Ingress, encrypts what services say to their servers and
//! verifies whom they talk to: PostgreSQL, Redis and RabbitMQ, from the services and from Jobs.

use super::manifest_of;
use crate::app::App;
use crate::manifests::{Manifests, Object, entries, items, text};
use crate::pods::{self, Maker};
use serde_json::Value;

/// The settings that decide about it, with the only value that encrypts and verifies. Spin's driver for PostgreSQL has no
/// `verify-full`; with `require` it verifies authority and name.
const SETTINGS: &[(&str, &str)] = &[("db_sslmode", "require"), ("redis_scheme", "rediss"), ("mqtt_scheme", "mqtts")];

/// Addresses without encryption, in what a Secret is made of.
const PLAINTEXT: &[&str] = &["redis://", "amqp://", "mqtt://", "sslmode=disable", "sslmode=prefer"];

/// The file that Spin's drivers read authorities from.
const TRUSTED: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(super) fn check(manifests: &Manifests, app: &App) -> Vec<String> {
    if manifests.of_kind("Ingress").next().is_none() {
        return vec![];
    }
    let apps = manifests.of_kind("SpinApp");
    let mut faults: Vec<_> = apps.flat_map(|spin_app| of_spin_app(spin_app, manifests, app)).collect();
    faults.extend(manifests.of_kind("ExternalSecret").flat_map(of_secret));
    faults.extend(of_jobs(manifests));
    faults.extend(manifests.of_kind("Cluster").flat_map(|cluster| of_database(cluster, manifests)));
    faults.extend(of_redis(manifests));
    faults
}

/// The settings of a SpinApp, and the authority that it trusts.
fn of_spin_app(spin_app: &Object, manifests: &Manifests, app: &App) -> Vec<String> {
    let id = spin_app.id();
    let mut faults = Vec::new();
    let given = spin_app.values(manifests);
    for (name, strict) in SETTINGS.iter().filter(|(name, _)| app.variables.contains_key(*name)) {
        let is_used = items(&spin_app.0, "/spec/components")
            .filter_map(|component| app.components.get(component.as_str()?))
            .any(|component| component.uses.contains(*name));
        let value = app.filled_in(&format!("{{{{ {name} }}}}"), &given);
        if is_used && value != *strict {
            faults.push(format!("{id} has {name}={value}, not {strict} ({})", manifest_of(manifests)));
        }
    }
    if given.get("mail_api_url").is_some_and(|url| url.starts_with("http://")) {
        faults.push(format!("{id} sends mail without TLS"));
    }
    let has_sms_api = given.get("sms_api").is_some_and(|api| !matches!(api.as_str(), "mail" | "off"));
    if has_sms_api && given.get("sms_api_url").is_some_and(|url| url.starts_with("http://")) {
        faults.push(format!("{id} sends SMS without TLS"));
    }
    let executor = manifests.get("SpinAppExecutor", spin_app.text("/spec/executor"));
    let is_mounted = |mount: &Value| text(mount, "/mountPath") == TRUSTED;
    match items(&spin_app.0, "/spec/volumeMounts").filter(|mount| is_mounted(mount)).count() {
        0 => faults.push(format!("{id} does not trust our authority: nothing is mounted at {TRUSTED}")),
        _ if executor.is_some_and(|e| *e.at("/spec/deploymentConfig/installDefaultCACerts") == true) => {
            faults.push(format!("{id} and its executor both mount {TRUSTED}"));
        }
        _ => {}
    }
    faults
}

/// Addresses in the Secrets that an operator writes.
fn of_secret(secret: &Object) -> Vec<String> {
    let values = entries(&secret.0, "/spec/target/template/data");
    let is_plain = |value: &Value| PLAINTEXT.iter().any(|plain| value.as_str().unwrap_or_default().contains(plain));
    let plain = values.filter(|(_, value)| is_plain(value));
    plain.map(|(key, _)| format!("{}: {key} is an address without TLS", secret.id())).collect()
}

/// Pods of ours that are clients of PostgreSQL verify it.
fn of_jobs(manifests: &Manifests) -> Vec<String> {
    let mut faults = Vec::new();
    for pods in pods::all(manifests).iter().filter(|pods| pods.maker == Maker::Template) {
        for container in items(&pods.spec, "/containers") {
            let variable = |name: &str| items(container, "/env").find(|v| text(v, "/name") == name);
            if variable("PGHOST").is_none() {
                continue;
            }
            if variable("PGSSLMODE").is_none_or(|mode| text(mode, "/value") != "verify-full") {
                faults.push(format!("{} does not verify PostgreSQL: PGSSLMODE is not verify-full", pods.owner));
            }
            let root = variable("PGSSLROOTCERT").map(|root| text(root, "/value")).unwrap_or_default();
            if !items(container, "/volumeMounts").any(|mount| is_in(root, text(mount, "/mountPath"))) {
                faults.push(format!("{} has nothing mounted where PGSSLROOTCERT is", pods.owner));
            }
        }
    }
    faults
}

/// The database has a certificate of the name by which it is reached, and takes nobody without TLS.
fn of_database(cluster: &Object, manifests: &Manifests) -> Vec<String> {
    let id = cluster.id();
    let mut faults = Vec::new();
    if cluster.text("/spec/certificates/serverCASecret").is_empty() {
        faults.push(format!("{id} has an authority of its own, which no client trusts"));
    }
    // A pooler shows the same certificate.
    let poolers = manifests.of_kind("Pooler").map(Object::name);
    for name in poolers.chain(["users-db-cluster-ip-service"]) {
        faults.extend(has_name(manifests, cluster.text("/spec/certificates/serverTLSSecret"), name));
    }
    if !items(&cluster.0, "/spec/postgresql/pg_hba").any(|rule| rule == "hostnossl all all all reject") {
        faults.push(format!("{id} takes clients without TLS"));
    }
    faults
}

/// Redis listens with TLS alone, and has a certificate of its name.
fn of_redis(manifests: &Manifests) -> Vec<String> {
    let Some(config) = manifests.of_kind("ConfigMap").find(|map| map.name().starts_with("redis-config")) else {
        return vec![];
    };
    let transport = config.at("/data").get("transport.conf").and_then(Value::as_str).unwrap_or_default();
    let has = |line: &str| transport.lines().any(|found| found.trim() == line);
    let mut faults = has_name(manifests, "redis-tls", "redis-cluster-ip-service");
    if !has("port 0") || !has("tls-port 6379") {
        faults.push(format!("{} lets Redis listen without TLS", config.id()));
    }
    faults
}

/// Whether cert-manager makes this Secret, for this name.
fn has_name(manifests: &Manifests, secret: &str, name: &str) -> Vec<String> {
    let certificate = manifests.of_kind("Certificate").find(|found| found.text("/spec/secretName") == secret);
    match certificate {
        None => vec![format!("there is no Certificate for the Secret `{secret}`")],
        Some(found) if items(&found.0, "/spec/dnsNames").any(|listed| listed == name) => vec![],
        Some(found) => vec![format!("{} is not for {name}", found.id())],
    }
}

/// Whether a file is in a folder.
fn is_in(file: &str, folder: &str) -> bool {
    !folder.is_empty() && file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
