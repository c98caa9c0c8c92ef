//! Where one component may connect to, and what the log says when it may not.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::counters::Counters;
use crate::hosts::{AllowedHosts, Destination};

/// The permissions of a component.
#[derive(Debug)]
pub(crate) struct Outbound {
    component: String,
    hosts: AllowedHosts,
    counters: Arc<Counters>,
}

/// A destination that is not allowed, as the log names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denied(String);

impl Denied {
    /// What a component is told where its interface has room for words.
    pub(crate) fn message(&self) -> String {
        format!("address {} is not permitted", self.0)
    }
}

impl Outbound {
    pub(crate) fn new(component: &str, hosts: AllowedHosts) -> Self {
        Self { component: component.to_owned(), hosts, counters: Arc::default() }
    }

    /// What is counted of the component.
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Checks a connection to a server.
    pub(crate) fn check(&self, destination: Destination<'_>) -> Result<(), Denied> {
        if self.hosts.allows(destination) {
            return Ok(());
        }
        let Destination { scheme, host, port } = destination;
        Err(self.deny(format!("{scheme}://{host}:{port}")))
    }

    /// Checks a request to the app itself.
    pub(crate) fn check_own(&self, scheme: &str) -> Result<(), Denied> {
        if self.hosts.allows_own(scheme) { Ok(()) } else { Err(self.deny("self".to_owned())) }
    }

    /// Whether a socket may connect to an address, by `tcp` or `udp`. What is denied is not logged.
    pub(crate) fn allows_socket(&self, scheme: &str, address: SocketAddr) -> bool {
        self.hosts.allows_socket(scheme, address)
    }

    /// Denies and logs a destination.
    pub(crate) fn deny(&self, denied: String) -> Denied {
        tracing::warn!(
            component = self.component,
            denied,
            "a connection was denied: it is not in allowed_outbound_hosts"
        );
        Denied(denied)
    }
}
