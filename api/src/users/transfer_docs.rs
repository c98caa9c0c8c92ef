//! The descriptions of imports and exports.

use super::docs;
use crate::description::Description;
use problem::Kind::{BodyTooLarge, DatabaseUnavailable, Forbidden, MalformedJson, ReauthenticationRequired};
use serde_json::{Value, json};

/// Describes an import.
pub(super) fn import_users(it: Description) -> Description {
    it.tag("users")
        .fails(&[ReauthenticationRequired, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .fails_with(MalformedJson, "Send a line of JSON for each user.")
        .fails_with(BodyTooLarge, "The body may have at most 1048576 bytes.")
        .body("least", json!({"email": "ada@example.org", "name": "Ada", "surname": "Lovelace"}))
        .body("hash", json!({"email": "grace@example.org", "name": "Grace", "surname": "Hopper", "email_verified": true, "phone_verified": false,
            "password_hash": "$argon2id$v=19$m=7168,t=5,p=1$c2FsdCBvZiBzaXh0ZWVuIQ$C8CqWQuweL4gpauSFitkNFnjdvIHOlbwikb9TAFR2AM"}))
        .replies(200, "What came of each line.")
        .example("lines", json!({"created": 1, "existing": 1, "refused": 1, "lines": [
            {"line": 1, "result": "created", "id": 8, "problem": null},
            {"line": 2, "result": "exists", "id": 7, "problem": null},
            {"line": 3, "result": "refused", "id": null, "problem": problem()}]}))
}

/// Describes an export.
pub(super) fn export_users(it: Description) -> Description {
    it.tag("users")
        .fails(&[ReauthenticationRequired, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(200, "A line for each user.")
        .lines()
        .example("line", json!({"id": 7, "email": "ada@example.org", "name": "Ada", "surname": "Lovelace", "phone": null,
            "role": "user", "roles": ["billing"], "locale": "en", "zoneinfo": "Europe/London", "email_verified": true, "phone_verified": false, "suspended": false, "password_reset_required": false,
            "metadata": {"public": {"plan": "gold"}, "private": {}}, "created_at": "2026-05-04T09:30:00.123456Z"}))
}

fn problem() -> Value {
    json!({"type": "urn:concierge:problem:invalid-email", "title": "Invalid email", "status": 422,
        "detail": "This is not an email address.", "instance": "5f0c1b4e-6f9f-4f53-9a30-0d6f5e6f1c11",
        "errors": [{"pointer": "/email", "detail": "This is not an email address."}]})
}
