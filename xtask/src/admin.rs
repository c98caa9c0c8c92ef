//! `admin`: makes a user an administrator. Through the API, only another administrator can.

use anyhow::{Context as _, Result, bail};
use dev_servers::postgres;
use serde_json::Value;

use crate::database;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The email address of the user.
    #[arg(long, value_name = "ADDRESS")]
    email: String,
    /// The database, as its owner [default: DATABASE_URL, else that of a running `up`].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let url = database::owner_url(arguments.database_url.as_deref())?;
    let line = make_administrator(&url, &arguments.email)?;
    // For the audit log: it goes where those of the services go.
    println!("{line}");
    match line["result"].as_str() {
        Some("success") => {
            println!("The user is an administrator from the next sign-in on; existing sessions have ended.");
            Ok(())
        }
        Some("unchanged") => {
            println!("The user is an administrator already.");
            Ok(())
        }
        _ => bail!("there is no user with the address {}: sign up first", arguments.email),
    }
}

/// Makes an administrator, and gives the line for the audit log.
pub(crate) fn make_administrator(owner_url: &str, email: &str) -> Result<Value> {
    let line: String = postgres::connect(owner_url)?
        .query_one("SELECT make_administrator($1)::text", &[&email.trim()])
        .context("cannot make an administrator: is the database migrated, and are you its owner?")?
        .get(0);
    Ok(serde_json::from_str(&line)?)
}
