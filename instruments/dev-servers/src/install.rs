//! Where the servers' programs are, or how they get there: found, else installed from Debian, else run by a Docker engine.
//!
//! What is installed never runs as a service of the system, and no cluster of the system's is made.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use nix::unistd::Uid;

use crate::{Error, Result, container, process};

/// How long Debian's package manager may take: a slow mirror is no reason to fail.
const APT_DEADLINE: Duration = Duration::from_secs(900);
/// Asked by every package's scripts before they start a service; 101 means no.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// Read by Debian's PostgreSQL before it makes a cluster.
const CLUSTER_POLICY: &str = "/etc/postgresql-common/createcluster.d/concierge.conf";

/// A server that a run needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// PostgreSQL 13 or later: `postgres` and `initdb`.
    Postgres,
    /// Redis 6.2 or later: `redis-server`.
    Redis,
    /// RabbitMQ 3.10 or later, with its plugins for MQTT and management: `rabbitmq-server`, and Erlang's `epmd`.
    RabbitMq,
}

/// How a server can be run on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Its programs are in this folder.
    Programs(PathBuf),
    /// A Docker engine runs it.
    Engine,
}

impl Tool {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Postgres, Self::Redis, Self::RabbitMq];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::Redis => "Redis",
            Self::RabbitMq => "RabbitMQ",
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Postgres => &["postgres", "initdb"],
            Self::Redis => &["redis-server"],
            Self::RabbitMq => &["rabbitmq-server"],
        }
    }

    fn debian_package(self) -> &'static str {
        match self {
            Self::Postgres => "postgresql",
            Self::Redis => "redis-server",
            Self::RabbitMq => "rabbitmq-server",
        }
    }

    fn url_variable(self) -> &'static str {
        match self {
            Self::Postgres => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
            Self::RabbitMq => "RABBITMQ_URL",
        }
    }

    /// Folders that are usually not on the PATH.
    fn known_folders(self) -> Vec<PathBuf> {
        match self {
            Self::Redis => Vec::new(),
            // What Debian has on the PATH is a script that changes the user.
            Self::RabbitMq => vec![PathBuf::from("/usr/lib/rabbitmq/bin")],
            Self::Postgres => {
                let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
                    .into_iter()
                    .flatten()
                    .flatten()
                    .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
                    .collect();
                versions.sort();
                versions.into_iter().rev().map(|(_, path)| path).collect()
            }
        }
    }

    /// The sentence for a machine where there is no way to run it.
    pub fn advice(self) -> String {
        format!(
            "{} is missing: install it (Debian: `apt-get install --no-install-recommends {}` as root), start a Docker engine, or \
             give the address of one in {}",
            self.name(),
            self.debian_package(),
            self.url_variable()
        )
    }
}

/// The folder with the tool's programs, if they are on this machine.
pub fn find(tool: Tool) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    match tool {
        Tool::RabbitMq => folders.splice(0..0, tool.known_folders()).for_each(drop),
        Tool::Postgres | Tool::Redis => folders.extend(tool.known_folders()),
    }
    folders.into_iter().find(|folder| tool.programs().iter().all(|program| is_executable(&folder.join(program))))
}

/// The program of this name on the PATH.
pub fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| is_executable(program))
}

fn is_executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}

/// How the tool can be run here and now, without installing anything.
pub fn locate(tool: Tool) -> Result<Found> {
    if let Some(folder) = find(tool) {
        return Ok(Found::Programs(folder));
    }
    if container::engine_answers() {
        return Ok(Found::Engine);
    }
    Err(Error::Advice(tool.advice()))
}

/// Sees to it that the tool can be run: by installing it if we are root on Debian, else by a Docker engine. `say` hears what
/// takes long; what the package manager prints goes to `log`.
pub fn ensure(tool: Tool, log: &Path, mut say: impl FnMut(&str)) -> Result<Found> {
    if let Some(folder) = find(tool) {
        return Ok(Found::Programs(folder));
    }
    if can_install() {
        say(&format!("installing {} from Debian (log: {})", tool.name(), log.display()));
        match install(tool, log) {
            Ok(()) => {}
            Err(_) if container::engine_answers() => return Ok(Found::Engine),
            Err(error) => return Err(error),
        }
    }
    locate(tool)
}

/// Sees to it that a program that is no server is on the PATH: by installing Debian's package of the same name if we are
/// root there. `say` hears what takes long; what the package manager prints goes to `log`.
pub fn ensure_program(name: &str, log: &Path, say: impl FnMut(&str)) -> Result<()> {
    ensure_packages(name, &[name], || program(name).is_some(), log, say)
}

/// Sees to it that something that is no server `is_there`, in the same way, by these packages of Debian.
pub fn ensure_packages(
    name: &str,
    packages: &[&str],
    is_there: impl Fn() -> bool,
    log: &Path,
    mut say: impl FnMut(&str),
) -> Result<()> {
    if !is_there() && can_install() {
        say(&format!("installing {name} from Debian (log: {})", log.display()));
        install_packages(packages, log)?;
    }
    if is_there() {
        return Ok(());
    }
    Err(Error::Advice(format!(
        "{name} is missing: install it (Debian: `apt-get install {}` as root)",
        packages.join(" ")
    )))
}

/// Sees to it that there is an nginx, in the same way. Debian's small one will do; its service stays off.
pub fn ensure_nginx(log: &Path, say: impl FnMut(&str)) -> Result<()> {
    let was_there = program("nginx").is_some();
    ensure_packages("nginx", &["nginx-light"], || program("nginx").is_some(), log, say)?;
    if !was_there {
        disable("nginx", log);
    }
    Ok(())
}

/// A package has its service started at the next boot; the programs are all that we want of it.
fn disable(service: &str, log: &Path) {
    if let Some(systemctl) = Some("/usr/bin/systemctl").filter(|path| Path::new(path).exists()) {
        let mut command = Command::new(systemctl);
        command.args(["disable", service]);
        // Without systemd there are no services either.
        let _ = process::run("systemctl disable", command, log, Duration::from_secs(60));
    }
}

fn install(tool: Tool, log: &Path) -> Result<()> {
    let _no_cluster = match tool {
        Tool::Postgres => Guard::create(Path::new(CLUSTER_POLICY), "create_main_cluster = false\n", 0o644)?,
        Tool::Redis | Tool::RabbitMq => Guard(None),
    };
    install_packages(&[tool.debian_package()], log)?;
    disable(tool.debian_package(), log);
    match find(tool) {
        Some(_) => Ok(()),
        None => Err(Error::Advice(tool.advice())),
    }
}

/// Whether packages can be installed: by root, on Debian.
pub(crate) fn can_install() -> bool {
    Uid::effective().is_root() && Path::new("/usr/bin/apt-get").exists()
}

/// Installs packages of Debian, none of which starts a service; what the package manager prints goes to `log`.
pub(crate) fn install_packages(packages: &[&str], log: &Path) -> Result<()> {
    let _no_service = Guard::create(Path::new(POLICY), "#!/bin/sh\nexit 101\n", 0o755)?;
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.env("DEBIAN_FRONTEND", "noninteractive");
        command.args([
            "-q",
            "-y",
            "-o",
            "DPkg::Lock::Timeout=120",
            "-o",
            "Acquire::Retries=2",
            "-o",
            "Acquire::Languages=none",
        ]);
        command.args(arguments);
        process::run(&format!("apt-get {}", arguments.join(" ")), command, log, APT_DEADLINE)
    };
    // One of several sources may be out of reach; whether that matters, the installation itself says.
    let updated = apt(&["update"]);
    apt(&[&["install", "--no-install-recommends"], packages].concat()).map_err(|error| updated.err().unwrap_or(error))
}

/// A file that exists only while something is installed; one that was there before is left alone.
struct Guard(Option<PathBuf>);

impl Guard {
    fn create(path: &Path, content: &str, mode: u32) -> Result<Self> {
        if path.exists() {
            return Ok(Self(None));
        }
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        std::fs::write(path, content).map_err(Error::file("write", path))?;
        let guard = Self(Some(path.to_owned()));
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(Error::file("protect", path))?;
        Ok(guard)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}
