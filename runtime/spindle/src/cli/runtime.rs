//! What every way of running components has in common: arguments, log, threads, signals and the end.

use std::future::Future;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use serde::Deserialize;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::app::{App, Options};
use crate::cache::Cache;
use crate::limits::{Bytes, Time, parse_time};
use crate::metrics::{self, Sources};
use crate::runtime_config::RuntimeConfig;
use crate::stdio::{Destinations, Follow};
use crate::{telemetry, toml_error, variables};

/// Threads beside the one for each core that may be busy with a guest: there is always one for the network.
const SPARE_THREADS: usize = 4;

#[derive(Debug, Args)]
pub(super) struct RuntimeArgs {
    /// Runtime configuration file
    #[arg(long, env = "RUNTIME_CONFIG_FILE", value_name = "FILE")]
    runtime_config_file: Option<PathBuf>,

    /// Set a variable: NAME=VALUE, NAME=@FILE, or @FILE.toml / @FILE.json for many
    #[arg(long, value_name = "NAME=VALUE")]
    variable: Vec<String>,

    /// Directory for state, by default .spin beside the manifest; "" for none, then stores are in memory
    #[arg(long, value_name = "DIR")]
    state_dir: Option<String>,

    /// Set a pair in the default key-value store at start
    #[arg(long, value_name = "KEY=VALUE")]
    key_value: Vec<String>,

    /// Run a statement on the default SQLite database at start, or those of @FILE
    #[arg(long, value_name = "STATEMENT|@FILE")]
    sqlite: Vec<String>,

    /// Let components write to the files that they were given; Spin makes copies of them
    #[arg(long)]
    pub(super) allow_transient_write: bool,

    /// Most memory of one instance, in bytes [default: 268435456]
    #[arg(long, env = "SPIN_MAX_INSTANCE_MEMORY", value_name = "BYTES")]
    max_instance_memory: Option<usize>,

    /// Directory for components' output, by default logs in the state directory; "" for none
    #[arg(short = 'L', long, env = "SPIN_LOG_DIR", value_name = "DIR")]
    log_dir: Option<String>,

    /// Empty the files with components' output first
    #[arg(long)]
    truncate_logs: bool,

    /// Print the output of this component only (can be repeated)
    #[arg(long, value_name = "ID")]
    follow: Vec<String>,

    /// Print nothing that components say
    #[arg(short, long, aliases = ["sh", "shush"], conflicts_with = "follow")]
    quiet: bool,

    /// Make each instance anew instead of from a pool
    #[arg(long)]
    disable_pooling: bool,

    /// Compile all components anew
    #[arg(long, env = "DISABLE_WASMTIME_CACHE", value_parser = clap::builder::FalseyValueParser::new())]
    disable_cache: bool,

    /// Directory for compiled components, or Wasmtime's cache configuration that names one [default: $XDG_CACHE_HOME/spindle]
    #[arg(long, env = "WASMTIME_CACHE_FILE", value_name = "DIR|FILE", conflicts_with = "disable_cache")]
    cache: Option<PathBuf>,

    /// Show metrics at /metrics on this address, for nobody but whoever collects them [default: none] (Spindle's own)
    #[arg(long, env = "SPINDLE_METRICS_LISTEN", value_name = "ADDRESS", value_parser = parse_address)]
    metrics_listen: Option<SocketAddr>,

    /// Time for one message, 29m at most [default: 60s] (Spindle's own, as are those below)
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Limits")]
    message_deadline: Option<Duration>,

    /// Time for what is under way when Spindle is told to stop [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Limits")]
    grace_period: Option<Duration>,
}

impl RuntimeArgs {
    /// The runtime configuration.
    pub(super) fn config(&self) -> anyhow::Result<RuntimeConfig> {
        Ok(match &self.runtime_config_file {
            Some(file) => RuntimeConfig::load(file)?,
            None => RuntimeConfig::default(),
        })
    }

    /// The options of an app whose state is in `.spin` in a directory, unless something else is said.
    pub(super) fn options(&self, config: &RuntimeConfig, dir: &Path) -> anyhow::Result<Options> {
        let given = |argument: &Option<String>, configured: &Option<PathBuf>, default: Option<PathBuf>| match argument {
            Some(given) => Some(PathBuf::from(given)).filter(|dir| !dir.as_os_str().is_empty()),
            None => configured.clone().or(default),
        };
        let state_dir = given(&self.state_dir, &config.state_dir, Some(dir.join(".spin")));
        let logs = state_dir.as_ref().map(|dir| dir.join("logs"));
        let logs = if config.has_no_logs { None } else { logs };
        let is_asked_for = self.log_dir.is_some() || config.log_dir.is_some();
        let logs = given(&self.log_dir, &config.log_dir, logs).filter(|dir| is_asked_for || is_writable(dir));
        let output = Destinations {
            dir: logs,
            truncate: self.truncate_logs,
            follow: match self.quiet {
                true => Follow::Nobody,
                false if self.follow.is_empty() => Follow::All,
                false => Follow::Only(self.follow.iter().cloned().collect()),
            },
        };
        let cache = self.cache.as_deref().map(cache_dir).transpose()?;
        let cache_dir = cache.or_else(Cache::default_dir).filter(|_| !self.disable_cache);
        let mut limits = config.limits();
        limits.instance_memory = self.max_instance_memory.map_or(limits.instance_memory, Bytes);
        limits.message_deadline = self.message_deadline.map_or(limits.message_deadline, Time);
        limits.grace_period = self.grace_period.map_or(limits.grace_period, Time);
        Ok(Options {
            variables: variables::parse_given(&self.variable)?,
            limits,
            state_dir,
            output,
            writable_files: self.allow_transient_write,
            env: Vec::new(),
            cache_dir,
            disable_pooling: self.disable_pooling,
            sqlite: self.sqlite.clone(),
            key_values: self.key_value.clone(),
        })
    }

    /// Shows metrics, if they are asked for; ends at `stop`.
    pub(super) async fn show_metrics(&self, sources: Sources, stop: &CancellationToken) -> anyhow::Result<()> {
        let Some(address) = self.metrics_listen else { return Ok(()) };
        let listener = metrics::listen(address).await?;
        tracing::info!("metrics at http://{}/metrics", listener.local_addr()?);
        tokio::spawn(metrics::serve(listener, sources, stop.clone()));
        Ok(())
    }

    /// Waits for a request to stop; then lets `tasks` finish what is under way, for as long as the grace period.
    pub(super) async fn until_stopped(app: &App, mut signals: Signals, tasks: &TaskTracker, stop: &CancellationToken) {
        tasks.close();
        signals.next().await;
        tracing::info!("stopping");
        stop.cancel();
        app.chained.close();
        tokio::select! {
            () = async { tasks.wait().await; app.chained.wait().await } => {}
            () = tokio::time::sleep(app.limits.grace_period.0) => {
                tracing::warn!(seconds = app.limits.grace_period.0.as_secs_f64(), "not everything has ended within the grace period");
            }
            () = signals.next() => tracing::warn!("stopped at once"),
        }
        app.flush_output();
    }
}

/// Reads HOST:PORT.
pub(super) fn parse_address(text: &str) -> anyhow::Result<SocketAddr> {
    text.to_socket_addrs()
        .ok()
        .and_then(|mut all| all.next())
        .ok_or_else(|| anyhow!("write HOST:PORT, such as 127.0.0.1:3000"))
}

/// Whether output can be written to a directory that nobody has asked for. Where it cannot, as in a container whose files
/// are read-only, the output is printed all the same.
fn is_writable(dir: &Path) -> bool {
    let tried = std::fs::create_dir_all(dir).and_then(|()| tempfile::tempfile_in(dir));
    tried
        .inspect_err(|error| {
            tracing::warn!(dir = %dir.display(), %error, "components' output is not written to files");
        })
        .is_ok()
}

/// The directory for compiled components that `--cache` means: itself, or the one in a configuration file of Wasmtime's.
fn cache_dir(path: &Path) -> anyhow::Result<PathBuf> {
    #[derive(Deserialize)]
    struct File {
        cache: Section,
    }
    #[derive(Deserialize)]
    struct Section {
        directory: Option<PathBuf>,
    }
    if !path.is_file() {
        return Ok(path.to_owned());
    }
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let file: File = toml::from_str(&text)
        .map_err(|error| anyhow!("--cache {}: {}", path.display(), toml_error::describe(&text, &error)))?;
    match file.cache.directory.or_else(Cache::default_dir) {
        Some(dir) if dir.is_absolute() => Ok(dir.join("spindle")),
        _ => bail!("--cache {}: `directory` is not an absolute path", path.display()),
    }
}

/// Runs something on as many threads as it needs, with a log, and with traces of this name.
pub(super) fn run(name: &'static str, work: impl Future<Output = anyhow::Result<()>>) -> ExitCode {
    start_log();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores + SPARE_THREADS).enable_all().build();
    let result = runtime.context("cannot start threads").and_then(|runtime| {
        let result = runtime.block_on(async {
            let traces = telemetry::start(name, runtime.handle());
            let result = work.await;
            if let Some(traces) = traces {
                traces.stop().await;
            }
            result
        });
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
    // What the AMQP client says is said again, in one line and with the queue, by the trigger.
    let default = Targets::new()
        .with_default(LevelFilter::WARN)
        .with_target("lapin", LevelFilter::OFF)
        .with_target("spindle", LevelFilter::INFO);
    let filter = std::env::var("RUST_LOG").ok().and_then(|filter| filter.parse().ok()).unwrap_or(default);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(false);
    // A second start in one process keeps the first log.
    let _ = tracing_subscriber::registry().with(lines).with(filter).try_init();
}

/// The requests to stop: SIGTERM and SIGINT.
pub(super) struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    pub(super) fn new() -> anyhow::Result<Self> {
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
