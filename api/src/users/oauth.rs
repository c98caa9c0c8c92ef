//! The OAuth 2.1 and OpenID Connect provider, as users stores it: clients, and what people have allowed them.

#[cfg(feature = "openapi")]
use crate::schema;
use crate::wire::{uuid, wire};
use crate::{Body, PathParameter};
use problem::{Kind, Problem};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

wire! {
    /// An application to register.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct NewOauthClientRequest {
        /// What people read when they are asked for their consent.
        pub name: String as "schema::Name",
        /// Whether it can keep a secret. An application in a browser or on a device cannot.
        pub confidential: bool,
        /// Where people may be sent back to: `https`, or `http` on this machine.
        pub redirect_uris: Vec<String> as "schema::RedirectUris",
        /// Where they may be sent after a logout; nowhere without it.
        #[serde(default)]
        pub post_logout_redirect_uris: Vec<String> as "schema::RedirectUris",
        /// What it may ask for; `openid`, `profile` and `email` without it.
        #[serde(default)]
        pub scopes: Option<Vec<String>> as "Option<schema::Scopes>",
        /// How it may get tokens; `authorization_code` and `refresh_token` without it.
        #[serde(default)]
        pub grants: Option<Vec<String>> as "Option<schema::Grants>",
    }

    /// What changes of a client. Lists are replaced as a whole.
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct OauthClientChange {
        /// The name.
        #[serde(default)]
        pub name: Option<String> as "Option<schema::Name>",
        /// Where people may be sent back to.
        #[serde(default)]
        pub redirect_uris: Option<Vec<String>> as "Option<schema::RedirectUris>",
        /// Where they may be sent after a logout.
        #[serde(default)]
        pub post_logout_redirect_uris: Option<Vec<String>> as "Option<schema::RedirectUris>",
        /// What it may ask for.
        #[serde(default)]
        pub scopes: Option<Vec<String>> as "Option<schema::Scopes>",
        /// How it may get tokens.
        #[serde(default)]
        pub grants: Option<Vec<String>> as "Option<schema::Grants>",
    }

    /// A registered application.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct OauthClient {
        /// Its `client_id`.
        pub id: Uuid as "schema::SessionUuid",
        /// What people read when they are asked for their consent.
        pub name: String as "schema::ClientName",
        /// Whether it has a secret.
        pub confidential: bool,
        /// Where people may be sent back to.
        pub redirect_uris: Vec<String> as "schema::RedirectUris",
        /// Where they may be sent after a logout.
        pub post_logout_redirect_uris: Vec<String> as "schema::RedirectUris",
        /// What it may ask for.
        pub scopes: Vec<String> as "schema::Scopes",
        /// How it may get tokens.
        pub grants: Vec<String> as "schema::Grants",
        /// When it was registered.
        pub created_at: String as "schema::Timestamp",
        /// When it last changed.
        pub updated_at: String as "schema::Timestamp",
    }

    /// A client that was registered just now.
    #[derive(Serialize)]
    pub struct NewOauthClient {
        /// The client.
        #[serde(flatten)]
        pub client: OauthClient,
        /// The secret of a confidential client. It is shown once.
        #[serde(skip_serializing_if = "Option::is_none")]
        pub client_secret: Option<String> as "schema::ClientSecret",
    }

    /// A secret that was made just now.
    #[derive(Serialize)]
    pub struct OauthClientSecret {
        /// The secret. It is shown once.
        pub client_secret: String as "schema::ClientSecret",
    }

    /// An application that a user has connected.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct ConnectedApplication {
        /// Its `client_id`.
        pub client_id: Uuid as "schema::SessionUuid",
        /// Its name.
        pub name: String as "schema::ClientName",
        /// What the user has allowed.
        pub scopes: Vec<String> as "schema::Scopes",
        /// When the user first did.
        pub created_at: String as "schema::Timestamp",
        /// When the user last allowed more.
        pub updated_at: String as "schema::Timestamp",
    }

    /// The client with an id.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct FoundOauthClient {
        /// The client; null if there is none.
        pub client: Option<OauthClient>,
    }

    /// A client that authenticates.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct AuthenticateOauthClientRequest {
        /// Which one it says it is.
        #[serde(deserialize_with = "uuid")]
        pub client_id: Uuid as "schema::Uuid",
        /// The digest of the secret that it shows; null if it shows none.
        #[serde(default)]
        pub secret_digest: Option<String> as "Option<schema::Digest>",
        /// Where the request comes from, as rate limits count it.
        pub client_address: String,
    }

    /// Whether a client is the one that it says.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct AuthenticateOauthClientResponse {
        /// The client; null if it is not.
        pub client: Option<OauthClient>,
        /// After how many seconds another try is accepted, if too many have failed.
        pub retry_after: Option<u32>,
    }

    /// An authorization code to keep.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct IssueOauthCodeRequest {
        /// The digest of the code.
        pub code: String as "schema::Digest",
        /// The client that it is for.
        #[serde(deserialize_with = "uuid")]
        pub client_id: Uuid as "schema::Uuid",
        /// The user's own session.
        #[serde(deserialize_with = "uuid")]
        pub session_id: Uuid as "schema::Uuid",
        /// Where the code is sent.
        pub redirect_uri: String as "schema::PlainText",
        /// The challenge of PKCE (S256).
        pub code_challenge: String as "schema::CodeChallenge",
        /// The nonce of the ID token, if there is one.
        #[serde(default)]
        pub nonce: Option<String> as "Option<schema::PlainText>",
        /// What is asked for.
        pub scopes: Vec<String> as "schema::Scopes",
        /// How many seconds ago the user may have authenticated.
        #[serde(default)]
        pub max_age: Option<i32> as "Option<schema::MaxAge>",
        /// Whether the user consents now; if not, earlier consent has to cover it.
        pub consented: bool,
        /// Whether the user has to be asked, even if earlier consent covers it.
        #[serde(default)]
        pub asks: bool,
        /// How many seconds ago a user may have authenticated who has to be asked.
        #[serde(default)]
        pub ask_max_age: Option<i32> as "Option<schema::MaxAge>",
        /// Whether the session was begun for this alone, and ends.
        pub ends_session: bool,
    }

    /// What came of a code.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct IssueOauthCodeResponse {
        /// What came of it.
        pub outcome: OauthCodeOutcome,
    }

    /// A code that a client shows, and the session that it begins.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct SpendOauthCodeRequest {
        /// The digest of the code.
        pub code: String as "schema::Digest",
        /// The client.
        #[serde(deserialize_with = "uuid")]
        pub client_id: Uuid as "schema::Uuid",
        /// Where the client says that the code was sent.
        pub redirect_uri: String as "schema::PlainText",
        /// The challenge that the shown verifier has.
        pub code_challenge: String as "schema::CodeChallenge",
        /// The id of the session.
        #[serde(deserialize_with = "uuid")]
        pub session_id: Uuid as "schema::Uuid",
        /// The digest of its first refresh token.
        pub refresh_digest: String as "schema::Digest",
        /// How long it lives without a refresh.
        pub idle_seconds: i32 as "schema::Lifetime",
        /// How long it lives if it has no refresh token.
        pub online_seconds: i32 as "schema::Lifetime",
        /// How long it lives at most.
        pub absolute_seconds: i32 as "schema::Lifetime",
    }

    /// A refresh token of a client to rotate.
    #[derive(Debug, Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub struct RotateOauthTokenRequest {
        /// The client.
        #[serde(deserialize_with = "uuid")]
        pub client_id: Uuid as "schema::Uuid",
        /// The session that the token names.
        #[serde(deserialize_with = "uuid")]
        pub session_id: Uuid as "schema::Uuid",
        /// How many tokens of the session came before this one.
        #[cfg_attr(feature = "openapi", schemars(range(min = 0, max = 9_223_372_036_854_775_806_i64)))]
        pub generation: i64,
        /// The digest of the token.
        pub refresh_digest: String as "schema::Digest",
        /// The digest of its successor.
        pub next_digest: String as "schema::Digest",
        /// How long the session lives unused.
        pub idle_seconds: i32 as "schema::Lifetime",
        /// For how long the token before the current one gets the same answer as the current one did.
        #[cfg_attr(feature = "openapi", schemars(range(min = 0, max = 300)))]
        pub leeway_seconds: i32,
    }

    /// What came of a code or of a refresh token.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct OauthGrantResponse {
        /// What came of it.
        pub outcome: OauthGrantOutcome,
        /// Whose it was; null if that is not known.
        #[serde(default)]
        pub user_id: Option<identity::UserId> as "Option<schema::UserId>",
        /// The session; null unless it has begun or goes on.
        #[serde(default)]
        pub session: Option<OauthSession>,
        /// The nonce of the authorization request; null without one.
        #[serde(default)]
        pub nonce: Option<String>,
    }

    /// A session of a client.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct OauthSession {
        /// Its id.
        pub session_id: Uuid as "schema::SessionUuid",
        /// The user.
        pub user_id: identity::UserId as "schema::UserId",
        /// What the user has allowed.
        pub scopes: Vec<String> as "schema::Scopes",
        /// When and how the user authenticated.
        pub authentication: identity::Authentication as "schema::Authentication",
    }

    /// The session of a client, and its user.
    #[derive(Debug, Serialize, Deserialize)]
    pub struct OauthUserinfo {
        /// The user; null if the session is not alive.
        pub user: Option<super::User>,
    }
}

/// What came of a request for a code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum OauthCodeOutcome {
    /// It is kept.
    Issued,
    /// The session is not alive.
    SessionEnded,
    /// Its user authenticated too long ago.
    LoginRequired,
    /// The user has not consented to all of it.
    ConsentRequired,
    /// There is no such client.
    UnknownClient,
}

/// What came of a code, or of a refresh token of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[cfg_attr(feature = "openapi", derive(schemars::JsonSchema))]
pub enum OauthGrantOutcome {
    /// A session has begun by the code.
    Begun,
    /// The session goes on with the next token.
    Renewed,
    /// It went on with that token a moment ago.
    Repeated,
    /// The code or the token was used before, and the session has ended now.
    Reused,
    /// The code is not good.
    Invalid,
    /// The token belongs to no session of this client that is alive.
    Unknown,
}

/// The id of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OauthClientId(pub Uuid);

impl PathParameter for OauthClientId {
    const KINDS: &'static [Kind] = &[Kind::InvalidId, Kind::ClientNotFound];

    fn parse(text: &str) -> Result<Self, Problem> {
        <Uuid as PathParameter>::parse(text).map(Self)
    }

    #[cfg(feature = "openapi")]
    fn schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        <Uuid as PathParameter>::schema(generator)
    }
}

impl Body for NewOauthClientRequest {}
impl Body for OauthClientChange {
    const MEDIA_TYPES: &'static [&'static str] = &["application/merge-patch+json", "application/json"];
}
impl Body for AuthenticateOauthClientRequest {}
impl Body for IssueOauthCodeRequest {}
impl Body for SpendOauthCodeRequest {}
impl Body for RotateOauthTokenRequest {}
