//! The kinds of cert-manager.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Signs certificates.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Issuer {
    self_signed: Option<SelfSigned>,
    ca: Option<Authority>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SelfSigned {}

#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Authority {
    secret_name: String,
}

/// A certificate, kept in a Secret and renewed.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Certificate {
    secret_name: String,
    secret_template: Option<SecretTemplate>,
    common_name: Option<String>,
    dns_names: Option<Vec<String>>,
    #[serde(rename = "isCA")]
    is_ca: Option<bool>,
    duration: Option<String>,
    renew_before: Option<String>,
    usages: Option<Vec<String>>,
    private_key: Option<PrivateKey>,
    issuer_ref: IssuerReference,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct SecretTemplate {
    labels: Option<BTreeMap<String, String>>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PrivateKey {
    algorithm: String,
    size: u32,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct IssuerReference {
    kind: String,
    name: String,
}
