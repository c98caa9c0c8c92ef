//! A database as its clients see it: its URL, a connection, rights.

use std::str::FromStr as _;
use std::time::Duration;

use ::postgres::config::{Host, SslMode};
use ::postgres::{Client, Config, NoTls};

use crate::{Error, Result};

/// The port of PostgreSQL where a URL names none, and in the container.
pub(super) const DEFAULT_PORT: u16 = 5432;
/// For one attempt to connect.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);

/// A database URL taken apart, to be put together anew by whoever needs its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// A name or an address, with a port: `db.example:5432`.
    pub host: String,
    /// Who logs in.
    pub user: String,
    /// With what; empty if the URL has none.
    pub password: String,
    /// The database.
    pub database: String,
    /// `disable`, `prefer` or `require`.
    pub sslmode: &'static str,
}

impl Address {
    /// Reads a URL; the error is a sentence that names what is wrong, and never the URL, which has a password in it.
    pub fn parse(url: &str) -> Result<Self> {
        let config = Config::from_str(url).map_err(sql("read the database URL".into()))?;
        let missing = |what: &str| Error::Advice(format!("the database URL names no {what}"));
        let host = match config.get_hosts() {
            [Host::Tcp(host)] => host,
            _ => return Err(Error::Advice("the database URL must name exactly one host, reached by TCP".into())),
        };
        // An IPv6 address has brackets in a URL, and the parser takes them off.
        let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
        let port = config.get_ports().first().copied().unwrap_or(DEFAULT_PORT);
        let user = config.get_user().ok_or_else(|| missing("user"))?.to_owned();
        let password = String::from_utf8_lossy(config.get_password().unwrap_or_default()).into_owned();
        Ok(Self {
            host: format!("{host}:{port}"),
            database: config.get_dbname().unwrap_or(&user).to_owned(),
            user,
            password,
            sslmode: match config.get_ssl_mode() {
                SslMode::Disable => "disable",
                SslMode::Require => "require",
                _ => "prefer",
            },
        })
    }
}

/// Connects by a URL, within a deadline.
pub fn connect(url: &str) -> Result<Client> {
    let mut config = Config::from_str(url).map_err(sql("read the database URL".into()))?;
    config.connect_timeout(CONNECT_DEADLINE);
    config.connect(NoTls).map_err(sql("let us in".into()))
}

/// Gives a role what a service needs in the database of `owner_url`, and no more: rows of all tables and values of all
/// sequences, also of those to come. The table of migrations it may only read. To be repeated after each run of migrations.
pub fn grant_data_access(owner_url: &str, role: &str) -> Result<()> {
    let role_name = identifier(role);
    let statements = format!(
        "GRANT USAGE ON SCHEMA public TO {role_name};
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role_name};
         GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {role_name};
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {role_name};
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO {role_name};
         DO $$ BEGIN
           IF to_regclass('public.schema_migrations') IS NOT NULL THEN
             REVOKE INSERT, UPDATE, DELETE ON public.schema_migrations FROM {role_name};
           END IF;
         END $$;"
    );
    connect(owner_url)?.batch_execute(&statements).map_err(sql(format!("grant access to {role}")))
}

/// A name as an SQL identifier.
pub fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

pub(super) fn sql(action: String) -> impl FnOnce(::postgres::Error) -> Error {
    |source| Error::Sql { action, source }
}

#[cfg(test)]
mod tests {
    use super::super::{Options, Postgres};
    use super::*;

    #[test]
    fn a_database_url_is_taken_apart() {
        let address = Address::parse("postgres://me:p%40ss@db.example/app?sslmode=require").unwrap();
        let Address { host, user, password, database, sslmode } = address;
        let parts = [&host, &user, &password, &database].map(String::as_str);
        assert_eq!(parts, ["db.example:5432", "me", "p@ss", "app"]);
        assert_eq!(sslmode, "require");
        assert_eq!(Address::parse("postgres://me@[::1]:5433").unwrap().host, "[::1]:5433");
        let error = Address::parse("postgres://me:secret@/app?host=/run/postgresql").unwrap_err().to_string();
        assert!(error.contains("exactly one host") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn the_services_role_reaches_rows_but_neither_tables_nor_migrations() {
        let dir = tempfile::tempdir().unwrap();
        let server = Postgres::start(dir.path(), Options::for_tests()).unwrap();
        server.create_role("owner", "first").unwrap();
        server.create_role("owner", "p@ss:/?#").unwrap();
        server.create_role("service", "s").unwrap();
        server.create_database_of("app", "owner").unwrap();
        let owner = server.url_of("owner", "p@ss:/?#", "app");
        connect(&owner)
            .unwrap()
            .batch_execute("CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY, n int); CREATE TABLE schema_migrations (version int)")
            .unwrap();
        grant_data_access(&owner, "service").unwrap();

        let mut service = connect(&server.url_of("service", "s", "app")).unwrap();
        assert_eq!(service.query_one("SHOW lc_messages", &[]).unwrap().get::<_, String>(0), "C");
        service
            .batch_execute("INSERT INTO t (n) VALUES (1); UPDATE t SET n = 2; SELECT * FROM schema_migrations")
            .unwrap();
        assert!(service.batch_execute("DROP TABLE t").is_err());
        assert!(service.batch_execute("CREATE TABLE u (n int)").is_err());
        assert!(service.batch_execute("INSERT INTO schema_migrations VALUES (1)").is_err());
    }
}
