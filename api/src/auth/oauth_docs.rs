//! The descriptions of the OAuth 2.1 and OpenID Connect provider.

use super::{OauthError, docs};
use crate::description::{Description, header};
use crate::route::{Parameter, parameters};
use crate::schema;
use problem::Kind::{
    Forbidden, Internal, InvalidToken, InvalidValue, MalformedJson, NotConfigured, ReauthenticationRequired,
    TooManyAttempts, UsersUnavailable,
};
use serde_json::{Value, json};

parameters! {
    CLIENT_ID = "client_id", "The client.", schema::AnyText, "6f1e2d3c-4b5a-4697-8877-665544332211";
    REDIRECT_URI = "redirect_uri", "Where people are sent back to: as it is registered.", schema::AnyText, "https://app.example/callback";
    RESPONSE_TYPE = "response_type", "`code`.", schema::AnyText, "code";
    RESPONSE_MODE = "response_mode", "`query`.", schema::AnyText, "query";
    SCOPE = "scope", "What is asked for, with spaces between the scopes.", schema::AnyText, "openid email";
    STATE = "state", "What comes back.", schema::AnyText, "xyz";
    NONCE = "nonce", "What comes back in the ID token, up to 255 bytes.", schema::AnyText, "n-0S6_WzA2Mj";
    CODE_CHALLENGE = "code_challenge", "The challenge of PKCE (RFC 7636).", schema::AnyText, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
    CODE_CHALLENGE_METHOD = "code_challenge_method", "`S256`.", schema::AnyText, "S256";
    PROMPT = "prompt", "`none`, or of `login`, `consent` and `select_account`.", schema::AnyText, "login";
    MAX_AGE = "max_age", "How many seconds ago the user may have signed in.", schema::AnyText, "\"3600\"";
    LOGIN_HINT = "login_hint", "The email that the page begins with.", schema::AnyText, "ada@example.org";
    UI_LOCALES = "ui_locales", "The languages that the pages may be in, the one that is wanted most first.", schema::AnyText, "it de";
    ID_TOKEN_HINT = "id_token_hint", "The ID token of the session, which may have expired.", schema::AnyText, "eyJhbGciOiJFZERTQSJ9.e30.c2ln";
    POST_LOGOUT_REDIRECT_URI = "post_logout_redirect_uri", "Where to go afterwards: as it is registered.", schema::AnyText, "https://app.example/";
}

const AUTHORIZATION_REQUEST: &[Parameter] = &[
    CLIENT_ID,
    REDIRECT_URI,
    RESPONSE_TYPE,
    RESPONSE_MODE,
    SCOPE,
    STATE,
    NONCE,
    CODE_CHALLENGE,
    CODE_CHALLENGE_METHOD,
    PROMPT,
    MAX_AGE,
    LOGIN_HINT,
    ID_TOKEN_HINT,
    UI_LOCALES,
];
const LOGOUT_REQUEST: &[Parameter] = &[ID_TOKEN_HINT, CLIENT_ID, POST_LOGOUT_REDIRECT_URI, STATE, UI_LOCALES];

/// What is said while there is no provider.
const OFF: &str = "There is no OpenID Connect provider here. Set oauth_provider to on.";
const CLIENT: &str = "6f1e2d3c-4b5a-4697-8877-665544332211";
const CALLBACK: &str = "https://app.example/callback";
const CODE: &str = "VGhpcyBpcyBub3QgYSBzZWNyZXQgYnV0IGFuIGV4YW0";

fn request() -> Value {
    json!({"client_id": CLIENT, "redirect_uri": CALLBACK, "response_type": "code", "scope": "openid email",
        "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"})
}

fn with(more: Value) -> Value {
    let mut request = request();
    if let (Some(request), Value::Object(more)) = (request.as_object_mut(), more) {
        request.extend(more);
    }
    request
}

fn provider(it: Description) -> Description {
    it.tag("provider").without(&[MalformedJson]).fails(&[Internal, UsersUnavailable]).fails_with(NotConfigured, OFF)
}

fn leads_back(it: Description) -> Description {
    it.replies(303, "The person is sent to the application, with a code or an error, or to the pages of account.")
        .sends(header::CLIENT_LOCATION)
        .sends(header::REFERRER_POLICY)
        .replies(400, "Nobody is sent anywhere: the client or the redirect URI is not known.")
        .form_page()
}

/// Describes the authorization endpoint.
pub(super) fn show_authorization(it: Description) -> Description {
    authorization(it).reads(AUTHORIZATION_REQUEST)
}

fn authorization(it: Description) -> Description {
    leads_back(provider(it).replies(200, "The page with the sign-in.").form_page())
}

/// Describes it with a form.
pub(super) fn submit_authorization(it: Description) -> Description {
    authorization(it).body("request", request())
}

fn submits(it: Description) -> Description {
    leads_back(provider(it))
        .fails(&[problem::Kind::TooBusy])
        .replies(403, "The page again: email, password or code is not right, the person is not let in, or the form is of another page.")
        .form_page()
        .replies(429, "The page again: too many attempts have failed.")
        .form_page()
        .sends(header::RETRY_AFTER)
}

/// Describes what the page sends.
pub(super) fn sign_in_to_authorize(it: Description) -> Description {
    submits(it)
        .body("sign_in", with(json!({"username": "ada@example.org", "password": docs::PASSWORD, "decision": "allow"})))
        .replies(200, "The page that asks for a code.")
        .form_page()
}

/// Describes what the page sends that asks for a code.
pub(super) fn authorize_with_second_factor(it: Description) -> Description {
    submits(it).body("code", with(json!({"challenge": docs::CHALLENGE, "code": "123456", "decision": "allow"})))
}

/// Describes the decision by API.
pub(super) fn decide_authorization(it: Description) -> Description {
    let query = "client_id=6f1e2d3c-4b5a-4697-8877-665544332211&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback\
        &response_type=code&scope=openid+email&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM\
        &code_challenge_method=S256&state=xyz";
    let asked = json!({"client_id": CLIENT, "name": "Calendar", "origin": "https://app.example", "scopes": ["openid", "email"]});
    it.tag("provider")
        .fails(&[ReauthenticationRequired, UsersUnavailable])
        .fails_with(NotConfigured, OFF)
        .fails_with(InvalidValue, "The client or the redirect URI of the request is not known.")
        .body("consent", json!({"request": query, "consent": true}))
        .body("ask", json!({"request": query}))
        .replies(200, "Where to send the user, or what to ask them first.")
        .example("redirect", json!({"redirect_to": format!("{CALLBACK}?code={CODE}&state=xyz&iss=https%3A%2F%2Fid.example%2Fauth-ms"), "consent": null}))
        .example("consent", json!({"redirect_to": null, "consent": asked}))
}

fn for_clients(it: Description) -> Description {
    provider(it)
        .heeds(super::AUTHORIZATION)
        .fails(&[TooManyAttempts])
        .replies(400, "What is wrong, as RFC 6749, 5.2, has it.")
        .of::<OauthError>()
        .example(
            "error",
            json!({"error": "invalid_grant", "error_description": "The grant is not valid, or not any more."}),
        )
        .replies(401, "The client cannot be authenticated.")
        .of::<OauthError>()
        .sends(header::CLIENT_CHALLENGE)
        .example(
            "error",
            json!({"error": "invalid_client", "error_description": "The client cannot be authenticated."}),
        )
}

/// Describes the token endpoint.
pub(super) fn issue_tokens(it: Description) -> Description {
    let mut tokens = json!({"access_token": docs::ACCESS_TOKEN, "token_type": "Bearer", "expires_in": 900, "scope": "openid offline_access"});
    let service = tokens.clone();
    tokens["refresh_token"] = docs::REFRESH_TOKEN.into();
    tokens["id_token"] = docs::ACCESS_TOKEN.into();
    for_clients(it)
        .body(
            "code",
            json!({"grant_type": "authorization_code", "client_id": CLIENT, "client_secret": CODE, "code": CODE,
            "redirect_uri": CALLBACK, "code_verifier": "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"}),
        )
        .body(
            "refresh",
            json!({"grant_type": "refresh_token", "client_id": CLIENT, "refresh_token": docs::REFRESH_TOKEN}),
        )
        .body("service", json!({"grant_type": "client_credentials", "client_id": CLIENT, "client_secret": CODE}))
        .replies(200, "The tokens.")
        .example("tokens", tokens)
        .example("service", service)
}

/// Describes userinfo.
pub(super) fn userinfo(it: Description) -> Description {
    it.tag("provider")
        .fails(&[InvalidToken, Internal, UsersUnavailable])
        .fails_with(Forbidden, "The access token needs the scope openid.")
        .fails_with(NotConfigured, OFF)
        .replies(200, "The claims.")
        .example(
            "claims",
            json!({"sub": "7", "name": "Ada Lovelace", "given_name": "Ada", "family_name": "Lovelace",
            "locale": "it", "email": "ada@example.org", "email_verified": true}),
        )
}

/// Describes the revocation.
pub(super) fn revoke_token(it: Description) -> Description {
    for_clients(it)
        .body("token", json!({"token": docs::REFRESH_TOKEN, "client_id": CLIENT, "client_secret": CODE}))
        .replies(200, "The session has ended, if there was one.")
}

/// Describes the logout.
pub(super) fn show_logout(it: Description) -> Description {
    logout(it).reads(LOGOUT_REQUEST)
}

fn logout(it: Description) -> Description {
    provider(it)
        .replies(200, "The session has ended, if there was one.")
        .form_page()
        .replies(303, "The same, and the person is sent to the application.")
        .sends(header::CLIENT_LOCATION)
        .sends(header::REFERRER_POLICY)
        .replies(400, "Nobody is signed out or sent anywhere: the ID token or the address is not good.")
        .form_page()
}

/// Describes the logout by a form.
pub(super) fn submit_logout(it: Description) -> Description {
    logout(it).body("logout", json!({"id_token_hint": docs::ACCESS_TOKEN, "post_logout_redirect_uri": "https://app.example/", "state": "xyz"}))
}

/// Describes the metadata.
pub(super) fn show_server_metadata(it: Description) -> Description {
    let issuer = "https://concierge.example.org/auth-ms";
    let endpoint = |name: &str| format!("{issuer}/oauth/{name}");
    let methods = ["client_secret_basic", "client_secret_post", "none"];
    let mut metadata = docs::metadata();
    metadata["response_types_supported"] = json!(["code"]);
    for (name, value) in [
        ("authorization_endpoint", json!(endpoint("authorize"))),
        ("token_endpoint", json!(endpoint("token"))),
        ("userinfo_endpoint", json!(endpoint("userinfo"))),
        ("revocation_endpoint", json!(endpoint("revoke"))),
        ("end_session_endpoint", json!(endpoint("logout"))),
        ("scopes_supported", json!(["openid", "profile", "email", "phone", "offline_access"])),
        ("response_modes_supported", json!(["query"])),
        ("grant_types_supported", json!(["authorization_code", "refresh_token", "client_credentials"])),
        ("code_challenge_methods_supported", json!(["S256"])),
        ("token_endpoint_auth_methods_supported", json!(methods)),
        ("revocation_endpoint_auth_methods_supported", json!(methods)),
        ("acr_values_supported", json!(["urn:concierge:aal:1", "urn:concierge:aal:2"])),
        ("prompt_values_supported", json!(["none", "login", "consent", "select_account"])),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("request_parameter_supported", json!(false)),
        ("request_uri_parameter_supported", json!(false)),
        ("claims_parameter_supported", json!(false)),
    ] {
        metadata[name] = value;
    }
    it.tag("provider")
        .fails_with(NotConfigured, OFF)
        .replies(200, "The metadata.")
        .sends(header::PUBLIC_CACHE_CONTROL)
        .example("metadata", metadata)
}
