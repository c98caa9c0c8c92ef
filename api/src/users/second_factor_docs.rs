//! The descriptions of the operations on second factors.

use super::docs::{self, DIGESTS, SAME_ID, SESSION_ID};
use super::parameters::IF_MATCH;
use crate::description::Description;
use problem::Kind::{
    DatabaseUnavailable, Forbidden, InvalidCode, InvalidValue, NotConfigured, PreconditionFailed,
    ReauthenticationRequired, SecondFactorExists, SecondFactorNotFound, TooBusy, TooManyAttempts,
};
use serde_json::{Value, json};

/// Of what only the owner may do.
const OWN: &str = "Use your own id: only its owner adds a second factor to an account.";
const NO_KEYS: &str = "Second factors are not set up here. Set totp_keys.";
const NOT_BEGUN: &str = "No authenticator app is being added, or not any more. Begin again.";

/// Describes the look at a second factor.
pub(super) fn get_second_factor(it: Description) -> Description {
    it.tag("second factor")
        .fails(&[DatabaseUnavailable])
        .replies(200, "The second factor.")
        .example("app", json!({"totp": {"confirmed_at": "2026-05-04T09:30:00.123456Z"}, "recovery_codes_left": 10}))
        .example("none", json!({"totp": null, "recovery_codes_left": 0}))
        .link("remove", "remove_second_factor", "Remove it.", SAME_ID)
}

/// Describes the first step of adding an app.
pub(super) fn enrol_totp(it: Description) -> Description {
    it.tag("second factor")
        .fails(&[ReauthenticationRequired, SecondFactorExists, DatabaseUnavailable])
        .fails_with(Forbidden, OWN)
        .fails_with(NotConfigured, NO_KEYS)
        .replies(200, "What to set an app up with.")
        .example("enrolment", enrolment())
        .link("look", "get_second_factor", "It is none before it is confirmed.", SAME_ID)
}

/// Describes the second step.
pub(super) fn confirm_totp(it: Description) -> Description {
    it.tag("second factor")
        .fails(&[InvalidCode, TooManyAttempts, TooBusy, DatabaseUnavailable])
        .fails_with(Forbidden, OWN)
        .fails_with(SecondFactorNotFound, NOT_BEGUN)
        .fails_with(NotConfigured, NO_KEYS)
        .body("code", json!({"code": "287082"}))
        .replies(200, "The recovery codes.")
        .example("codes", codes())
        .link("look", "get_second_factor", "The second factor.", SAME_ID)
}

/// Describes the removal.
pub(super) fn remove_second_factor(it: Description) -> Description {
    it.tag("second factor")
        .header(IF_MATCH)
        .fails(&[ReauthenticationRequired, PreconditionFailed, DatabaseUnavailable])
        .replies(204, "There is none.")
        .link("look", "get_second_factor", "There is none any more.", SAME_ID)
}

/// Describes new recovery codes.
pub(super) fn replace_recovery_codes(it: Description) -> Description {
    it.tag("second factor")
        .fails(&[ReauthenticationRequired, SecondFactorNotFound, DatabaseUnavailable])
        .fails_with(Forbidden, OWN)
        .replies(200, "The recovery codes.")
        .example("codes", codes())
}

/// Describes the challenge.
pub(super) fn begin_second_factor(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "A digest is 64 hexadecimal digits in lower case.")
        .body("code", begin("code"))
        .body("enrolment", begin("enrolment"))
        .replies(200, "The permit is released.")
        .example("begun", json!({"expires_in": 300}))
        .example("changed", json!({"expires_in": null}))
}

/// Describes adding an app at a sign-in.
pub(super) fn enrol_at_sign_in(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "A digest is 64 hexadecimal digits in lower case.")
        .fails_with(NotConfigured, NO_KEYS)
        .body("challenge", json!({"challenge_digest": DIGESTS[0], "client_digest": DIGESTS[1]}))
        .replies(200, "What to set an app up with.")
        .example("enrolment", json!({"enrolment": enrolment()}))
        .example("invalid", json!({"enrolment": null}))
}

/// Describes the code.
pub(super) fn end_second_factor(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "A digest is 64 hexadecimal digits in lower case.")
        .body(
            "code",
            json!({"challenge_digest": DIGESTS[0], "client_digest": DIGESTS[1], "code": "287082", "session": {
            "session_id": SESSION_ID, "refresh_digest": DIGESTS[2], "idle_seconds": 1_209_600,
            "absolute_seconds": 7_776_000, "user_agent": "curl/8.14.1", "network": "203.0.113.0/24"}}),
        )
        .replies(200, "The attempt is counted; after a success, what was begun.")
        .example(
            "signed_in",
            ended(
                "signed-in",
                &json!({"keys": docs::keys(), "event": docs::event(),
            "session": {"session_id": SESSION_ID, "user_id": 7, "role": "user",
                "authentication": {"auth_time": 1_777_887_000, "amr": ["pwd", "otp", "mfa"]}}}),
            ),
        )
        .example("wrong", ended("wrong-code", &json!({"keys": docs::keys()})))
        .example("wait", ended("too-many-attempts", &json!({"keys": docs::keys(), "retry_after": 4, "report": true})))
}

fn begin(task: &str) -> Value {
    json!({"permit": docs::permit(), "keys": docs::keys(), "user_id": 7, "credentials_epoch": 1,
        "challenge_digest": DIGESTS[0], "client_digest": DIGESTS[1], "task": task})
}

fn ended(outcome: &str, members: &Value) -> Value {
    let mut ended = json!({"outcome": outcome, "retry_after": null, "report": false, "keys": null, "session": null,
        "event": null, "recovery_codes": null});
    for (name, value) in members.as_object().into_iter().flatten() {
        ended[name] = value.clone();
    }
    ended
}

/// What an app is set up with, for examples.
pub(crate) fn enrolment() -> Value {
    json!({"secret": "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", "expires_in": 900,
        "uri": "otpauth://totp/example%2Eorg:ada%40example%2Eorg?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
                &issuer=example%2Eorg&algorithm=SHA1&digits=6&period=30",
        "qr_code": "<?xml version=\"1.0\" standalone=\"yes\"?><svg xmlns=\"http://www.w3.org/2000/svg\">...</svg>"})
}

/// Recovery codes, for examples.
pub(crate) fn codes() -> Value {
    let codes: Vec<_> = (0..10).map(|number| format!("01AZ0Z-JM79{number}1-AZ0ZJM-7901AZ")).collect();
    json!({"recovery_codes": codes})
}
