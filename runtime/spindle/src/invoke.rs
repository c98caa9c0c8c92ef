//! One call of a component: a new instance, from its making to the end of its work or its deadline.

use std::fmt::{self, Display, Formatter};
use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Store, Trap, WasmBacktrace};

use crate::app::App;
use crate::capability::outbound_http::Chain;
use crate::component::Component;
use crate::counters::{Counters, Failed, Inside};
use crate::cpu::{Share, Watch};
use crate::state::State;
use crate::telemetry::Trace;

/// A call that has not begun yet.
pub(crate) struct Invocation {
    store: Store<State>,
    share: Share,
    counters: Arc<Counters>,
    in_use: Inside,
}

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The guest trapped, or the engine failed.
    Trap(String),
    /// It took longer than it may.
    Deadline(Duration),
}

impl Display for Fault {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trap(reason) => write!(f, "a trap: {reason}"),
            Self::Deadline(deadline) => write!(f, "it took longer than {} s", deadline.as_secs_f64()),
        }
    }
}

impl Invocation {
    /// Makes everything ready for a call, before which so many components have called each other.
    ///
    /// # Errors
    /// When there cannot be an instance; in words for the log.
    pub(crate) fn prepare(app: &Arc<App>, component: &Component, depth: usize) -> Result<Self, String> {
        let chain: Arc<dyn Chain> = Arc::<App>::clone(app);
        let counters = component.counters();
        let (store, share) = app.store(component, chain, depth).map_err(|error| {
            counters.failed(Failed::Start);
            format!("{error:#}")
        })?;
        Ok(Self { store, share, in_use: counters.instances.enter(), counters: Arc::clone(counters) })
    }

    /// Makes the call a part of a trace.
    pub(crate) fn set_trace(&mut self, trace: Trace) {
        self.store.data_mut().set_trace(trace);
    }

    /// Tells whether the call has become a long one.
    pub(crate) fn watch(&self) -> Watch {
        self.share.watch()
    }

    /// Runs the call, under the rule of fair shares and with a deadline. It gives the store back with its result.
    pub(crate) async fn run<T, F>(self, deadline: Duration, call: impl FnOnce(Store<State>) -> F) -> Result<T, Fault>
    where
        F: Future<Output = (wasmtime::Result<T>, Store<State>)>,
    {
        let Self { store, share, counters, in_use: _in_use } = self;
        match share.run(tokio::time::timeout(deadline, call(store))).await {
            Ok((Ok(value), _)) => Ok(value),
            Ok((Err(error), store)) => {
                counters.failed(Failed::Trap);
                Err(Fault::Trap(describe(&error, store.data().memory_is_exceeded())))
            }
            Err(_) => {
                counters.failed(Failed::Deadline);
                Err(Fault::Deadline(deadline))
            }
        }
    }
}

/// The reason of a trap in one line, with where it happened.
fn describe(error: &wasmtime::Error, memory_is_exceeded: bool) -> String {
    let mut reason = match error.downcast_ref::<Trap>() {
        Some(trap) => trap.to_string(),
        None => format!("{:#}", error.root_cause()).lines().next().unwrap_or_default().to_owned(),
    };
    if let Some(frame) = error.downcast_ref::<WasmBacktrace>().and_then(|trace| trace.frames().first()) {
        let place = match (frame.func_name(), frame.module_offset()) {
            (Some(name), _) => format!(" in {name}"),
            (None, Some(offset)) => format!(" in function {} at offset {offset:#x}", frame.func_index()),
            (None, None) => format!(" in function {}", frame.func_index()),
        };
        reason.push_str(&place);
    }
    if memory_is_exceeded { format!("{reason} (it wanted more memory than an instance may have)") } else { reason }
}
