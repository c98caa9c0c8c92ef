//! `fill`: adds as many people as are wanted to a database, with sessions, factors, an audit log and all else that grows.

use std::time::Instant;

use anyhow::{Context as _, Result};
use dev_servers::{fill, postgres};

use crate::database;

/// A hash that no password has.
const NOBODYS: &str = "v1:$2b$12$abcdefghijklmnopqrstuuAwpwJBgsJZyWKMkZRNnjQYHLpDVCaSm";
/// What is made in some minutes, and fits on a developer's disk: about two kilobytes each.
const MOST: u32 = 20_000_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many people to add.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    users: u32,
    /// The address of a user whose password all of them get; without it, nobody signs in as one of them.
    #[arg(long, value_name = "ADDRESS")]
    password_of: Option<String>,
    /// The database, as its owner [default: DATABASE_URL, else that of a running `up`].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let url = database::owner_url(arguments.database_url.as_deref())?;
    let mut sql = postgres::connect(&url)?;
    let hash = match &arguments.password_of {
        None => NOBODYS.to_owned(),
        Some(email) => {
            let found = sql.query_opt("SELECT password_hash FROM users WHERE email = $1", &[&email.trim()])?;
            let found = found.with_context(|| format!("there is no user with the address {email}: sign up first"))?;
            let hash: Option<String> = found.get(0);
            hash.with_context(|| format!("{email} has no password"))?
        }
    };
    let start = Instant::now();
    println!("Filling the database with {} people; whoever uses it waits until it is done", arguments.users);
    let filled = fill::fill(&mut sql, arguments.users, &hash, &mut |line| println!("  {line}"))
        .context("nothing was added: is the database migrated, and are you its owner?")?;
    println!(
        "{} to {} are there after {:.0} s: {} to {}",
        filled.first,
        filled.last,
        start.elapsed().as_secs_f64(),
        fill::email(filled.first),
        fill::email(filled.last),
    );
    Ok(())
}
