//! A cluster on disk, and the process that runs on it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::Options;
use super::client::{DEFAULT_PORT, connect};
use crate::container::{self, Container, POSTGRES_IMAGE};
use crate::data_dir::ServerUser;
use crate::install::Found;
use crate::process::{self, Launch, Managed, Signal};
use crate::{Error, Result, secret, wait};

/// Until it answers: it may have to recover after a crash first.
const START_DEADLINE: Duration = Duration::from_secs(90);
/// Until `initdb` is done.
const INIT_DEADLINE: Duration = Duration::from_secs(120);
/// How long the processes of a killed server may take to notice.
const LEFTOVER_DEADLINE: Duration = Duration::from_secs(15);
/// Who a cluster belongs to.
pub(super) const SUPERUSER: &str = "postgres";

/// Where a cluster is, and what runs it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) dir: PathBuf,
    pub(super) log: PathBuf,
    /// The folder that the server's user owns; unused in a container.
    pub(super) server: PathBuf,
    pub(super) password: String,
    pub(super) found: Found,
    pub(super) user: Option<ServerUser>,
}

impl Cluster {
    pub(super) fn container(&self) -> Option<Container> {
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
    pub(super) fn init(&self, options: &Options) -> Result<()> {
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
        if let Some(wal) = &options.wal_dir {
            command.arg("--waldir").arg(wal).args(["--wal-segsize", "1"]);
        }
        let made = process::run("initdb", command, &self.log, INIT_DEADLINE);
        // The server has taken the password in; the copy is of no more use.
        let _ = std::fs::remove_file(&password_file);
        made?;
        std::fs::rename(&fresh, &data).map_err(Error::file("move into place", &data))
    }

    /// Makes the cluster a copy of the one at `primary`, a superuser's URL, that follows it from now on.
    pub(super) fn follow(&self, primary: &str) -> Result<()> {
        let Found::Programs(bin) = &self.found else {
            return Err(Error::Advice("a replica is not run in a container: install PostgreSQL".to_owned()));
        };
        // A link to the server may be where links to the others are not.
        let server = std::fs::canonicalize(bin.join("postgres")).map_err(Error::file("find", bin))?;
        let mut command = self.command(server.parent().unwrap_or(bin), "pg_basebackup");
        command.arg("--pgdata").arg(self.server.join("data")).args(["--dbname", primary]);
        command.args(["--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast"]);
        process::run("pg_basebackup", command, &self.log, INIT_DEADLINE)
    }

    fn settings(&self, options: &Options) -> Vec<String> {
        let mut settings = vec![format!("max_connections={}", options.max_connections)];
        if !options.durable {
            settings.extend(["fsync=off", "full_page_writes=off"].map(str::to_owned));
        }
        settings.extend(options.settings.iter().map(|(name, value)| format!("{name}={value}")));
        settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]).collect()
    }

    pub(super) fn launch(&self, options: &Options, port: u16) -> Result<Managed> {
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
                    &[(port, DEFAULT_PORT)],
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
