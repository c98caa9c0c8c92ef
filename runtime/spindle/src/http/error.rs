//! An HTTP trigger that cannot be used.

use std::io;
use std::net::SocketAddr;

use thiserror::Error;

use super::route::RouteError;
use crate::trigger::TriggerError;

/// An HTTP trigger that cannot be used.
#[derive(Debug, Error)]
pub(crate) enum HttpTriggerError {
    /// A trigger's table.
    #[error(transparent)]
    Trigger(#[from] TriggerError),
    /// A route.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The address.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, io::Error),
    /// Another process has the address.
    #[error("{0} is in use: stop what listens there, choose another with --listen, or pass --find-free-port")]
    InUse(SocketAddr),
}
