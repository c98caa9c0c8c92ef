//! The descriptions of the provider's operations that users has.

use super::docs::{self, ADMINISTRATORS};
use crate::description::{Description, header};
use problem::Kind::{
    DatabaseUnavailable, Forbidden, InvalidName, InvalidValue, NotConfigured, PublicClient, ReauthenticationRequired,
    TooManyClients, UserNotFound, ValidationFailed,
};
use serde_json::{Value, json};

/// What is said while there is no provider.
const OFF: &str = "There is no OpenID Connect provider here. Set oauth_provider to on.";
const SECRET: &str = "VGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGFuIGV4YW0";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const CALLBACK: &str = "https://app.example/callback";
const SCOPES: [&str; 3] = ["openid", "profile", "email"];
const BAD_VALUE: &str = "A redirect URI is https, or http on this machine, without user, fragment, * and backslash.";
const BAD_DIGEST: &str = "A digest is 64 hexadecimal digits in lower case.";

type Links = &'static [(&'static str, &'static str)];
const CLIENT_ID_OF_BODY: Links = &[("client_id", "$response.body#/id")];

fn client() -> Value {
    json!({"id": docs::SESSION_ID, "name": "Calendar", "confidential": true, "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": ["https://app.example/"], "scopes": SCOPES,
        "grants": ["authorization_code", "refresh_token"],
        "created_at": "2026-05-04T09:30:00.123456Z", "updated_at": "2026-05-04T09:30:00.123456Z"})
}

fn grant(outcome: &str) -> Value {
    json!({"outcome": outcome, "user_id": 7, "nonce": null, "session": {"session_id": docs::SESSION_ID, "user_id": 7,
        "scopes": SCOPES, "authentication": {"auth_time": 1_795_405_395, "amr": ["pwd"]}}})
}

fn nothing(outcome: &str) -> Value {
    json!({"outcome": outcome, "user_id": null, "nonce": null, "session": null})
}

fn for_administrators(it: Description) -> Description {
    it.tag("clients").fails_with(Forbidden, ADMINISTRATORS).fails_with(NotConfigured, OFF).fails(&[DatabaseUnavailable])
}

fn after_a_sign_in(it: Description) -> Description {
    for_administrators(it).fails(&[ReauthenticationRequired])
}

fn internal(it: Description) -> Description {
    docs::of_client(it).tag("internal").fails(&[DatabaseUnavailable])
}

/// Describes the list of clients.
pub(super) fn list_oauth_clients(it: Description) -> Description {
    for_administrators(it)
        .replies(200, "The clients.")
        .example("clients", json!({"items": [client()], "next_cursor": null}))
        .link("get_first", "get_oauth_client", "Read the first.", &[("client_id", "$response.body#/items/0/id")])
}

/// Describes a registration.
pub(super) fn register_oauth_client(it: Description) -> Description {
    let mut new = client();
    new["client_secret"] = SECRET.into();
    after_a_sign_in(it)
        .fails(&[InvalidName, ValidationFailed, TooManyClients])
        .fails_with(InvalidValue, BAD_VALUE)
        .body(
            "confidential",
            json!({"name": "Calendar", "confidential": true, "redirect_uris": [CALLBACK],
            "post_logout_redirect_uris": ["https://app.example/"]}),
        )
        .body(
            "public",
            json!({"name": "Calendar on the phone", "confidential": false,
            "redirect_uris": ["http://127.0.0.1/callback"], "scopes": ["openid", "offline_access"],
            "grants": ["authorization_code", "refresh_token"]}),
        )
        .body(
            "service",
            json!({"name": "Billing", "confidential": true, "redirect_uris": [], "scopes": ["invoices"],
            "grants": ["client_credentials"]}),
        )
        .replies(201, "The client, with its secret if it has one.")
        .example("client", new)
        .sends(header::OAUTH_CLIENT_LOCATION)
        .link("get", "get_oauth_client", "Read the client.", CLIENT_ID_OF_BODY)
        .link("change", "change_oauth_client", "Change the client.", CLIENT_ID_OF_BODY)
        .link("remove", "remove_oauth_client", "Remove the client.", CLIENT_ID_OF_BODY)
        .link("secret", "replace_oauth_client_secret", "Replace its secret.", CLIENT_ID_OF_BODY)
}

/// Describes how a client is read.
pub(super) fn get_oauth_client(it: Description) -> Description {
    for_administrators(it).replies(200, "The client.").example("client", client())
}

/// Describes a change.
pub(super) fn change_oauth_client(it: Description) -> Description {
    after_a_sign_in(it)
        .requires_no_field()
        .fails(&[InvalidName, ValidationFailed])
        .fails_with(InvalidValue, BAD_VALUE)
        .body("name", json!({"name": "Calendar"}))
        .body("redirect_uris", json!({"redirect_uris": [CALLBACK]}))
        .replies(200, "The client as it is now.")
        .example("client", client())
}

/// Describes a removal.
pub(super) fn remove_oauth_client(it: Description) -> Description {
    after_a_sign_in(it).replies(204, "It is registered no more.")
}

/// Describes another secret.
pub(super) fn replace_oauth_client_secret(it: Description) -> Description {
    after_a_sign_in(it)
        .fails(&[PublicClient])
        .replies(200, "The new secret.")
        .example("secret", json!({"client_secret": SECRET}))
}

/// Describes the list of what a user has allowed.
pub(super) fn list_connected_applications(it: Description) -> Description {
    let application = json!({"client_id": docs::SESSION_ID, "name": "Calendar", "scopes": SCOPES,
        "created_at": "2026-05-04T09:30:00.123456Z", "updated_at": "2026-05-04T09:30:00.123456Z"});
    it.tag("clients")
        .fails_with(NotConfigured, OFF)
        .fails(&[UserNotFound, DatabaseUnavailable])
        .replies(200, "The applications.")
        .example("applications", json!({"items": [application], "next_cursor": null}))
        .link(
            "disconnect_first",
            "disconnect_application",
            "Disconnect the first.",
            &[("id", "$request.path.id"), ("client_id", "$response.body#/items/0/client_id")],
        )
}

/// Describes the end of a connection.
pub(super) fn disconnect_application(it: Description) -> Description {
    it.tag("clients")
        .fails_with(NotConfigured, OFF)
        .fails(&[UserNotFound, DatabaseUnavailable])
        .replies(204, "It is not connected.")
}

/// Describes how auth finds a client.
pub(super) fn find_oauth_client(it: Description) -> Description {
    internal(it)
        .replies(200, "The client, if there is one.")
        .example("found", json!({"client": client()}))
        .example("none", json!({"client": null}))
}

/// Describes how a client authenticates.
pub(super) fn authenticate_oauth_client(it: Description) -> Description {
    internal(it)
        .fails_with(InvalidValue, BAD_DIGEST)
        .body(
            "secret",
            json!({"client_id": docs::SESSION_ID, "secret_digest": docs::DIGESTS[0], "client_address": "203.0.113.7"}),
        )
        .replies(200, "The client, if it is the one that it says.")
        .example("authenticated", json!({"client": client(), "retry_after": null}))
        .example("refused", json!({"client": null, "retry_after": null}))
        .example("wait", json!({"client": null, "retry_after": 4}))
}

/// Describes how a code is kept.
pub(super) fn issue_oauth_code(it: Description) -> Description {
    internal(it)
        .fails_with(InvalidValue, BAD_DIGEST)
        .body(
            "code",
            json!({"code": docs::DIGESTS[0], "client_id": docs::SESSION_ID, "session_id": docs::SESSION_ID,
            "redirect_uri": CALLBACK, "code_challenge": CHALLENGE, "nonce": null, "scopes": SCOPES, "max_age": null,
            "consented": true, "ends_session": false}),
        )
        .replies(200, "What came of it.")
        .example("issued", json!({"outcome": "issued"}))
        .example("consent", json!({"outcome": "consent-required"}))
}

/// Describes how a code is spent.
pub(super) fn spend_oauth_code(it: Description) -> Description {
    let mut begun = grant("begun");
    begun["nonce"] = "n-0S6_WzA2Mj".into();
    internal(it)
        .fails_with(InvalidValue, BAD_DIGEST)
        .body(
            "code",
            json!({"code": docs::DIGESTS[0], "client_id": docs::SESSION_ID, "redirect_uri": CALLBACK,
            "code_challenge": CHALLENGE, "session_id": docs::SESSION_ID, "refresh_digest": docs::DIGESTS[1],
            "idle_seconds": 1_209_600, "online_seconds": 900, "absolute_seconds": 7_776_000}),
        )
        .replies(200, "The session, if the code is good.")
        .example("begun", begun)
        .example("invalid", nothing("invalid"))
}

/// Describes a rotation.
pub(super) fn rotate_oauth_token(it: Description) -> Description {
    internal(it)
        .fails_with(InvalidValue, BAD_DIGEST)
        .body(
            "token",
            json!({"client_id": docs::SESSION_ID, "session_id": docs::SESSION_ID, "generation": 0,
            "refresh_digest": docs::DIGESTS[0], "next_digest": docs::DIGESTS[1], "idle_seconds": 1_209_600,
            "leeway_seconds": 30}),
        )
        .replies(200, "What happened.")
        .example("renewed", grant("renewed"))
        .example("unknown", nothing("unknown"))
}

/// Describes how the user of a session is found.
pub(super) fn find_oauth_session(it: Description) -> Description {
    internal(it)
        .replies(200, "The user, if the session is alive.")
        .example("alive", json!({"user": docs::user()}))
        .example("ended", json!({"user": null}))
}

/// Describes the end of a session.
pub(super) fn end_oauth_session(it: Description) -> Description {
    internal(it)
        .replies(200, "How many have ended: one, or none if the client has no such session.")
        .example("one", json!({"ended": 1}))
}
