//! The descriptions of the operations that read the audit log.

use super::docs;
use crate::description::{Description, header};
use problem::Kind::{DatabaseUnavailable, Forbidden, InvalidCursor};
use serde_json::{Value, json};

const CURSOR: &str = "1777887002123456-42";

/// Describes the list of what happened to one user's access.
pub(super) fn list_activity(it: Description) -> Description {
    it.tag("users")
        .fails(&[InvalidCursor, DatabaseUnavailable])
        .replies(200, "A page, newest first.")
        .sends(header::LINK)
        .example("page", json!({"items": [docs::activity()], "next_cursor": CURSOR}))
        .link(
            "next_page",
            "list_activity",
            "The next page.",
            &[("id", "$request.path.id"), ("cursor", "$response.body#/next_cursor")],
        )
}

/// Describes the list of what happened to everybody's access.
pub(super) fn list_audit(it: Description) -> Description {
    it.tag("users")
        .fails(&[InvalidCursor, DatabaseUnavailable])
        .fails_with(Forbidden, docs::ADMINISTRATORS)
        .replies(200, "A page, newest first.")
        .sends(header::LINK)
        .example("page", json!({"items": [row()], "next_cursor": CURSOR}))
        .link("next_page", "list_audit", "The next page.", &[("cursor", "$response.body#/next_cursor")])
}

fn row() -> Value {
    json!({"time": "2026-05-04T09:30:02.123456Z", "action": "user-suspended", "result": "success", "user_id": 7,
        "actor": "administrator", "actor_id": 1, "network": "203.0.113.0/24", "user_agent": "curl/8.14.1",
        "request_id": "5f0c1b4e-6f9f-4f53-9a30-0d6f5e6f1c11"})
}
