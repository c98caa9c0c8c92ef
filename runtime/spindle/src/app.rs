//! A locked app made ready to run: each component compiled, linked and with everything about it resolved once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, Weak};

use thiserror::Error;
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use wasmtime::{Engine, Store};

use crate::cache::Cache;
use crate::capability::key_value::{KeyValueError, Stores};
use crate::capability::outbound_http::{Chain, Gateway, OwnRoutes};
use crate::capability::sqlite::{Databases, SqliteError};
use crate::chained::ChainedPlaces;
use crate::component::{self, CodeError, Component};
use crate::compute_threads::ComputeThreads;
use crate::connection_threads::ConnectionThreads;
use crate::counters::AppCounters;
use crate::cpu::{Cpu, Share};
use crate::engine::{self, EngineError};
use crate::limits::Limits;
use crate::locked::{LockedApp, LockedComponent};
use crate::resources::{Given, ResourceError, Resources};
use crate::runtime_config::RuntimeConfig;
use crate::state::{self, State};
use crate::stdio::{Destinations, Follow, Output, OutputLimits, Writer};
use crate::variables::{Resolver, VariableError};

/// Why an app cannot run.
#[derive(Debug, Error)]
pub(crate) enum AppError {
    /// `--component-id` names none.
    #[error("the app has no component `{0}`")]
    NoComponent(String),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A component's code.
    #[error(transparent)]
    Code(#[from] CodeError),
    /// A component's settings.
    #[error("component `{id}`: {reason}")]
    Component {
        /// The component.
        id: String,
        /// What is wrong.
        reason: String,
    },
    /// A variable.
    #[error(transparent)]
    Variable(#[from] VariableError),
    /// A key-value store.
    #[error(transparent)]
    KeyValue(#[from] KeyValueError),
    /// A SQLite database.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// Output files.
    #[error("cannot write to {0}: {1}")]
    Log(PathBuf, std::io::Error),
    /// A thread could not be started.
    #[error("cannot start a thread: {0}")]
    Thread(std::io::Error),
}

/// How an app is to be run.
#[derive(Clone, Default)]
pub(crate) struct Options {
    /// Values of variables that beat all others.
    pub(crate) variables: BTreeMap<String, String>,
    /// All limits.
    pub(crate) limits: Limits,
    /// Where stores keep their files. Without it they are in memory.
    pub(crate) state_dir: Option<PathBuf>,
    /// Where guests' output goes.
    pub(crate) output: Destinations,
    /// Whether components may write to the files that they were given.
    pub(crate) writable_files: bool,
    /// Environment variables for all components.
    pub(crate) env: Vec<(String, String)>,
    /// Where compiled components are kept, if anywhere.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Whether instances are made one by one instead of from a pool.
    pub(crate) disable_pooling: bool,
    /// Statements, or files of them, for the default SQLite database.
    pub(crate) sqlite: Vec<String>,
    /// Pairs for the default key-value store.
    pub(crate) key_values: Vec<String>,
}

/// An app that is ready to run.
pub(crate) struct App {
    /// Name, version and so on.
    pub(crate) locked: LockedApp,
    /// Finds values for templates in triggers.
    pub(crate) resolver: Resolver,
    /// All limits.
    pub(crate) limits: Arc<Limits>,
    /// Sends requests to the outside.
    pub(crate) gateway: Arc<Gateway>,
    /// Threads for connections.
    pub(crate) connection_threads: ConnectionThreads,
    /// The same for messages of Redis.
    pub(crate) message_threads: ConnectionThreads,
    /// Threads for calls that compute for long.
    pub(crate) compute_threads: ComputeThreads,
    /// The runtime for everything else.
    pub(crate) shared: Handle,
    /// Calls from one component to another, which may go on after their response.
    pub(crate) chained: TaskTracker,
    /// Places for calls from one component to another.
    pub(crate) chained_places: ChainedPlaces,
    /// What the app itself serves, once it does.
    pub(crate) own_routes: OnceLock<Weak<dyn OwnRoutes>>,
    /// What is counted of the app as a whole.
    pub(crate) counters: AppCounters,
    engine: Engine,
    cpu: Cpu,
    writer: Writer,
    components: BTreeMap<String, Arc<Component>>,
}

/// Leaves only these components in an app, and the triggers that call them.
///
/// # Errors
/// When there is no such component.
pub(crate) fn select(locked: &mut LockedApp, ids: &[String]) -> Result<(), AppError> {
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
    pub(crate) async fn prepare(
        locked: LockedApp,
        config: &RuntimeConfig,
        options: Options,
    ) -> Result<Arc<Self>, AppError> {
        let limits = Arc::new(options.limits);
        let resolver = Resolver::new(locked.variables.clone(), options.variables, &config.variables_provider)?;
        let granted = locked
            .components
            .iter()
            .flat_map(|c| c.metadata.key_value_stores.iter().map(|label| (c.id.as_str(), label.as_str())));
        for component in &locked.components {
            check_supported(component)?;
        }
        if let Follow::Only(ids) = &options.output.follow
            && let Some(id) = ids.iter().find(|id| !locked.components.iter().any(|component| component.id == **id))
        {
            return Err(AppError::NoComponent(id.clone()));
        }
        let granted_databases = locked
            .components
            .iter()
            .flat_map(|c| c.metadata.databases.iter().map(|label| (c.id.as_str(), label.as_str())));
        let databases = Databases::open(granted_databases, &config.sqlite_database, options.state_dir.as_deref())?;
        databases.preset(&options.sqlite)?;
        let stores = Stores::open(granted, &config.key_value_store, options.state_dir.as_deref(), &limits)?;
        stores.preset(&options.key_values).await?;
        let engine = engine::start(!options.disable_pooling, limits.instances.0)?;
        let linker = state::linker(&engine).map_err(EngineError::Start)?;
        let cache = options.cache_dir.as_deref().and_then(|dir| Cache::open(dir, limits.cache_age.0));
        let code = component::load_all(&engine, &linker, cache.as_ref(), &locked.components)?;
        let writer = start_writer(&limits, locked.components.len()).map_err(AppError::Thread)?;
        let mut components = BTreeMap::new();
        for (component, code) in locked.components.iter().zip(code) {
            let output = Output::open(&writer, &component.id, &options.output);
            let output = output.map_err(|e| AppError::Log(options.output.dir.clone().unwrap_or_default(), e))?;
            let fail = |reason: String| AppError::Component { id: component.id.clone(), reason };
            let given = Given { env: &options.env, writable_files: options.writable_files };
            let resources = Resources::prepare(component, &resolver, &stores, &databases, &limits, output, &given);
            let resources = resources.map_err(|error| match error {
                // It says itself which variable it is.
                ResourceError::Variable(error) => AppError::Variable(error),
                other => fail(other.to_string()),
            })?;
            let ready = Component::new(resources, code).map_err(|error| fail(format!("{error:#}")))?;
            components.insert(component.id.clone(), Arc::new(ready));
        }
        resolver.check()?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let counters = AppCounters::default();
        let cpu = Cpu::start(&engine, cores, &counters.queued).map_err(AppError::Thread)?;
        let connection_threads = ConnectionThreads::start(cores, "spindle-http").map_err(AppError::Thread)?;
        let message_threads = ConnectionThreads::start(cores, "spindle-message").map_err(AppError::Thread)?;
        let compute_threads = ComputeThreads::start(cores).map_err(AppError::Thread)?;
        let gateway = Arc::new(Gateway::new(&config.outbound_http, &limits));
        let shared = Handle::current();
        let chained_places = ChainedPlaces::new(&limits);
        Ok(Arc::new(Self {
            locked,
            resolver,
            limits,
            gateway,
            connection_threads,
            message_threads,
            compute_threads,
            shared,
            chained: TaskTracker::new(),
            chained_places,
            own_routes: OnceLock::new(),
            counters,
            engine,
            cpu,
            writer,
            components,
        }))
    }

    /// A component by its id.
    pub(crate) fn component(&self, id: &str) -> Option<Arc<Component>> {
        self.components.get(id).cloned()
    }

    /// All components.
    pub(crate) fn components(&self) -> impl Iterator<Item = &Arc<Component>> {
        self.components.values()
    }

    /// Cores that calls that compute have now, and how many there are.
    pub(crate) fn cores(&self) -> (usize, usize) {
        self.cpu.cores()
    }

    /// A store for one call of a component, and the account of its time. Requests to other components go by `chain`.
    ///
    /// # Errors
    /// When a directory that the component may read is gone.
    pub(crate) fn store(
        &self,
        component: &Component,
        chain: Arc<dyn Chain>,
        depth: usize,
    ) -> wasmtime::Result<(Store<State>, Share)> {
        let mut store = Store::new(&self.engine, State::new(&component.resources, &self.gateway, chain, depth)?);
        store.limiter(|state| state.memory());
        let share = self.cpu.share(&mut store);
        Ok((store, share))
    }

    /// Writes out what guests have said so far.
    pub(crate) fn flush_output(&self) {
        self.writer.flush();
    }
}

/// Starts the thread for components' output.
fn start_writer(limits: &Limits, components: usize) -> std::io::Result<Writer> {
    let limits = OutputLimits {
        waiting_lines: (limits.output_lines.0 / components.max(1)).max(1),
        line: limits.output_line.0,
        file: limits.output_file.0 as u64,
    };
    Writer::start(limits, |component, dropped| {
        tracing::warn!(component, dropped, "lines of a component's output were dropped");
    })
}

/// Refuses what a component asks for beyond what Spindle has.
fn check_supported(component: &LockedComponent) -> Result<(), AppError> {
    let asked = [
        ("ai_models", !component.metadata.ai_models.is_empty(), "call a model by HTTP, or run the app on Spin"),
        (
            "dependencies",
            !component.dependencies.is_empty(),
            "compose the component beforehand, for instance by `wac plug`, or run the app on Spin",
        ),
    ];
    match asked.iter().find(|(_, asked, _)| *asked) {
        Some((what, _, remedy)) => Err(AppError::Component {
            id: component.id.clone(),
            reason: format!("`{what}` is not supported by Spindle: {remedy}"),
        }),
        None => Ok(()),
    }
}
