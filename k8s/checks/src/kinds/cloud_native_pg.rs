//! The kinds of CloudNativePG and of its Barman Cloud plugin.

use k8s_openapi::api::core::v1::{PodTemplateSpec, ResourceRequirements};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Cluster {
    instances: u32,
    image_name: Option<String>,
    inherited_metadata: Option<InheritedMetadata>,
    primary_update_strategy: Option<String>,
    enable_superuser_access: Option<bool>,
    storage: Storage,
    bootstrap: Option<Bootstrap>,
    managed: Option<Managed>,
    certificates: Option<Certificates>,
    postgresql: Option<Postgresql>,
    resources: Option<ResourceRequirements>,
    affinity: Option<Affinity>,
    plugins: Option<Vec<Plugin>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct InheritedMetadata {
    labels: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Storage {
    size: String,
    storage_class: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Bootstrap {
    initdb: Initdb,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Certificates {
    #[serde(rename = "serverTLSSecret")]
    server_tls_secret: Option<String>,
    #[serde(rename = "serverCASecret")]
    server_ca_secret: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Managed {
    roles: Vec<ManagedRole>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ManagedRole {
    name: String,
    ensure: Option<String>,
    login: Option<bool>,
    password_secret: Option<Reference>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Initdb {
    database: String,
    owner: String,
    secret: Option<Reference>,
    data_checksums: Option<bool>,
    encoding: Option<String>,
    locale_collate: Option<String>,
    #[serde(rename = "localeCType")]
    locale_c_type: Option<String>,
    #[serde(rename = "postInitSQL")]
    post_init_sql: Option<Vec<String>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    name: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Postgresql {
    pg_hba: Option<Vec<String>>,
    parameters: Option<BTreeMap<String, String>>,
    synchronous: Option<Synchronous>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Synchronous {
    method: String,
    number: u32,
    data_durability: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Affinity {
    enable_pod_anti_affinity: Option<bool>,
    pod_anti_affinity_type: Option<String>,
    topology_key: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Plugin {
    name: String,
    #[serde(rename = "isWALArchiver")]
    is_wal_archiver: Option<bool>,
    parameters: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pooler {
    cluster: Reference,
    instances: Option<u32>,
    #[serde(rename = "type")]
    of: Option<String>,
    template: Option<PodTemplateSpec>,
    pgbouncer: PgBouncer,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PgBouncer {
    pool_mode: Option<String>,
    parameters: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ScheduledBackup {
    schedule: String,
    cluster: Reference,
    method: Option<String>,
    plugin_configuration: Option<Reference>,
    immediate: Option<bool>,
    backup_owner_reference: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ObjectStore {
    configuration: StoreConfiguration,
    retention_policy: Option<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct StoreConfiguration {
    destination_path: String,
    #[serde(rename = "endpointURL")]
    endpoint_url: Option<String>,
    s3_credentials: Option<S3Credentials>,
    wal: Option<Compression>,
    data: Option<Compression>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct S3Credentials {
    access_key_id: KeyReference,
    secret_access_key: KeyReference,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct KeyReference {
    name: String,
    key: String,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Compression {
    compression: String,
}
