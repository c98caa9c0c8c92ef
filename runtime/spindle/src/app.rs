//! A locked app made ready to run: each component compiled, linked and with everything about it resolved once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use tokio::runtime::Handle;
use wasmtime::{Engine, Store};

use crate::cache::Cache;
use crate::capability::key_value::{KeyValueError, Stores};
use crate::capability::outbound_http::{Chain, Gateway};
use crate::component::{self, CodeError, Component};
use crate::connection_threads::ConnectionThreads;
use crate::cpu::{Cpu, Share};
use crate::engine::{self, EngineError};
use crate::limits::Limits;
use crate::locked::{LockedApp, LockedComponent};
use crate::resources::{ResourceError, Resources};
use crate::runtime_config::RuntimeConfig;
use crate::state::{self, State};
use crate::stdio::{Output, Writer};
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
    /// Where stores keep their files.
    pub(crate) state_dir: PathBuf,
    /// Where guests' output goes, if not to Spindle's own.
    pub(crate) log_dir: Option<PathBuf>,
    /// Whether guests' output that would go to Spindle's own goes nowhere instead.
    pub(crate) quiet: bool,
    /// Where compiled components are kept, if anywhere.
    pub(crate) cache_dir: Option<PathBuf>,
    /// Whether instances are made one by one instead of from a pool.
    pub(crate) disable_pooling: bool,
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
    /// The runtime for everything else, and for calls that compute for long.
    pub(crate) shared: Handle,
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
        let stores = Stores::open(granted, &config.key_value_store, &options.state_dir, &limits)?;
        stores.preset(&options.key_values).await?;
        let engine = engine::start(!options.disable_pooling, limits.instances.0)?;
        let linker = state::linker(&engine).map_err(EngineError::Start)?;
        let cache = options.cache_dir.as_deref().and_then(Cache::open);
        let code = component::load_all(&engine, &linker, cache.as_ref(), &locked.components)?;
        let writer = Writer::start(limits.output_lines.0, limits.output_line.0).map_err(AppError::Thread)?;
        let mut components = BTreeMap::new();
        for (component, code) in locked.components.iter().zip(code) {
            let output = match &options.log_dir {
                None if options.quiet => Output::discard(&writer),
                None => Output::inherit(&writer, &component.id),
                Some(dir) => Output::files(&writer, &component.id, dir).map_err(|e| AppError::Log(dir.clone(), e))?,
            };
            let fail = |reason: String| AppError::Component { id: component.id.clone(), reason };
            let resources = Resources::prepare(component, &resolver, &stores, &limits, output);
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
        let cpu = Cpu::start(&engine, cores).map_err(AppError::Thread)?;
        let connection_threads = ConnectionThreads::start(cores).map_err(AppError::Thread)?;
        let gateway = Arc::new(Gateway::new(&config.outbound_http, &limits));
        let shared = Handle::current();
        Ok(Arc::new(Self {
            locked,
            resolver,
            limits,
            gateway,
            connection_threads,
            shared,
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

    /// A store for one call of a component, and the account of its time. Requests to other components go by `chain`.
    ///
    /// # Errors
    /// When a directory that the component may read is gone.
    pub(crate) fn store(
        &self,
        component: &Component,
        chain: Arc<dyn Chain>,
    ) -> wasmtime::Result<(Store<State>, Share)> {
        let mut store = Store::new(&self.engine, State::new(&component.resources, &self.gateway, chain)?);
        store.limiter(|state| state.memory());
        let share = self.cpu.share(&mut store);
        Ok((store, share))
    }

    /// Writes out what guests have said so far.
    pub(crate) fn flush_output(&self) {
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
