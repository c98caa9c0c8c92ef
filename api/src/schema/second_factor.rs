//! Schemas about how somebody authenticates.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

schemas! {
    shared Authentication = {
        "type": "object",
        "description": "When and how somebody authenticated.",
        "required": ["auth_time", "amr"],
        "additionalProperties": false,
        "properties": {
            "auth_time": {
                "type": "integer",
                "description": "When, in seconds since 1970: at the sign-in, or with the current password since. A refresh does not move it.",
            },
            "amr": {
                "type": "array",
                "items": {"type": "string"},
                "minItems": 1,
                "maxItems": 8,
                "description": "How (RFC 8176): `pwd`, with `otp` and `mfa` after a second factor; `hwk` or `swk` with `user` and `mfa` by a passkey that stays on its device, or may be on others.",
            },
        },
    };
    inline Methods = {
        "type": "array",
        "items": {"type": "string"},
        "minItems": 1,
        "maxItems": 8,
        "description": "How somebody authenticated (RFC 8176): `pwd`, with `otp` and `mfa` after a second factor; `hwk` or `swk` with `user` and `mfa` by a passkey that stays on its device, or may be on others.",
    };
    inline Acr = {
        "enum": ["urn:concierge:aal:1", "urn:concierge:aal:2"],
    };
    inline TotpSecret = {
        "type": "string",
        "pattern": "^[A-Z2-7]{32}$",
    };
    inline TotpUri = {
        "type": "string",
        "pattern": "^otpauth://totp/",
    };
    inline RecoveryCodes = {
        "type": "array",
        "minItems": 10,
        "maxItems": 10,
        "items": {"type": "string", "pattern": "^[0-9A-HJKMNP-TV-Z]{6}(-[0-9A-HJKMNP-TV-Z]{6}){3}$"},
    };
}
