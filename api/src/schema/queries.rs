//! Schemas of what queries and headers have.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

schemas! {
    inline Limit = {
        "type": "integer",
        "minimum": 1,
        "maximum": 100,
        "default": 20,
    };
    inline UserSort = {
        "type": "string",
        "enum": ["created", "-created", "name", "-name", "surname", "-surname", "email", "-email"],
        "default": "created",
    };
    inline UserCursor = {
        "type": "string",
        "pattern": r#"^(?:[CnNsSeE]\.[1-9][0-9]{0,17}\.(?:[A-Za-z0-9_-]{4}){0,200}(?:[A-Za-z0-9_-]{2,3})?|dTE6(?:M[Qgw]|N[AQgw]|O[AQ]|(?:M[Tjz]|N[DTjz]|O[DT])[AEIMQUYcgk]|(?:M[Tjz]|N[DTjz]|O[DT])[AEIMQUYcgk][w-z0-5](?:(?:[MN][DTjz]|O[DT])[AEIMQUYcgk][w-z0-5]){0,4}(?:[MN][AQgw]|O[AQ]|(?:[MN][DTjz]|O[DT])[AEIMQUYcgk])?))$"#,
    };
    inline AuditCursor = {
        "type": "string",
        "pattern": r#"^(?:0|[1-9][0-9]{0,15})-[1-9][0-9]{0,17}$"#,
    };
    inline Time = {
        "type": "string",
        "format": "date-time",
        "pattern": r#"^[1-9][0-9]{3}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))T(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]{1,6})?Z$"#,
    };
    inline StreamCursor = {
        "type": "string",
        "pattern": r#"^[1-9][0-9]{0,18}-(?:0|[1-9][0-9]{0,18})$"#,
    };
    inline EntityTags = {
        "oneOf": [
            {"type": "string", "const": "*"},
            {"type": "string", "pattern": r#"^(?:W/)?"[!#-+.-~-]*"(?: *, *(?:W/)?"[!#-+.-~-]*"){0,19}$"#},
        ],
    };
    inline IdempotencyKey = {
        "type": "string",
        "minLength": 1,
        "maxLength": 255,
        "pattern": "^[!-~]+$",
    };
    inline FibonacciIndex = {
        "type": "integer",
        "minimum": 0,
        "maximum": 45,
        "default": 35,
    };
    inline Truth = {
        "type": "string",
        "enum": ["false", "true"],
    };
    inline Switch = {
        "type": "string",
        "enum": ["false", "true"],
        "default": "false",
    };
}
