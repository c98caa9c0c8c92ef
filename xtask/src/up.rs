//! `up`: runs Concierge with everything it needs, until Ctrl-C.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;
use dev_servers::app::{App, AppOptions, RUNTIME_VARIABLE, RuntimeKind};
use dev_servers::mail_catcher::MailCatcher;
use dev_servers::ports;
use dev_servers::postgres;

use crate::app_variables::{Given, Variables};
use crate::compile::{self, Wanted};
use crate::experiment_server::ExperimentServer;
use crate::folder::{Folder, SERVICES, root_of};
use crate::interrupt::Interrupt;
use crate::mail::{self, Mail};
use crate::prometheus::Prometheus;
use crate::records::{self, Records};
use crate::schedules::Schedules;
use crate::secrets::Secrets;
use crate::servers::{Server, Servers};
use crate::{admin, builds, keys, program, session, setup, spin};

/// Until all services say that they are ready.
const READY_DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at what was started.
const WATCH_INTERVAL: Duration = Duration::from_millis(250);
/// For one request.
const REQUEST_SECONDS: u64 = 10;
/// The administrator that the first start makes.
const ADMIN_EMAIL: &str = "admin@concierge.example";

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The address that the app listens on.
    #[arg(long, default_value = "127.0.0.1:4000", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// What runs the components: a Spin from the PATH, or this repository's Spindle [default: CONCIERGE_RUNTIME, else
    /// Spin 3.6 or later if it is there, else Spindle, which takes some minutes to compile].
    #[arg(long)]
    runtime: Option<Runtime>,
    /// What takes the events and hands them out. With RabbitMQ there is a Redis as well: it has the delivery log.
    #[arg(long, default_value = "redis")]
    broker: Broker,
    /// Where mail goes. A sender or mail API that is given by SPIN_VARIABLE_NOTIFICATION_SENDER, SPIN_VARIABLE_MAIL_API or
    /// SPIN_VARIABLE_MAIL_API_URL is used instead.
    #[arg(long, default_value = "catch")]
    mail: Mail,
    /// Neither set up nor build the components and Spindle: they are as they should be.
    #[arg(long)]
    no_build: bool,
    /// Let administrators start experiments in the console. Each runs on servers of its own, one at a time; the first one compiles
    /// their program.
    #[arg(long)]
    experiments: bool,
    /// Start a Prometheus as well, which collects the app's metrics and knows the alerts.
    #[arg(long)]
    observe: bool,
}

/// The brokers by the names that the command line has for them.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Broker {
    Redis,
    Rabbitmq,
}

impl Broker {
    /// The app on this broker.
    fn manifest(self) -> &'static str {
        match self {
            Self::Redis => "spin.toml",
            Self::Rabbitmq => "spin.rabbitmq.toml",
        }
    }
}

/// The runtimes by the names that the command line has for them.
#[derive(Clone, Copy, ValueEnum)]
enum Runtime {
    Spindle,
    Spin,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let folder = Folder::find()?;
    let state = folder.state()?;
    let Some(_lock) = records::lock(&state)? else {
        bail!("another `cargo xtask up` runs in this folder: end it with Ctrl-C, or by `cargo xtask down`");
    };
    let records = Records::new(&state);
    records.end_leftovers();
    records.write(&[])?;
    let result = supervise(arguments, &folder, &records);
    records.forget();
    result
}

fn supervise(arguments: &Arguments, folder: &Folder, records: &Records) -> Result<()> {
    check_address(arguments.listen)?;
    let runtime = match arguments.runtime {
        Some(Runtime::Spindle) => RuntimeKind::Spindle,
        Some(Runtime::Spin) => RuntimeKind::Spin,
        None if std::env::var_os(RUNTIME_VARIABLE).is_some() => RuntimeKind::from_env()?,
        None => usual_runtime(arguments.broker),
    };
    if runtime == RuntimeKind::Spin && !program::is_on_path("spin") {
        bail!("there is no `spin` on the PATH: install Spin 3.4 or later, or leave `--runtime` out");
    }
    let interrupt = Interrupt::listen()?;
    let compiler = if arguments.no_build { None } else { Some(setup::compiler(folder)?) };

    let state = folder.state()?;
    let secrets = Secrets::load(&state)?;
    let given = Given::read(&state);
    let mut variables = Variables::default();
    variables.set(&given, "auth_credential", &secrets.auth_credential);
    variables.set(&given, "scheduler_credential", &secrets.scheduler_credential);
    variables.set(&given, "operator_credential", &secrets.operator_credential);
    variables.set(&given, "metrics_credential", &secrets.metrics_credential);
    variables.set(&given, "password_pepper", &secrets.password_pepper);
    variables.set(&given, "token_signing_key", &secrets.token_signing_key);
    variables.set(&given, "refresh_token_key", &secrets.refresh_token_key);
    variables.set(&given, "totp_keys", &format!("1:{}", secrets.totp_key));
    variables.set(&given, "account_cookie_keys", &format!("1:{}", secrets.account_cookie_key));
    variables.set(&given, "console_cookie_keys", &format!("1:{}", secrets.console_cookie_key));
    // The administrator that is made below has a password alone.
    variables.set(&given, "console_second_factor", "optional");
    variables.set(&given, "mail_links", "account");
    variables.set(&given, "public_url", &pages_url(arguments.listen));
    let signing_key = variables.get("token_signing_key").unwrap_or_default();
    let public_keys = keys::public_keys(signing_key, &secrets.further_public_keys)?;
    variables.set(&given, "token_public_keys", &public_keys);
    let experiments = arguments.experiments.then(|| ExperimentServer::start(&state.join("experiments"))).transpose()?;
    if let Some(server) = &experiments {
        variables.set(&given, "console_experiments_url", &server.url());
        variables.set(&given, "console_experiments_token", server.token());
    }
    let mail_catcher = mail::start(arguments.mail, &given, &mut variables)?;
    let mail_url = mail_catcher.as_ref().map(MailCatcher::url);

    let builds = match &compiler {
        Some(compiler) => {
            let what = if runtime == RuntimeKind::Spindle { "the components and Spindle" } else { "the components" };
            let usual =
                if runtime == RuntimeKind::Spindle { compile::USUAL_TIME } else { compile::USUAL_TIME_OF_COMPONENTS };
            println!("[1/2] Building {what} ({usual}), and starting the servers");
            compile::start(folder, compiler, Wanted::to_run_on(runtime))?.into()
        }
        None => {
            println!("[1/2] Starting the servers (seconds, if they are installed)");
            Vec::new()
        }
    };
    let mut started = Started::default();
    let with_rabbitmq = arguments.broker == Broker::Rabbitmq;
    let ready = builds::wait_beside(builds, &interrupt, |is_cancelled| {
        started.servers.start(folder, &secrets, &given, &mut variables, with_rabbitmq, is_cancelled)?;
        started.record(records)
    })?;
    let (Some(()), Some(owner_url)) = (ready, started.servers.owner_url()) else { return Ok(()) };
    variables.take_over_the_rest(&given);

    println!(
        "[2/2] Starting the app on {} (some seconds the first time: the components become machine code)",
        runtime.name()
    );
    let mut options = AppOptions::new(runtime, &folder.root().join(arguments.broker.manifest()), &state);
    options.listen = arguments.listen;
    options.log_file = folder.fresh_log("app")?;
    options.runtime_config = Some(folder.root().join("runtime-config.toml"));
    let mut metrics = None;
    if runtime == RuntimeKind::Spindle {
        let address = format!("127.0.0.1:{}", ports::free_port()?);
        options.arguments.push(format!("--metrics-listen={address}"));
        variables.set(&given, "console_metrics_url", &format!("http://{address}"));
        metrics = Some(address);
        options.cache_dir = Some(state.join("cache"));
        for service in SERVICES {
            let probes = ["healthcheck", "readiness"].map(|probe| format!("--probe-path={}/{probe}", root_of(service)));
            options.arguments.extend(probes);
        }
    }
    options.variables = variables.for_the_app();
    let app = started.app.insert(App::start(options)?);
    let url = format!("http://{}", reachable(arguments.listen));
    let app_says = || format!("; the app's log says:\n{}", app.log_tail());
    if !wait_until_ready(&url, app, &interrupt).with_context(app_says)? {
        return Ok(());
    }
    make_admin(&url, &owner_url, &secrets.admin_password).with_context(app_says)?;
    let mut urls = started.servers.urls();
    urls.extend(mail_url.clone().map(|url| ("CONCIERGE_MAIL_URL", url)));
    write_dev_env(&state, &variables, &url, &secrets, &urls)?;
    if arguments.observe {
        let address = reachable(arguments.listen).to_string();
        started.prometheus =
            Some(Prometheus::start(folder, &address, metrics.as_deref(), &credential(&variables, "metrics"))?);
    }
    started.record(records)?;
    let pages = variables.get("public_url").unwrap_or(&url);
    let prometheus_url = started.prometheus.as_ref().map(Prometheus::url);
    println!("{}", session::text(&url, pages, mail_url.as_deref(), prometheus_url.as_deref(), ADMIN_EMAIL));

    let schedules = Schedules::start(&url, &credential(&variables, "scheduler"));
    let end = watch(&started, &interrupt);
    drop(schedules);
    drop(experiments);
    println!("Ending: the app, then its servers");
    drop(started);
    end
}

/// All that was started. Dropped in the order of use: the app first, so that its last requests find their servers.
#[derive(Default)]
struct Started {
    prometheus: Option<Prometheus>,
    app: Option<App>,
    servers: Servers,
}

impl Drop for Started {
    fn drop(&mut self) {
        drop(self.prometheus.take());
        if let Some(app) = self.app.take() {
            app.stop();
        }
    }
}

impl Started {
    fn record(&self, records: &Records) -> Result<()> {
        let mut processes: Vec<_> = self.app.iter().map(|app| ("app", app.pid())).collect();
        processes.extend(self.prometheus.iter().map(|prometheus| ("prometheus", prometheus.pid())));
        processes.extend(self.servers.ours().into_iter().map(|server| (server.name, server.pid)));
        records.write(&processes)
    }
}

/// Waits for Ctrl-C, which is a good end, or for the app to end by itself, which is not. A server that ends is told
/// about and nothing more: the app does without it as well as it can, and goes on when it is back.
fn watch(started: &Started, interrupt: &Interrupt) -> Result<()> {
    let mut gone = Vec::new();
    loop {
        if interrupt.within(WATCH_INTERVAL) {
            return Ok(());
        }
        for Server { name, is_running, .. } in started.servers.ours() {
            if !is_running && !gone.contains(&name) {
                eprintln!(
                    "{name} has ended. The app stays up without it; its log is in .concierge/logs, and \
                     `cargo xtask up` anew starts it again"
                );
                gone.push(name);
            }
        }
        if let Some(app) = started.app.as_ref().filter(|app| !app.is_running()) {
            bail!("the app ended unexpectedly; the end of its log:\n{}", app.log_tail());
        }
    }
}

/// Spin if it is there, for nobody has to wait for it. On RabbitMQ it needs the plugin, which is made of Spindle.
fn usual_runtime(broker: Broker) -> RuntimeKind {
    match spin::version() {
        Some(version) if version >= spin::OLDEST && broker == Broker::Redis => {
            println!("Spin {version} is on the PATH and runs the app; `--runtime spindle` compiles and takes Spindle");
            RuntimeKind::Spin
        }
        Some(version) if version < spin::OLDEST => {
            println!(
                "Spin {version} is on the PATH, too old to be taken unasked: with {} or later nothing but the components has to be compiled",
                spin::OLDEST
            );
            RuntimeKind::Spindle
        }
        Some(_) => RuntimeKind::Spindle,
        None => {
            println!(
                "There is no `spin` on the PATH, so Spindle is compiled; with Spin {} or later there is no need to",
                spin::OLDEST
            );
            RuntimeKind::Spindle
        }
    }
}

fn check_address(listen: SocketAddr) -> Result<()> {
    if let Err(error) = TcpListener::bind(listen) {
        let other = SocketAddr::new(listen.ip(), listen.port().checked_add(1).unwrap_or(0));
        bail!("cannot listen on {listen} ({error}): end what uses it, or choose another, such as `--listen {other}`");
    }
    Ok(())
}

/// An address of this machine that reaches a listener on all of its addresses.
fn reachable(listen: SocketAddr) -> SocketAddr {
    match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), listen.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), listen.port()),
        _ => listen,
    }
}

/// Where a browser reaches the app: by a name, if it is on this machine, for passkeys are for names.
fn pages_url(listen: SocketAddr) -> String {
    let address = reachable(listen);
    if address.ip().is_loopback() {
        format!("http://localhost:{}", address.port())
    } else {
        format!("http://{address}")
    }
}

/// Waits until every service says that it is ready; `false` if it was interrupted.
fn wait_until_ready(url: &str, app: &App, interrupt: &Interrupt) -> Result<bool> {
    let mut last = String::new();
    let mut waiting = SERVICES.to_vec();
    let end = program::poll(READY_DEADLINE, || {
        if interrupt.is_requested() {
            return Some(Ok(false));
        }
        if !app.is_running() {
            return Some(Err(anyhow::anyhow!("the app ended before it was ready")));
        }
        waiting.retain(|name| {
            let answer = minreq::get(format!("{url}{}/readiness", root_of(name))).with_timeout(REQUEST_SECONDS).send();
            match answer {
                Ok(response) if response.status_code == 200 => false,
                Ok(response) => {
                    last =
                        format!("{name} answers {}: {}", response.status_code, response.as_str().unwrap_or_default());
                    true
                }
                Err(error) => {
                    last = format!("{name}: {error}");
                    true
                }
            }
        });
        waiting.is_empty().then_some(Ok(true))
    });
    end.unwrap_or_else(|| {
        Err(anyhow::anyhow!("not all services were ready after {} s ({last})", READY_DEADLINE.as_secs()))
    })
}

/// Signs the administrator up, like anyone, unless there is one; then gives it its role, which nobody can sign up for.
fn make_admin(url: &str, owner_url: &str, password: &str) -> Result<()> {
    let mut client = postgres::connect(owner_url)?;
    let count = "SELECT count(*) FROM users WHERE email_key = $1";
    let there: i64 = client.query_one(count, &[&ADMIN_EMAIL]).context("cannot look for the administrator")?.get(0);
    if there > 0 {
        return Ok(());
    }
    let body = format!(r#"{{"name":"Admin","surname":"Concierge","email":"{ADMIN_EMAIL}","password":"{password}"}}"#);
    let response = minreq::post(format!("{url}/users-ms/users"))
        .with_header("content-type", "application/json")
        .with_body(body)
        .with_timeout(REQUEST_SECONDS)
        .send()
        .context("cannot sign the administrator up")?;
    // 201 or 409 with `email_verification` off; 409: someone else was quicker.
    if !matches!(response.status_code, 201 | 202 | 409) {
        let words = response.as_str().unwrap_or_default();
        bail!("cannot sign the administrator up: {} {words}", response.status_code);
    }
    admin::make_administrator(owner_url, ADMIN_EMAIL)?;
    Ok(())
}

/// What this service shows: the first of its credential's values.
fn credential(variables: &Variables, service: &str) -> String {
    let values = variables.get(&format!("{service}_credential")).unwrap_or_default();
    values.split(',').next().unwrap_or_default().trim().to_owned()
}

fn write_dev_env(
    state: &Path,
    variables: &Variables,
    url: &str,
    secrets: &Secrets,
    servers: &[(&'static str, String)],
) -> Result<()> {
    let [auth, scheduler, operator, metrics] =
        ["auth", "scheduler", "operator", "metrics"].map(|service| credential(variables, service));
    let mut further = vec![
        ("CONCIERGE_URL", url),
        ("CONCIERGE_AUTH_CREDENTIAL", &auth),
        ("CONCIERGE_SCHEDULER_CREDENTIAL", &scheduler),
        ("CONCIERGE_OPERATOR_CREDENTIAL", &operator),
        ("CONCIERGE_METRICS_CREDENTIAL", &metrics),
        ("CONCIERGE_ADMIN_EMAIL", ADMIN_EMAIL),
        ("CONCIERGE_ADMIN_PASSWORD", &secrets.admin_password),
    ];
    further.extend(servers.iter().map(|(name, url)| (*name, url.as_str())));
    variables.write(state, &further)
}
