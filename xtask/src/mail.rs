//! Where `up` sends mail: to a catcher that shows it, unless another sender or mail API was given.

use anyhow::Result;
use clap::ValueEnum;
use dev_servers::mail_catcher::{MailCatcher, USUAL_PORT};

use crate::app_variables::{Given, Variables};

/// The destinations by the names that the command line has for them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mail {
    /// A page on this machine shows it.
    Catch,
    /// Sends are simulated.
    Off,
}

/// What says where mail goes. If one of these is given, it is meant.
const GIVEN: [&str; 3] = ["NOTIFICATION_SENDER", "MAIL_API", "MAIL_API_URL"];

/// Starts the catcher, if it is wanted, and has notification send to it.
pub(crate) fn start(mail: Mail, given: &Given, variables: &mut Variables) -> Result<Option<MailCatcher>> {
    let is_given = GIVEN.iter().any(|name| given.get(&format!("SPIN_VARIABLE_{name}")).is_some());
    if is_given {
        return Ok(None);
    }
    if mail == Mail::Off {
        variables.set(given, "notification_sender", "simulate");
        return Ok(None);
    }
    let catcher = MailCatcher::start(USUAL_PORT)?;
    variables.set(given, "notification_sender", "http");
    variables.set(given, "mail_api_url", &catcher.url());
    Ok(Some(catcher))
}
