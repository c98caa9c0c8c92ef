//! The descriptions of the operations on passkeys.

use super::docs::{self, DIGESTS, SAME_ID, SESSION_ID};
use super::parameters::IF_MATCH;
use crate::description::Description;
use problem::Kind::{
    DatabaseUnavailable, Forbidden, InvalidChallenge, InvalidName, InvalidPasskey, InvalidValue, NotConfigured,
    PasskeyExists, PasskeyNotFound, PreconditionFailed, ReauthenticationRequired, TooManyPasskeys,
};
use serde_json::{Value, json};

/// Of what only the owner may do.
const OWN: &str = "Use your own id: only its owner adds a passkey to an account.";
const NO_DOMAIN: &str = "Passkeys need a domain. Set public_url or passkey_rp_id.";
/// What a browser says of a page, for examples.
const CREATED: &str = "eyJ0eXBlIjoid2ViYXV0aG4uY3JlYXRlIiwiY2hhbGxlbmdlIjoiQVFJREJBVUdCd2dKQ2dzTURRNFBF\
    QSIsIm9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6ZmFsc2V9";
const SIGNED: &str = "eyJ0eXBlIjoid2ViYXV0aG4uZ2V0IiwiY2hhbGxlbmdlIjoiQVFJREJBVUdCd2dKQ2dzTURRNFBFQSIs\
    Im9yaWdpbiI6Imh0dHBzOi8vZXhhbXBsZS5vcmciLCJjcm9zc09yaWdpbiI6ZmFsc2V9";
const CHALLENGE: &str = "The challenge is not valid, or not any more. Begin again.";

/// Describes the list.
pub(super) fn list_passkeys(it: Description) -> Description {
    it.tag("passkeys")
        .fails(&[DatabaseUnavailable])
        .replies(200, "The passkeys.")
        .example("one", json!({"items": [passkey()], "next_cursor": null}))
        .example("none", json!({"items": [], "next_cursor": null}))
}

/// Describes the first step of adding a passkey.
pub(super) fn begin_passkey_registration(it: Description) -> Description {
    it.tag("passkeys")
        .fails(&[ReauthenticationRequired, TooManyPasskeys, DatabaseUnavailable])
        .fails_with(Forbidden, OWN)
        .fails_with(NotConfigured, NO_DOMAIN)
        .replies(200, "What to pass on to the browser.")
        .example("registration", registration())
        .link("list", "list_passkeys", "It is none before it is added.", SAME_ID)
}

/// Describes the second step.
pub(super) fn add_passkey(it: Description) -> Description {
    it.tag("passkeys")
        .fails(&[
            ReauthenticationRequired,
            InvalidName,
            InvalidPasskey,
            PasskeyExists,
            TooManyPasskeys,
            DatabaseUnavailable,
        ])
        .fails_with(Forbidden, OWN)
        .fails_with(InvalidChallenge, CHALLENGE)
        .fails_with(NotConfigured, NO_DOMAIN)
        .body("passkey", json!({"name": "Laptop", "credential": attestation()}))
        .replies(200, "The passkey.")
        .example("passkey", passkey())
        .link("list", "list_passkeys", "All passkeys.", SAME_ID)
}

/// Describes another name.
pub(super) fn rename_passkey(it: Description) -> Description {
    it.tag("passkeys")
        .fails(&[InvalidName, PasskeyNotFound, DatabaseUnavailable])
        .body("name", json!({"name": "Telephone"}))
        .replies(200, "The passkey.")
        .example("passkey", passkey())
}

/// Describes the removal.
pub(super) fn remove_passkey(it: Description) -> Description {
    it.tag("passkeys")
        .header(IF_MATCH)
        .fails(&[ReauthenticationRequired, PasskeyNotFound, PreconditionFailed, DatabaseUnavailable])
        .replies(204, "It is removed.")
        .link("list", "list_passkeys", "The others.", SAME_ID)
}

/// Describes the challenge.
pub(super) fn begin_passkey_sign_in(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(NotConfigured, NO_DOMAIN)
        .body("client", json!({"client_address": "203.0.113.7", "user_agent": "curl/8.14.1"}))
        .replies(200, "What to ask the browser for, or how long to wait.")
        .example("begun", json!({"sign_in": sign_in(), "retry_after": null}))
        .example("wait", json!({"sign_in": null, "retry_after": 4}))
}

/// Describes the answer.
pub(super) fn end_passkey_sign_in(it: Description) -> Description {
    it.tag("internal")
        .fails(&[DatabaseUnavailable])
        .fails_with(InvalidValue, "A digest is 64 hexadecimal digits in lower case.")
        .fails_with(NotConfigured, NO_DOMAIN)
        .body(
            "assertion",
            json!({"credential": assertion(), "client_address": "203.0.113.7", "session": {
            "session_id": SESSION_ID, "refresh_digest": DIGESTS[2], "idle_seconds": 1_209_600,
            "absolute_seconds": 7_776_000, "user_agent": "curl/8.14.1", "network": "203.0.113.0/24"}}),
        )
        .replies(200, "The attempt is counted; after a success, what was begun.")
        .example(
            "signed_in",
            json!({"outcome": "signed-in", "retry_after": null, "report": false, "keys": docs::keys(), "event": docs::event(),
            "session": {"session_id": SESSION_ID, "user_id": 7, "role": "user",
                "authentication": {"auth_time": 1_777_887_000, "amr": ["swk", "user", "mfa"]}}}),
        )
        .example(
            "invalid",
            json!({"outcome": "invalid-passkey", "retry_after": null, "report": false, "keys": null, "session": null,
            "event": null}),
        )
}

/// A passkey, for examples.
fn passkey() -> Value {
    json!({"id": "0f1e2d3c-4b5a-4697-8877-665544332211", "name": "Laptop", "backup_eligible": true, "backed_up": true,
        "created_at": "2026-05-04T09:30:00.123456Z", "last_used_at": null})
}

fn registration() -> Value {
    json!({"expires_in": 300, "public_key": {
        "rp": {"id": "example.org", "name": "example.org"},
        "user": {"id": "BwcHBwcHBwcHBwcHBwcHBw", "name": "ada@example.org", "displayName": "Ada Lovelace"},
        "challenge": "AQIDBAUGBwgJCgsMDQ4PEA",
        "pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -8},
            {"type": "public-key", "alg": -257}],
        "timeout": 300_000, "excludeCredentials": [],
        "authenticatorSelection": {"residentKey": "required", "requireResidentKey": true, "userVerification": "required"},
        "attestation": "none"}})
}

/// What a sign-in asks a browser for, for examples.
pub(crate) fn sign_in() -> Value {
    json!({"expires_in": 300, "public_key": {"challenge": "AQIDBAUGBwgJCgsMDQ4PEA", "timeout": 300_000,
        "rpId": "example.org", "userVerification": "required"}})
}

fn attestation() -> Value {
    json!({"response": {"clientDataJSON": CREATED, "attestationObject": "o2NmbXRkbm9uZQ"}})
}

/// An authenticator's answer, for examples.
pub(crate) fn assertion() -> Value {
    json!({"id": "-R85HbTJsv3g6nAYnLo_tj9Xm6YSKzOtlP8-wzAIS-Q", "response": {
        "clientDataJSON": SIGNED, "authenticatorData": "v6vDdDKViwYzYNOtZGHJxHNa5_jt1GWSpeDwFFKy5LUdAAAAAA",
        "signature": "MEYCIQD1Ck4uRAkknEqFO6NhKC8JhB303UVHoTqHeAIY3v_NOAIhAISArA8Lk1OBdPV1vxGh3V14xuSGAT-TcpXqE2U-Mx6H",
        "userHandle": "BwcHBwcHBwcHBwcHBwcHBw"}})
}
