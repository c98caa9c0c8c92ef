//! A private RabbitMQ: one node with the plugins for MQTT and management, on ports of the loopback interface.
//!
//! A node finds others by `epmd`, a daemon that it would start and leave behind; here each has one of its own, which dies
//! with it. In the folder: the five ports and the password (all kept), `rabbitmq.log`, and `server/`, which belongs to the
//! server's user and may be [elsewhere](crate::data_dir).

mod cluster;
mod management;

pub use cluster::Cluster;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::container::{self, Container, RABBITMQ_IMAGE};
use crate::data_dir::{self, ServerUser};
use crate::install::{self, Found, Tool};
use crate::process::{self, Launch, Managed};
use crate::{Error, Result, ports, secret, wait};

/// Until it answers: it starts in some seconds, later if it has to recover or the machine is busy.
const START_DEADLINE: Duration = Duration::from_secs(120);
/// Until a stopped one is killed.
const STOP_GRACE: Duration = Duration::from_secs(30);
/// For one command to it, which starts an Erlang of its own.
const COMMAND_DEADLINE: Duration = Duration::from_secs(60);
/// The ports in the container: AMQP, MQTT, management.
const INNER_PORTS: [u16; 3] = [5672, 1883, 15672];
/// Who logs in.
const USER: &str = "concierge";
/// The node's name, but in a [`Cluster`]. It is the same for all, since each asks an `epmd` of its own.
const NODE: &str = "concierge@localhost";
/// The user of the system that root runs it as: the one that Debian's package makes.
const SYSTEM_USER: &str = "rabbitmq";
const PLUGINS: &str = "[rabbitmq_management,rabbitmq_mqtt].\n";

/// How it is set up.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether the data is removed when the handle is dropped.
    pub throw_away: bool,
    /// The file that it logs to, if not `rabbitmq.log` in its folder.
    pub log_file: Option<PathBuf>,
    /// Further lines for its `rabbitmq.conf`.
    pub settings: Vec<String>,
}

impl Options {
    /// Gone afterwards.
    pub fn for_tests() -> Self {
        Self { throw_away: true, ..Self::default() }
    }
}

/// A running RabbitMQ. Dropping it stops it; its data stays unless the options say otherwise.
#[derive(Debug)]
pub struct RabbitMq {
    place: Place,
    options: Options,
    ports: Ports,
    processes: Mutex<Processes>,
}

/// Where a node is, and what runs it.
#[derive(Debug)]
struct Place {
    dir: PathBuf,
    log: PathBuf,
    /// The folder that the server's user owns; unused in a container.
    server: PathBuf,
    password: String,
    found: Found,
    user: Option<ServerUser>,
    member: Option<Member>,
}

/// What a node of a [`Cluster`] has in common with the others, and its name among them.
#[derive(Debug, Clone)]
struct Member {
    node: String,
    epmd: u16,
    cookie: String,
    password: String,
}

#[derive(Debug, Clone, Copy)]
struct Ports {
    amqp: u16,
    mqtt: u16,
    management: u16,
    distribution: u16,
    epmd: u16,
}

#[derive(Debug)]
struct Processes {
    node: Managed,
    /// None in a container, or in a cluster, which has one for all.
    epmd: Option<Managed>,
}

impl RabbitMq {
    /// Starts the node in `dir`, on the ports that it had before or on free ones.
    pub fn start(dir: &Path, options: Options) -> Result<Self> {
        Self::start_as(dir, options, None)
    }

    fn start_as(dir: &Path, options: Options, member: Option<Member>) -> Result<Self> {
        let found = install::locate(Tool::RabbitMq)?;
        std::fs::create_dir_all(dir).map_err(Error::file("create", dir))?;
        let dir = dir.canonicalize().map_err(Error::file("find", dir))?;
        let password = match &member {
            Some(member) => member.password.clone(),
            None => secret::kept(&dir.join("password"))?,
        };
        let log = options.log_file.clone().unwrap_or_else(|| dir.join("rabbitmq.log"));
        let place = match found {
            Found::Engine => Place { server: PathBuf::new(), user: None, dir, log, password, found, member },
            Found::Programs(_) => {
                let user = ServerUser::unless_ourselves(SYSTEM_USER)?;
                let server = data_dir::open(&dir.join("server"), user)?;
                Place { server, user, dir, log, password, found, member }
            }
        };
        let mut ports = Ports::kept(&place.dir, place.member.as_ref())?;
        let processes = match place.launch(&options, ports) {
            // Someone else was quicker to take a port.
            Err(Error::EndedEarly { .. }) if !ports.all_free() => {
                ports = Ports::kept(&place.dir, place.member.as_ref())?;
                place.launch(&options, ports)?
            }
            other => other?,
        };
        Ok(Self { place, options, ports, processes: Mutex::new(processes) })
    }

    fn processes(&self) -> MutexGuard<'_, Processes> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `127.0.0.1:<port>` for AMQP.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.ports.amqp)
    }

    /// `127.0.0.1:<port>` for MQTT.
    pub fn mqtt_host(&self) -> String {
        format!("127.0.0.1:{}", self.ports.mqtt)
    }

    /// Its AMQP port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Its MQTT port on 127.0.0.1.
    pub fn mqtt_port(&self) -> u16 {
        self.ports.mqtt
    }

    /// Who logs in, by AMQP, by MQTT and to the management API.
    pub fn user(&self) -> &'static str {
        USER
    }

    /// With what.
    pub fn password(&self) -> &str {
        &self.place.password
    }

    /// Its AMQP URL, of the virtual host `/`.
    pub fn url(&self) -> String {
        format!("amqp://{USER}:{}@{}/%2f", self.place.password, self.host())
    }

    /// Its MQTT URL, without user and password.
    pub fn mqtt_url(&self) -> String {
        format!("mqtt://{}", self.mqtt_host())
    }

    /// The URL of its management, without user and password.
    pub fn management_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.management)
    }

    /// The folder of its data; unused in a container.
    pub fn folder(&self) -> &Path {
        &self.place.server
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.processes().node.pid()
    }

    /// Whether it runs (or is paused).
    pub fn is_running(&self) -> bool {
        self.processes().node.is_running()
    }

    /// The last lines of its log.
    pub fn log_tail(&self) -> String {
        self.processes().node.log_tail()
    }

    /// Asks its management API: a method, a path such as `/api/queues/%2F/q`, and a JSON body or nothing. What comes is the
    /// status and the body.
    pub fn api(&self, method: &str, path: &str, body: &str) -> Result<(u16, String)> {
        management::api(self.ports, &self.place.password, method, path, body)
            .map_err(|error| Error::Advice(format!("RabbitMQ's management does not answer: {error}")))
    }

    /// Has `rabbitmqctl` do something to it.
    pub fn ctl(&self, arguments: &[&str]) -> Result<()> {
        let Found::Programs(bin) = &self.place.found else {
            return Err(Error::Advice("rabbitmqctl is not run in a container: install RabbitMQ".to_owned()));
        };
        let mut command = Command::new(bin.join("rabbitmqctl"));
        command.args(arguments);
        self.place.prepare(&mut command, self.ports);
        process::run("rabbitmqctl", command, &self.place.log, COMMAND_DEADLINE)
    }

    /// Stops it in good order.
    pub fn stop(&self) {
        self.processes().stop();
    }

    /// Starts it again after [`stop`](Self::stop) or [`kill`](Self::kill), on the same ports and with the same data.
    pub fn start_again(&self) -> Result<()> {
        let mut processes = self.processes();
        processes.stop();
        *processes = self.place.launch(&self.options, self.ports)?;
        Ok(())
    }

    /// Ends it as a power cut would.
    pub fn kill(&self) {
        if let Some(container) = self.place.container() {
            container.kill();
        }
        self.processes().kill();
    }

    /// Freezes it: connections stay open and nobody answers.
    pub fn pause(&self) {
        match self.place.container() {
            Some(container) => container.pause(),
            None => self.processes().node.pause(),
        }
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        match self.place.container() {
            Some(container) => container.resume(),
            None => self.processes().node.resume(),
        }
    }
}

impl Drop for RabbitMq {
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

impl Processes {
    fn stop(&self) {
        self.node.stop(STOP_GRACE);
        if let Some(epmd) = &self.epmd {
            epmd.kill();
        }
    }

    fn kill(&self) {
        // Its helper leads a group of its own and ends when the node does, unless it is frozen.
        self.node.resume();
        self.node.kill();
        if let Some(epmd) = &self.epmd {
            epmd.kill();
        }
    }
}

impl Ports {
    /// The ports noted in files of `dir`, or new ones.
    fn kept(dir: &Path, member: Option<&Member>) -> Result<Self> {
        let port = |name: &str| ports::kept_port(&dir.join(name));
        Ok(Self {
            amqp: port("port")?,
            mqtt: port("mqtt-port")?,
            management: port("management-port")?,
            distribution: port("distribution-port")?,
            epmd: member.map_or_else(|| port("epmd-port"), |member| Ok(member.epmd))?,
        })
    }

    fn all_free(self) -> bool {
        [self.amqp, self.mqtt, self.management, self.distribution, self.epmd].into_iter().all(ports::is_free)
    }
}

/// Runs an `epmd` in the foreground: a node's own, or that of a cluster.
fn epmd(port: u16, folder: &Path, user: Option<ServerUser>, log: &Path) -> Result<Managed> {
    let mut command = Command::new("epmd");
    command.args(["-port", &port.to_string(), "-address", "127.0.0.1"]).current_dir(folder);
    if let Some(user) = user {
        user.run(&mut command);
    }
    Launch::new("epmd", command, log).start()
}

/// Removes what a stopped server left in `dir`, with all data.
pub fn remove(dir: &Path) -> Result<()> {
    if dir.exists() && install::find(Tool::RabbitMq).is_none() {
        Container::of(dir, &dir.join("rabbitmq.log")).remove();
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

    fn launch(&self, options: &Options, ports: Ports) -> Result<Processes> {
        let processes = match &self.found {
            Found::Programs(bin) => {
                let epmd = match &self.member {
                    Some(_) => None,
                    None => Some(epmd(ports.epmd, &self.server, self.user, &self.log)?),
                };
                Processes { node: self.node(bin, options, ports)?, epmd }
            }
            Found::Engine => Processes { node: self.in_container(options, ports)?, epmd: None },
        };
        let node = &processes.node;
        let mut last = String::from("not tried");
        let ready = wait::until(START_DEADLINE, || {
            if let Some(status) = node.exit_status() {
                let name = "RabbitMQ".into();
                return Some(Err(Error::EndedEarly { name, status: status.to_string(), tail: node.log_tail() }));
            }
            match management::is_ready(ports, &self.password) {
                Ok(()) => Some(Ok(())),
                Err(error) => {
                    last = error;
                    None
                }
            }
        });
        match ready {
            Some(Ok(())) => Ok(processes),
            Some(Err(error)) => Err(error),
            None => {
                let tail = node.log_tail();
                Err(Error::NotReady { name: "RabbitMQ".into(), waited: START_DEADLINE, last, tail })
            }
        }
    }

    fn node(&self, bin: &Path, options: &Options, ports: Ports) -> Result<Managed> {
        let file = |name: &str| self.server.join(name);
        self.write(&file("rabbitmq.conf"), &configuration(&self.password, options, ports))?;
        self.write(&file("enabled_plugins"), PLUGINS)?;
        let cookie = file(".erlang.cookie");
        if !cookie.exists() {
            // What commands to a node have to know, and other nodes; nobody else does.
            let member = self.member.as_ref().map(|member| member.cookie.clone());
            self.write(&cookie, &member.map_or_else(secret::random_hex, Ok)?)?;
        }
        let mut command = Command::new(bin.join("rabbitmq-server"));
        self.prepare(&mut command, ports);
        command
            // The script becomes the node instead of waiting for it, so that a signal reaches the node; this
            // would also open a prompt, which `-noinput` shuts again.
            .env("RABBITMQ_ALLOW_INPUT", "true")
            .env(
                "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
                "-noinput -start_epmd false -kernel inet_dist_use_interface {127,0,0,1}",
            );
        Launch::new("RabbitMQ", command, &self.log).start()
    }

    /// Where the node is, for the node itself and for commands to it: all of it, so that nothing of a node of the system's is
    /// read or written.
    fn prepare(&self, command: &mut Command, ports: Ports) {
        let file = |name: &str| self.server.join(name);
        command.current_dir(&self.server);
        if let Some(user) = self.user {
            user.run(command);
        }
        command
            .env("HOME", &self.server)
            .env("RABBITMQ_NODENAME", self.member.as_ref().map_or(NODE, |member| &member.node))
            .env("RABBITMQ_MNESIA_BASE", file("data"))
            .env("RABBITMQ_LOG_BASE", file("log"))
            .env("RABBITMQ_LOGS", "-")
            .env("RABBITMQ_CONFIG_FILE", file("rabbitmq.conf"))
            .env("RABBITMQ_CONFIG_FILES", file("conf.d"))
            .env("RABBITMQ_ADVANCED_CONFIG_FILE", file("advanced.config"))
            .env("RABBITMQ_CONF_ENV_FILE", file("rabbitmq-env.conf"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", file("enabled_plugins"))
            .env("RABBITMQ_FEATURE_FLAGS_FILE", file("feature_flags"))
            .env("RABBITMQ_PID_FILE", file("pid"))
            .env("RABBITMQ_DIST_PORT", ports.distribution.to_string())
            .env("ERL_EPMD_PORT", ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1");
    }

    fn in_container(&self, options: &Options, ports: Ports) -> Result<Managed> {
        let container = Container::of(&self.dir, &self.log);
        container.end_leftover();
        let outer = [ports.amqp, ports.mqtt, ports.management];
        let published: Vec<_> = outer.into_iter().zip(INNER_PORTS).collect();
        let environment = ["CONCIERGE_RABBITMQ_CONFIG", "CONCIERGE_RABBITMQ_PLUGINS", "RABBITMQ_NODENAME"];
        let mut command = container.run(RABBITMQ_IMAGE, &published, "/var/lib/rabbitmq", &environment);
        let [amqp, mqtt, management] = INNER_PORTS;
        let inner = Ports { amqp, mqtt, management, ..ports };
        // The engine publishes the ports on the host's loopback interface alone.
        let configuration = configuration(&self.password, options, inner).replace("127.0.0.1", "0.0.0.0");
        command.env("CONCIERGE_RABBITMQ_CONFIG", configuration);
        command.env("CONCIERGE_RABBITMQ_PLUGINS", PLUGINS).env("RABBITMQ_NODENAME", NODE);
        command.args([
            "sh",
            "-c",
            "printf %s \"$CONCIERGE_RABBITMQ_PLUGINS\" > /etc/rabbitmq/enabled_plugins && \
             printf %s \"$CONCIERGE_RABBITMQ_CONFIG\" > /etc/rabbitmq/conf.d/90-concierge.conf && \
             exec docker-entrypoint.sh rabbitmq-server",
        ]);
        Launch::new("RabbitMQ", command, &self.log).death_signal(container::DEATH_SIGNAL).start()
    }

    /// Writes a file that only the server's user may read.
    fn write(&self, path: &Path, content: &str) -> Result<()> {
        secret::write_private(path, content)?;
        self.user.map_or(Ok(()), |user| user.own(path))
    }
}

fn configuration(password: &str, options: &Options, ports: Ports) -> String {
    let Ports { amqp, mqtt, management, .. } = ports;
    let mut text = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nmqtt.listeners.tcp.1 = 127.0.0.1:{mqtt}\nmqtt.allow_anonymous = false\n\
         management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {management}\n\
         default_user = {USER}\ndefault_pass = {password}\nlog.console = true\nlog.console.level = info\n"
    );
    for line in &options.settings {
        text.push_str(line);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Recorded;

    #[test]
    fn a_durable_queue_and_the_ports_survive_a_kill_and_no_process_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let server = RabbitMq::start(dir.path(), Options::for_tests()).unwrap();
        let (url, mqtt) = (server.url(), server.mqtt_url());
        let queue = r#"{"durable":true,"arguments":{"x-queue-type":"quorum"}}"#;
        assert_eq!(server.api("PUT", "/api/queues/%2F/kept", queue).unwrap().0, 201);

        server.pause();
        server.kill();
        assert!(!server.is_running());
        server.start_again().unwrap();
        assert_eq!((server.url(), server.mqtt_url()), (url, mqtt));
        assert_eq!(server.api("GET", "/api/queues/%2F/kept", "").unwrap().0, 200);

        let epmd = server.processes().epmd.as_ref().map(Managed::pid);
        let folder = server.place.server.clone();
        drop(server);
        assert!(epmd.is_none_or(|id| Recorded::of(id).is_none()));
        assert!(!folder.exists());
    }
}
