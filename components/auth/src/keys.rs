//! The keys that sign and check access tokens.

use identity::{Role, UserId};
use problem::{Kind, Problem};
use shell::{Request, config};
use std::time::{SystemTime, UNIX_EPOCH};
use tokens::{AccessClaims, Audience, PublicKeys, SigningKey, TokenError};
use uuid::Uuid;

/// The keys, and whose tokens they are.
pub(crate) struct Keys {
    signing: SigningKey,
    public: PublicKeys,
    issuer: String,
    audience: String,
}

impl Keys {
    /// Reads the component variables `token_signing_key`, `token_public_keys`, `token_issuer` and `token_audience`.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        let fault = |name: &str, error: tokens::KeyError| config::fault(name, &format!("cannot be used: {error}"));
        let signing = SigningKey::from_seed(&config::text("token_signing_key")?)
            .map_err(|error| fault("token_signing_key", error))?;
        let others = PublicKeys::from_jwks(&config::text("token_public_keys")?)
            .map_err(|error| fault("token_public_keys", error))?;
        Ok(Self {
            public: signing.public().and(others),
            signing,
            issuer: config::text("token_issuer")?,
            audience: config::text("token_audience")?,
        })
    }

    /// The public keys that are good.
    pub(crate) fn public(&self) -> &PublicKeys {
        &self.public
    }

    /// Signs an access token that is good from now on for `seconds`.
    pub(crate) fn sign(&self, user_id: UserId, role: Role, session: Uuid, seconds: i64) -> Result<String, Problem> {
        let issued_at = now();
        let claims =
            AccessClaims { user_id, role, session, id: Uuid::new_v4(), issued_at, expires_at: issued_at + seconds };
        tokens::sign(&claims, self.whose(), &self.signing).map_err(|error| {
            Problem::new(Kind::Internal, "This did not work; the service's log says more.")
                .with_cause(error.to_string())
        })
    }

    /// Checks an access token.
    pub(crate) fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        tokens::verify(token, self.whose(), &self.public, now())
    }

    /// Lets only a request through that shows a good access token.
    pub(crate) fn require(&self, request: &Request) -> Result<AccessClaims, Problem> {
        request.bearer_token().and_then(|token| self.verify(token).ok()).ok_or_else(invalid_token)
    }

    fn whose(&self) -> Audience<'_> {
        Audience { issuer: &self.issuer, audience: &self.audience }
    }
}

/// The problem for a token that is missing or not good: never why (RFC 6750, 3.1).
pub(crate) fn invalid_token() -> Problem {
    Problem::new(Kind::InvalidToken, "This needs a token that is good; sign in again.")
        .with_header("www-authenticate", "Bearer realm=\"concierge\", error=\"invalid_token\"")
}

/// Seconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}
