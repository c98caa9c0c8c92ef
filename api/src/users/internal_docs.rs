//! The descriptions of the internal operations that auth calls for a sign-in and a session.

use super::docs;
use crate::description::Description;
use problem::Kind::{DatabaseUnavailable, InvalidValue};
use serde_json::json;

/// Describes the first half of a sign-in.
pub(super) fn begin_sign_in(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "A key is a digest: 64 hexadecimal digits in lower case.")
        .body("address", json!({"keys": docs::keys(), "email": "ada@example.org"}))
        .replies(200, "A permit with the credentials, or how long to wait.")
        .example("known", docs::begun(true, docs::credentials(), None, false))
        .example("unknown", docs::begun(true, json!(null), None, false))
        .example("wait", docs::begun(false, json!(null), Some(4), false))
        .example("busy", docs::begun(false, json!(null), None, false))
        .example("locked", docs::begun(false, json!(null), None, true))
        .link_body(
            "end",
            "end_sign_in",
            "Release the permit.",
            &[("permit", "$response.body#/permit"), ("keys", "$request.body#/keys")],
        )
}

/// Describes its second half.
pub(super) fn end_sign_in(it: Description) -> Description {
    docs::of_client(it).tag("internal").fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "A key is a digest: 64 hexadecimal digits in lower case.")
        .body("failed", json!({"permit": docs::permit(), "keys": docs::keys(), "succeeded": false, "user_id": 7, "refusal": "invalid-credentials"}))
        .body("succeeded", json!({"permit": docs::permit(), "keys": docs::keys(), "succeeded": true, "session": docs::new_session()}))
        .body("not_checked", json!({"permit": docs::permit(), "keys": docs::keys(), "succeeded": null}))
        .replies(200, "The attempt is counted; after a success, what was begun.")
        .example("begun", json!({"session": docs::session_of_user(json!("user")), "event": docs::event()}))
        .example("not_begun", json!({"session": null, "event": null}))
        .link("delete_event", "delete_event", "Delete the event once it is published.", &[("event_id", "$response.body#/event/id")])
        .link("check", "check_session", "Check whether the session is alive.", &[("session_id", "$response.body#/session/session_id")])
        .link("list", "list_sessions", "The sessions of the user.", &[("id", "$response.body#/session/user_id")])
        .link("end_one", "end_session", "End the session.", &[("id", "$response.body#/session/user_id"), ("session_id", "$response.body#/session/session_id")])
        .link_body("rotate", "rotate_token", "Rotate its refresh token.", &[("session_id", "$request.body#/session/session_id"), ("generation", "0"), ("refresh_digest", "$request.body#/session/refresh_digest")])
        .link_body("end", "end_session_by_token", "End it by its refresh token.", &[("session_id", "$request.body#/session/session_id"), ("refresh_digest", "$request.body#/session/refresh_digest")])
}

/// Describes the look at a session.
pub(super) fn check_session(it: Description) -> Description {
    docs::of_client(it)
        .tag("internal")
        .fails(&[DatabaseUnavailable])
        .replies(200, "Whether it is alive. An unknown one is not.")
        .example("alive", json!({"alive": true, "recent": true}))
}

/// Describes the list of sessions.
pub(super) fn list_sessions(it: Description) -> Description {
    docs::of_client(it)
        .tag("internal")
        .fails(&[DatabaseUnavailable])
        .replies(200, "The sessions.")
        .example("sessions", json!({"items": [docs::session()], "next_cursor": null}))
        .link(
            "end_first",
            "end_session",
            "End the newest.",
            &[("id", "$request.path.id"), ("session_id", "$response.body#/items/0/id")],
        )
}

/// Describes the end of a session by its token.
pub(super) fn end_session_by_token(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "A digest is 64 hexadecimal digits in lower case.")
        .body("token", json!({"session_id": docs::SESSION_ID, "refresh_digest": docs::DIGESTS[0]}))
        .replies(200, "The session has ended.")
        .example("ended", json!({"ended": {"session_id": docs::SESSION_ID, "user_id": 7}}))
        .example("none", json!({"ended": null}))
}
