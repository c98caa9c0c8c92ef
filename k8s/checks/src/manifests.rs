//! The objects of one rendered overlay.

use serde_json::Value;
use std::collections::BTreeMap;

/// One object, as it is sent to the API server.
#[derive(Debug, Clone)]
pub struct Object(pub Value);

/// All objects of an overlay, in the order in which they are applied.
#[derive(Debug, Clone)]
pub struct Manifests {
    /// The overlay.
    pub name: String,
    /// Its objects.
    pub objects: Vec<Object>,
    /// What is merged into the Deployments that spin-operator makes of its SpinApps.
    pub merged: Vec<Object>,
}

impl Manifests {
    /// Reads what `kubectl kustomize` has written.
    ///
    /// # Panics
    /// If it is no YAML, or a key is there twice.
    #[must_use]
    pub fn parse(name: &str, yaml: &str) -> Self {
        // As YAML 1.2 has it, where `on` is a word.
        let options = serde_saphyr::options! { strict_booleans: true };
        let mut values: Vec<Value> = serde_saphyr::from_multiple_with_options(yaml, options)
            .unwrap_or_else(|error| panic!("{name} is no YAML: {error}"));
        values.iter_mut().for_each(join_lines);
        Self { name: name.to_owned(), objects: values.into_iter().map(Object).collect(), merged: Vec::new() }
    }

    /// Adds what is merged: a Deployment a document, for those SpinApps that the overlay has.
    ///
    /// # Panics
    /// If it is no YAML.
    #[must_use]
    pub fn with_merged(mut self, yaml: &str) -> Self {
        self.merged.extend(Self::parse(&self.name, yaml).objects);
        self
    }

    /// The objects of a kind.
    pub fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().filter(move |object| object.kind() == kind)
    }

    /// The object of a kind that has this name.
    #[must_use]
    pub fn get(&self, kind: &str, name: &str) -> Option<&Object> {
        self.objects.iter().find(|object| object.kind() == kind && object.name() == name)
    }
}

/// kustomize breaks long values of a Secret into lines, as base64 allows and not everybody reads.
fn join_lines(object: &mut Value) {
    if text(object, "/kind") != "Secret" {
        return;
    }
    for value in object.get_mut("data").and_then(Value::as_object_mut).into_iter().flat_map(|data| data.values_mut()) {
        if let Some(lines) = value.as_str() {
            *value = lines.replace('\n', "").into();
        }
    }
}

impl Object {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        self.text("/kind")
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.text("/metadata/name")
    }

    /// Kind and name, for messages.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}", self.kind(), self.name())
    }

    /// What is at a JSON pointer; null if there is nothing.
    #[must_use]
    pub fn at(&self, pointer: &str) -> &Value {
        at(&self.0, pointer)
    }

    /// The values of a SpinApp's variables, but for those that come from Secrets.
    #[must_use]
    pub fn values(&self, manifests: &Manifests) -> BTreeMap<String, String> {
        let value_of = |variable: &Value| {
            let reference = at(variable, "/valueFrom/configMapKeyRef");
            let map = manifests.get("ConfigMap", text(reference, "/name"));
            let setting = map.map(|map| map.at("/data")).and_then(|data| data.get(text(reference, "/key")));
            let value = setting.or_else(|| variable.get("value"))?.as_str()?;
            Some((text(variable, "/name").to_owned(), value.to_owned()))
        };
        items(&self.0, "/spec/variables").filter_map(value_of).collect()
    }

    /// The text at a JSON pointer; empty if there is none.
    #[must_use]
    pub fn text(&self, pointer: &str) -> &str {
        self.at(pointer).as_str().unwrap_or_default()
    }
}

/// What is at a JSON pointer; null if there is nothing.
#[must_use]
pub fn at<'a>(value: &'a Value, pointer: &str) -> &'a Value {
    value.pointer(pointer).unwrap_or(&Value::Null)
}

/// The text at a JSON pointer; empty if there is none.
#[must_use]
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    at(value, pointer).as_str().unwrap_or_default()
}

/// The items of the list at a JSON pointer; none if there is no list.
pub fn items<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> {
    at(value, pointer).as_array().into_iter().flatten()
}

/// The entries of the object at a JSON pointer; none if there is no object.
pub fn entries<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = (&'a str, &'a Value)> {
    at(value, pointer).as_object().into_iter().flatten().map(|(key, value)| (key.as_str(), value))
}
