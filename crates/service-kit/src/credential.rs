//! Credentials of services: who calls an internal route, and may.
//!
//! Each calling service has a secret of its own, and each internal route names the one service that may call it, so what is
//! stolen from one opens the routes of that one alone. A variable `<service>_credential` holds one value, or two with a
//! comma between them while it is being rotated: whoever calls shows the first, whoever is called accepts both.

use crate::{Request, config, log};
use identity::{MIN_SECRET_BYTES, Secret};
use problem::{Kind, Problem};

/// How many values of a credential are good at the same time.
const MAX_VALUES: usize = 2;

/// Who calls internal routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The component auth: sign-ins and sessions, at users.
    Auth,
    /// The schedules: the sweep of the outbox, at users, and the bell, at notification.
    Scheduler,
    /// Operators and their tools: the queues and the delivery log, at notification, and introspection, at auth.
    Operator,
}

impl Service {
    /// The component variable that its credential is in.
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Auth => "auth_credential",
            Self::Scheduler => "scheduler_credential",
            Self::Operator => "operator_credential",
        }
    }

    /// Lets only a request through that shows this service's credential.
    ///
    /// # Errors
    /// `invalid-service-token`, the same for a missing one, a wrong one and another service's.
    pub fn require(self, request: &Request) -> Result<(), Problem> {
        if Credential::of(self)?.is_shown_by(request) {
            return Ok(());
        }
        let result = if request.bearer_token().is_some() { "wrong" } else { "missing" };
        log::audit("service-token", result, &request.id, &[("asked_for", self.variable())]);
        let detail = "This route is for one service alone; it needs that service's credential as a bearer token.";
        Err(Problem::new(Kind::InvalidServiceToken, detail)
            .with_header("www-authenticate", "Bearer realm=\"concierge\""))
    }
}

/// The credential of a service.
#[derive(Debug)]
pub struct Credential {
    /// The first is the one to show.
    values: Vec<Secret>,
}

impl Credential {
    /// Reads it from the component variable of the service.
    ///
    /// # Errors
    /// `internal-error` if it is missing, or is not one value or two of 32 bytes or more.
    pub fn of(service: Service) -> Result<Self, Problem> {
        let name = service.variable();
        let what = format!("must be one secret of at least {MIN_SECRET_BYTES} bytes, or two with a comma");
        Self::parse(&config::text(name)?).ok_or_else(|| config::fault(name, &what))
    }

    fn parse(text: &str) -> Option<Self> {
        let values: Vec<_> = text.split(',').map(|value| Secret::new(value.trim())).collect::<Option<_>>()?;
        (values.len() <= MAX_VALUES).then_some(Self { values })
    }

    /// Whether a request shows one of its values, in a time that does not tell which or how nearly.
    #[must_use]
    pub fn is_shown_by(&self, request: &Request) -> bool {
        request.bearer_token().is_some_and(|candidate| self.matches(candidate))
    }

    fn matches(&self, candidate: &str) -> bool {
        // All are compared, whichever fits.
        self.values.iter().fold(false, |matches, value| value.matches(candidate) | matches)
    }

    /// The value of the `authorization` header that shows it.
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
