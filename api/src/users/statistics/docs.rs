//! The description of the operation that shows statistics.

use super::super::docs::ADMINISTRATORS;
use crate::description::Description;
use problem::Kind::{DatabaseUnavailable, Forbidden};
use serde_json::{Value, json};

/// Describes the statistics.
pub(in crate::users) fn show_statistics(it: Description) -> Description {
    let minute = |minute: usize| -> Value {
        json!({"minute": format!("2026-05-04T09:{minute:02}:00.000000Z"), "sign_ins": 12, "failed_sign_ins": 1, "sign_ups": 2})
    };
    it.tag("users")
        .fails(&[DatabaseUnavailable])
        .fails_with(Forbidden, ADMINISTRATORS)
        .replies(200, "The statistics.")
        .example(
            "statistics",
            json!({"taken_at": "2026-05-04T09:59:02.123456Z", "minutes": (0..60).map(minute).collect::<Value>(),
            "hash_permits": {"in_use": 3, "permits": 16, "waiting": 0},
            "outbox": {"waiting": 2, "oldest_seconds": 14, "refused": 0}}),
        )
}

/// Some of the metrics.
pub(in crate::users) const METRICS: &str = "# HELP concierge_outbox_events Events in the outbox that are not published yet\n\
    # TYPE concierge_outbox_events gauge\nconcierge_outbox_events 2.0\n# EOF\n";
