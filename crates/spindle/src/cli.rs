//! The command line: `spindle up`, with the names that `spin up` has.

use std::io::Write;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::{self, App, Limits, Options};
use crate::cache::Cache;
use crate::capability::variables;
use crate::http::{self, HttpTrigger};
use crate::runtime_config::RuntimeConfig;
use crate::{manifest, redis_trigger};

/// The trigger types that `spindle up` runs.
const TRIGGERS: [&str; 2] = ["http", "redis"];

/// Threads beside the one for each core that may be busy with a guest: there is always one for the network.
const SPARE_THREADS: usize = 4;

/// A small Spin-compatible runtime.
#[derive(Debug, Parser)]
#[command(name = "spindle", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run an application
    Up(Box<Up>),
}

#[derive(Debug, Args)]
#[command(args_override_self = true)]
struct Up {
    /// The application: a manifest, or the directory of one
    #[arg(short = 'f', long = "from", alias = "file", value_name = "APPLICATION", default_value = "spin.toml")]
    from: PathBuf,

    /// Address to serve HTTP on
    #[arg(long, env = "SPIN_HTTP_LISTEN_ADDR", value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = parse_address)]
    listen: SocketAddr,

    /// If the port is in use, take the next one that is free
    #[arg(long)]
    find_free_port: bool,

    /// Runtime configuration file
    #[arg(long, env = "RUNTIME_CONFIG_FILE", value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,

    /// Set a variable: NAME=VALUE, NAME=@FILE, or @FILE.toml / @FILE.json for many
    #[arg(long, value_name = "NAME=VALUE")]
    variable: Vec<String>,

    /// Run only these components and their triggers
    #[arg(short = 'c', long = "component-id", value_name = "ID")]
    component_id: Vec<String>,

    /// Directory for state, by default .spin beside the manifest
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,

    /// Set a pair in the default key-value store at start
    #[arg(long, value_name = "KEY=VALUE")]
    key_value: Vec<String>,

    /// Most memory of one instance, in bytes [default: 268435456]
    #[arg(long, env = "SPIN_MAX_INSTANCE_MEMORY", value_name = "BYTES")]
    max_instance_memory: Option<usize>,

    /// Write components' output to files in this directory
    #[arg(short = 'L', long, env = "SPIN_LOG_DIR", value_name = "DIR")]
    log_dir: Option<PathBuf>,

    /// Print nothing that components say
    #[arg(short, long)]
    quiet: bool,

    /// Make each instance anew instead of from a pool
    #[arg(long)]
    disable_pooling: bool,

    /// Compile all components anew
    #[arg(long, env = "DISABLE_WASMTIME_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    disable_cache: bool,

    /// Directory for compiled components [default: $XDG_CACHE_HOME/spindle]
    #[arg(long, value_name = "DIR")]
    cache: Option<PathBuf>,

    /// Time for one HTTP request (Spindle's own, as are those below)
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time, help_heading = "Limits")]
    http_deadline: Duration,

    /// Time for one message
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = parse_time, help_heading = "Limits")]
    message_deadline: Duration,

    /// Time for what is under way when Spindle is told to stop
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time, help_heading = "Limits")]
    grace_period: Duration,

    /// Most bytes of a request's body
    #[arg(long, value_name = "BYTES", default_value_t = 16 * 1024 * 1024, help_heading = "Limits")]
    max_request_body: u64,
}

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    let Cli { command: Command::Up(up) } = Cli::parse();
    start_log();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores + SPARE_THREADS).enable_all().build();
    let result = runtime.context("cannot start threads").and_then(|runtime| {
        let result = runtime.block_on(up.run());
        // What has not ended by now is not waited for.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("Error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start_log() {
    let default = Targets::new().with_default(LevelFilter::WARN).with_target("spindle", LevelFilter::INFO);
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok()).unwrap_or(default);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A second start in one process keeps the first log.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}

impl Up {
    async fn run(self) -> anyhow::Result<()> {
        let path = manifest::locate(&self.from);
        let mut locked = manifest::load(&path)?;
        app::select(&mut locked, &self.component_id)?;
        if let Some(trigger) = locked.triggers.iter().find(|trigger| !TRIGGERS.contains(&trigger.trigger_type.as_str()))
        {
            bail!(
                "trigger type `{}` is not known to Spindle, which has: {}",
                trigger.trigger_type,
                TRIGGERS.join(", ")
            );
        }
        if locked.triggers.is_empty() {
            bail!("{} has no triggers, so there is nothing to run", path.display());
        }
        let config = match &self.runtime_config_file {
            Some(file) => RuntimeConfig::load(file)?,
            None => RuntimeConfig::default(),
        };
        let has_http = locked.triggers.iter().any(|trigger| trigger.trigger_type == "http");
        // The port first: that it is taken should be known before components are compiled.
        let listener = if has_http { Some(http::listen(self.listen, self.find_free_port).await?) } else { None };
        let app = App::prepare(locked, &config, self.options(&path, &config)?).await?;
        let http = Arc::new(HttpTrigger::new(&app)?);
        let subscribers = redis_trigger::subscribers(&app)?;
        let mut signals = Signals::new()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        for subscriber in subscribers {
            tasks.spawn(subscriber.run(stop.clone()));
        }
        if let Some(listener) = listener {
            let address = listener.local_addr()?;
            app.set_own_address(address);
            announce(&http, address).context("cannot print")?;
            tasks.spawn(http.serve(listener, stop.clone()));
        }
        tasks.close();
        signals.next().await;
        tracing::info!("stopping");
        stop.cancel();
        tokio::select! {
            () = tasks.wait() => {}
            () = tokio::time::sleep(self.grace_period) => {
                tracing::warn!(seconds = self.grace_period.as_secs_f64(), "not everything has ended within the grace period");
            }
            () = signals.next() => tracing::warn!("stopped at once"),
        }
        app.flush_output();
        Ok(())
    }

    fn options(&self, manifest: &Path, config: &RuntimeConfig) -> anyhow::Result<Options> {
        let beside = manifest.parent().unwrap_or(Path::new("."));
        let state_dir = self.state_dir.clone().or_else(|| config.state_dir.clone());
        let cache_dir = self.cache.clone().or_else(Cache::default_dir).filter(|_| !self.disable_cache);
        let default = Limits::default();
        Ok(Options {
            variables: variables::parse_given(&self.variable)?,
            limits: Limits {
                max_instance_memory: self
                    .max_instance_memory
                    .or(config.max_instance_memory)
                    .unwrap_or(default.max_instance_memory),
                http_deadline: self.http_deadline,
                message_deadline: self.message_deadline,
                max_request_body: self.max_request_body,
            },
            state_dir: state_dir.unwrap_or_else(|| beside.join(".spin")),
            log_dir: self.log_dir.clone().or_else(|| config.log_dir.clone()),
            quiet: self.quiet,
            cache_dir,
            disable_pooling: self.disable_pooling,
            key_values: self.key_value.clone(),
        })
    }
}

/// The requests to stop: SIGTERM and SIGINT.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> anyhow::Result<Self> {
        let signal = |kind| signal(kind).context("cannot listen for signals");
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn announce(http: &HttpTrigger, address: SocketAddr) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nServing http://{address}\nAvailable Routes:")?;
    for line in http.describe_routes(address) {
        writeln!(out, "  {line}")?;
    }
    out.flush()
}

fn parse_address(text: &str) -> anyhow::Result<SocketAddr> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next())
        .ok_or_else(|| anyhow!("write HOST:PORT, such as 127.0.0.1:3000"))
}

/// Reads `30s`, `500ms`, `2m` or a number of seconds.
fn parse_time(text: &str) -> anyhow::Result<Duration> {
    let (number, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
    let number: f64 = number.trim().parse().map_err(|_| anyhow!("write a time such as 30s or 500ms"))?;
    let seconds = match unit {
        "ms" => number / 1000.0,
        "" | "s" => number,
        "m" => number * 60.0,
        _ => bail!("write a time such as 30s or 500ms"),
    };
    Duration::try_from_secs_f64(seconds).map_err(|_| anyhow!("that is no time"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }

    #[test]
    fn times_are_read() {
        assert_eq!(parse_time("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(parse_time("2").unwrap(), Duration::from_secs(2));
        assert_eq!(parse_time("1.5m").unwrap(), Duration::from_secs(90));
        assert!(parse_time("soon").is_err());
        assert!(parse_time("-1s").is_err());
    }
}
