//! `migrate`: applies the files of `migrations/` to a database, for example one that is not this machine's.

use anyhow::{Context as _, Result};

use crate::app_variables::from_dev_env;
use crate::database;
use crate::folder::Folder;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The database [default: DATABASE_URL, else that of a running `up`].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let state = folder.state()?;
    let url = arguments
        .database_url
        .clone()
        .or_else(|| std::env::var("DATABASE_URL").ok())
        .or_else(|| from_dev_env(&state, "DATABASE_URL"))
        .context("no database is known: give `--database-url`, set DATABASE_URL, or run `cargo xtask up` first")?;
    database::migrate(&folder, &url)
}
