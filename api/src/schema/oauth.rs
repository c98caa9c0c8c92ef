//! Schemas of the OAuth 2.1 and OpenID Connect provider.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

schemas! {
    inline ClientName = {
        "type": "string",
        "minLength": 1,
        "maxLength": 100,
        "description": "The name of an application: 1 to 100 visible characters, without control characters and links.",
    };
    inline RedirectUris = {
        "type": "array",
        "maxItems": 20,
        "items": {
            "type": "string",
            "minLength": 8,
            "maxLength": 512,
            "pattern": r#"^(?:https://(?:[A-Za-z0-9.-]+|\[::1\])|http://(?:127\.0\.0\.1|\[::1\]|localhost))(?::(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5]))?(?:[/?][!$-)+-;=?-Z\[\]_a-z~]*)?$"#,
            "description": "A redirect URI: `https`, or `http` at `127.0.0.1`, `[::1]` or `localhost`; no user, fragment, `*` or backslash.",
            "examples": ["https://app.example/callback"],
        },
    };
    shared Scopes = {
        "type": "array",
        "maxItems": 32,
        "description": "Scopes (RFC 6749, 3.3): those of OpenID Connect that are known here (`openid`, `profile`, `email`, `phone`, `offline_access`), and others, which mean something to other services.",
        "items": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": r#"^[!#-\[\]-~]+$"#},
        "examples": [["openid", "profile", "email"]],
    };
    shared Grants = {
        "type": "array",
        "maxItems": 3,
        "description": "Grants of OAuth 2.1.",
        "items": {"enum": ["authorization_code", "refresh_token", "client_credentials"]},
        "examples": [["authorization_code", "refresh_token"]],
    };
    inline ClientSecret = {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{43}$",
        "description": "256 random bits.",
    };
    inline CodeChallenge = {
        "type": "string",
        "pattern": "^[A-Za-z0-9_-]{43}$",
        "description": "The challenge of PKCE (RFC 7636), S256.",
    };
    inline PlainText = {
        "type": "string",
        "maxLength": 2048,
        "pattern": r#"^[^\u0000]*$"#,
    };
    inline MaxAge = {
        "type": "integer",
        "format": "int32",
        "minimum": 0,
        "maximum": 2_147_483_647,
    };
    inline ScopeText = {
        "type": "string",
        "description": "Scopes, with spaces between them.",
    };
    inline Url = {
        "type": "string",
        "format": "uri",
    };
    inline JsonWebToken = {
        "type": "string",
        "pattern": r#"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$"#,
    };
}
