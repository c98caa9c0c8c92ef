//! A private PostgreSQL: a cluster of its own, on a port of the loopback interface, with a random superuser password.
//!
//! In its folder: `port` and `password` (both kept), `postgres.log`, and `server/`, which belongs to the server's user and
//! may be [elsewhere](crate::data_dir).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::str::FromStr as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ::postgres::config::{Host, SslMode};
use ::postgres::{Client, Config, NoTls};

use crate::container::{self, Container, POSTGRES_IMAGE};
use crate::data_dir::{self, ServerUser};
use crate::install::{self, Found, Tool};
use crate::process::{self, Launch, Managed, Signal};
use crate::{Error, Result, ports, secret, wait};

/// Until it answers: it may have to recover after a crash first.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// Until `initdb` is done.
const INIT_DEADLINE: Duration = Duration::from_secs(120);
/// Until a stopped one is killed: a fast shutdown writes all that is dirty.
const STOP_GRACE: Duration = Duration::from_secs(20);
/// For one attempt to connect.
const CONNECT_DEADLINE: Duration = Duration::from_secs(3);
/// How long the processes of a killed server may take to notice.
const LEFTOVER_DEADLINE: Duration = Duration::from_secs(15);
/// The port in the container.
const INNER_PORT: u16 = 5432;
/// Who a cluster belongs to.
const SUPERUSER: &str = "postgres";
/// The user of the system that root runs it as: the one that Debian's package makes.
const SYSTEM_USER: &str = "postgres";

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
}

impl Default for Options {
    /// Durable: for data that a developer wants to see again tomorrow.
    fn default() -> Self {
        Self { durable: true, throw_away: false, max_connections: 300, log_file: None, settings: Vec::new() }
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
    place: Place,
    options: Options,
    port: u16,
    process: Mutex<Managed>,
}

/// Where a cluster is, and what runs it.
#[derive(Debug)]
struct Place {
    dir: PathBuf,
    log: PathBuf,
    /// The folder that the server's user owns; unused in a container.
    server: PathBuf,
    password: String,
    found: Found,
    user: Option<ServerUser>,
}

impl Postgres {
    /// Starts the cluster in `dir`, which is made if it is new, on the port that it had before or on a free one.
    pub fn start(dir: &Path, options: Options) -> Result<Self> {
        let found = install::locate(Tool::Postgres)?;
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        let dir = dir.canonicalize().map_err(Error::file("find", dir))?;
        let password = secret::kept(&dir.join("password"))?;
        let log = options.log_file.clone().unwrap_or_else(|| dir.join("postgres.log"));
        let place = match found {
            Found::Engine => Place { server: PathBuf::new(), user: None, dir, log, password, found },
            Found::Programs(_) => {
                let user = ServerUser::unless_ourselves(SYSTEM_USER)?;
                let server = data_dir::open(&dir.join("server"), user)?;
                let place = Place { server, user, dir, log, password, found };
                place.init(&options)?;
                place
            }
        };
        let port_file = place.dir.join("port");
        let mut port = ports::kept_port(&port_file)?;
        let process = match place.launch(&options, port) {
            // Someone else was quicker to take the port.
            Err(Error::EndedEarly { .. }) if !ports::is_free(port) => {
                port = ports::new_port(&port_file)?;
                place.launch(&options, port)?
            }
            other => other?,
        };
        Ok(Self { place, options, port, process: Mutex::new(process) })
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
        self.url_of(SUPERUSER, &self.place.password, "postgres")
    }

    /// The superuser's URL of a database.
    pub fn database_url(&self, database: &str) -> String {
        self.url_of(SUPERUSER, &self.place.password, database)
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
        *process = self.place.launch(&self.options, self.port)?;
        Ok(())
    }

    /// Ends it as a power cut would: nothing is written any more, and the next start recovers.
    pub fn kill(&self) {
        if let Some(container) = self.place.container() {
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
        match self.place.container() {
            Some(container) => container.pause(),
            None => self.process().pause(),
        }
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        match self.place.container() {
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
            let _ = remove(&self.place.dir);
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

impl Place {
    fn container(&self) -> Option<Container> {
        (self.found == Found::Engine).then(|| Container::of(&self.dir, &self.log))
    }

    fn command(&self, bin: &Path, program: &str) -> Command {
        let mut command = Command::new(bin.join(program));
        command.current_dir(&self.server);
        if let Some(user) = self.user {
            user.run(&mut command);
        }
        command
    }

    /// Makes the cluster if there is none. It is made beside its place, so that half of one never looks like a whole one.
    fn init(&self, options: &Options) -> Result<()> {
        let Found::Programs(bin) = &self.found else {
            return Ok(());
        };
        let data = self.server.join("data");
        if data.join("PG_VERSION").exists() {
            return Ok(());
        }
        let fresh = self.server.join("data.new");
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(Error::file("remove", &fresh))?;
        }
        let password_file = self.server.join("password");
        secret::write_private(&password_file, &format!("{}\n", self.password))?;
        let mut command = self.command(bin, "initdb");
        if let Some(user) = self.user {
            user.own(&password_file)?;
        }
        command.arg("--pgdata").arg(&fresh).arg("--pwfile").arg(&password_file);
        command.args(["--username", SUPERUSER, "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8"]);
        command.args(if options.durable { &["--data-checksums"][..] } else { &["--no-sync"] });
        let made = process::run("initdb", command, &self.log, INIT_DEADLINE);
        // The server has taken the password in; the copy is of no more use.
        let _ = std::fs::remove_file(&password_file);
        made?;
        std::fs::rename(&fresh, &data).map_err(Error::file("move into place", &data))
    }

    fn settings(&self, options: &Options) -> Vec<String> {
        let mut settings = vec![format!("max_connections={}", options.max_connections)];
        if !options.durable {
            settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
        }
        settings.extend(options.settings.iter().map(|(name, value)| format!("{name}={value}")));
        settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
    }

    fn launch(&self, options: &Options, port: u16) -> Result<Managed> {
        let before = std::fs::metadata(&self.log).map_or(0, |file| file.len());
        let mut leftovers = LEFTOVER_DEADLINE;
        loop {
            match self.try_launch(options, port) {
                // The processes of a killed server have not all noticed yet.
                Err(Error::EndedEarly { tail, .. })
                    if !leftovers.is_zero() && tail.contains("shared memory block") && grown(&self.log, before) =>
                {
                    let pause = Duration::from_millis(500);
                    leftovers = leftovers.saturating_sub(pause);
                    std::thread::sleep(pause);
                }
                other => return other,
            }
        }
    }

    fn try_launch(&self, options: &Options, port: u16) -> Result<Managed> {
        let log = &self.log;
        let launch = match &self.found {
            Found::Programs(bin) => {
                let mut command = self.command(bin, "postgres");
                command.arg("-D").arg(self.server.join("data")).args(["-p", &port.to_string()]);
                command.args(["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]);
                command.args(self.settings(options));
                // Its crash stop takes all of its processes with it.
                Launch::new("PostgreSQL", command, log).death_signal(Signal::SIGQUIT)
            }
            Found::Engine => {
                let container = Container::of(&self.dir, log);
                container.end_leftover();
                let mut command = container.run(
                    POSTGRES_IMAGE,
                    &[(port, INNER_PORT)],
                    "/var/lib/postgresql/data",
                    &["POSTGRES_PASSWORD"],
                );
                command.env("POSTGRES_PASSWORD", &self.password);
                command.arg("postgres").args(self.settings(options));
                Launch::new("PostgreSQL", command, log).death_signal(container::DEATH_SIGNAL)
            }
        };
        // SIGINT: a fast shutdown. SIGTERM would wait for every client to leave.
        let process = launch.stop_signal(Signal::SIGINT).start()?;
        let url = format!("postgres://{SUPERUSER}:{}@127.0.0.1:{port}/postgres", self.password);
        let mut last = String::from("not tried");
        let ready = wait::until(START_DEADLINE, || {
            if let Some(status) = process.exit_status() {
                let name = "PostgreSQL".into();
                return Some(Err(Error::EndedEarly { name, status: status.to_string(), tail: process.log_tail() }));
            }
            match connect(&url) {
                Ok(_) => Some(Ok(())),
                Err(error) => {
                    last = error.to_string();
                    None
                }
            }
        });
        match ready {
            Some(Ok(())) => Ok(process),
            Some(Err(error)) => Err(error),
            None => Err(Error::NotReady {
                name: "PostgreSQL".into(),
                waited: START_DEADLINE,
                last,
                tail: process.log_tail(),
            }),
        }
    }
}

fn grown(log: &Path, before: u64) -> bool {
    std::fs::metadata(log).is_ok_and(|file| file.len() > before)
}

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
        let port = config.get_ports().first().copied().unwrap_or(INNER_PORT);
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

fn sql(action: String) -> impl FnOnce(::postgres::Error) -> Error {
    |source| Error::Sql { action, source }
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
