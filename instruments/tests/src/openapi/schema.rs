//! Schemas of the OpenAPI files, compiled where they stand.

use super::{Node, files};
use jsonschema::{Registry, Validator};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

impl Node<'_> {
    /// What keeps `instance` from being what this schema describes.
    ///
    /// # Panics
    /// If this is no schema.
    #[must_use]
    pub fn faults(&self, instance: &Value) -> Vec<String> {
        let validator = compiled(self);
        let faults = validator.iter_errors(instance);
        faults.map(|fault| format!("{fault} (at \"{}\", by {})", fault.instance_path(), fault.schema_path())).collect()
    }
}

/// The schema, compiled when it is asked for first.
fn compiled(schema: &Node<'_>) -> Arc<Validator> {
    static COMPILED: OnceLock<Mutex<HashMap<String, Arc<Validator>>>> = OnceLock::new();
    // A fragment has no braces (RFC 3986, 3.5).
    let place = schema.pointer.replace('{', "%7B").replace('}', "%7D");
    let address = format!("{}#{place}", address(&schema.file.service));
    let mut compiled = COMPILED.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    let validator = compiled.entry(address).or_insert_with_key(|address| {
        let options = jsonschema::options().with_registry(registry()).should_validate_formats(true);
        Arc::new(options.build(&json!({"$ref": address})).unwrap_or_else(|error| panic!("{address}: {error}")))
    });
    Arc::clone(validator)
}

fn registry() -> &'static Registry<'static> {
    static REGISTRY: OnceLock<Registry<'static>> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let known = files().iter().map(|file| (address(&file.service), file.document.clone()));
        let registry = Registry::new().extend(known).and_then(jsonschema::RegistryBuilder::prepare);
        registry.expect("the files have addresses")
    })
}

fn address(service: &str) -> String {
    format!("urn:concierge:openapi:{service}")
}
