//! What the description of notification repeats, and its introduction.

use crate::description::preamble::{CREDENTIALS, LISTS, PAGES, PROBLEMS, QUERIES, REQUEST_IDS, VERIFIED_TOKENS};
use crate::description::{Description, Info};
use problem::Kind::{Forbidden, ReauthenticationRequired};
use serde_json::{Value, json};

pub(crate) fn info() -> Info {
    Info {
        name: "notification",
        summary: "Notifications, their queues and the delivery log",
        description: vec![
            "Consumes the queues, sends notifications, and keeps a bounded log of deliveries: 10000 in all and 100 for each \
             recipient.",
            PROBLEMS,
            REQUEST_IDS,
            QUERIES,
            LISTS,
            VERIFIED_TOKENS,
            "Administrators use an access token, operators their credential. What resends or deletes requires of an administrator a \
             sign-in within the last ten minutes, as the access token says it: after a sign-in or the current password \
             (`/users-ms/users/{id}/reauthenticate`) use one that was issued since. Tokens are verified here without asking \
             anybody, so that of a session that has ended is accepted until it expires.",
            PAGES,
            CREDENTIALS,
        ],
        tags: &[
            ("notifications", "What was delivered."),
            ("probes", "Liveness and readiness."),
            ("internal", "For operators and administrators, and for schedules. Never routed by an ingress."),
        ],
    }
}

/// What administrators and operators read about queues.
pub(super) fn read(it: Description) -> Description {
    it.tag("internal").fails_with(Forbidden, "Only an administrator may do this.")
}

/// What administrators and operators do with dead letters.
pub(super) fn change(it: Description) -> Description {
    read(it).fails(&[ReauthenticationRequired])
}

pub(super) fn statistics() -> Value {
    let counts: Vec<_> = (0..60).map(|interval| interval % 3).collect();
    let queue = |queue: &Value| {
        json!({"queue": queue["queue"], "exchange": queue["exchange"], "waiting": 0, "in_flight": 1, "retrying": 0, "dead": 0,
            "consumers": 2, "oldest_seconds": 1, "acknowledged_per_minute": 30, "failures_in_a_row": 0, "paused_for": null})
    };
    let queues = queues()["items"].as_array().into_iter().flatten().map(queue).collect::<Value>();
    json!({"taken_at": "2026-11-23T03:43:15.602Z", "broker": "redis", "interval_seconds": 10, "queues": queues, "consumers": [
        {"consumer": "notification", "in_flight": 22, "idle_seconds": 0, "acknowledged": counts},
    ]})
}

pub(super) fn delivery() -> Value {
    json!({"id": "1795405395602-0", "event_id": "e552b079-cbe1-4ac8-8464-ecfb6279c5a0", "event_type": "user_login_event",
        "queue": "login_sms_notification", "kind": "sms", "to": "ada@example.org", "subject": "New sign-in",
        "consumer": "notification", "attempts": 1, "delivered_at": "2026-11-23T03:43:15.602083068Z"})
}

pub(super) fn dead_letter() -> Value {
    json!({"id": "1795405395602-0", "event_id": "e552b079-cbe1-4ac8-8464-ecfb6279c5a0", "event_type": "user_login_event",
        "reason": "the mail API answered with status 422", "attempts": 1, "first_tried": null,
        "dead_since": "2026-11-23T07:43:15.602Z"})
}

pub(super) fn queues() -> Value {
    let queue = |queue: &str, exchange: &str| {
        json!({"queue": queue, "exchange": exchange, "waiting": 0, "in_flight": 1, "retrying": 0, "dead": 0, "consumers": 2,
            "failures_in_a_row": 0, "paused_for": null})
    };
    json!({"items": [
        queue("login_email_notification", "user_login_event"),
        queue("login_sms_notification", "user_login_event"),
        queue("welcome_email_notification", "new_user_event"),
        queue("account_locked_email_notification", "account_locked_event"),
        queue("verification_email_notification", "verification_requested_event"),
        queue("sign_up_repeated_email_notification", "sign_up_repeated_event"),
        queue("phone_verification_sms_notification", "phone_verification_requested_event"),
        queue("recovery_email_notification", "recovery_requested_event"),
        queue("sign_in_link_email_notification", "sign_in_requested_event"),
        queue("password_changed_email_notification", "password_changed_event"),
        queue("second_factor_changed_email_notification", "second_factor_changed_event"),
        queue("email_change_email_notification", "email_change_requested_event"),
        queue("email_changed_email_notification", "email_changed_event"),
        queue("invitation_email_notification", "user_invited_event"),
        queue("login_webhook_notification", "user_login_event"),
        queue("new_user_webhook_notification", "new_user_event"),
        queue("account_locked_webhook_notification", "account_locked_event"),
        queue("password_changed_webhook_notification", "password_changed_event"),
        queue("second_factor_changed_webhook_notification", "second_factor_changed_event"),
        queue("email_changed_webhook_notification", "email_changed_event"),
        queue("user_removed_webhook_notification", "user_removed_event"),
        queue("removal_notice_email_notification", "removal_notice_requested_event"),
    ], "next_cursor": null})
}

pub(super) fn readiness(broker: &str, latency_ms: u32) -> Value {
    json!({"status": broker, "checks": {"configuration": {"status": "ok", "latency_ms": 0},
        "broker": {"status": broker, "latency_ms": latency_ms}}})
}

/// Some of the metrics.
pub(super) const METRICS: &str = "# HELP concierge_queue_consumers Consumers that the broker knows of a queue\n\
    # TYPE concierge_queue_consumers gauge\nconcierge_queue_consumers{queue=\"login_email_notification\"} 2.0\n# EOF\n";
