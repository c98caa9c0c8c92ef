//! Forms.

use std::collections::BTreeMap;

/// The fields of a form that was sent.
#[derive(Clone, Default)]
pub struct Form {
    pub(crate) fields: BTreeMap<String, String>,
    pub(crate) token: String,
}

impl From<BTreeMap<String, String>> for Form {
    fn from(fields: BTreeMap<String, String>) -> Self {
        Self { fields, ..Self::default() }
    }
}

impl Form {
    /// All of them, without the token of the form.
    pub fn fields(&self) -> &BTreeMap<String, String> {
        &self.fields
    }

    /// Its token: another one each time that the form is shown. Empty for a form that goes on after a confirmation.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The value of a field; nothing if it was not sent.
    pub fn get(&self, name: &str) -> &str {
        self.fields.get(name).map(String::as_str).unwrap_or_default()
    }

    /// The value of a field that is not empty.
    pub fn some(&self, name: &str) -> Option<&str> {
        Some(self.get(name)).filter(|value| !value.is_empty())
    }
}
