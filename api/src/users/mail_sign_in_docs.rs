//! The descriptions of the operations on sign-ins by mail.

use super::docs::{self, DIGESTS, SESSION_ID};
use crate::description::Description;
use problem::Kind::{DatabaseUnavailable, InvalidValue, NotConfigured};
use serde_json::{Value, json};

/// What is answered where it is off.
pub(crate) const OFF: &str = "Sign-in by mail is off. Set sign_in_by_mail.";

/// Describes the request for a mail.
pub(super) fn begin_mail_sign_in(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "The address has another form.")
        .fails_with(NotConfigured, OFF)
        .body("address", json!({"email": "ada@example.org", "client_address": "203.0.113.7"}))
        .replies(200, "What to answer, or how long to wait.")
        .example("accepted", json!({"accepted": accepted(), "retry_after": null}))
        .example("wait", json!({"accepted": null, "retry_after": 4}))
}

/// Describes the end.
pub(super) fn end_mail_sign_in(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "Send the token, or request and code.")
        .fails_with(NotConfigured, OFF)
        .body("link", with_session(json!({"token": docs::TICKET})))
        .body("code", with_session(json!({"request": docs::TICKET, "code": "012345"})))
        .replies(200, "The attempt is counted; after a success, what was begun.")
        .example(
            "signed_in",
            json!({"outcome": "signed-in", "retry_after": null, "report": false, "keys": docs::keys(), "event": docs::event(),
            "session": {"session_id": SESSION_ID, "user_id": 7, "role": "user",
                "authentication": {"auth_time": 1_777_887_000, "amr": ["otp"]}}, "task": null, "expires_in": null}),
        )
        .example(
            "second_factor",
            json!({"outcome": "mfa-required", "retry_after": null, "report": false, "keys": null, "session": null,
            "event": null, "task": "code", "expires_in": 300}),
        )
}

/// What whoever asks for a mail is answered, for examples.
pub(crate) fn accepted() -> Value {
    json!({"request": docs::TICKET, "expires_in": 600})
}

fn with_session(mut body: Value) -> Value {
    body["client_address"] = "203.0.113.7".into();
    body["challenge_digest"] = DIGESTS[0].into();
    body["client_digest"] = DIGESTS[1].into();
    body["session"] = json!({"session_id": SESSION_ID, "refresh_digest": DIGESTS[2], "idle_seconds": 1_209_600,
        "absolute_seconds": 7_776_000, "user_agent": "curl/8.14.1", "network": "203.0.113.0/24"});
    body
}
