//! The keys of tokens: the one that signs access tokens, those that check them, and those of refresh tokens.

use api::users::StartedSession;
use auth_domain::{MIN_KEY_BYTES, RefreshKeys};
use problem::Problem;
use service_kit::{TokenVerifier, config, now};
use tokens::{AccessClaims, Audience, SigningKey};
use uuid::Uuid;

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
            id: Uuid::new_v4(),
            issued_at,
            expires_at: issued_at + seconds,
        };
        let whose = Audience { issuer: &self.issuer, audience: &self.audience };
        tokens::sign(&claims, whose, &self.key).map_err(|error| Problem::internal(error.to_string()))
    }
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
