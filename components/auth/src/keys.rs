//! The key that signs access tokens, and those that check them.

use identity::{Role, UserId};
use problem::{Kind, Problem};
use shell::{AccessTokens, config, now};
use tokens::{AccessClaims, SigningKey};
use uuid::Uuid;

/// The keys, and whose tokens they are.
pub(crate) struct Keys {
    signing: SigningKey,
    tokens: AccessTokens,
}

impl Keys {
    /// Reads the component variable `token_signing_key`, and those that say which tokens are good.
    pub(crate) fn from_config() -> Result<Self, Problem> {
        let signing = SigningKey::from_seed(&config::text("token_signing_key")?)
            .map_err(|error| config::fault("token_signing_key", &format!("cannot be used: {error}")))?;
        Ok(Self { tokens: AccessTokens::from_config()?.and(signing.public()), signing })
    }

    /// The tokens that are good.
    pub(crate) fn tokens(&self) -> &AccessTokens {
        &self.tokens
    }

    /// Signs an access token that is good from now on for `seconds`.
    pub(crate) fn sign(&self, user_id: UserId, role: Role, session: Uuid, seconds: i64) -> Result<String, Problem> {
        let issued_at = now();
        let claims =
            AccessClaims { user_id, role, session, id: Uuid::new_v4(), issued_at, expires_at: issued_at + seconds };
        tokens::sign(&claims, self.tokens.whose(), &self.signing).map_err(|error| {
            Problem::new(Kind::Internal, "This did not work; the service's log says more.")
                .with_cause(error.to_string())
        })
    }
}
