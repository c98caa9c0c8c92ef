//! Forms.

use std::collections::BTreeMap;

/// The fields of a form that was sent.
pub struct Form(pub(crate) BTreeMap<String, String>);

impl Form {
    /// The value of a field; nothing if it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The value of a field that is not empty.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }
}
