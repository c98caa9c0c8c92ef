//! Requests as the OpenAPI files show them, to be sent as they are or with something changed.

use super::{Node, Operation};
use serde_json::Value;

impl<'a> Operation<'a> {
    /// The path with its required parameters, as the examples have them but for those in `known`.
    ///
    /// # Panics
    /// If a required parameter has no example.
    #[must_use]
    pub fn example_target(&self, known: &[(&str, &str)]) -> String {
        let value = |parameter: &Node<'_>| {
            let name = parameter.text("name");
            let known = known.iter().find(|(given, _)| *given == name).map(|(_, value)| (*value).to_owned());
            known.unwrap_or_else(|| match &parameter.value["example"] {
                Value::String(text) => text.clone(),
                Value::Null => panic!("{} has no example of {name}", self.id()),
                other => other.to_string(),
            })
        };
        let mut target = self.path.to_owned();
        for parameter in self.parameters() {
            let name = parameter.text("name");
            match parameter.text("in") {
                "path" => target = target.replace(&format!("{{{name}}}"), &value(parameter)),
                "query" if parameter.value["required"] == true => {
                    target.push(if target.contains('?') { '&' } else { '?' });
                    target.push_str(&format!("{name}={}", value(parameter)));
                }
                _ => {}
            }
        }
        target
    }

    /// The media type of its body that is described first, if it has one.
    #[must_use]
    pub fn media_type(&self) -> Option<&'a str> {
        self.request_bodies().first().map(|(media_type, _)| *media_type)
    }

    /// The schema of that body.
    #[must_use]
    pub fn body_schema(&self) -> Option<Node<'a>> {
        self.request_bodies().first().and_then(|(_, body)| body.get("schema"))
    }

    /// The first example of that body.
    ///
    /// # Panics
    /// If it has none.
    #[must_use]
    pub fn example_body(&self) -> Option<Value> {
        let (_, body) = self.request_bodies().into_iter().next()?;
        let example = body.examples().into_iter().next();
        Some(example.unwrap_or_else(|| panic!("{} has no example", body.pointer)).value.clone())
    }

    /// Which tokens it asks for, by the names of the security schemes: any of them will do. None, if it is open.
    #[must_use]
    pub fn tokens(&self) -> Vec<&'a str> {
        let schemes = self.node.value["security"].as_array().into_iter().flatten();
        schemes.flat_map(|scheme| scheme.as_object().into_iter().flatten()).map(|(name, _)| name.as_str()).collect()
    }
}

impl<'a> Node<'a> {
    /// The examples of a media type, a parameter or a header.
    #[must_use]
    pub fn examples(&self) -> Vec<Node<'a>> {
        let named = self.get("examples").map(|examples| examples.members()).unwrap_or_default();
        let named = named.into_iter().filter_map(|(_, example)| example.get("value"));
        self.get("example").into_iter().chain(named).collect()
    }
}
