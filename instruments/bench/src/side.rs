//! The sides: the app on a runtime, or the native peer. Each is started in the same roles on the same stage.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use dev_servers::app::{App, AppOptions, RuntimeKind};
use dev_servers::ports;
use dev_servers::process::{Launch, Managed};
use dev_servers::rabbitmq::RabbitMq;

use crate::stage::Stage;
use crate::workspace;

/// Until a peer answers.
const READY_DEADLINE: Duration = Duration::from_secs(20);
/// Until a stopped peer is killed.
const STOP_GRACE: Duration = Duration::from_secs(5);

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Side {
    /// The app on this repository's runtime.
    Spindle,
    /// The app on a Spin from the PATH.
    Spin,
    /// The native peer.
    Native,
}

/// What a process of a side is there for. Each runs by itself, so that none works while another is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role<'a> {
    /// users and auth, asking nobody who they are.
    Open,
    /// The same, asking people to confirm their address.
    Confirming,
    /// users, asking for an access token.
    Guarded,
    /// notification, under this name, with sends of so many milliseconds.
    Consumer(&'a str, u32),
    /// notification, under this name, which sends in no time and as many at once as the product does.
    Several(&'a str),
    /// Everything.
    Whole,
}

/// A running process. Dropping it ends it.
pub(crate) enum Process {
    App(App),
    Peer(Managed, String),
}

impl Side {
    /// Those that can be measured here without being asked for.
    #[must_use]
    pub fn usual() -> Vec<Self> {
        let is_spin_here = Command::new("spin").arg("--version").output().is_ok_and(|output| output.status.success());
        let spin = is_spin_here.then_some(Self::Spin);
        [Some(Self::Spindle), spin, Some(Self::Native)].into_iter().flatten().collect()
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Spindle => "spindle",
            Self::Spin => "spin",
            Self::Native => "native",
        }
    }

    /// The runtime of the components, if it has one.
    pub(crate) fn runtime(self) -> Option<RuntimeKind> {
        match self {
            Self::Spindle => Some(RuntimeKind::Spindle),
            Self::Spin => Some(RuntimeKind::Spin),
            Self::Native => None,
        }
    }

    /// Starts it in a role, and waits until it answers.
    pub(crate) fn start(self, stage: &Stage, role: Role<'_>) -> Result<Process> {
        self.start_watched(stage, role, |_| ())
    }

    /// The same; `watch` gets the address just before the start.
    pub(crate) fn start_watched(self, stage: &Stage, role: Role<'_>, watch: impl FnOnce(&str)) -> Result<Process> {
        let mut variables = stage.variables()?;
        let mut set = |name: &str, value: &str| {
            variables.retain(|(known, _)| known != name);
            variables.push((name.to_owned(), value.to_owned()));
        };
        match role {
            Role::Open | Role::Whole => set("authorization", "off"),
            Role::Confirming => {
                set("authorization", "off");
                set("email_verification", "encouraged");
                // All of the load comes from one client.
                set("login_throttling", "off");
            }
            Role::Guarded => set("authorization", "required"),
            Role::Consumer(name, milliseconds) => {
                set("consumer_name", name);
                set("notification_send_ms", &milliseconds.to_string());
                // As the peer does, and as an even split is measured: one after the other.
                set("notification_concurrency", "1");
            }
            Role::Several(name) => set("consumer_name", name),
        }
        let address = SocketAddr::from(([127, 0, 0, 1], ports::free_port()?));
        watch(&format!("http://{address}"));
        match self.runtime() {
            Some(runtime) => app(stage, runtime, "spin.toml", role, variables, address),
            None => peer(stage, role, variables, address),
        }
    }
}

/// Starts all sides in a role.
pub(crate) fn together(stage: &Stage, sides: &[Side], role: Role<'_>) -> Result<Vec<Process>> {
    sides.iter().map(|side| side.start(stage, role).with_context(|| format!("cannot start {}", side.name()))).collect()
}

/// Starts notification on RabbitMQ, as [`Role::Several`]; the stage's Redis has the delivery log.
pub(crate) fn consumer_of_rabbitmq(stage: &Stage, name: &str, rabbit: &RabbitMq) -> Result<Process> {
    let mut variables = stage.variables()?;
    let of_rabbitmq = [
        ("amqp_url", rabbit.url()),
        ("mqtt_host", rabbit.mqtt_host()),
        ("mqtt_user", rabbit.user().to_owned()),
        ("mqtt_password", rabbit.password().to_owned()),
        ("rabbitmq_management_url", rabbit.management_url()),
        ("redis_url", stage.redis_url()),
        ("consumer_name", name.to_owned()),
    ];
    variables.retain(|(known, _)| known != "redis_credentials");
    variables.extend(of_rabbitmq.map(|(name, value)| (name.to_owned(), value)));
    let address = SocketAddr::from(([127, 0, 0, 1], ports::free_port()?));
    app(stage, RuntimeKind::Spindle, "spin.rabbitmq.toml", Role::Several(name), variables, address)
}

fn app(
    stage: &Stage,
    runtime: RuntimeKind,
    manifest: &str,
    role: Role<'_>,
    variables: Vec<(String, String)>,
    address: SocketAddr,
) -> Result<Process> {
    let mut options = AppOptions::new(runtime, &workspace().join(manifest), &stage.path("app"));
    options.runtime_config = Some(workspace().join("runtime-config.toml"));
    options.variables = variables;
    options.listen = address;
    let components: &[&str] = match role {
        Role::Open | Role::Confirming => &["users", "auth"],
        Role::Guarded => &["users"],
        Role::Consumer(..) | Role::Several(_) => &["notification"],
        Role::Whole => &[],
    };
    options.components = components.iter().map(|name| (*name).to_owned()).collect();
    if runtime == RuntimeKind::Spindle {
        options.binary = Some(spindle_program()?);
        options.cache_dir = Some(stage.cache());
    }
    Ok(Process::App(App::start(options)?))
}

fn peer(stage: &Stage, role: Role<'_>, variables: Vec<(String, String)>, address: SocketAddr) -> Result<Process> {
    let mut command = Command::new(peer_program()?);
    command.arg(address.to_string());
    for (name, value) in variables {
        command.env(format!("SPIN_VARIABLE_{}", name.to_uppercase()), value);
    }
    if let Role::Consumer(..) | Role::Several(_) = role {
        command.env("PEER_CONSUMES", "on");
    }
    let process = Launch::new("the native peer", command, &stage.path("peer.log")).start()?;
    let url = format!("http://{address}");
    let begun = Instant::now();
    while ureq::get(format!("{url}/users-ms/healthcheck")).call().is_err() {
        if begun.elapsed() > READY_DEADLINE || !process.is_running() {
            bail!("the native peer does not answer; it says:\n{}", process.log_tail());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(Process::Peer(process, url))
}

/// The peer beside this program.
fn peer_program() -> Result<PathBuf> {
    beside("peer")?.context("the native peer is not built: `cargo build --package bench`")
}

/// Spindle of the same profile, beside this program; else the usual one.
pub(crate) fn spindle_program() -> Result<PathBuf> {
    Ok(beside("spindle")?.unwrap_or_else(|| RuntimeKind::Spindle.binary(workspace())))
}

/// A program in the folder of this one.
fn beside(name: &str) -> Result<Option<PathBuf>> {
    let own = std::env::current_exe().context("cannot find this program")?;
    // A test program is one folder further down.
    let above = own.parent().and_then(Path::parent).map(|folder| folder.join(name));
    Ok([Some(own.with_file_name(name)), above].into_iter().flatten().find(|path| path.is_file()))
}

impl Process {
    /// `http://<address>`.
    pub(crate) fn url(&self) -> String {
        match self {
            Self::App(app) => app.url(),
            Self::Peer(_, url) => url.clone(),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        match self {
            Self::App(app) => app.pid(),
            Self::Peer(process, _) => process.pid(),
        }
    }

    pub(crate) fn log_tail(&self) -> String {
        match self {
            Self::App(app) => app.log_tail(),
            Self::Peer(process, _) => process.log_tail(),
        }
    }

    /// Ends it in good order.
    pub(crate) fn stop(&self) {
        match self {
            Self::App(app) => app.stop(),
            Self::Peer(process, _) => process.stop(STOP_GRACE),
        }
    }
}
