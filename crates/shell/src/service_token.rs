//! The service token: what one service shows another.

use crate::{Request, config, log};
use identity::Secret;
use problem::{Kind, Problem};

/// The token that services share. Routes under `/internal/` ask for it.
#[derive(Debug)]
pub struct ServiceToken(Secret);

impl ServiceToken {
    /// Reads it from the component variable `service_token`.
    ///
    /// # Errors
    /// `internal-error` if it is missing or empty.
    pub fn from_config() -> Result<Self, Problem> {
        Secret::new(config::text("service_token")?).map(Self).ok_or_else(|| config::fault("service_token", "is empty"))
    }

    /// Whether a request shows it, compared in constant time.
    #[must_use]
    pub fn is_shown_by(&self, request: &Request) -> bool {
        request.bearer_token().is_some_and(|candidate| self.0.matches(candidate))
    }

    /// Lets only a request through that shows the token.
    ///
    /// # Errors
    /// `invalid-service-token`, the same for a missing and for a wrong one.
    pub fn require(request: &Request) -> Result<Self, Problem> {
        let token = Self::from_config()?;
        if token.is_shown_by(request) {
            return Ok(token);
        }
        let result = if request.bearer_token().is_some() { "wrong" } else { "missing" };
        log::audit("service-token", result, &request.id, &[]);
        Err(Problem::new(
            Kind::InvalidServiceToken,
            "This route is for other services; it needs the service token as a bearer token.",
        )
        .with_header("www-authenticate", "Bearer realm=\"concierge\""))
    }

    /// The value of the `authorization` header that shows it.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.0.expose())
    }
}
