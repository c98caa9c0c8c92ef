//! Lists.

use serde::{Deserialize, Serialize};

/// A page of a list.
#[derive(Debug, Serialize, Deserialize)]
pub struct Page<T> {
    /// What is on it, at most 100.
    pub items: Vec<T>,
    /// What to send back as `cursor` for the next page; null on the last one.
    pub next_cursor: Option<String>,
}

/// A list that has one page, and always `LENGTH` items; any number if that is 0.
#[derive(Debug, Serialize, Deserialize)]
pub struct List<T, const LENGTH: usize = 0> {
    /// All of it.
    pub items: Vec<T>,
    /// Null, as on the last page of any list.
    pub next_cursor: (),
}

impl<T, const LENGTH: usize> List<T, LENGTH> {
    /// The list of these.
    #[must_use]
    pub fn new(items: Vec<T>) -> Self {
        Self { items, next_cursor: () }
    }
}

#[cfg(feature = "openapi")]
mod schemas {
    use super::{List, Page};
    use crate::schema;
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use std::borrow::Cow;

    impl<T: JsonSchema> JsonSchema for Page<T> {
        fn schema_name() -> Cow<'static, str> {
            format!("{}Page", T::schema_name()).into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            json_schema!({
                "type": "object",
                "required": ["items", "next_cursor"],
                "properties": {
                    "items": {"type": "array", "maxItems": 100, "items": generator.subschema_for::<T>()},
                    "next_cursor": generator.subschema_for::<schema::Cursor>(),
                },
            })
        }
    }

    impl<T: JsonSchema, const LENGTH: usize> JsonSchema for List<T, LENGTH> {
        fn schema_name() -> Cow<'static, str> {
            format!("{}List", T::schema_name()).into()
        }

        fn json_schema(generator: &mut SchemaGenerator) -> Schema {
            let mut items = json_schema!({"type": "array", "items": generator.subschema_for::<T>()});
            if LENGTH > 0 {
                items.insert("minItems".to_owned(), LENGTH.into());
                items.insert("maxItems".to_owned(), LENGTH.into());
            }
            json_schema!({
                "type": "object",
                "required": ["items", "next_cursor"],
                "properties": {
                    "items": items,
                    "next_cursor": generator.subschema_for::<schema::Null>(),
                },
            })
        }
    }
}
