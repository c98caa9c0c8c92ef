//! Schemas of imports, exports and roles.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

schemas! {
    inline RoleFilter = {
        "type": "string",
        "pattern": "^[a-z0-9][a-z0-9._:-]{0,31}$",
        "not": {"const": "user"},
    };
    shared Roles = {
        "type": "array",
        "maxItems": 16,
        "uniqueItems": true,
        "description": "Roles of a user. `admin` is the one of administrators; the others mean something to other services. Everybody is a `user`, which is not among them.",
        "items": {"type": "string", "pattern": "^[a-z0-9][a-z0-9._:-]{0,31}$", "not": {"const": "user"}},
        "examples": [["billing"]],
    };
    inline AnyId = {
        "type": ["string", "integer", "null"],
        "maxLength": 255,
    };
    inline HashExport = {
        "type": "string",
        "enum": ["omit", "include"],
        "default": "omit",
    };
    inline ImportedHash = {
        "type": "string",
        "maxLength": 512,
        "examples": ["$2y$10$abcdefghijklmnopqrstuuaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
    };
    shared PasswordHash = {
        "type": "string",
        "anyOf": [
            {"pattern": r#"^(?:v1|v2:[a-z0-9_-]{1,32}):\$2[abxy]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$"#},
            {"pattern": r#"^f:\$2b\$(?:0[4-9]|1[0-4])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{30}[.CGKOSWaeimquy26]$"#},
            {"pattern": r#"^f:\$argon2id\$v=19\$(?:m=[1-9][0-9]{3},t=[1-9]|m=(?:[1-9][0-9]{4}|1[0-2][0-9]{4}),t=[12]|m=[1-5][0-9]{4},t=[34]|m=65536,t=[34]),p=(?:[1-9]|1[0-6])\$(?:[A-Za-z0-9+/]{4}){3,20}(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?\$(?:(?:[A-Za-z0-9+/]{4}){6,20}(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?|(?:[A-Za-z0-9+/]{4}){21}[A-Za-z0-9+/][AQgw])$"#},
            {"pattern": r#"^f:\$pbkdf2-sha(?:256|512)\$i=(?:[1-9][0-9]{0,4}|[1-6][0-9]{5})\$(?:[A-Za-z0-9+/]{4}){1,20}(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?\$(?:(?:[A-Za-z0-9+/]{4}){6,20}(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?|(?:[A-Za-z0-9+/]{4}){21}[A-Za-z0-9+/][AQgw])$"#},
            {"pattern": r#"^f:\$pbkdf2-sha(?:256|512)\$i=(?:[7-9][0-9]{5}|1[0-4][0-9]{5})\$(?:[A-Za-z0-9+/]{4}){1,20}(?:[A-Za-z0-9+/][AQgw]|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048])?\$(?:[A-Za-z0-9+/]{4}){10}[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]$"#},
        ],
        "description": "A stored hash: `v2:`, the id of its pepper and a bcrypt hash; `v1:` and a bcrypt hash; or `f:` and a hash that another system made, until its owner signs in. There are more of the last kind than these patterns say.",
        "examples": [r"v2:v1:$2b$12$vZdO4DN1U2o5Qb71uiWY5ezlawMvzz1xxxkyGcPIjOYd9WU9.TsvK"],
    };
    shared LineProblem = {
        "type": "object",
        "description": "Why a line was refused: a problem (RFC 9457) whose pointers point into the line.",
        "required": ["type", "title", "status", "detail", "instance"],
        "properties": {
            "type": {"type": "string", "pattern": "^urn:concierge:problem:[a-z-]+$"},
            "title": {"type": "string"},
            "status": {"type": "integer", "minimum": 400, "maximum": 599},
            "detail": {"type": "string"},
            "instance": {"type": "string"},
            "errors": {"type": "array", "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {"pointer": {"type": "string"}, "detail": {"type": "string"}},
            }},
        },
    };
}
