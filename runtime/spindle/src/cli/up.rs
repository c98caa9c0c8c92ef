//! `spindle up`, with the names that `spin up` has.

use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use clap::builder::FalseyValueParser;
use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::runtime::{RuntimeArgs, Signals, parse_address};
use crate::app::{self, App};
use crate::http::{self, HttpTrigger};
use crate::limits::{Bytes, Time, parse_time};
use crate::manifest::{self, Assets, Source};
use crate::metrics::Sources;
use crate::{amqp_trigger, descriptors, redis_trigger};

/// The trigger types that `spindle up` runs.
const TRIGGERS: [&str; 3] = [http::TRIGGER_TYPE, redis_trigger::TRIGGER_TYPE, amqp_trigger::TRIGGER_TYPE];

#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub(super) struct Up {
    /// The application: a manifest, the directory of one, or a file of WebAssembly
    #[arg(short = 'f', long = "from", aliases = ["from-file", "file"], value_name = "APPLICATION", default_value = "spin.toml")]
    from: PathBuf,

    /// Run the build commands of the manifest first
    #[arg(long, env = "SPIN_ALWAYS_BUILD", value_parser = FalseyValueParser::new())]
    build: bool,

    /// Set an environment variable for all components
    #[arg(short = 'e', long = "env", value_name = "NAME=VALUE", value_parser = parse_env)]
    env: Vec<(String, String)>,

    /// Refuse what would have to be copied for components: only whole directories are mounted
    #[arg(long)]
    direct_mounts: bool,

    /// Directory for copies of files that components may read [default: a temporary one]
    #[arg(long, alias = "tmp", value_name = "DIR")]
    temp: Option<PathBuf>,

    /// Address to serve HTTP on
    #[arg(long, env = "SPIN_HTTP_LISTEN_ADDR", value_name = "ADDRESS", default_value = "127.0.0.1:3000", value_parser = parse_address)]
    listen: SocketAddr,

    /// Serve HTTPS with this certificate and its chain: a PEM file
    #[arg(long, env = "SPIN_TLS_CERT", value_name = "PATH", requires = "tls_key")]
    tls_cert: Option<PathBuf>,

    /// The key of the certificate: a PEM file
    #[arg(long, env = "SPIN_TLS_KEY", value_name = "PATH", requires = "tls_cert")]
    tls_key: Option<PathBuf>,

    /// A path that probes read: it is answered even while too many other requests wait (Spindle's own)
    #[arg(long, value_name = "PATH")]
    probe_path: Vec<String>,

    /// If the port is in use, take the next one that is free
    #[arg(long)]
    find_free_port: bool,

    /// Run only these components and their triggers
    #[arg(short = 'c', long = "component-id", value_name = "ID")]
    component_id: Vec<String>,

    #[command(flatten)]
    runtime: RuntimeArgs,

    /// Time for one HTTP request [default: 30s]
    #[arg(long, value_name = "TIME", value_parser = parse_time, help_heading = "Limits")]
    http_deadline: Option<Duration>,

    /// Most bytes of a request's head [default: 65536]
    #[arg(long, env = "SPIN_HTTP1_MAX_BUF_SIZE", value_name = "BYTES", help_heading = "Limits")]
    http1_max_buf_size: Option<usize>,

    /// Most bytes of a request's body [default: 16777216]
    #[arg(long, value_name = "BYTES", help_heading = "Limits")]
    max_request_body: Option<usize>,
}

impl Up {
    pub(super) async fn run(self) -> anyhow::Result<()> {
        let path = manifest::locate(&self.from);
        let source = Source::read(&path)?;
        if self.build {
            source.build()?;
        }
        let mut assets = Assets::new(self.direct_mounts, self.runtime.allow_transient_write, self.temp);
        let mut locked = source.lock(&mut assets)?;
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
        let config = self.runtime.config()?;
        let tls = match (&self.tls_cert, &self.tls_key) {
            (Some(certificate), Some(key)) => Some(http::tls::acceptor(certificate, key)?),
            _ => None,
        };
        let has_http = locked.triggers.iter().any(|trigger| trigger.trigger_type == http::TRIGGER_TYPE);
        // The port first: that it is taken should be known before components are compiled.
        let listener = if has_http { Some(http::listen(self.listen, self.find_free_port).await?) } else { None };
        let mut options = self.runtime.options(&config, path.parent().unwrap_or(Path::new(".")))?;
        options.env = self.env;
        let limits = &mut options.limits;
        limits.http_deadline = self.http_deadline.map_or(limits.http_deadline, Time);
        limits.request_head = self.http1_max_buf_size.map_or(limits.request_head, Bytes);
        limits.request_body = self.max_request_body.map_or(limits.request_body, Bytes);
        limits.check()?;
        descriptors::raise(limits.connections.0);
        let app = App::prepare(locked, &config, options).await?;
        let http = Arc::new(HttpTrigger::new(&app, self.probe_path)?);
        let subscribers = redis_trigger::subscribers(&app)?;
        let listeners = amqp_trigger::listeners(&app)?;
        let signals = Signals::new()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let sources =
            Sources { app: Arc::clone(&app), http: has_http.then(|| Arc::clone(&http)), listeners: listeners.clone() };
        self.runtime.show_metrics(sources, &stop).await?;
        for subscriber in &subscribers {
            tasks.spawn(Arc::clone(subscriber).run(stop.clone()));
        }
        for listener in &listeners {
            tasks.spawn(Arc::clone(listener).run(stop.clone()));
        }
        if let Some(listener) = listener {
            // A request may publish something: who is to hear of it should listen by then.
            let queues = join_all(listeners.iter().map(|listener| listener.first_try()));
            tokio::join!(queues, join_all(subscribers.iter().map(|subscriber| subscriber.first_attempt())));
            let address = listener.local_addr()?;
            app.gateway.set_own_address(address);
            let scheme = if tls.is_some() { "https" } else { "http" };
            announce(&http, &format!("{scheme}://{address}")).context("cannot print")?;
            tasks.spawn(http::serve(http, listener, tls, stop.clone()));
        }
        RuntimeArgs::until_stopped(&app, signals, &tasks, &stop).await;
        Ok(())
    }
}

fn announce(http: &HttpTrigger, base: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nServing {base}\nAvailable Routes:")?;
    for line in http.describe_routes(base) {
        writeln!(out, "  {line}")?;
    }
    out.flush()
}

fn parse_env(text: &str) -> anyhow::Result<(String, String)> {
    let (name, value) = text.split_once('=').ok_or_else(|| anyhow!("write NAME=VALUE"))?;
    Ok((name.to_owned(), value.to_owned()))
}
