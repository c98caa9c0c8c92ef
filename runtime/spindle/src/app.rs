//! A locked app made ready to run: each component compiled, linked and with everything about it resolved once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;
use tokio::runtime::Handle;
use url::Url;
use wasmtime::component::InstancePre;
use wasmtime::{Engine, Store};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::bindings::{AmqpHandlerPre, RedisHandlerPre};
use crate::cache::Cache;
use crate::capability::key_value::{Granted, KeyValueError, Stores};
use crate::capability::variables::{Resolver, Values, VariableError};
use crate::capability::{mqtt, outbound_http, postgres, redis};
use crate::cpu::{Cpu, Share};
use crate::engine::{self, EngineError};
use crate::hosts::{AllowedHosts, HostError};
use crate::lanes::Lanes;
use crate::locked::{LockedApp, LockedComponent};
use crate::runtime_config::RuntimeConfig;
use crate::state::State;
use crate::stdio::{Output, Writer};

/// Why an app cannot run.
#[derive(Debug, Error)]
pub enum AppError {
    /// `--component-id` names none.
    #[error("the app has no component `{0}`")]
    NoComponent(String),
    /// The engine, or a component's code.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no code.
    #[error("component `{id}`: {path} does not exist; {remedy}")]
    NotBuilt {
        /// The component.
        id: String,
        /// Where its code should be.
        path: PathBuf,
        /// How to make it.
        remedy: String,
    },
    /// A component wants something that Spindle does not have.
    #[error("component `{id}` needs `{import}`, which Spindle does not have ({reason})")]
    UnknownImport {
        /// The component.
        id: String,
        /// The import.
        import: String,
        /// In the engine's words.
        reason: String,
    },
    /// A component's settings.
    #[error("component `{id}`: {reason}")]
    Component {
        /// The component.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// A component's allowed hosts.
    #[error("component `{0}`: {1}")]
    Hosts(String, HostError),
    /// A variable.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// A key-value store.
    #[error(transparent)]
    KeyValue(#[from] KeyValueError),
    /// Output files.
    #[error("cannot write to {0}: {1}")]
    Log(PathBuf, std::io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// The limits of every call.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Memory of one instance, in bytes.
    pub max_instance_memory: usize,
    /// Time for one HTTP request.
    pub http_deadline: Duration,
    /// Time for one message.
    pub message_deadline: Duration,
    /// Bytes of one request's body.
    pub max_request_body: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_instance_memory: 256 * 1024 * 1024,
            http_deadline: Duration::from_secs(30),
            message_deadline: Duration::from_secs(60),
            max_request_body: 16 * 1024 * 1024,
        }
    }
}

/// How an app is to be run.
#[derive(Clone, Default)]
pub struct Options {
    /// Values of variables that beat all others.
    pub variables: BTreeMap<String, String>,
    /// Limits of every call.
    pub limits: Limits,
    /// Where stores keep their files.
    pub state_dir: PathBuf,
    /// Where guests' output goes, if not to Spindle's own.
    pub log_dir: Option<PathBuf>,
    /// Whether guests' output that would go to Spindle's own goes nowhere instead.
    pub quiet: bool,
    /// Where compiled components are kept, if anywhere.
    pub cache_dir: Option<PathBuf>,
    /// Whether instances are made one by one instead of from a pool.
    pub disable_pooling: bool,
    /// Pairs for the default key-value store.
    pub key_values: Vec<String>,
}

/// An app that is ready to run.
pub struct App {
    /// Name, version and so on.
    pub locked: LockedApp,
    /// Finds values for templates in triggers.
    pub resolver: Resolver,
    /// The limits of every call.
    pub limits: Limits,
    /// The client for requests to the outside.
    pub client: outbound_http::Client,
    /// Threads for connections.
    pub lanes: Lanes,
    /// The runtime for everything else, and for calls that compute for long.
    pub shared: Handle,
    engine: Engine,
    cpu: Cpu,
    writer: Writer,
    components: BTreeMap<String, Arc<Component>>,
    own_address: OnceLock<SocketAddr>,
}

/// A component that is ready to be called.
pub struct Component {
    /// Its id.
    pub id: String,
    /// Its HTTP handler, if it has one.
    pub http: Option<ProxyPre<State>>,
    /// Its Redis handler, if it has one.
    pub redis_handler: Option<RedisHandlerPre<State>>,
    /// Its AMQP handler, if it has one.
    pub amqp_handler: Option<AmqpHandlerPre<State>>,
    /// Its variables.
    pub variables: Values,
    /// Where it may connect to.
    pub hosts: Arc<AllowedHosts>,
    /// The key-value stores that it may open.
    pub stores: Granted,
    /// Its PostgreSQL connections.
    pub postgres: postgres::Pools,
    /// Its MQTT connections.
    pub mqtt: mqtt::Pools,
    /// Its Redis connections.
    pub redis: redis::Pools,
    /// Its environment.
    pub env: Vec<(String, String)>,
    /// Directories that it may read: where they are, and where it sees them.
    pub dirs: Vec<(PathBuf, String)>,
    /// Where its output goes.
    pub output: Output,
}

/// Leaves only these components in an app, and the triggers that call them.
///
/// # Errors
/// When there is no such component.
pub fn select(locked: &mut LockedApp, ids: &[String]) -> Result<(), AppError> {
    if ids.is_empty() {
        return Ok(());
    }
    if let Some(id) = ids.iter().find(|id| !locked.components.iter().any(|c| c.id == **id)) {
        return Err(AppError::NoComponent(id.clone()));
    }
    locked.components.retain(|component| ids.contains(&component.id));
    locked.triggers.retain(|trigger| trigger.component().is_some_and(|id| ids.iter().any(|i| i == id)));
    Ok(())
}

impl App {
    /// Makes an app ready.
    ///
    /// # Errors
    /// The first thing that would keep it from working: it is better found now than in a request.
    pub async fn prepare(locked: LockedApp, config: &RuntimeConfig, options: Options) -> Result<Arc<Self>, AppError> {
        let resolver = Resolver::new(locked.variables.clone(), options.variables, &config.variables_provider)?;
        let granted = locked
            .components
            .iter()
            .flat_map(|c| c.metadata.key_value_stores.iter().map(|label| (c.id.as_str(), label.as_str())));
        for component in &locked.components {
            check_supported(component)?;
        }
        let stores = Stores::open(granted, &config.key_value_store, &options.state_dir)?;
        stores.preset(&options.key_values).await?;
        let engine = engine::start(!options.disable_pooling)?;
        let cache = options.cache_dir.as_deref().and_then(Cache::open);
        let code = load_all(&engine, cache.as_ref(), &locked.components)?;
        let writer = Writer::start().map_err(AppError::Thread)?;
        let mut components = BTreeMap::new();
        for (component, code) in locked.components.iter().zip(code) {
            let output = match &options.log_dir {
                None if options.quiet => Output::discard(&writer),
                None => Output::inherit(&writer, &component.id),
                Some(dir) => Output::files(&writer, &component.id, dir).map_err(|e| AppError::Log(dir.clone(), e))?,
            };
            let ready = Component::prepare(component, code, &resolver, &stores, config, output)?;
            components.insert(component.id.clone(), Arc::new(ready));
        }
        resolver.check()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cpu = Cpu::start(&engine, cores).map_err(AppError::Thread)?;
        let lanes = Lanes::start(cores).map_err(AppError::Thread)?;
        Ok(Arc::new(Self {
            locked,
            resolver,
            limits: options.limits,
            client: outbound_http::Client::new(&config.outbound_http),
            lanes,
            shared: Handle::current(),
            engine,
            cpu,
            writer,
            components,
            own_address: OnceLock::new(),
        }))
    }

    /// A component by its id.
    #[must_use]
    pub fn component(&self, id: &str) -> Option<Arc<Component>> {
        self.components.get(id).cloned()
    }

    /// A store for one call of a component, and the account of its time.
    ///
    /// # Errors
    /// When a directory that the component may read is gone.
    pub fn store(self: &Arc<Self>, component: &Arc<Component>) -> wasmtime::Result<(Store<State>, Share)> {
        let mut store = Store::new(&self.engine, State::new(self, component)?);
        store.limiter(|state| &mut state.limits);
        let share = self.cpu.share(&mut store);
        Ok((store, share))
    }

    /// Where the app itself listens.
    #[must_use]
    pub fn own_address(&self) -> Option<SocketAddr> {
        self.own_address.get().copied()
    }

    /// Remembers where the app itself listens.
    pub fn set_own_address(&self, mut address: SocketAddr) {
        if address.ip().is_unspecified() {
            address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        // The first listener is the one.
        let _ = self.own_address.set(address);
    }

    /// Writes out what guests have said so far.
    pub fn flush_output(&self) {
        self.writer.flush();
    }
}

/// Refuses what a component asks for beyond what Spindle has.
fn check_supported(component: &LockedComponent) -> Result<(), AppError> {
    let asked = [
        ("sqlite_databases", !component.metadata.databases.is_empty()),
        ("ai_models", !component.metadata.ai_models.is_empty()),
        ("dependencies", !component.dependencies.is_empty()),
    ];
    match asked.iter().find(|(_, asked)| *asked) {
        Some((what, _)) => Err(AppError::Component {
            id: component.id.clone(),
            reason: format!("`{what}` is not supported by Spindle"),
        }),
        None => Ok(()),
    }
}

/// Loads the code of all components, each on a thread of its own.
fn load_all(
    engine: &Engine,
    cache: Option<&Cache>,
    components: &[LockedComponent],
) -> Result<Vec<InstancePre<State>>, AppError> {
    let linker = engine::linker(engine)?;
    let load = |component: &LockedComponent| {
        let path = source(component)?;
        let code = engine::load(engine, cache, &component.id, &path)?;
        linker.instantiate_pre(&code).map_err(|error| {
            let reason = format!("{error:#}");
            let named = reason.split('`').nth(1).unwrap_or("something").to_owned();
            AppError::UnknownImport { id: component.id.clone(), import: named, reason }
        })
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = components.iter().map(|component| scope.spawn(move || load(component))).collect();
        threads
            .into_iter()
            .zip(components)
            .map(|(thread, component)| {
                thread.join().unwrap_or_else(|_| {
                    Err(AppError::Component {
                        id: component.id.clone(),
                        reason: "the compiler has panicked".to_owned(),
                    })
                })
            })
            .collect()
    })
}

/// The file that holds a component's code.
fn source(component: &LockedComponent) -> Result<PathBuf, AppError> {
    let url = component.source.source.as_deref();
    let path = url.and_then(file_path).ok_or_else(|| AppError::Component {
        id: component.id.clone(),
        reason: "its source is not a file".to_owned(),
    })?;
    if path.is_file() {
        return Ok(path);
    }
    let remedy = match &component.metadata.build {
        Some(build) => format!("build it: {}", build.command),
        None => "correct `source` in the manifest".to_owned(),
    };
    Err(AppError::NotBuilt { id: component.id.clone(), path, remedy })
}

fn file_path(url: &str) -> Option<PathBuf> {
    Url::parse(url).ok()?.to_file_path().ok()
}

impl Component {
    fn prepare(
        locked: &LockedComponent,
        code: InstancePre<State>,
        resolver: &Resolver,
        stores: &Stores,
        config: &RuntimeConfig,
        output: Output,
    ) -> Result<Self, AppError> {
        let id = &locked.id;
        let fail = |reason: String| AppError::Component { id: id.clone(), reason };
        let render = |template: &String| resolver.render(template);
        let entries = locked.metadata.allowed_outbound_hosts.iter().map(render).collect::<Result<Vec<_>, _>>()?;
        let hosts = AllowedHosts::parse(entries).map_err(|e| AppError::Hosts(id.clone(), e))?;
        let mut variables = Values::new();
        for (name, template) in &locked.config {
            variables.insert(name.clone(), render(template)?);
        }
        let mut dirs = Vec::new();
        for files in &locked.files {
            let path =
                file_path(&files.source).ok_or_else(|| fail(format!("files: {} is no file URL", files.source)))?;
            if !Path::new(&path).is_dir() {
                let remedy = match &locked.metadata.build {
                    Some(build) => format!("; building the component may make it: {}", build.command),
                    None => String::new(),
                };
                return Err(fail(format!("files: {} is not a directory{remedy}", path.display())));
            }
            dirs.push((path, files.path.clone()));
        }
        let exports: BTreeSet<String> =
            code.component().component_type().exports(code.engine()).map(|(name, _)| name.to_owned()).collect();
        let handles_http = exports.iter().any(|name| name.starts_with("wasi:http/incoming-handler@0.2"));
        let handles_redis = exports.contains("fermyon:spin/inbound-redis");
        let handles_amqp = exports.contains("concierge:amqp/handler@0.1.0");
        let unusable = |error: wasmtime::Error| fail(format!("{error:#}"));
        Ok(Self {
            id: id.clone(),
            http: handles_http.then(|| ProxyPre::new(code.clone())).transpose().map_err(unusable)?,
            redis_handler: handles_redis.then(|| RedisHandlerPre::new(code.clone())).transpose().map_err(unusable)?,
            amqp_handler: handles_amqp.then(|| AmqpHandlerPre::new(code)).transpose().map_err(unusable)?,
            variables,
            hosts: Arc::new(hosts),
            stores: stores.granted(&locked.metadata.key_value_stores),
            postgres: postgres::Pools::new(config.outbound_pg.max_connections),
            mqtt: mqtt::Pools::new(config.outbound_mqtt.max_connections),
            redis: redis::Pools::new(config.outbound_redis.max_connections),
            env: locked.env.clone().into_iter().collect(),
            dirs,
            output,
        })
    }
}
