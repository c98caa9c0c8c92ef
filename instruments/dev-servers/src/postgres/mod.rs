//! A private PostgreSQL: a cluster of its own, on a port of the loopback interface, with a random superuser password.
//!
//! In its folder: `port` and `password` (both kept), `postgres.log`, and `server/`, which belongs to the server's user and
//! may be [elsewhere](crate::data_dir).

mod client;
mod cluster;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::container::Container;
use crate::data_dir::{self, ServerUser};
use crate::install::{self, Found, Tool};
use crate::process::{Managed, Signal};
use crate::{Error, Result, ports, secret};

use client::sql;
pub use client::{Address, connect, grant_data_access, identifier};
use cluster::{Cluster, SUPERUSER};

/// Until a stopped one is killed: a fast shutdown writes all that is dirty.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// The user of the system that root runs it as: the one that Debian's package makes.
pub const SYSTEM_USER: &str = "postgres";

/// How a cluster is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Whether committed data survives a power cut.
    pub durable: bool,
    /// Whether the data is removed when the handle is dropped.
    pub throw_away: bool,
    /// How many connections it takes.
    pub max_connections: u16,
    /// The file that it logs to, if not `postgres.log` in its folder.
    pub log_file: Option<PathBuf>,
    /// Further settings, as in `postgresql.conf`.
    pub settings: Vec<(String, String)>,
    /// Where its write-ahead log is, if not with the data, in segments of 1 MiB: a folder of its own that its user owns.
    pub wal_dir: Option<PathBuf>,
}

impl Default for Options {
    /// Durable: for data that a developer wants to see again tomorrow.
    fn default() -> Self {
        Self {
            durable: true,
            throw_away: false,
            max_connections: 300,
            log_file: None,
            settings: Vec::new(),
            wal_dir: None,
        }
    }
}

impl Options {
    /// Quick instead of durable, and gone afterwards. It still survives a crash of the server, only not one of the machine.
    pub fn for_tests() -> Self {
        Self { durable: false, throw_away: true, ..Self::default() }
    }
}

/// A running PostgreSQL. Dropping it stops it; its data stays unless the options say otherwise.
#[derive(Debug)]
pub struct Postgres {
    cluster: Cluster,
    options: Options,
    port: u16,
    process: Mutex<Managed>,
}

impl Postgres {
    /// Starts the cluster in `dir`, which is made if it is new, on the port that it had before or on a free one.
    pub fn start(dir: &Path, options: Options) -> Result<Self> {
        Self::start_after(dir, options, |cluster, options| cluster.init(options))
    }

    /// Starts a replica of this one in the empty folder `dir`: it follows, and takes no writes.
    pub fn replica(&self, dir: &Path, options: Options) -> Result<Self> {
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        secret::write_private(&dir.join("password"), &self.cluster.password)?;
        Self::start_after(dir, options, |cluster, _| cluster.follow(&self.url()))
    }

    fn start_after(dir: &Path, options: Options, make: impl FnOnce(&Cluster, &Options) -> Result<()>) -> Result<Self> {
        let found = install::locate(Tool::Postgres)?;
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        let dir = dir.canonicalize().map_err(Error::file("find", dir))?;
        let password = secret::kept(&dir.join("password"))?;
        let log = options.log_file.clone().unwrap_or_else(|| dir.join("postgres.log"));
        let cluster = match found {
            Found::Engine => Cluster { server: PathBuf::new(), user: None, dir, log, password, found },
            Found::Programs(_) => {
                let user = ServerUser::unless_ourselves(SYSTEM_USER)?;
                let server = data_dir::open(&dir.join("server"), user)?;
                Cluster { server, user, dir, log, password, found }
            }
        };
        make(&cluster, &options)?;
        let port_file = cluster.dir.join("port");
        let mut port = ports::kept_port(&port_file)?;
        let process = match cluster.launch(&options, port) {
            // Someone else was quicker to take the port.
            Err(Error::EndedEarly { .. }) if !ports::is_free(port) => {
                port = ports::new_port(&port_file)?;
                cluster.launch(&options, port)?
            }
            other => other?,
        };
        Ok(Self { cluster, options, port, process: Mutex::new(process) })
    }

    fn process(&self) -> MutexGuard<'_, Managed> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The superuser's URL, of the database `postgres`.
    pub fn url(&self) -> String {
        self.url_of(SUPERUSER, &self.cluster.password, "postgres")
    }

    /// The superuser's URL of a database.
    pub fn database_url(&self, database: &str) -> String {
        self.url_of(SUPERUSER, &self.cluster.password, database)
    }

    /// The URL of a database for any user.
    pub fn url_of(&self, user: &str, password: &str, database: &str) -> String {
        format!(
            "postgres://{}:{}@{}/{}",
            secret::percent(user),
            secret::percent(password),
            self.host(),
            secret::percent(database)
        )
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process().pid()
    }

    /// Whether it runs (or is paused).
    pub fn is_running(&self) -> bool {
        self.process().is_running()
    }

    /// The file that it logs to.
    pub fn log_file(&self) -> &Path {
        &self.cluster.log
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        self.process().log_tail()
    }

    /// Makes a database unless there is one of that name, and gives the superuser's URL of it.
    pub fn create_database(&self, name: &str) -> Result<String> {
        self.create_database_of(name, SUPERUSER)
    }

    /// Makes a database that belongs to `owner` unless there is one of that name, and gives the superuser's URL of it.
    pub fn create_database_of(&self, name: &str, owner: &str) -> Result<String> {
        let action = || format!("create the database {name}");
        let mut client = connect(&self.url())?;
        let there = client.query("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).map_err(sql(action()))?;
        if there.is_empty() {
            let statement = format!("CREATE DATABASE {} OWNER {}", identifier(name), identifier(owner));
            client.batch_execute(&statement).map_err(sql(action()))?;
        }
        Ok(self.database_url(name))
    }

    /// Makes a database with all that `template` has, to which nobody may be connected, and gives the superuser's URL of it.
    pub fn copy_database(&self, template: &str, name: &str) -> Result<String> {
        let statement = format!("CREATE DATABASE {} TEMPLATE {}", identifier(name), identifier(template));
        connect(&self.url())?.batch_execute(&statement).map_err(sql(format!("copy the database {template}")))?;
        Ok(self.database_url(name))
    }

    /// Makes a role that may log in, or gives the one of that name this password. The password itself is not sent, only
    /// what PostgreSQL stores of it (SCRAM-SHA-256).
    pub fn create_role(&self, name: &str, password: &str) -> Result<()> {
        let action = || format!("create the role {name}");
        let mut client = connect(&self.url())?;
        let there = client.query("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&name]).map_err(sql(action()))?;
        let verb = if there.is_empty() { "CREATE" } else { "ALTER" };
        let verifier = postgres_protocol::password::scram_sha_256(password.as_bytes());
        let role = identifier(name);
        // Spin hands on errors as text: services know them by the server's words, which have to be English.
        let statement =
            format!("{verb} ROLE {role} LOGIN PASSWORD '{verifier}'; ALTER ROLE {role} SET lc_messages = 'C'");
        client.batch_execute(&statement).map_err(sql(action()))
    }

    /// Stops it in good order: connections are closed, transactions under way are rolled back.
    pub fn stop(&self) {
        self.process().stop(STOP_GRACE);
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and with the same data.
    pub fn start_again(&self) -> Result<()> {
        let mut process = self.process();
        process.stop(STOP_GRACE);
        *process = self.cluster.launch(&self.options, self.port)?;
        Ok(())
    }

    /// Ends it as a power cut would: nothing is written any more, and the next start recovers.
    pub fn kill(&self) {
        if let Some(container) = self.cluster.container() {
            container.kill();
        }
        let process = self.process();
        // Its own crash stop, which takes all of its processes with it; SIGKILL would leave them to find out by themselves.
        process.resume();
        process.signal(Signal::SIGQUIT);
        if process.wait(Duration::from_secs(5)).is_none() {
            process.kill();
        }
    }

    /// Freezes it: connections stay open and nobody answers.
    pub fn pause(&self) {
        match self.cluster.container() {
            Some(container) => container.pause(),
            None => self.process().pause(),
        }
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        match self.cluster.container() {
            Some(container) => container.resume(),
            None => self.process().resume(),
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.options.throw_away {
            self.kill();
            // What cannot be removed is a folder in a temporary place.
            let _ = remove(&self.cluster.dir);
        } else {
            self.stop();
        }
    }
}

/// Removes what a stopped server left in `dir`, with all data.
pub fn remove(dir: &Path) -> Result<()> {
    if dir.exists() && install::find(Tool::Postgres).is_none() {
        Container::of(dir, &dir.join("postgres.log")).remove();
    }
    data_dir::remove(&dir.join("server"))?;
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", dir)(error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_port_and_password_survive_stops_crashes_and_new_handles() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Options { throw_away: false, ..Options::for_tests() };
        let server = Postgres::start(dir.path(), kept.clone()).unwrap();
        let url = server.create_database("odd name").unwrap();
        assert_eq!(server.create_database("odd name").unwrap(), url, "creating twice is no error");
        connect(&url).unwrap().batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").unwrap();
        let copy = server.copy_database("odd name", "copy").unwrap();
        assert_eq!(connect(&copy).unwrap().query_one("SELECT n FROM t", &[]).unwrap().get::<_, i32>(0), 1);

        server.kill();
        assert!(!server.is_running());
        assert!(connect(&url).is_err());
        server.start_again().unwrap();

        server.stop();
        server.start_again().unwrap();

        drop(server);

        let _server = Postgres::start(dir.path(), Options::for_tests()).unwrap();
        let row = connect(&url).unwrap().query_one("SELECT n FROM t", &[]).unwrap();
        assert_eq!(row.get::<_, i32>(0), 1);
    }

    #[test]
    fn a_replica_follows_and_takes_no_writes() {
        let (dir, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let server = Postgres::start(dir.path(), Options::for_tests()).unwrap();
        connect(&server.url()).unwrap().batch_execute("CREATE TABLE t (n int); INSERT INTO t VALUES (1)").unwrap();
        let replica = server.replica(other.path(), Options::for_tests()).unwrap();
        let mut client = connect(&replica.url()).unwrap();
        assert_eq!(client.query_one("SELECT n FROM t", &[]).unwrap().get::<_, i32>(0), 1);
        connect(&server.url()).unwrap().batch_execute("UPDATE t SET n = 2").unwrap();
        let followed = crate::wait::until(Duration::from_secs(10), || {
            (client.query_one("SELECT n FROM t", &[]).unwrap().get::<_, i32>(0) == 2).then_some(())
        });
        assert!(followed.is_some());
        assert!(client.batch_execute("UPDATE t SET n = 3").is_err());
    }

    #[test]
    fn a_paused_server_keeps_its_connections_and_answers_when_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let server = Postgres::start(dir.path(), Options::for_tests()).unwrap();
        let mut client = connect(&server.url()).unwrap();
        server.pause();
        let answer = std::thread::spawn(move || client.query_one("SELECT 1", &[]).map(|row| row.get::<_, i32>(0)));
        std::thread::sleep(Duration::from_millis(300));
        assert!(!answer.is_finished());
        server.resume();
        assert_eq!(answer.join().unwrap().unwrap(), 1);
    }
}
