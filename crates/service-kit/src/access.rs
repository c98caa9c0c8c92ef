//! Access tokens: who calls, without asking auth.

use crate::{Request, config, log};
use problem::{Kind, Problem};
use tokens::{AccessClaims, Audience, PublicKeys, TokenError};

/// Verifies access tokens: their signature, issuer, audience and times.
#[derive(Debug)]
pub struct TokenVerifier {
    keys: PublicKeys,
    issuer: String,
    audience: String,
}

impl TokenVerifier {
    /// Reads the component variables `token_public_keys`, `token_issuer` and `token_audience`.
    ///
    /// # Errors
    /// `internal-error` if one is missing or invalid.
    pub fn from_config() -> Result<Self, Problem> {
        let keys = PublicKeys::from_jwks(&config::text("token_public_keys")?)
            .map_err(|error| config::fault("token_public_keys", &format!("cannot be used: {error}")))?;
        Ok(Self { keys, issuer: config::token_issuer()?, audience: config::word("token_audience")? })
    }

    /// The same, with at least one key.
    ///
    /// # Errors
    /// `internal-error` if a variable is missing or invalid, or if there is no key.
    pub fn usable_from_config() -> Result<Self, Problem> {
        let verifier = Self::from_config()?;
        if verifier.keys.is_empty() { Err(no_key()) } else { Ok(verifier) }
    }

    /// The same with further keys, which come first.
    #[must_use]
    pub fn with_keys(self, keys: PublicKeys) -> Self {
        Self { keys: keys.merged(self.keys), ..self }
    }

    /// The public keys.
    #[must_use]
    pub fn keys(&self) -> &PublicKeys {
        &self.keys
    }

    /// The issuer and the audience of valid tokens.
    #[must_use]
    pub fn expected(&self) -> Audience<'_> {
        Audience { issuer: &self.issuer, audience: &self.audience }
    }

    /// Verifies a token.
    ///
    /// # Errors
    /// What is wrong with it, which is not for the caller to know.
    pub fn verify(&self, token: &str) -> Result<AccessClaims, TokenError> {
        tokens::verify(token, self.expected(), &self.keys, now())
    }

    /// Admits only a request with a valid access token.
    ///
    /// # Errors
    /// `invalid-token`; `internal-error` if there is no key.
    pub fn require(&self, request: &Request) -> Result<AccessClaims, Problem> {
        if self.keys.is_empty() {
            return Err(no_key());
        }
        let token = request.bearer_token().ok_or_else(token_required)?;
        self.verify(token).map_err(|error| {
            log::audit("access-token", "refused", &request.id, &[("cause", &error.to_string())]);
            invalid_token()
        })
    }
}

fn no_key() -> Problem {
    config::fault("token_public_keys", "has no key, so no access token can be verified")
}

/// The problem for a token that is not valid, or not any more: never why (RFC 6750, 3.1).
#[must_use]
pub fn invalid_token() -> Problem {
    Problem::of(Kind::InvalidToken)
        .with_header("www-authenticate", "Bearer realm=\"concierge\", error=\"invalid_token\"")
}

/// The problem for a request without a token, which is told only that it needs one (RFC 6750, 3.1).
fn token_required() -> Problem {
    Problem::new(Kind::InvalidToken, "An access token is required as a bearer token. Sign in to get one.")
        .with_header("www-authenticate", "Bearer realm=\"concierge\"")
}

/// The time, in seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    i64::try_from(seconds()).unwrap_or(i64::MAX)
}

/// From WASI 0.2 itself, as random bytes are.
#[cfg(target_family = "wasm")]
fn seconds() -> u64 {
    wasi::clocks::wall_clock::now().seconds
}

#[cfg(not(target_family = "wasm"))]
fn seconds() -> u64 {
    std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |since| since.as_secs())
}
