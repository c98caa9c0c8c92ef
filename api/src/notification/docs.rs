//! What the description of notification repeats, and its introduction.

use crate::description::Info;
use crate::description::preamble::{CREDENTIALS, LISTS, PAGES, PROBLEMS, QUERIES, REQUEST_IDS, VERIFIED_TOKENS};
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
            "Administrators read the log with an access token, operators with their credential.",
            PAGES,
            CREDENTIALS,
        ],
        tags: &[
            ("notifications", "What was delivered."),
            ("probes", "Liveness and readiness."),
            ("internal", "Each for one calling service, with its credential."),
        ],
    }
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
