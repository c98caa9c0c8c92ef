//! What the description of users repeats, and its introduction.

use super::SignUpAccepted;
use super::parameters::{CLIENT_NETWORK, CLIENT_USER_AGENT, IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH};
use crate::description::preamble::{
    ATTEMPTS, BODIES, CREDENTIALS, LISTS, PAGES, PROBLEMS, QUERIES, REQUEST_IDS, SESSION_TOKENS, VERIFIED_TOKENS,
};
use crate::description::{Description, Info, header};
use problem::Kind;
use serde_json::{Value, json};

pub(super) const PASSWORD: &str = "correct horse battery";
/// The secret of a link.
pub(super) const TICKET: &str = "VGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGFuIGV4YW0";
pub(super) const SESSION_ID: &str = "6f1e2d3c-4b5a-4697-8877-665544332211";
pub(super) const DIGESTS: [&str; 3] = [
    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752",
    "fd61a03af4f77d870fc21e05e7e80678095c92d808cfb3b5c279ee04c74aca13",
];
const HASH: &str = "v2:v1:$2b$12$vZdO4DN1U2o5Qb71uiWY5ezlawMvzz1xxxkyGcPIjOYd9WU9.TsvK";

type Links = &'static [(&'static str, &'static str)];
pub(super) const ID_OF_BODY: Links = &[("id", "$response.body#/id")];
pub(super) const SAME_ID: Links = &[("id", "$request.path.id")];
pub(super) const ID_AND_MATCH: Links = &[("id", "$response.body#/id"), ("if-match", "$response.header.etag")];
pub(super) const ID_AND_NONE_MATCH: Links = &[("id", "$response.body#/id"), ("if-none-match", "$response.header.etag")];

pub(crate) fn info() -> Info {
    Info {
        name: "users",
        summary: "Sign-up and users",
        description: vec![
            "Sign-up and users. This service has the database; it stores the sessions for auth.",
            PROBLEMS,
            REQUEST_IDS,
            BODIES,
            QUERIES,
            LISTS,
            "**Versions.** A user has a strong entity tag, `etag`. `if-none-match` saves the response (304); `if-match` keeps a \
             request from acting on another version than intended (412). An empty change makes no new version, and a new \
             password ends all sessions of the user.",
            "**Idempotency.** A sign-up with an `idempotency-key` may be repeated for a day: the same key with the same body, byte \
             by byte, gets the response to the first with `idempotent-replayed: true`, also while the first is in progress, and \
             creates nothing. With another body it is 422 `idempotency-key-reused`. Failures are not stored, so the key may be used \
             again after one; a key is deleted with its user. What uses a link or a code of a mail takes a key too: the same request \
             gets the same success for a day, where it would be `invalid-ticket`. All other operations are idempotent by themselves \
             or safe to repeat, and ignore the header.",
            VERIFIED_TOKENS,
            SESSION_TOKENS,
            "**Authorization.** Everything about users except the sign-up requires an access token. Users can access themselves, \
             administrators everybody; to anybody else a user does not exist, so another's id gets the same 404 as an unknown one. \
             With the variable `authorization` set to `off`, for a lab, no token is required; only administrators assign roles all \
             the same.",
            ATTEMPTS,
            "Sign-ups count against the client, and those that find their email taken count more. So do requests for mails, and \
             links and codes that are shown.",
            PAGES,
            CREDENTIALS,
        ],
        tags: &[
            ("users", "Sign-up, and one's own data."),
            ("second factor", "A code of an authenticator app beside the password."),
            ("passkeys", "Signing in without a password."),
            ("email verification", "Whether an address is its user's."),
            ("phone verification", "Whether a phone number is its user's."),
            ("invitations", "Sign-up of people whom an administrator has invited."),
            ("clients", "Applications that sign people in, and what people have allowed them."),
            ("email change", "Another address for an account, and the way back."),
            ("sessions and credentials", "What owners say was not they."),
            ("password recovery", "A new password for whoever has forgotten theirs."),
            ("probes", "Liveness and readiness."),
            ("experiments", "Operations for experiments, disabled unless a variable enables them."),
            ("other spelling", "Paths without `-ms`, which redirect to those with it."),
            ("internal", "Each for one calling service, with its credential."),
        ],
    }
}

/// All operations, and the redirections from the paths without `-ms`.
pub(crate) fn all_descriptions() -> Vec<Description> {
    let mut all = super::descriptions();
    let redirections: Vec<_> = all
        .iter()
        .filter(|description| super::redirected(description.path()))
        .map(|description| {
            let path = description.path().replacen("/users-ms", "", 1);
            description.redirected_from(path, header::REDIRECT_LOCATION)
        })
        .collect();
    all.extend(redirections);
    all
}

/// The problems of the fields of a user.
pub(super) fn of_fields(it: Description) -> Description {
    it.fails(&[
        Kind::InvalidName,
        Kind::InvalidSurname,
        Kind::InvalidEmail,
        Kind::InvalidPassword,
        Kind::InvalidPhone,
        Kind::InvalidValue,
        Kind::ValidationFailed,
    ])
}

/// What another service asks for on behalf of its client.
pub(super) fn of_client(it: Description) -> Description {
    it.heeds(CLIENT_NETWORK).heeds(CLIENT_USER_AGENT)
}

/// What may be wrong where the current password is asked for.
const CURRENT_PASSWORD: &[Kind] =
    &[Kind::WrongCurrentPassword, Kind::PasswordResetRequired, Kind::TooManyAttempts, Kind::TooBusy];

/// A change of a user.
pub(super) fn of_change(it: Description) -> Description {
    of_fields(it)
        .tag("users")
        .header(IF_MATCH)
        .fails_with(Kind::Forbidden, "Only an administrator may change a role.")
        .fails(CURRENT_PASSWORD)
        .fails(&[Kind::ReauthenticationRequired, Kind::EmailTaken, Kind::LastAdministrator, Kind::PreconditionFailed])
        .fails(&[Kind::DatabaseUnavailable])
}

/// Describes the sign-up.
pub(super) fn create_user(it: Description) -> Description {
    of_fields(it).tag("users").header(IDEMPOTENCY_KEY)
        .header_example("without_phone", "8e03978e-40d5-43dd-bc93-6894a57f9324")
        .header_example("with_phone", "5d0c2a8f-1b7e-4c55-9a3d-f2b64e07c918")
        .fails(&[Kind::IdempotencyKeyReused, Kind::EmailTaken, Kind::TooManyAttempts, Kind::TooBusy, Kind::DatabaseUnavailable, Kind::SignUpByInvitation, Kind::SignUpClosed])
        .body("without_phone", json!({"name": "Ada", "surname": "Lovelace", "email": "ada@example.org", "password": PASSWORD}))
        .body("with_phone", json!({"name": "Grace", "surname": "Hopper", "email": "grace@example.org", "password": PASSWORD, "phone": "+39 (02) 123-4567"}))
        .replies(201, "The user.").example("user", user())
        .sends(header::USER_LOCATION).sends(header::ETAG).sends(header::IDEMPOTENT_REPLAYED)
        .link("get", "get_user", "Read the user.", ID_OF_BODY)
        .link("get_if_changed", "get_user", "Read the user unless it is unchanged.", ID_AND_NONE_MATCH)
        .link("replace", "replace_user", "Replace the user unless it has changed.", ID_AND_MATCH)
        .link("patch", "patch_user", "Change the user unless it has changed.", ID_AND_MATCH)
        .link("delete", "delete_user", "Delete the user.", ID_OF_BODY)
        .link("find", "list_users", "Find the user by email.", &[("email", "$response.body#/email")])
        .link("sessions", "list_sessions", "The sessions of the user.", ID_OF_BODY)
        .replies(202, "A mail is sent to the address.").of::<SignUpAccepted>()
        .example("accepted", json!({"email": "ada@example.org", "expires_in": 86_400}))
        .link_body("again", "request_verification", "Request the mail once more.", &[("email", "$response.body#/email")])
}

/// Describes the rotation of a token.
pub(super) fn rotate_token(it: Description) -> Description {
    it.tag("internal").fails(&[Kind::DatabaseUnavailable]).fails_with(Kind::InvalidValue, "A digest is 64 hexadecimal digits in lower case.")
        .body("next", json!({"session_id": SESSION_ID, "generation": 0, "refresh_digest": DIGESTS[0], "next_digest": DIGESTS[1], "idle_seconds": 1_209_600, "leeway_seconds": 30}))
        .replies(200, "What happened.")
        .example("renewed", json!({"outcome": "renewed", "session": session_of_user(json!("user"))}))
        .example("reused", json!({"outcome": "reused", "session": session_of_user(json!(null))}))
        .example("unknown", json!({"outcome": "unknown", "session": null}))
        .link_body("repeat", "rotate_token", "Rotate the same token again, with the same result except for the outcome.", &[("session_id", "$request.body#/session_id"), ("generation", "$request.body#/generation"), ("refresh_digest", "$request.body#/refresh_digest"), ("next_digest", "$request.body#/next_digest")])
}

/// Describes the read of a user.
pub(super) fn get_user(it: Description) -> Description {
    it.tag("users")
        .header(IF_NONE_MATCH)
        .header(IF_MATCH)
        .fails(&[Kind::PreconditionFailed, Kind::DatabaseUnavailable])
        .replies(200, "The user.")
        .sends(header::ETAG)
        .example("user", user())
        .link("get_if_changed", "get_user", "Read the user unless it is unchanged.", ID_AND_NONE_MATCH)
        .link("replace", "replace_user", "Replace the user unless it has changed.", ID_AND_MATCH)
        .link("patch", "patch_user", "Change the user unless it has changed.", ID_AND_MATCH)
        .link("delete", "delete_user", "Delete the user.", ID_OF_BODY)
        .replies(304, "The caller has this version already.")
        .sends(header::ETAG)
}

/// Describes the replacement of a user.
pub(super) fn replace_user(it: Description) -> Description {
    of_change(it)
        .body("whole", json!({"name": "Augusta", "surname": "King", "email": "ada@example.org", "phone": "+39 02 1234567"}))
        .body("new_password", json!({"name": "Ada", "surname": "Lovelace", "email": "ada@example.org", "password": "another good password", "current_password": PASSWORD}))
        .body("role", json!({"name": "Ada", "surname": "Lovelace", "email": "ada@example.org", "role": "admin"}))
        .replies(200, "The user as it is now.").sends(header::ETAG).example("user", changed_user("Augusta"))
        .link("get", "get_user", "Read the user.", ID_OF_BODY)
        .replies(202, "The other changes are made; the new email waits for its confirmation.").sends(header::ETAG).example("user", changed_user("Augusta"))
}

/// Describes the change of a user.
pub(super) fn patch_user(it: Description) -> Description {
    of_change(it)
        .fails_with(Kind::MissingField, "A new email or password requires current_password.")
        .body("surname_and_phone", json!({"surname": "King", "phone": "+39 02 1234567"}))
        .body("remove_phone", json!({"phone": null}))
        .body("password", json!({"password": "another good password", "current_password": PASSWORD}))
        .body("role", json!({"role": "admin"}))
        .body("roles", json!({"roles": ["billing", "support"]}))
        .replies(200, "The user as it is now.")
        .sends(header::ETAG)
        .example("user", changed_user("Ada"))
        .link("get", "get_user", "Read the user.", ID_OF_BODY)
        .replies(202, "The other changes are made; the new email waits for its confirmation.")
        .sends(header::ETAG)
        .example("user", changed_user("Ada"))
}

/// Describes the deletion of a user.
pub(super) fn delete_user(it: Description) -> Description {
    it.tag("users")
        .header(IF_MATCH)
        .fails(&[
            Kind::ReauthenticationRequired,
            Kind::LastAdministrator,
            Kind::PreconditionFailed,
            Kind::DatabaseUnavailable,
        ])
        .replies(204, "The user is deleted.")
        .link("get", "get_user", "The user is not found any more.", SAME_ID)
}

/// Describes the list of users.
pub(super) fn list_users(it: Description) -> Description {
    it.tag("users")
        .fails(&[Kind::InvalidCursor, Kind::DatabaseUnavailable])
        .fails_with(Kind::Forbidden, "Only an administrator may list users.")
        .replies(200, "A page of users.")
        .sends(header::LINK)
        .example("page", json!({"items": [user()], "next_cursor": "dTE6Nw"}))
        .example("nobody", json!({"items": [], "next_cursor": null}))
        .link("next_page", "list_users", "The next page.", &[("cursor", "$response.body#/next_cursor")])
        .link("first", "get_user", "The first user of the page.", &[("id", "$response.body#/items/0/id")])
}

/// Describes an export.
pub(super) fn export_user(it: Description) -> Description {
    it.tag("users")
        .fails(&[
            Kind::ReauthenticationRequired,
            Kind::TooManyRequests,
            Kind::TooBusy,
            Kind::DatabaseUnavailable,
            Kind::BrokerUnavailable,
        ])
        .replies(200, "All data about the user.")
        .sends(header::CONTENT_DISPOSITION)
        .example("export", export())
        .link("delete", "delete_user", "Delete the user.", SAME_ID)
}

/// Describes a reauthentication.
pub(super) fn reauthenticate(it: Description) -> Description {
    it.tag("users")
        .fails_with(Kind::Forbidden, "Use your own id: a session belongs to one user.")
        .fails(CURRENT_PASSWORD)
        .fails(&[Kind::DatabaseUnavailable])
        .body("password", json!({"current_password": PASSWORD}))
        .replies(204, "The session counts as a fresh sign-in.")
        .link("export", "export_user", "Export the user's data.", SAME_ID)
}

/// Describes the load test.
pub(super) fn load_test(it: Description) -> Description {
    it.tag("experiments")
        .fails(&[Kind::NoSuchRoute])
        .replies(200, "The number.")
        .example("number", json!({"n": 20, "fibonacci": 6765}))
}

/// Describes the probe of readiness.
pub(super) fn check_readiness(it: Description) -> Description {
    it.tag("probes")
        .replies(200, "The service is ready.")
        .example("ok", readiness("ok", 2))
        .replies(
            503,
            "A setting is invalid, or PostgreSQL does not answer within 2 seconds. Send no requests here for now.",
        )
        .example("unavailable", readiness("unavailable", 1001))
}

/// Describes a sweep.
pub(super) fn sweep(it: Description) -> Description {
    it.tag("internal")
        .fails(&[Kind::DatabaseUnavailable])
        .replies(200, "What was published.")
        .example("published", json!({"published": 3, "left": 0}))
}

/// Describes the outbox.
pub(super) fn show_outbox(it: Description) -> Description {
    it.tag("internal")
        .fails(&[Kind::DatabaseUnavailable])
        .replies(200, "The outbox.")
        .example("outbox", json!({"waiting": 2, "oldest_seconds": 14, "refused": 0}))
}

/// Of what only administrators may do.
pub(super) const ADMINISTRATORS: &str = "Only an administrator may do this.";

/// Describes how metadata are read.
pub(super) fn get_metadata(it: Description) -> Description {
    it.tag("users")
        .fails(&[Kind::DatabaseUnavailable])
        .replies(200, "The metadata.")
        .example("to_administrators", metadata())
        .example("to_the_user", json!({"public": {"plan": "gold"}}))
}

/// Describes how they are changed.
pub(super) fn change_metadata(it: Description) -> Description {
    it.tag("users")
        .requires_no_field()
        .fails_with(Kind::Forbidden, ADMINISTRATORS)
        .fails_with(Kind::InvalidValue, "This may have at most 4096 bytes.")
        .fails(&[Kind::ValidationFailed, Kind::ReauthenticationRequired, Kind::DatabaseUnavailable])
        .body("both", metadata())
        .body("public", json!({"public": {"plan": "gold"}}))
        .replies(200, "The metadata as they are now.")
        .example("both", metadata())
        .link("get", "get_metadata", "Read the metadata.", SAME_ID)
}

fn metadata() -> Value {
    json!({"public": {"plan": "gold"}, "private": {"customer": 4711, "flags": ["reviewed"]}})
}

/// What happened to a user's access.
pub(super) fn activity() -> Value {
    json!({"time": "2026-05-04T09:30:02.123456Z", "action": "login", "result": "success", "actor": "self",
        "network": "203.0.113.0/24", "user_agent": "curl/8.14.1", "request_id": "5f0c1b4e-6f9f-4f53-9a30-0d6f5e6f1c11"})
}

pub(super) fn user() -> Value {
    json!({"id": 7, "name": "Ada", "surname": "Lovelace", "email": "ada@example.org", "email_verified": true, "phone": null, "phone_verified": false, "role": "user", "roles": ["billing"], "locale": "en", "zoneinfo": "Europe/London",
        "created_at": "2026-05-04T09:30:00.123456Z", "updated_at": "2026-05-04T09:30:00.123456Z", "version": 1})
}

pub(super) fn changed_user(name: &str) -> Value {
    json!({"id": 7, "name": name, "surname": "King", "email": "ada@example.org", "email_verified": true, "phone": "+39021234567", "phone_verified": false, "role": "user", "roles": [], "locale": "it", "zoneinfo": null,
        "created_at": "2026-05-04T09:30:00.123456Z", "updated_at": "2026-05-05T10:00:00.654321Z", "version": 2})
}

pub(super) fn session() -> Value {
    json!({"id": SESSION_ID, "created_at": "2026-05-04T09:30:00Z", "used_at": "2026-05-04T09:45:00Z",
        "ends_at": "2026-08-02T09:30:00Z", "user_agent": "curl/8.14.1", "network": "203.0.113.0/24", "application": null})
}

pub(super) fn session_of_user(role: Value) -> Value {
    json!({"session_id": SESSION_ID, "user_id": 7, "role": role,
        "authentication": {"auth_time": 1_777_887_000, "amr": ["pwd"]}})
}

pub(super) fn event() -> Value {
    json!({"specversion": "1.0", "id": "0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e11", "source": "/auth-ms",
        "type": "user_login_event", "subject": "7", "time": "2026-05-04T09:31:00Z", "datacontenttype": "application/json",
        "data": {"user_id": 7, "email": "ada@example.org", "phone": null}})
}

pub(super) fn export() -> Value {
    let notification = json!({"id": "1777887002123-0", "event_id": "0b6c3f0e-6a55-4b21-9a52-7d1f4f3c9e12",
        "event_type": "new_user_event", "queue": "welcome_email_notification", "kind": "email", "to": "ada@example.org",
        "subject": "Welcome", "consumer": "notification", "attempts": 1, "delivered_at": "2026-05-04T09:30:02.123456789Z"});
    json!({"user": user(), "sessions": [session()], "kept_answers": [], "addresses": [{"email": "ada@example.com", "is_former": true, "until": "2026-05-06T09:31:00.123456Z"}],
        "pending_events": [{"kept_in": "user_login_event", "event": event()}], "notifications": [notification], "activity": [activity()], "metadata": metadata(),
        "email_verified_at": "2026-05-04T09:12:31.480912Z", "phone_verified_at": null, "second_factor": {"totp": null, "recovery_codes_left": 0}, "passkeys": [], "connected_applications": [],
        "exported_at": "2026-05-04T09:32:00.123456Z"})
}

pub(super) fn readiness(database: &str, latency_ms: u32) -> Value {
    json!({"status": database, "checks": {"configuration": {"status": "ok", "latency_ms": 0},
        "database": {"status": database, "latency_ms": latency_ms}}})
}

pub(super) fn keys() -> Value {
    json!({"account": DIGESTS[0], "client": DIGESTS[1], "pair": DIGESTS[2]})
}

pub(super) fn permit() -> Value {
    json!({"number": 1, "holder": "1102a751-c9c5-4a86-b0a6-1c0d4a0c5d51"})
}

pub(super) fn credentials() -> Value {
    json!({"id": 7, "email": "ada@example.org", "phone": null, "role": "user", "password_hash": HASH, "credentials_epoch": 1,
        "suspended": false, "password_reset_required": false, "has_second_factor": false, "has_passkey": false})
}

pub(super) fn begun(is_permitted: bool, credentials: Value, retry_after: Option<u32>, locked: bool) -> Value {
    let permit = if is_permitted { permit() } else { Value::Null };
    let report = retry_after.is_some() || locked;
    json!({"permit": permit, "retry_after": retry_after, "locked": locked, "report": report, "credentials": credentials,
        "verification_required": false, "second_factor": null, "decoy_hash": null})
}

pub(super) fn new_session() -> Value {
    json!({"session_id": SESSION_ID, "user_id": 7, "email": "ada@example.org", "credentials_epoch": 1,
        "refresh_digest": DIGESTS[0], "idle_seconds": 1_209_600, "absolute_seconds": 7_776_000, "user_agent": "curl/8.14.1",
        "network": "203.0.113.0/24", "renewal": {
            "previous_hash": HASH, "password_hash": "v2:v1:$2b$13$abcdefghijklmnopqrstuuaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}})
}
