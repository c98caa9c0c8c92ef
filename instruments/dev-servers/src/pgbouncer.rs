//! A private PgBouncer before a PostgreSQL: transaction pooling, as production has it.
//!
//! No package of Debian 12 knows prepared statements in transaction mode (PgBouncer 1.21 and later), so the program is
//! the caller's to name.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::data_dir::ServerUser;
use crate::process::{Launch, Managed};
use crate::{Error, Result, data_dir, ports, secret, wait};

/// Until it listens.
const START_DEADLINE: Duration = Duration::from_secs(10);
/// What users asks for when it connects, in milliseconds. A connection of a pooler is nobody's own, so it refuses such
/// wishes unless it is told to ignore them. The role has to have them: what a connection is told when it is made, Spin takes
/// away when it resets it.
pub const TIMEOUTS: [(&str, u32); 3] =
    [("statement_timeout", 4_000), ("lock_timeout", 2_000), ("idle_in_transaction_session_timeout", 5_000)];
/// The first version that keeps prepared statements in transaction mode.
const PREPARES: (u32, u32) = (1, 21);

/// How it is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// The program.
    pub program: PathBuf,
    /// Where PostgreSQL is: `127.0.0.1:<port>`.
    pub postgres: String,
    /// Who may log in, with which password.
    pub user: (String, String),
    /// How many connections to PostgreSQL there are for each database.
    pub pool_size: u32,
}

/// A running PgBouncer. Dropping it ends it.
#[derive(Debug)]
pub struct PgBouncer {
    port: u16,
    _process: Managed,
}

impl PgBouncer {
    /// Starts one on a free port, with its files in `dir`.
    pub fn start(dir: &Path, options: &Options) -> Result<Self> {
        check(&options.program)?;
        let user = ServerUser::unless_ourselves("postgres")?;
        let dir = data_dir::open(dir, user)?;
        let port = ports::free_port()?;
        let (config, users) = (dir.join("pgbouncer.ini"), dir.join("users.txt"));
        let (name, password) = &options.user;
        secret::write_private(&users, &format!("\"{name}\" \"{password}\"\n"))?;
        secret::write_private(&config, &configuration(options, port, &users)?)?;
        let mut command = Command::new(&options.program);
        command.arg(&config).current_dir(&dir);
        if let Some(user) = user {
            user.own(&users)?;
            user.own(&config)?;
            user.run(&mut command);
        }
        let process = Launch::new("PgBouncer", command, &dir.join("pgbouncer.log")).start()?;
        let ready = wait::until(START_DEADLINE, || {
            if let Some(status) = process.exit_status() {
                let (name, tail) = ("PgBouncer".into(), process.log_tail());
                return Some(Err(Error::EndedEarly { name, status: status.to_string(), tail }));
            }
            TcpStream::connect(("127.0.0.1", port)).ok().map(|_| Ok(()))
        });
        match ready {
            Some(Ok(())) => Ok(Self { port, _process: process }),
            Some(Err(error)) => Err(error),
            None => Err(Error::NotReady {
                name: "PgBouncer".into(),
                waited: START_DEADLINE,
                last: "nothing listens".into(),
                tail: process.log_tail(),
            }),
        }
    }

    /// `127.0.0.1:<port>`.
    #[must_use]
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }
}

/// Whether the program is one that this module can use.
///
/// # Errors
/// If it cannot be run, or is too old.
pub fn check(program: &Path) -> Result<()> {
    let output = Command::new(program).arg("--version").output().map_err(|source| Error::Spawn {
        name: "PgBouncer".into(),
        program: program.display().to_string(),
        source,
    })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next().and_then(|line| line.strip_prefix("PgBouncer ")).unwrap_or_default().to_owned();
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        (Some(major), Some(minor)) if (major, minor) >= PREPARES => Ok(()),
        _ => Err(Error::Advice(format!(
            "{} is PgBouncer {version}: it has to be {}.{} or later, which keeps prepared statements",
            program.display(),
            PREPARES.0,
            PREPARES.1
        ))),
    }
}

fn configuration(options: &Options, port: u16, users: &Path) -> Result<String> {
    let Some((host, postgres_port)) = options.postgres.split_once(':') else {
        return Err(Error::Advice(format!("{} is no host with a port", options.postgres)));
    };
    let (pool, users) = (options.pool_size, users.display());
    let names = TIMEOUTS.map(|(name, _)| name).join(", ");
    // A server that was away is tried again soon, nobody waits longer than a service does, and databases that nobody uses
    // any more leave the server's connections to others.
    Ok(format!(
        "[databases]\n* = host={host} port={postgres_port}\n\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = scram-sha-256\n\
         auth_file = {users}\npool_mode = transaction\nmax_prepared_statements = 200\ndefault_pool_size = {pool}\n\
         max_client_conn = 4000\nignore_startup_parameters = {names}\nserver_login_retry = 1\nquery_wait_timeout = 4\n\
         server_idle_timeout = 5\n\
         log_connections = 0\nlog_disconnections = 0\n"
    ))
}
