//! Credentials of services: who may call an internal operation.
//!
//! Each calling service has a secret of its own, and each internal operation names the one service that may call it, so what is
//! stolen from one opens the operations of that one only. A variable `<service>_credential` holds one value, or two separated
//! by a comma while it is being rotated: callers send the first, and both are accepted.

use crate::{Request, config, log};
use api::Service;
use identity::{MIN_SECRET_BYTES, Secret};
use problem::{Kind, Problem};

/// How many values of a credential are accepted at the same time.
const MAX_VALUES: usize = 2;

/// The component variable that a service's credential is in.
const fn variable(service: Service) -> &'static str {
    match service {
        Service::Auth => "auth_credential",
        Service::Scheduler => "scheduler_credential",
        Service::Operator => "operator_credential",
        Service::Scraper => "metrics_credential",
    }
}

/// The credential of a service.
#[derive(Debug)]
pub struct Credential {
    /// The first is the one to send.
    values: Vec<Secret>,
}

impl Credential {
    /// Reads it from the component variable of the service.
    ///
    /// # Errors
    /// `internal-error` if it is missing, or is not one value or two of 32 bytes or more.
    pub fn of(service: Service) -> Result<Self, Problem> {
        let name = variable(service);
        let what = format!("must be one secret of at least {MIN_SECRET_BYTES} bytes, or two with a comma");
        Self::parse(&config::text(name)?).ok_or_else(|| config::fault(name, &what))
    }

    /// The same, if there is one: metrics are shown to nobody until somebody is to collect them.
    ///
    /// # Errors
    /// As [`Credential::of`].
    pub fn find(service: Service) -> Result<Option<Self>, Problem> {
        let is_absent = matches!(service, Service::Scraper) && config::text(variable(service))?.trim().is_empty();
        if is_absent { Ok(None) } else { Self::of(service).map(Some) }
    }

    /// Admits only a request with this service's credential.
    ///
    /// # Errors
    /// `invalid-service-token`, the same for a missing one, a wrong one and another service's, and where there is none.
    pub(crate) fn require(service: Service, request: &Request) -> Result<(), Problem> {
        if Self::find(service)?.is_some_and(|credential| credential.is_shown_by(request)) {
            return Ok(());
        }
        let result = if request.bearer_token().is_some() { "wrong" } else { "missing" };
        log::audit("service-token", result, &request.id, &[("asked_for", variable(service))]);
        Err(Problem::of(Kind::InvalidServiceToken).with_header("www-authenticate", "Bearer realm=\"concierge\""))
    }

    fn parse(text: &str) -> Option<Self> {
        let values: Vec<_> = text.split(',').map(|value| Secret::new(value.trim())).collect::<Option<_>>()?;
        (values.len() <= MAX_VALUES).then_some(Self { values })
    }

    /// Whether a request has one of its values, in constant time.
    #[must_use]
    pub fn is_shown_by(&self, request: &Request) -> bool {
        request.bearer_token().is_some_and(|candidate| self.matches(candidate))
    }

    fn matches(&self, candidate: &str) -> bool {
        // All are compared, whichever matches.
        self.values.iter().fold(false, |matches, value| value.matches(candidate) | matches)
    }

    /// The value of the `authorization` header that carries it.
    #[must_use]
    pub fn authorization(&self) -> String {
        format!("Bearer {}", self.values.first().map(Secret::expose).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(letter: &str) -> String {
        letter.repeat(40)
    }

    #[test]
    fn one_value_is_shown_and_accepted() {
        let credential = Credential::parse(&secret("a")).unwrap();
        assert_eq!(credential.authorization(), format!("Bearer {}", secret("a")));
        assert!(credential.matches(&secret("a")) && !credential.matches(&secret("b")) && !credential.matches(""));
    }

    #[test]
    fn of_two_values_the_first_is_shown_and_both_are_accepted() {
        let credential = Credential::parse(&format!("{}, {}", secret("b"), secret("a"))).unwrap();
        assert_eq!(credential.authorization(), format!("Bearer {}", secret("b")));
        assert!(credential.matches(&secret("a")) && credential.matches(&secret("b")));
        assert!(!credential.matches(&format!("{},{}", secret("b"), secret("a"))), "the list is no value");
    }

    #[test]
    fn none_three_a_short_and_an_empty_one_are_refused() {
        let three = [secret("a"), secret("b"), secret("c")].join(",");
        for text in ["", ",", &format!("{},", secret("a")), &format!("{},short", secret("a")), &three] {
            assert!(Credential::parse(text).is_none(), "{text}");
        }
    }
}
