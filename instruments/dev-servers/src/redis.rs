//! A private Redis: append-only, on a port of the loopback interface.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::container::{self, Container, REDIS_IMAGE};
use crate::install::{self, Found, Tool};
use crate::process::{Launch, Managed};
use crate::{Error, Result, ports, wait};

/// Until it answers: it may have a long log to read first.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// Until a stopped one is killed.
const STOP_GRACE: Duration = Duration::from_secs(10);
/// For one PING.
const PING_DEADLINE: Duration = Duration::from_secs(1);
/// The port in the container.
const INNER_PORT: u16 = 6379;

/// How it is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether every write is on disk before it is answered; else once a second.
    pub always_fsync: bool,
    /// The file that it logs to, if not `redis.log` in its folder.
    pub log_file: Option<PathBuf>,
    /// What the user `default` must give; anyone may connect if there is none.
    pub password: Option<String>,
    /// The port on 127.0.0.1 of the primary that it is a replica of, which asks for no password.
    pub replica_of: Option<u16>,
}

/// A running Redis. Dropping it stops it; its data stays.
#[derive(Debug)]
pub struct Redis {
    dir: PathBuf,
    options: Options,
    found: Found,
    port: u16,
    process: Mutex<Managed>,
}

impl Redis {
    /// Starts one whose data is in `dir`, on the port that it had before or on a free one.
    pub fn start(dir: &Path, options: Options) -> Result<Self> {
        let found = install::locate(Tool::Redis)?;
        std::fs::create_dir_all(dir.join("data")).map_err(Error::file("create", dir))?;
        let dir = dir.canonicalize().map_err(Error::file("find", dir))?;
        let mut port = ports::kept_port(&dir.join("port"))?;
        let process = match launch(&dir, &options, &found, port) {
            // Someone else was quicker to take the port.
            Err(Error::EndedEarly { .. }) if !ports::is_free(port) => {
                port = ports::new_port(&dir.join("port"))?;
                launch(&dir, &options, &found, port)?
            }
            other => other?,
        };
        Ok(Self { dir, options, found, port, process: Mutex::new(process) })
    }

    fn process(&self) -> MutexGuard<'_, Managed> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn container(&self) -> Option<Container> {
        (self.found == Found::Engine).then(|| Container::of(&self.dir, &log_file(&self.dir, &self.options)))
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `127.0.0.1:<port>`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its URL, with the password if it has one.
    pub fn url(&self) -> String {
        format!("redis://{}{}", self.credentials(), self.host())
    }

    /// What comes before the host in its URL: nothing, or `default:<password>@`, percent-encoded.
    pub fn credentials(&self) -> String {
        self.options
            .password
            .as_deref()
            .map_or(String::new(), |password| format!("default:{}@", crate::secret::percent(password)))
    }

    /// Sends it a command of words without spaces, and gives what it answers, in its protocol.
    pub fn ask(&self, command: &str) -> Result<String> {
        ask(self.port, self.options.password.as_deref(), command)
            .map_err(|error| Error::Advice(format!("Redis does not answer {command}: {error}")))
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

    /// Stops it in good order.
    pub fn stop(&self) {
        self.process().stop(STOP_GRACE);
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same port and with the same data.
    pub fn start_again(&self) -> Result<()> {
        let mut process = self.process();
        process.stop(STOP_GRACE);
        *process = launch(&self.dir, &self.options, &self.found, self.port)?;
        Ok(())
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        if let Some(container) = self.container() {
            container.kill();
        }
        self.process().kill();
    }

    /// Freezes it: connections stay open and nobody answers.
    pub fn pause(&self) {
        match self.container() {
            Some(container) => container.pause(),
            None => self.process().pause(),
        }
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        match self.container() {
            Some(container) => container.resume(),
            None => self.process().resume(),
        }
    }
}

/// Removes what a stopped server left in `dir`, with all data.
pub fn remove(dir: &Path) -> Result<()> {
    if dir.exists() && install::find(Tool::Redis).is_none() {
        Container::of(dir, &dir.join("redis.log")).remove();
    }
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::file("remove", dir)(error)),
        _ => Ok(()),
    }
}

fn log_file(dir: &Path, options: &Options) -> PathBuf {
    options.log_file.clone().unwrap_or_else(|| dir.join("redis.log"))
}

fn launch(dir: &Path, options: &Options, found: &Found, port: u16) -> Result<Managed> {
    let log = log_file(dir, options);
    let launch = match found {
        Found::Programs(bin) => {
            let config = dir.join("redis.conf");
            crate::secret::write_private(&config, &configuration(options, "127.0.0.1", port, &dir.join("data")))?;
            let mut command = Command::new(bin.join("redis-server"));
            command.arg(&config).current_dir(dir);
            Launch::new("Redis", command, &log)
        }
        Found::Engine => {
            let container = Container::of(dir, &log);
            container.end_leftover();
            let mut command = container.run(REDIS_IMAGE, &[(port, INNER_PORT)], "/data", &["CONCIERGE_REDIS_CONFIG"]);
            // The engine publishes the port on the host's loopback interface alone.
            command.env("CONCIERGE_REDIS_CONFIG", configuration(options, "0.0.0.0", INNER_PORT, Path::new("/data")));
            command.args(["sh", "-c", "printf %s \"$CONCIERGE_REDIS_CONFIG\" | exec redis-server -"]);
            Launch::new("Redis", command, &log).death_signal(container::DEATH_SIGNAL)
        }
    };
    let process = launch.start()?;
    let mut last = String::from("not tried");
    let ready = wait::until(START_DEADLINE, || {
        if let Some(status) = process.exit_status() {
            return Some(Err(Error::EndedEarly {
                name: "Redis".into(),
                status: status.to_string(),
                tail: process.log_tail(),
            }));
        }
        match ask(port, options.password.as_deref(), "PING") {
            Ok(answer) if answer.contains("+PONG") => Some(Ok(())),
            Ok(answer) => {
                answer.trim().clone_into(&mut last);
                None
            }
            Err(error) => {
                last = error.to_string();
                None
            }
        }
    });
    match ready {
        Some(Ok(())) => Ok(process),
        Some(Err(error)) => Err(error),
        None => Err(Error::NotReady { name: "Redis".into(), waited: START_DEADLINE, last, tail: process.log_tail() }),
    }
}

fn configuration(options: &Options, bind: &str, port: u16, data: &Path) -> String {
    let fsync = if options.always_fsync { "always" } else { "everysec" };
    let mut text = format!(
        "bind {bind}\nport {port}\nprotected-mode no\ndaemonize no\ndir \"{}\"\nsave \"\"\nappendonly yes\nappendfsync {fsync}\n",
        data.display()
    );
    if let Some(port) = options.replica_of {
        text.push_str(&format!("replicaof 127.0.0.1 {port}\n"));
    }
    if let Some(password) = &options.password {
        text.push_str(&format!("requirepass \"{password}\"\n"));
    }
    text
}

/// One command; the answer is an error while the server still reads its log.
fn ask(port: u16, password: Option<&str>, command: &str) -> std::io::Result<String> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut connection = TcpStream::connect_timeout(&address, PING_DEADLINE)?;
    connection.set_read_timeout(Some(PING_DEADLINE))?;
    let auth = password.map_or(String::new(), |password| format!("AUTH {password}\r\n"));
    connection.write_all(format!("{auth}{command}\r\nQUIT\r\n").as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_and_port_survive_a_kill_when_every_write_is_synced() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { always_fsync: true, password: Some("secret".into()), ..Options::default() };
        let redis = Redis::start(dir.path(), options).unwrap();
        let url = redis.url();
        assert!(url.starts_with("redis://default:secret@127.0.0.1:"), "{url}");
        assert!(redis.ask("SET greeting hello").unwrap().contains("+OK"));

        redis.kill();
        assert!(!redis.is_running());
        redis.start_again().unwrap();
        assert!(redis.ask("GET greeting").unwrap().contains("hello"));
        assert_eq!(redis.url(), url);
        assert!(ask(redis.port(), Some("wrong"), "PING").unwrap().contains("-WRONGPASS"));
    }

    #[test]
    fn a_paused_server_does_not_answer_until_it_is_resumed() {
        let dir = tempfile::tempdir().unwrap();
        let redis = Redis::start(dir.path(), Options::default()).unwrap();
        redis.pause();
        assert!(ask(redis.port(), None, "PING").is_err());
        redis.resume();
        assert!(ask(redis.port(), None, "PING").unwrap().contains("+PONG"));
        redis.stop();
        assert!(!redis.is_running());
    }

    #[test]
    fn a_replica_has_what_its_primary_has_until_it_is_one_itself() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let primary = Redis::start(first.path(), Options::default()).unwrap();
        let options = Options { replica_of: Some(primary.port()), ..Options::default() };
        let replica = Redis::start(second.path(), options).unwrap();
        assert!(primary.ask("SET greeting hello").unwrap().contains("+OK"));
        let is_there = || replica.ask("GET greeting").unwrap().contains("hello").then_some(());
        assert!(wait::until(START_DEADLINE, is_there).is_some());
        assert!(replica.ask("SET greeting other").unwrap().contains("-READONLY"));
        primary.kill();
        assert!(replica.ask("REPLICAOF NO ONE").unwrap().contains("+OK"));
        assert!(replica.ask("SET greeting other").unwrap().contains("+OK"));
    }
}
