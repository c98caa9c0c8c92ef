//! Forms.

use std::collections::BTreeMap;

/// The fields of a form that was sent.
#[derive(Clone)]
pub struct Form(pub(crate) BTreeMap<String, String>);

impl From<BTreeMap<String, String>> for Form {
    fn from(fields: BTreeMap<String, String>) -> Self {
        Self(fields)
    }
}

impl Form {
    /// All of them, without the token of the form.
    pub fn fields(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// The value of a field; nothing if it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The value of a field that is not empty.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }
}
