//! The database of a run: a private PostgreSQL in `.concierge/postgres`, or the one of `DATABASE_URL`; migrated, and with what
//! the app needs to get in.

use anyhow::{Context as _, Result};
use dev_servers::install::Tool;
use dev_servers::postgres::{self, Address, Options, Postgres};
use dev_servers::{migrations, secret};

use crate::app_variables::{Given, Variables, from_dev_env};
use crate::folder::Folder;
use crate::secrets::Secrets;
use crate::setup;

/// The database, and the role that it belongs to.
const OWNER: &str = "concierge";
/// The role of the service users: rows, and nothing else.
const SERVICE: &str = "concierge_users";

/// A database that is ready for the app.
pub(crate) struct Database {
    /// The private server, unless one was given.
    pub(crate) server: Option<Postgres>,
    /// For migrations, and for a developer with `psql`.
    pub(crate) owner_url: String,
}

/// Starts or reaches it, applies the migrations, and sets the app's variables.
pub(crate) fn start(folder: &Folder, secrets: &Secrets, given: &Given, variables: &mut Variables) -> Result<Database> {
    let (database, address) = match given.get("DATABASE_URL") {
        Some(url) => {
            println!("Using the database of DATABASE_URL");
            let address = Address::parse(&url).context("DATABASE_URL cannot be used")?;
            migrate(folder, &url)?;
            (Database { server: None, owner_url: url }, address)
        }
        None => private(folder, secrets)?,
    };
    // These become parts of a URL.
    variables.set(given, "db_host", &address.host);
    variables.set(given, "db_name", &secret::percent(&address.database));
    variables.set(given, "db_user", &secret::percent(&address.user));
    variables.set(given, "db_password", &secret::percent(&address.password));
    variables.set(given, "db_sslmode", address.sslmode);
    Ok(database)
}

fn private(folder: &Folder, secrets: &Secrets) -> Result<(Database, Address)> {
    setup::server(folder, Tool::Postgres)?;
    let options = Options { log_file: Some(folder.fresh_log("postgres")?), ..Options::default() };
    let server = Postgres::start(&folder.state()?.join("postgres"), options)?;
    println!("PostgreSQL runs on {}", server.host());
    server.create_role(OWNER, &secrets.database_owner_password)?;
    server.create_role(SERVICE, &secrets.database_password)?;
    server.create_database_of(OWNER, OWNER)?;
    let owner_url = server.url_of(OWNER, &secrets.database_owner_password, OWNER);
    migrate(folder, &owner_url)?;
    postgres::grant_data_access(&owner_url, SERVICE)?;
    let mut address = Address::parse(&server.url_of(SERVICE, &secrets.database_password, OWNER))?;
    // The private server has no TLS.
    address.sslmode = "disable";
    Ok((Database { server: Some(server), owner_url }, address))
}

/// The address of a database, for its owner: the one that is given, or that of `DATABASE_URL`, or of a running `up`.
pub(crate) fn owner_url(given: Option<&str>) -> Result<String> {
    let state = Folder::find()?.state()?;
    given
        .map(str::to_owned)
        .or_else(|| std::env::var("DATABASE_URL").ok())
        .or_else(|| from_dev_env(&state, "DATABASE_URL"))
        .context("no database is known: give `--database-url`, set DATABASE_URL, or run `cargo xtask up` first")
}

/// Applies what is in `migrations/`.
pub(crate) fn migrate(folder: &Folder, url: &str) -> Result<()> {
    let report =
        migrations::run(url, &folder.root().join("migrations")).context("the database could not be migrated")?;
    match report.applied.as_slice() {
        [] => println!("Migrations: all {} were applied before", report.already),
        applied => println!("Migrations: applied {}", applied.join(", ")),
    }
    Ok(())
}
