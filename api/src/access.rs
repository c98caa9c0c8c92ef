//! Who may call an operation.

/// A service, or a person with tools, that calls internal operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// The component auth: sign-ins and sessions, at users.
    Auth,
    /// The schedules: the sweep of the outbox, at users, and the wake-up, at notification.
    Scheduler,
    /// Operators and their tools: the queues and the delivery log, at notification, and introspection, at auth.
    Operator,
    /// What collects the metrics of the services, such as Prometheus.
    Scraper,
}

/// A rule about who may call an operation.
pub trait Access {
    /// The security schemes of which one is needed, as the OpenAPI files name them; none for a public operation.
    const SCHEMES: &'static [&'static str];
}

/// Anybody.
#[derive(Debug)]
pub struct Public;

/// Somebody with an access token.
#[derive(Debug)]
pub struct AccessToken;

/// An application with an access token that it has got from the OAuth 2.1 provider.
#[derive(Debug)]
pub struct ClientToken;

/// An internal operation, for the service auth.
#[derive(Debug)]
pub struct ByAuth;

/// An internal operation, for the schedules.
#[derive(Debug)]
pub struct ByScheduler;

/// An internal operation, for operators.
#[derive(Debug)]
pub struct ByOperator;

/// An internal operation, for what collects metrics.
#[derive(Debug)]
pub struct ByScraper;

/// An operator with their credential, or somebody with an access token.
#[derive(Debug)]
pub struct ByOperatorOrAccessToken;

/// An internal operation: one service calls it, and shows its credential.
pub trait Internal: Access {
    /// The service.
    const CALLER: Service;
}

impl Access for Public {
    const SCHEMES: &'static [&'static str] = &[];
}

impl Access for AccessToken {
    const SCHEMES: &'static [&'static str] = &["accessToken"];
}

impl Access for ClientToken {
    const SCHEMES: &'static [&'static str] = &["clientToken"];
}

impl Access for ByOperatorOrAccessToken {
    const SCHEMES: &'static [&'static str] = &["accessToken", "operatorCredential"];
}

macro_rules! internal {
    ($($access:ty, $caller:ident, $scheme:literal;)*) => { $(
        impl Access for $access {
            const SCHEMES: &'static [&'static str] = &[$scheme];
        }

        impl Internal for $access {
            const CALLER: Service = Service::$caller;
        }
    )* };
}

internal! {
    ByAuth, Auth, "authCredential";
    ByScheduler, Scheduler, "schedulerCredential";
    ByOperator, Operator, "operatorCredential";
    ByScraper, Scraper, "metricsCredential";
}
