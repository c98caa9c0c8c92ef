//! The schema of metadata.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

schemas! {
    shared MetadataValue = {
        "description": "Any JSON value, without the character NUL in texts. A number has a magnitude of at most 1e300; 15 digits of it are kept.",
        "anyOf": [
            {"type": ["null", "boolean", "number"]},
            {"type": "string", "pattern": r#"^[^\u0000]*$"#},
            {"type": "array", "items": {"$ref": "#/components/schemas/MetadataValue"}},
            {"type": "object", "propertyNames": {"pattern": r#"^[^\u0000]*$"#}, "additionalProperties": {"$ref": "#/components/schemas/MetadataValue"}},
        ],
    };
}

/// A JSON object of bounded size.
pub(crate) struct MetadataObject;

impl JsonSchema for MetadataObject {
    fn schema_name() -> Cow<'static, str> {
        "MetadataObject".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A JSON object, at most 4096 bytes long without whitespace.",
            "propertyNames": {"pattern": r"^[^\u0000]*$"},
            "additionalProperties": generator.subschema_for::<MetadataValue>(),
            "examples": [{"plan": "gold"}],
        })
    }
}
