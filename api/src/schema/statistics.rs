//! Schemas of statistics.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

schemas! {
    inline BrokerName = {
        "enum": ["redis", "rabbitmq"],
    };
    inline Intervals = {
        "type": "array",
        "items": {"type": "integer", "format": "uint64", "minimum": 0},
        "minItems": 60,
        "maxItems": 60,
    };
}
