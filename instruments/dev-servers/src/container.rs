//! The same servers where only a Docker engine is at hand: `docker run` in the foreground is the process that we manage.
//!
//! The client hands signals on to the server in the container, so stopping is the same as without one. Killing and
//! freezing are the engine's own verbs.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::process::{self, Signal};
use crate::{Result, secret, wait};

/// PostgreSQL's image, the same as in `compose.yaml`.
pub const POSTGRES_IMAGE: &str = "postgres:15.13";
/// Redis's image, the same as in `compose.yaml`.
pub const REDIS_IMAGE: &str = "redis:7.4.2";

/// RabbitMQ's image, the same as in `compose.yaml`: with the plugin for management.
pub const RABBITMQ_IMAGE: &str = "rabbitmq:4.1.4-management";

/// How long the engine may take to answer.
const ENGINE_DEADLINE: Duration = Duration::from_secs(20);

/// Whether a Docker engine answers.
pub fn engine_answers() -> bool {
    let mut command = Command::new("docker");
    command
        .args(["info", "--format", "{{.ServerVersion}}"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else {
        return false;
    };
    let status = wait::until(ENGINE_DEADLINE, || child.try_wait().ok().flatten());
    if status.is_none() {
        let _ = child.kill();
        let _ = child.wait();
    }
    status.is_some_and(|status| status.success())
}

/// A server in a container. Its name and its volume follow from the folder that its data would be in without one.
#[derive(Debug, Clone)]
pub(crate) struct Container {
    name: String,
    log: std::path::PathBuf,
}

impl Container {
    pub(crate) fn of(dir: &Path, log: &Path) -> Self {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let hash = secret::hex(&Sha256::digest(dir.as_os_str().as_encoded_bytes())[..8]);
        Self { name: format!("concierge-{hash}"), log: log.to_owned() }
    }

    /// `docker run` with this server's name, its ports (outside, inside) on the loopback interface alone, and its volume.
    pub(crate) fn run(&self, image: &str, ports: &[(u16, u16)], data: &str, environment: &[&str]) -> Command {
        let mut command = Command::new("docker");
        command.args(["run", "--rm", "--name", &self.name]);
        for (port, inner_port) in ports {
            command.args(["--publish", &format!("127.0.0.1:{port}:{inner_port}")]);
        }
        command.args(["--volume", &format!("{}:{data}", self.name)]);
        for variable in environment {
            // Only the name: the client takes the value from its own environment, so no secret is on a command line.
            command.args(["--env", variable]);
        }
        command.arg(image);
        command
    }

    pub(crate) fn kill(&self) {
        self.engine(&["kill", &self.name]);
    }

    pub(crate) fn pause(&self) {
        self.engine(&["pause", &self.name]);
    }

    pub(crate) fn resume(&self) {
        self.engine(&["unpause", &self.name]);
    }

    /// Ends what an earlier run left behind, which would hold the name.
    pub(crate) fn end_leftover(&self) {
        self.engine(&["rm", "--force", &self.name]);
    }

    /// Removes the data.
    pub(crate) fn remove(&self) {
        self.end_leftover();
        self.engine(&["volume", "rm", "--force", &self.name]);
    }

    /// What the engine cannot do shows in what is waited for next, and in the log.
    fn engine(&self, arguments: &[&str]) {
        let mut command = Command::new("docker");
        command.args(arguments);
        let _: Result<()> = process::run("docker", command, &self.log, ENGINE_DEADLINE);
    }
}

/// The signal that a `docker run` gets when we die: one that it hands on, for the container would outlive it otherwise.
pub(crate) const DEATH_SIGNAL: Signal = Signal::SIGTERM;
