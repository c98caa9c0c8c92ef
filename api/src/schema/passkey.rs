//! Schemas about passkeys.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

schemas! {
    inline Base64Url = {
        "type": "string",
        "description": "Bytes in base64url, without padding.",
    };
}
