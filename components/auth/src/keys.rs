//! The keys of tokens: the one that signs access tokens, those that check them, and those of refresh tokens.

use api::users::StartedSession;
use auth_domain::{MIN_KEY_BYTES, RefreshKeys};
use problem::Problem;
use service_kit::{TokenVerifier, config, now, random};
use tokens::{AccessClaims, Audience, ClientClaims, IdClaims, IdHint, SigningKey, TokenError};

/// What access tokens are signed with. Those who only sign need none of the public keys, which cost time to read.
pub(crate) struct Signer {
    key: SigningKey,
    issuer: String,
    audience: String,
}

impl Signer {
    /// Reads the component variables `token_signing_key`, `token_issuer` and `token_audience`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        let (issuer, audience) = (config::token_issuer()?, config::word("token_audience")?);
        Ok(Self { key: signing_key()?, issuer, audience })
    }

    /// Signs an access token that is good from now on for `seconds`.
    pub(crate) fn sign(&self, of: &StartedSession, seconds: i64) -> Result<String, Problem> {
        let issued_at = now();
        let claims = AccessClaims {
            user_id: of.user_id,
            role: of.role,
            roles: of.roles.clone(),
            metadata: of.metadata.clone(),
            session: of.session_id,
            email_verified: of.email_verified,
            authentication: of.authentication.clone(),
            id: random::uuid(),
            issued_at,
            expires_at: issued_at + seconds,
        };
        let whose = Audience { issuer: &self.issuer, audience: &self.audience };
        tokens::sign(&claims, whose, &self.key).map_err(|error| Problem::internal(error.to_string()))
    }
}

/// What the tokens of clients are signed with.
pub(crate) struct ClientSigner {
    key: SigningKey,
    issuer: String,
}

impl ClientSigner {
    /// Reads the component variables `token_signing_key` and `token_issuer`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        Ok(Self { issuer: config::token_issuer()?, key: signing_key()? })
    }

    /// Signs an access token.
    pub(crate) fn sign(&self, claims: &ClientClaims) -> Result<String, Problem> {
        tokens::sign_client_token(claims, &self.issuer, &self.key).map_err(|error| Problem::internal(error.to_string()))
    }

    /// Signs an ID token.
    pub(crate) fn sign_id(&self, claims: &IdClaims<'_>) -> Result<String, Problem> {
        tokens::sign_id_token(claims, &self.issuer, &self.key).map_err(|error| Problem::internal(error.to_string()))
    }
}

/// Verifies the tokens of clients.
pub(crate) struct ClientTokenVerifier(TokenVerifier);

/// Verifies the tokens of clients with the public keys, and those signed here.
pub(crate) fn client_token_verifier() -> Result<ClientTokenVerifier, Problem> {
    token_verifier().map(ClientTokenVerifier)
}

impl ClientTokenVerifier {
    /// Verifies an access token.
    pub(crate) fn verify(&self, token: &str) -> Result<ClientClaims, TokenError> {
        tokens::verify_client_token(token, self.0.expected().issuer, self.0.keys(), now())
    }

    /// Reads an ID token, which may have expired.
    pub(crate) fn read_id(&self, token: &str) -> Result<IdHint, TokenError> {
        tokens::read_id_token(token, self.0.expected().issuer, self.0.keys())
    }
}

/// The keys of the refresh tokens of clients.
pub(crate) fn client_refresh_keys() -> Result<RefreshKeys, Problem> {
    refresh_keys().map(RefreshKeys::of_clients)
}

/// Verifies access tokens with the public keys, and those signed here.
pub(crate) fn token_verifier() -> Result<TokenVerifier, Problem> {
    Ok(TokenVerifier::from_config()?.with_keys(signing_key()?.public()))
}

/// The keys of refresh tokens, from the component variables `refresh_token_key` and `refresh_token_accepted_key`.
pub(crate) fn refresh_keys() -> Result<RefreshKeys, Problem> {
    let (current, accepted) = (config::text("refresh_token_key")?, config::text("refresh_token_accepted_key")?);
    RefreshKeys::new(current.trim(), accepted.trim()).ok_or_else(|| {
        let names = "refresh_token_key (or refresh_token_accepted_key)";
        config::fault(names, &format!("is shorter than {MIN_KEY_BYTES} bytes"))
    })
}

fn signing_key() -> Result<SigningKey, Problem> {
    SigningKey::parse(&config::text("token_signing_key")?)
        .map_err(|error| config::fault("token_signing_key", &format!("cannot be used: {error}")))
}
