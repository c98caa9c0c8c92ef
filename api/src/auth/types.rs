//! What callers send to auth and get from it.

use crate::passkey::SignInCredential;
#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::wire;
use identity::Role;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;

/// How long an access token is valid, in seconds.
pub const ACCESS_TOKEN_SECONDS: i64 = 15 * 60;

wire! {
    /// A sign-in.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct LoginRequest {
        /// The email, without regard to case. An invalid one belongs to no account.
        pub username: String,
        /// The password.
        pub password: String as "schema::CurrentPassword",
        /// The `device_token` of an earlier login. An invalid one, or another account's, is ignored.
        #[serde(default)]
        pub device_token: Option<String>,
    }

    /// A refresh token.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RefreshTokenRequest {
        /// The token of the last login or refresh. Opaque; about 100 characters.
        pub refresh_token: String,
    }

    /// Tokens in the shape of OAuth 2.0 (RFC 6749, 5.1).
    #[derive(Serialize)]
    pub struct LoginResponse {
        /// A JWT, to be sent as `Authorization: Bearer <token>`.
        pub access_token: String as "schema::AccessTokenText",
        /// How the access token is sent.
        pub token_type: &'static str as "schema::Bearer",
        /// How long the access token is valid, in seconds.
        pub expires_in: i64 as "schema::ExpiresIn",
        /// Opaque; replaced at each refresh.
        pub refresh_token: String as "schema::RefreshTokenText",
        /// What to send with the next login from this device.
        pub device_token: String as "schema::DeviceToken",
    }

    /// A code, for a sign-in whose password was right.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct SecondFactorRequest {
        /// The `challenge` that the password was answered with.
        pub challenge: String,
        /// The code that the authenticator app shows, or a recovery code.
        pub code: String,
        /// The `device_token` of an earlier login, as with the password.
        #[serde(default)]
        pub device_token: Option<String>,
    }

    /// A challenge, for a sign-in whose password was right.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct EnrolmentRequest {
        /// The `challenge` that the password was answered with.
        pub challenge: String,
    }

    /// An authenticator's answer.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct PasskeyLoginRequest {
        /// What `navigator.credentials.get` returns, by `toJSON`.
        pub credential: SignInCredential,
        /// The `device_token` of an earlier login, as with the password.
        #[serde(default)]
        pub device_token: Option<String>,
    }

    /// Tokens, as the login without a second factor returns them.
    #[derive(Serialize)]
    pub struct SecondFactorResponse {
        /// The tokens.
        #[serde(flatten)]
        pub tokens: LoginResponse,
        /// After an enrolment alone: what takes the place of the app when it is lost. It is shown once.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub recovery_codes: Option<Vec<String>> as "schema::RecoveryCodes",
    }

    /// Tokens in the shape of OAuth 2.0 (RFC 6749, 5.1).
    #[derive(Serialize)]
    pub struct RefreshResponse {
        /// A JWT, to be sent as `Authorization: Bearer <token>`.
        pub access_token: String as "schema::AccessTokenText",
        /// How the access token is sent.
        pub token_type: &'static str as "schema::Bearer",
        /// How long the access token is valid, in seconds.
        pub expires_in: i64 as "schema::ExpiresIn",
        /// Opaque; replaced at each refresh.
        pub refresh_token: String as "schema::RefreshTokenText",
    }

    /// A session, as its owner sees it.
    #[derive(Debug, Serialize)]
    pub struct Session {
        /// Its id.
        pub id: Uuid as "schema::SessionUuid",
        /// When it began.
        pub created_at: String as "schema::DateTime",
        /// When it began or was last refreshed.
        pub used_at: String as "schema::DateTime",
        /// When it ends at the latest, however much it is used.
        pub ends_at: String as "schema::DateTime",
        /// What the client called itself at the sign-in.
        pub user_agent: Option<String> as "Option<schema::UserAgent>",
        /// The network that the sign-in came from.
        pub network: Option<String> as "Option<schema::ClientNetwork>",
        /// The application that has it; null for a session of the user's own.
        pub application: Option<String> as "Option<schema::ClientName>",
        /// Whether the caller's access token belongs to it.
        pub current: bool,
    }

    /// The form with the token to introspect. It is read as a form, not from JSON.
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct IntrospectRequest {
        /// The access token.
        pub token: String,
        /// Accepted and ignored.
        #[serde(default)]
        pub token_type_hint: Option<String> as "schema::Hint",
    }

    /// An access token that is valid, of a session that is alive.
    #[derive(Serialize)]
    pub struct ActiveToken {
        /// True.
        pub active: bool as "schema::True",
        /// The id of the user.
        pub sub: String as "schema::Subject",
        /// What the user may do.
        pub role: Role as "schema::Role",
        /// All roles that mean something to anybody, `admin` among them; absent without any.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        pub roles: Vec<String> as "schema::Roles",
        /// Public metadata of the user that the operator wants in tokens; absent without any.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub metadata: Option<Map<String, Value>> as "schema::MetadataObject",
        /// The session.
        pub sid: Uuid as "schema::SessionUuid",
        /// When the user authenticated, in seconds since 1970.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub auth_time: Option<i64> as "i64",
        /// How.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub amr: Option<Vec<String>> as "schema::Methods",
        /// With one factor (`urn:concierge:aal:1`) or with more.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub acr: Option<&'static str> as "schema::Acr",
        /// The token's own id.
        pub jti: Uuid as "schema::SessionUuid",
        /// When it was issued, in seconds since 1970.
        pub iat: i64,
        /// When it expires, in seconds since 1970.
        pub exp: i64,
        /// How it is sent.
        pub token_type: &'static str as "schema::Bearer",
    }

    /// Anything that is not a valid access token of a session that is alive.
    #[derive(Serialize)]
    pub struct InactiveToken {
        /// False.
        pub active: bool as "schema::False",
    }
}

impl RefreshResponse {
    /// The response with these tokens.
    #[must_use]
    pub fn new(access_token: String, refresh_token: String) -> Self {
        Self { access_token, token_type: "Bearer", expires_in: ACCESS_TOKEN_SECONDS, refresh_token }
    }
}

impl LoginResponse {
    /// The response with these tokens.
    #[must_use]
    pub fn new(access_token: String, refresh_token: String, device_token: String) -> Self {
        Self { access_token, token_type: "Bearer", expires_in: ACCESS_TOKEN_SECONDS, refresh_token, device_token }
    }
}

/// The state of a token (RFC 7662).
#[derive(Serialize)]
#[serde(untagged)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum IntrospectResponse {
    /// It is valid.
    Active(Box<ActiveToken>),
    /// It is not.
    Inactive(InactiveToken),
}

/// A JSON Web Key Set (RFC 7517), as the crate `tokens` writes it.
#[derive(Serialize)]
#[serde(transparent)]
pub struct KeySet(pub Value);

/// What a library needs to know to accept the access tokens: the metadata of OpenID Connect Discovery 1.0, 3, and RFC 8414, 2. Without the
/// OpenID Connect provider there is no authorization endpoint, and no ID tokens are issued.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct Metadata {
    /// The `iss` of the tokens.
    #[cfg_attr(feature = "openapi", schemars(url))]
    pub issuer: String,
    /// Where the public keys are.
    #[cfg_attr(feature = "openapi", schemars(url))]
    pub jwks_uri: String,
    /// `code`, by the provider.
    pub response_types_supported: Vec<&'static str>,
    /// Everybody who asks is told the same `sub` of a user.
    pub subject_types_supported: [&'static str; 1],
    /// The algorithms of the keys.
    pub id_token_signing_alg_values_supported: Vec<&'static str>,
    /// The claims of access tokens and of userinfo; some are there only where they apply.
    pub claims_supported: Vec<&'static str>,
    /// What there is of the provider.
    #[serde(flatten)]
    pub provider: Option<ProviderMetadata>,
}

/// What a client needs to know of the provider.
#[derive(Serialize)]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub struct ProviderMetadata {
    /// Where people are sent to.
    #[cfg_attr(feature = "openapi", schemars(url))]
    pub authorization_endpoint: String,
    /// Where tokens are got.
    #[cfg_attr(feature = "openapi", schemars(url))]
    pub token_endpoint: String,
    /// Where claims are got.
    #[cfg_attr(feature = "openapi", schemars(url))]
    pub userinfo_endpoint: String,
    /// Where tokens are revoked.
    #[cfg_attr(feature = "openapi", schemars(url))]
    pub revocation_endpoint: String,
    /// Where people are signed out.
    #[cfg_attr(feature = "openapi", schemars(url))]
    pub end_session_endpoint: String,
    /// The scopes that mean something here.
    pub scopes_supported: [&'static str; 5],
    /// Where codes are sent: in the query.
    pub response_modes_supported: [&'static str; 1],
    /// How tokens are got.
    pub grant_types_supported: [&'static str; 3],
    /// How PKCE is done.
    pub code_challenge_methods_supported: [&'static str; 1],
    /// How clients authenticate.
    pub token_endpoint_auth_methods_supported: [&'static str; 3],
    /// The same where tokens are revoked.
    pub revocation_endpoint_auth_methods_supported: [&'static str; 3],
    /// How strong a sign-in may have been.
    pub acr_values_supported: [&'static str; 2],
    /// What `prompt` may be.
    pub prompt_values_supported: [&'static str; 4],
    /// True: redirections have `iss` (RFC 9207).
    pub authorization_response_iss_parameter_supported: bool,
    /// False: there are no request objects.
    pub request_parameter_supported: bool,
    /// False.
    pub request_uri_parameter_supported: bool,
    /// False.
    pub claims_parameter_supported: bool,
}

#[cfg(feature = "openapi")]
impl schemars::JsonSchema for KeySet {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "KeySet".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let key = generator.subschema_for::<schema::Key>();
        schemars::json_schema!({
            "type": "object",
            "description": "A JSON Web Key Set (RFC 7517).",
            "required": ["keys"],
            "properties": {"keys": {"type": "array", "minItems": 1, "maxItems": 9, "items": key}},
        })
    }
}
