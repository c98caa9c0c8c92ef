//! What is broken in the overlay for production.

use super::mutation::Change::{Drop, Last, Remove, Replace, Set};
use super::mutation::{Mutation, on};
use serde_json::json;

/// All of them.
pub(crate) fn mutations() -> Vec<Mutation> {
    let production = |check, object, change| on(check, "production", object, change);
    vec![
        production("types", "Cluster/users-db", Set("/spec/instance", json!(3))),
        production("types", "ObjectStore/users-db", Remove("/spec/configuration/destinationPath")),
        production("types", "ScheduledBackup/users-db", Set("/spec/cluster", json!("users-db"))),
        production("types", "ExternalSecret/concierge-secrets", Set("/spec/dataFrom", json!([]))),
        production("connections", "Cluster/users-db", Set("/spec/postgresql/parameters/max_connections", json!("300"))),
        production("connections", "Pooler/users-db-pooler", Set("/spec/instances", json!(3))),
        production("connections", "HorizontalPodAutoscaler/users-ms", Set("/spec/maxReplicas", json!(40))),
        production("types", "Pooler/users-db-pooler", Set("/spec/pgbouncer/poolSize", json!(100))),
        production("network", "NetworkPolicy/users-db-pooler", Drop),
        production("encryption", "Certificate/users-db-tls", Remove("/spec/dnsNames/2")),
        production("images", "Cluster/users-db", Remove("/spec/imageName")),
        production("selectors", "Cluster/users-db", Remove("/spec/inheritedMetadata")),
        production("selectors", "Service/users-db", Set("/spec/ports/0/targetPort", json!("postgres"))),
        production(
            "references",
            "ExternalSecret/concierge-secrets",
            Remove("/spec/target/template/data/auth_credential"),
        ),
        production("references", "ExternalSecret/users-db-owner", Drop),
        production("references", "ExternalSecret/users-db-users", Drop),
        production("references", "ExternalSecret/users-db-backup", Remove("/spec/data/0")),
        production("references", "Ingress/concierge", Remove("/metadata/annotations/cert-manager.io~1cluster-issuer")),
        production("network", "NetworkPolicy/users-db-cluster", Drop),
        production("network", "NetworkPolicy/gateway-from-ingress", Drop),
        production("network", "NetworkPolicy/notification-ms-to-mail-api", Drop),
        production(
            "gateway",
            "Ingress/concierge",
            Set("/spec/rules/0/http/paths/0/backend/service/name", json!("users-ms-cluster-ip-service")),
        ),
        production("gateway", "Ingress/concierge", Set("/spec/tls/0/hosts/0", json!("other.example.org"))),
        production("gateway", "Ingress/concierge", Set("/spec/defaultBackend", json!({}))),
        production("order", "ExternalSecret/concierge-secrets", Last),
        production("types", "Certificate/redis-tls", Set("/spec/dnsName", json!("redis"))),
        production("types", "Issuer/concierge-ca", Set("/spec/ca/secret", json!("concierge-ca"))),
        production("references", "Certificate/redis-tls", Drop),
        production("references", "Certificate/users-db-tls", Drop),
        production("references", "Issuer/concierge-ca", Set("/spec/ca/secretName", json!("ca"))),
        production("references", "SpinApp/users-ms", Set("/spec/volumeMounts/0/name", json!("ca"))),
        production("order", "Certificate/redis-tls", Last),
        // Every way back to plaintext, and to a peer that nobody has verified.
        production("encryption", "ConfigMap/concierge-config", Set("/data/db_sslmode", json!("prefer"))),
        production("encryption", "ConfigMap/concierge-config", Set("/data/db_sslmode", json!("disable"))),
        production("encryption", "ConfigMap/concierge-config", Set("/data/redis_scheme", json!("redis"))),
        production("encryption", "ConfigMap/concierge-config", Remove("/data/redis_scheme")),
        production(
            "encryption",
            "ConfigMap/concierge-config",
            Set("/data/mail_api_url", json!("http://mail.example.org")),
        ),
        production(
            "encryption",
            "ExternalSecret/concierge-secrets",
            Replace("/spec/target/template/data/redis_url", "rediss://", "redis://"),
        ),
        production("encryption", "SpinApp/users-ms", Remove("/spec/volumeMounts")),
        production("encryption", "SpinApp/auth-ms", Set("/spec/volumeMounts/0/mountPath", json!("/etc/ssl/ca.crt"))),
        production("encryption", "SpinAppExecutor/", Set("/spec/deploymentConfig/installDefaultCACerts", json!(true))),
        production("encryption", "Job/migrations", Remove("/spec/template/spec/containers/0/env/6")),
        production(
            "encryption",
            "Job/migrations",
            Set("/spec/template/spec/containers/0/env/6/value", json!("require")),
        ),
        production("encryption", "Job/migrations", Remove("/spec/template/spec/containers/0/volumeMounts/3")),
        production("encryption", "Cluster/users-db", Remove("/spec/certificates")),
        production("encryption", "Cluster/users-db", Remove("/spec/postgresql/pg_hba")),
        production("encryption", "Certificate/users-db-tls", Remove("/spec/dnsNames/0")),
        production("encryption", "Certificate/redis-tls", Remove("/spec/dnsNames/0")),
        production("encryption", "ConfigMap/redis-config", Replace("/data/transport.conf", "port 0", "port 6380")),
        production("encryption", "ConfigMap/redis-config", Set("/data/transport.conf", json!("port 6379"))),
    ]
}
