//! Where a sign-in comes from.

use problem::Problem;
use service_kit::{Request, client_network, client_user_agent};

/// Where a sign-in comes from, as the session's owner is shown it.
pub(crate) struct Origin {
    /// What the client calls itself.
    pub(crate) user_agent: Option<String>,
    /// The network of its address.
    pub(crate) network: Option<String>,
    /// Whether the device has signed in to the account before.
    pub(crate) is_device_known: bool,
}

impl Origin {
    /// Where this request comes from.
    pub(crate) fn of(request: &Request) -> Result<Self, Problem> {
        Ok(Self { user_agent: client_user_agent(request), network: client_network(request)?, is_device_known: false })
    }
}
