//! Concierge itself, on Spindle or on Spin: both take the same command line, so one way of starting serves both.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{Launch, Managed, Signal};
use crate::{Error, Result, ports, wait};

/// Which runtime is used when nobody says: `spindle` or `spin`.
pub const RUNTIME_VARIABLE: &str = "CONCIERGE_RUNTIME";
/// The runtime's program, if not the usual one.
pub const BINARY_VARIABLE: &str = "CONCIERGE_RUNTIME_BINARY";

/// Answered by the runtime itself, without any component.
const HEALTH: &str = "/.well-known/spin/health";
/// For one request of ours.
const REQUEST_SECONDS: u64 = 2;
/// Until a stopped app is killed: it may have requests to finish.
const STOP_GRACE: Duration = Duration::from_secs(15);
/// How often a port that someone else was quicker to take is replaced.
const PORT_ATTEMPTS: usize = 3;

/// What runs the components.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuntimeKind {
    /// This repository's own, `target/debug/spindle`.
    Spindle,
    /// Spin, from the PATH.
    Spin,
}

impl RuntimeKind {
    /// The one that `CONCIERGE_RUNTIME` names; Spindle if it names none.
    pub fn from_env() -> Result<Self> {
        match std::env::var(RUNTIME_VARIABLE).as_deref() {
            Err(_) | Ok("" | "spindle") => Ok(Self::Spindle),
            Ok("spin") => Ok(Self::Spin),
            Ok(other) => Err(Error::Advice(format!("{RUNTIME_VARIABLE} is \"{other}\": it may be spindle or spin"))),
        }
    }

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spindle => "Spindle",
            Self::Spin => "Spin",
        }
    }

    /// Its program: what `CONCIERGE_RUNTIME_BINARY` says, else Spindle as built in `workspace`, or Spin from the PATH.
    pub fn binary(self, workspace: &Path) -> PathBuf {
        match (std::env::var_os(BINARY_VARIABLE), self) {
            (Some(path), _) => PathBuf::from(path),
            (None, Self::Spindle) => target_dir(workspace).join("debug").join("spindle"),
            (None, Self::Spin) => PathBuf::from("spin"),
        }
    }
}

fn target_dir(workspace: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace.join("target"), PathBuf::from)
}

/// How the app is started.
#[derive(Debug, Clone)]
pub struct AppOptions {
    /// What runs it.
    pub runtime: RuntimeKind,
    /// Its program, if not the [usual one](RuntimeKind::binary).
    pub binary: Option<PathBuf>,
    /// `spin.toml`; its folder is the workspace.
    pub manifest: PathBuf,
    /// The address to listen on; port 0 means a free one.
    pub listen: SocketAddr,
    /// Values of the manifest's variables. They go by the environment: on a command line everyone could read them.
    pub variables: Vec<(String, String)>,
    /// The components to run; empty means all.
    pub components: Vec<String>,
    /// Where the runtime keeps its state, such as the key-value store.
    pub state_dir: PathBuf,
    /// Where compiled components are kept; the runtime's own choice if there is none.
    pub cache_dir: Option<PathBuf>,
    /// What the app prints goes here.
    pub log_file: PathBuf,
    /// `runtime-config.toml`.
    pub runtime_config: Option<PathBuf>,
    /// Further arguments for the runtime.
    pub arguments: Vec<String>,
    /// Further environment variables for the runtime.
    pub environment: Vec<(String, String)>,
    /// How long it may take until it answers.
    pub deadline: Duration,
}

impl AppOptions {
    /// All components of a manifest on a free port, with state and log in `dir`.
    pub fn new(runtime: RuntimeKind, manifest: &Path, dir: &Path) -> Self {
        Self {
            runtime,
            binary: None,
            manifest: manifest.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            variables: Vec::new(),
            components: Vec::new(),
            state_dir: dir.join("state"),
            cache_dir: None,
            log_file: dir.join("app.log"),
            runtime_config: None,
            arguments: Vec::new(),
            environment: Vec::new(),
            deadline: Duration::from_secs(60),
        }
    }

    /// Gives a variable of the manifest a value.
    pub fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A running app. Dropping it stops it.
#[derive(Debug)]
pub struct App {
    address: SocketAddr,
    process: Managed,
}

impl App {
    /// Starts the app and waits until its runtime answers.
    pub fn start(options: AppOptions) -> Result<Self> {
        let mut attempt = 1;
        loop {
            let mut address = options.listen;
            if address.port() == 0 {
                address.set_port(ports::free_port()?);
            }
            match Self::start_on(address, &options) {
                Err(Error::EndedEarly { .. })
                    if options.listen.port() == 0 && attempt < PORT_ATTEMPTS && !ports::is_free(address.port()) =>
                {
                    attempt += 1;
                }
                other => return other,
            }
        }
    }

    fn start_on(address: SocketAddr, options: &AppOptions) -> Result<Self> {
        let name = options.runtime.name();
        let process = launch(address, options)?;
        let app = Self { address, process };
        let health = format!("{}{HEALTH}", app.url());
        let mut last = String::from("not tried");
        let ready = wait::until(options.deadline, || {
            if let Some(status) = app.process.exit_status() {
                return Some(Err(Error::EndedEarly {
                    name: name.into(),
                    status: status.to_string(),
                    tail: app.log_tail(),
                }));
            }
            match minreq::get(&health).with_timeout(REQUEST_SECONDS).send() {
                Ok(response) if response.status_code == 200 => Some(Ok(())),
                Ok(response) => {
                    last = format!("{HEALTH} answers {}", response.status_code);
                    None
                }
                Err(error) => {
                    last = error.to_string();
                    None
                }
            }
        });
        match ready {
            Some(Ok(())) => Ok(app),
            Some(Err(error)) => Err(error),
            None => Err(Error::NotReady { name: name.into(), waited: options.deadline, last, tail: app.log_tail() }),
        }
    }

    /// `http://<address>`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Whether it runs (or is paused).
    pub fn is_running(&self) -> bool {
        self.process.is_running()
    }

    /// How it ended, if it has.
    pub fn exit_status(&self) -> Option<std::process::ExitStatus> {
        self.process.exit_status()
    }

    /// All that it has logged so far.
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        self.process.log_tail()
    }

    /// Asks it to end by SIGTERM and waits; requests under way are finished if the runtime can do that.
    pub fn stop(&self) {
        self.process.stop(STOP_GRACE);
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        self.process.kill();
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Freezes it: connections stay open and nobody answers.
    pub fn pause(&self) {
        self.process.pause();
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.process.resume();
    }
}

fn launch(address: SocketAddr, options: &AppOptions) -> Result<Managed> {
    let manifest = options.manifest.canonicalize().map_err(Error::file("find", &options.manifest))?;
    let workspace = manifest.parent().unwrap_or(Path::new("/"));
    std::fs::create_dir_all(&options.state_dir).map_err(Error::file("create", &options.state_dir))?;
    let mut command = Command::new(options.binary.clone().unwrap_or_else(|| options.runtime.binary(workspace)));
    command.current_dir(workspace).arg("up").arg("-f").arg(&manifest);
    command.arg("--listen").arg(address.to_string());
    command.arg("--state-dir").arg(&options.state_dir);
    if let Some(folder) = &options.cache_dir {
        command.arg("--cache").arg(folder);
    }
    if let Some(file) = &options.runtime_config {
        command.arg("--runtime-config-file").arg(file);
    }
    for component in &options.components {
        command.arg("-c").arg(component);
    }
    command.args(&options.arguments);
    for (name, value) in &options.variables {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
    command.envs(options.environment.iter().map(|(name, value)| (name, value)));
    let launch = Launch::new(options.runtime.name(), command, &options.log_file);
    match options.runtime {
        RuntimeKind::Spindle => launch,
        // Spin starts a process for each kind of trigger, and ends them when it is asked to end.
        RuntimeKind::Spin => launch.death_signal(Signal::SIGTERM),
    }
    .start()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A runtime that does what its script says.
    fn scripted(dir: &Path, script: &str) -> AppOptions {
        use std::os::unix::fs::PermissionsExt as _;
        let binary = dir.join("runtime");
        std::fs::write(&binary, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(dir.join("spin.toml"), "").unwrap();
        let mut options = AppOptions::new(RuntimeKind::Spindle, &dir.join("spin.toml"), dir);
        options.binary = Some(binary);
        options
    }

    #[test]
    fn an_app_that_ends_early_gives_an_error_with_its_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let options = scripted(dir.path(), "echo \"the variable is $SPIN_VARIABLE_DB_HOST\"; exit 3");
        let error = App::start(options.variable("db_host", "here")).unwrap_err().to_string();
        assert!(error.contains("Spindle ended before it was ready (exit status: 3)"), "{error}");
        assert!(error.contains("the variable is here"), "{error}");
    }

    #[test]
    fn an_app_that_never_answers_is_given_up_and_ended() {
        let dir = tempfile::tempdir().unwrap();
        let mut options = scripted(dir.path(), "echo \"$$ $@\"; exec sleep 60");
        options.deadline = Duration::from_millis(300);
        let log = options.log_file.clone();
        let error = App::start(options).unwrap_err();
        assert!(matches!(error, Error::NotReady { .. }), "{error}");
        let words = std::fs::read_to_string(log).unwrap();
        assert!(words.contains(" up -f "), "{words}");
        let id = words.split_whitespace().next().unwrap().parse().unwrap();
        assert_eq!(crate::process::Recorded::of(id), None);
    }
}
