//! `migrate`: applies the files of `migrations/` to a database, for example one that is not this machine's.

use anyhow::Result;

use crate::database;
use crate::folder::Folder;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The database [default: DATABASE_URL, else that of a running `up`].
    #[arg(long, value_name = "URL")]
    database_url: Option<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    database::migrate(&Folder::find()?, &database::owner_url(arguments.database_url.as_deref())?)
}
