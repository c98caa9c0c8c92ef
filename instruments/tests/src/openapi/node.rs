//! A place in an OpenAPI file, and what is there.

use super::File;
use serde_json::Value;

/// What is at some place of a file, behind a reference if there is one.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    /// The file.
    pub file: &'a File,
    /// The place, as a JSON pointer (RFC 6901).
    pub pointer: String,
    /// What is there.
    pub value: &'a Value,
}

impl<'a> Node<'a> {
    pub(super) fn root(file: &'a File) -> Self {
        Self { file, pointer: String::new(), value: &file.document }
    }

    /// What is under this name of an object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Node<'a>> {
        self.value.get(name).map(|value| self.below(name, value))
    }

    /// What is in an object, by name; nothing if it is none.
    #[must_use]
    pub fn members(&self) -> Vec<(&'a str, Node<'a>)> {
        let members = self.value.as_object().into_iter().flatten();
        members.map(|(name, value)| (name.as_str(), self.below(name, value))).collect()
    }

    /// What is in the array under this name; nothing if there is none.
    #[must_use]
    pub fn items(&self, name: &str) -> Vec<Node<'a>> {
        let Some(list) = self.get(name) else { return Vec::new() };
        let items = list.value.as_array().into_iter().flatten().enumerate();
        items.map(|(index, value)| list.below(&index.to_string(), value)).collect()
    }

    /// The text under this name; empty if there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> &'a str {
        self.value.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn below(&self, name: &str, value: &'a Value) -> Self {
        let Some(reference) = value.get("$ref").and_then(Value::as_str) else {
            let pointer = format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"));
            return Self { file: self.file, pointer, value };
        };
        let target =
            reference.strip_prefix('#').and_then(|pointer| Some((pointer, self.file.document.pointer(pointer)?)));
        let (pointer, value) = target.unwrap_or_else(|| panic!("{} has no {reference}", self.file.service));
        Self { file: self.file, pointer: pointer.to_owned(), value }
    }
}
