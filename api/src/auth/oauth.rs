//! The OAuth 2.1 and OpenID Connect provider: what clients send to auth and get from it.

use crate::Body;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

wire! {
    /// An authorization request (OpenID Connect Core 1.0, 3.1.2.1), as a form.
    #[derive(Deserialize)]
    pub struct AuthorizationForm {
        /// The client.
        pub client_id: String as "schema::AnyText",
        /// Where people are sent back to.
        pub redirect_uri: String as "schema::AnyText",
        /// `code`.
        pub response_type: String as "schema::AnyText",
        /// What is asked for, with spaces between the scopes.
        pub scope: String as "schema::ScopeText",
        /// The challenge of PKCE.
        pub code_challenge: String as "schema::AnyText",
        /// `S256`.
        pub code_challenge_method: String as "schema::AnyText",
    }

    /// The form of the page: the authorization request, and a sign-in.
    #[derive(Deserialize)]
    pub struct AuthorizationSignIn {
        /// The authorization request.
        #[serde(flatten)]
        pub request: AuthorizationForm,
        /// The email.
        pub username: String as "schema::AnyText",
        /// The password.
        pub password: String as "schema::CurrentPassword",
        /// `deny` sends the person back with `access_denied`.
        #[serde(default)]
        pub decision: Option<String> as "schema::AnyText",
    }

    /// The form of the page that asks for a code.
    #[derive(Deserialize)]
    pub struct AuthorizationCodeForm {
        /// The authorization request.
        #[serde(flatten)]
        pub request: AuthorizationForm,
        /// What the page has.
        pub challenge: String as "schema::AnyText",
        /// The code.
        pub code: String as "schema::AnyText",
        /// `deny` sends the person back with `access_denied`.
        #[serde(default)]
        pub decision: Option<String> as "schema::AnyText",
    }

    /// What a user who has signed in decides about an authorization request.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct DecisionRequest {
        /// The authorization request, as the application has sent it: a query.
        pub request: String,
        /// Whether the user consents. Without it, earlier consent is enough, and nobody is sent anywhere if there is none.
        #[serde(default)]
        pub consent: Option<bool>,
    }

    /// Where to send the user, or what to ask them.
    #[derive(Serialize)]
    pub struct DecisionResponse {
        /// Where to send the user: back to the application, with a code or an error.
        pub redirect_to: Option<String> as "Option<schema::Url>",
        /// What to ask the user for first.
        pub consent: Option<ConsentAsked>,
    }

    /// What an application asks for.
    #[derive(Serialize)]
    pub struct ConsentAsked {
        /// The application.
        pub client_id: Uuid as "schema::SessionUuid",
        /// Its name.
        pub name: String as "schema::ClientName",
        /// Where it leads: scheme, host and port.
        pub origin: String as "schema::Url",
        /// What it asks for.
        pub scopes: Vec<String> as "schema::Scopes",
    }

    /// A request for tokens (RFC 6749, 4.1.3, 4.4.2 and 6). A client may authenticate by the header `authorization` instead.
    #[derive(Deserialize)]
    pub struct TokenRequest {
        /// `authorization_code`, `refresh_token` or `client_credentials`.
        pub grant_type: String as "schema::AnyText",
        /// The client.
        #[serde(default)]
        pub client_id: Option<String> as "schema::AnyText",
        /// The secret of a confidential client.
        #[serde(default)]
        pub client_secret: Option<String> as "schema::AnyText",
        /// The authorization code.
        #[serde(default)]
        pub code: Option<String> as "schema::AnyText",
        /// Where the code was sent.
        #[serde(default)]
        pub redirect_uri: Option<String> as "schema::AnyText",
        /// The verifier of PKCE.
        #[serde(default)]
        pub code_verifier: Option<String> as "schema::AnyText",
        /// The refresh token.
        #[serde(default)]
        pub refresh_token: Option<String> as "schema::AnyText",
        /// Fewer scopes.
        #[serde(default)]
        pub scope: Option<String> as "schema::AnyText",
    }

    /// Tokens (RFC 6749, 5.1; OpenID Connect Core 1.0, 3.1.3.3).
    #[derive(Serialize)]
    pub struct TokenResponse {
        /// A JWT for userinfo.
        pub access_token: String as "schema::AccessTokenText",
        /// How it is sent.
        pub token_type: &'static str as "schema::Bearer",
        /// How long it is valid, in seconds.
        pub expires_in: i64 as "schema::ExpiresIn",
        /// What it is good for.
        pub scope: String as "schema::ScopeText",
        /// With `offline_access`: replaced at each refresh.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub refresh_token: Option<String> as "schema::RefreshTokenText",
        /// With `openid`: who the user is.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub id_token: Option<String> as "schema::JsonWebToken",
    }

    /// Why a client gets nothing (RFC 6749, 5.2).
    #[derive(Serialize)]
    pub struct OauthError {
        /// Its name.
        pub error: &'static str as "schema::AnyText",
        /// What a developer reads.
        pub error_description: &'static str as "schema::AnyText",
    }

    /// Claims about a user (OpenID Connect Core 1.0, 5.1), by the scopes of the access token.
    #[derive(Serialize)]
    pub struct Userinfo {
        /// The id of the user.
        pub sub: String as "schema::Subject",
        /// `profile`: first name and surname.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub name: Option<String> as "schema::AnyText",
        /// `profile`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub given_name: Option<String> as "schema::StoredName",
        /// `profile`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub family_name: Option<String> as "schema::StoredName",
        /// `profile`: the language, if one is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub locale: Option<String> as "schema::Locale",
        /// `profile`: the time zone, if one is known.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub zoneinfo: Option<String> as "schema::AnyText",
        /// `email`.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub email: Option<String> as "schema::StoredEmail",
        /// `email`: whether it is known to be the user's.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub email_verified: Option<bool> as "bool",
        /// `phone`, if there is one.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub phone_number: Option<String> as "schema::AnyText",
        /// `phone`, if there is one: whether it is known to be the user's.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub phone_number_verified: Option<bool> as "bool",
    }

    /// A token to revoke (RFC 7009, 2.1). A client may authenticate by the header `authorization` instead.
    #[derive(Deserialize)]
    pub struct RevocationRequest {
        /// A refresh token, or an access token.
        pub token: String as "schema::AnyText",
        /// Accepted and ignored.
        #[serde(default)]
        pub token_type_hint: Option<String> as "schema::Hint",
        /// The client.
        #[serde(default)]
        pub client_id: Option<String> as "schema::AnyText",
        /// The secret of a confidential client.
        #[serde(default)]
        pub client_secret: Option<String> as "schema::AnyText",
    }

    /// A logout (OpenID Connect RP-Initiated Logout 1.0, 2).
    #[derive(Deserialize)]
    pub struct LogoutForm {
        /// The ID token of the session.
        #[serde(default)]
        pub id_token_hint: Option<String> as "schema::AnyText",
        /// The client, if it says so.
        #[serde(default)]
        pub client_id: Option<String> as "schema::AnyText",
        /// Where to go afterwards.
        #[serde(default)]
        pub post_logout_redirect_uri: Option<String> as "schema::AnyText",
        /// What comes back with it.
        #[serde(default)]
        pub state: Option<String> as "schema::AnyText",
    }
}

macro_rules! forms {
    ($($form:ty),*) => { $(
        impl Body for $form {
            const MEDIA_TYPES: &'static [&'static str] = &["application/x-www-form-urlencoded"];
        }
    )* };
}

forms!(AuthorizationForm, AuthorizationSignIn, AuthorizationCodeForm, TokenRequest, RevocationRequest, LogoutForm);

impl Body for DecisionRequest {}
