//! A component that is ready to be called: compiled, linked, with the handlers that it exports.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};
use wasmtime_wasi_http::p2::bindings::ProxyPre;

use crate::cache::Cache;
use crate::counters::Counters;
use crate::engine::{self, EngineError};
use crate::handlers::{AmqpHandlerPre, RedisHandlerPre};
use crate::locked::LockedComponent;
use crate::resources::{Resources, file_path};
use crate::state::State;

/// Why a component's code cannot be used.
#[derive(Debug, Error)]
pub(crate) enum CodeError {
    /// The engine does not take it.
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
    /// It wants something that Spindle does not have.
    #[error("component `{id}` needs `{import}`, which Spindle does not have: {remedy} ({reason})")]
    UnknownImport {
        /// The component.
        id: String,
        /// The import.
        import: String,
        /// What to do.
        remedy: &'static str,
        /// In the engine's words.
        reason: String,
    },
    /// Something else.
    #[error("component `{id}`: {reason}")]
    Other {
        /// The component.
        id: String,
        /// What is wrong.
        reason: String,
    },
}

/// A component that is ready to be called.
pub(crate) struct Component {
    /// What all of its calls have in common.
    pub(crate) resources: Arc<Resources>,
    /// Its HTTP handler, if it has one.
    pub(crate) http: Option<ProxyPre<State>>,
    /// Its Redis handler, if it has one.
    pub(crate) redis_handler: Option<RedisHandlerPre<State>>,
    /// Its AMQP handler, if it has one.
    pub(crate) amqp_handler: Option<AmqpHandlerPre<State>>,
}

impl Component {
    /// Finds the handlers among what a component exports.
    ///
    /// # Errors
    /// When one of them is not as it should be.
    pub(crate) fn new(resources: Resources, code: InstancePre<State>) -> wasmtime::Result<Self> {
        let exports: BTreeSet<String> =
            code.component().component_type().exports(code.engine()).map(|(name, _)| name.to_owned()).collect();
        let handles_http = exports.iter().any(|name| name.starts_with("wasi:http/incoming-handler@0.2"));
        let handles_redis = exports.contains("fermyon:spin/inbound-redis");
        let handles_amqp = exports.contains("concierge:amqp/handler@0.1.0");
        Ok(Self {
            resources: Arc::new(resources),
            http: handles_http.then(|| ProxyPre::new(code.clone())).transpose()?,
            redis_handler: handles_redis.then(|| RedisHandlerPre::new(code.clone())).transpose()?,
            amqp_handler: handles_amqp.then(|| AmqpHandlerPre::new(code)).transpose()?,
        })
    }

    /// What is counted of it.
    pub(crate) fn counters(&self) -> &Arc<Counters> {
        self.resources.outbound.counters()
    }

    /// Its id.
    pub(crate) fn id(&self) -> &str {
        &self.resources.id
    }
}

/// Loads the code of all components, each on a thread of its own.
///
/// # Errors
/// The first that cannot be loaded.
pub(crate) fn load_all(
    engine: &Engine,
    linker: &Linker<State>,
    cache: Option<&Cache>,
    components: &[LockedComponent],
) -> Result<Vec<InstancePre<State>>, CodeError> {
    let load = |component: &LockedComponent| {
        let path = source(component)?;
        let code = engine::load(engine, cache, &component.id, &path)?;
        linker.instantiate_pre(&code).map_err(|error| {
            let reason = format!("{error:#}");
            let named = reason.split('`').nth(1).unwrap_or("something").to_owned();
            let remedy = remedy(&named);
            CodeError::UnknownImport { id: component.id.clone(), import: named, remedy, reason }
        })
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = components.iter().map(|component| scope.spawn(move || load(component))).collect();
        threads
            .into_iter()
            .zip(components)
            .map(|(thread, component)| {
                thread.join().unwrap_or_else(|_| {
                    Err(CodeError::Other { id: component.id.clone(), reason: "the compiler has panicked".to_owned() })
                })
            })
            .collect()
    })
}

/// What to do about an import that Spindle does not have.
fn remedy(import: &str) -> &'static str {
    let (interface, version) = import.split_once('@').unwrap_or((import, ""));
    match interface {
        "fermyon:spin/llm" => "call a model by HTTP, or run the app on Spin",
        "fermyon:spin/mysql" => "use PostgreSQL, or run the app on Spin",
        "wasi:config/store" => "read variables by fermyon:spin/variables, or run the app on Spin",
        "fermyon:spin/config" | "fermyon:spin/http" | "fermyon:spin/inbound-http" => {
            "build it with spin-sdk 2 or later"
        }
        _ if interface.starts_with("wasi:keyvalue/") => "use fermyon:spin/key-value, or run the app on Spin",
        _ if interface.starts_with("wasi:otel/") => "build it without, or run the app on Spin",
        _ if interface.starts_with("wasi:") && version.starts_with("0.3") => {
            "Spindle has WASI 0.2; build it with spin-sdk 5, or run the app on Spin"
        }
        _ if interface.starts_with("wasi:") && version.contains("rc-") => "build it with a newer SDK, for WASI 0.2",
        _ if interface.starts_with("fermyon:spin/") && version.is_empty() => "build it with spin-sdk 2 or later",
        _ => "run the app on a runtime that has it",
    }
}

/// The file that holds a component's code.
fn source(component: &LockedComponent) -> Result<PathBuf, CodeError> {
    let url = component.source.source.as_deref();
    let path = url
        .and_then(file_path)
        .ok_or_else(|| CodeError::Other { id: component.id.clone(), reason: "its source is not a file".to_owned() })?;
    if path.is_file() {
        return Ok(path);
    }
    let remedy = match &component.metadata.build {
        Some(build) => format!("build it: {}", build.command),
        None => "correct `source` in the manifest".to_owned(),
    };
    Err(CodeError::NotBuilt { id: component.id.clone(), path, remedy })
}
