//! What all wire types have in common.

use serde::Deserialize;
use serde::de::{Deserializer, Error, Unexpected};
use uuid::Uuid;

/// Defines wire types. A field whose schema says more than its type is followed by `as "Schema"`.
macro_rules! wire {
    ($(
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$field_meta:meta])* pub $field:ident: $type:ty $(as $schema:literal)? ),* $(,)?
        }
    )*) => { $(
        #[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
        $(#[$meta])*
        pub struct $name {
            $(
                $(#[$field_meta])*
                $( #[cfg_attr(feature = "openapi", schemars(with = $schema))] )?
                pub $field: $type,
            )*
        }
    )* };
}

pub(crate) use wire;

/// Decodes a UUID, for `#[serde(deserialize_with)]`: the error names a UUID, not the parser's reason.
pub(crate) fn uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    parse(&String::deserialize(deserializer)?)
}

/// Decodes a UUID or null. The field is required.
pub(crate) fn optional_uuid<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Uuid>, D::Error> {
    Option::<String>::deserialize(deserializer)?.as_deref().map(parse).transpose()
}

fn parse<E: Error>(text: &str) -> Result<Uuid, E> {
    Uuid::try_parse(text).map_err(|_| E::invalid_value(Unexpected::Str(text), &"a UUID"))
}
