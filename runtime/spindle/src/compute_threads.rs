//! Threads for calls that compute for long, of a lower priority than all others.
//!
//! The kernel lets whatever is short go first: the threads that serve connections, and the processes that answer them, such as a
//! database on the same machine. What computes has all that they leave, and a share of its own when they leave nothing.
//! To lower a priority takes no privilege, but to raise it again does, so these threads are of a runtime of their own.

use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// What is added to the priority that the process has (setpriority(2)). Five steps are a third of the weight: beside threads that
/// never rest, a call that computes still has a quarter of a core.
const NICER: i32 = 5;

/// Threads beside the one for each core that may be busy with a guest: a call that has computed, and is about to answer, finds
/// one.
const SPARE_THREADS: usize = 4;

/// The threads. They end when this is dropped, and what is under way on them ends too.
#[derive(Debug)]
pub(crate) struct ComputeThreads {
    handle: Handle,
    _running: oneshot::Sender<()>,
}

impl ComputeThreads {
    /// Starts threads for so many cores.
    ///
    /// # Errors
    /// When a thread or the runtime cannot be made.
    pub(crate) fn start(cores: usize) -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(cores.max(1) + SPARE_THREADS)
            .thread_name("spindle-compute")
            .on_thread_start(give_way)
            .enable_all()
            .build()?;
        let handle = runtime.handle().clone();
        let (running, stopped) = oneshot::channel::<()>();
        thread::Builder::new().name("spindle-compute".to_owned()).spawn(move || {
            // It ends when the other side is dropped.
            let _ = runtime.block_on(stopped);
            runtime.shutdown_background();
        })?;
        Ok(Self { handle, _running: running })
    }

    /// The runtime of the threads.
    pub(crate) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Whether the caller runs on one of the threads.
    pub(crate) fn is_here(&self) -> bool {
        Handle::try_current().is_ok_and(|here| here.id() == self.handle.id())
    }
}

/// Lowers the priority of the current thread.
fn give_way() {
    // Without a process, Linux takes the calling thread.
    let lowered = rustix::process::getpriority_process(None)
        .and_then(|now| rustix::process::setpriority_process(None, now.saturating_add(NICER)));
    if let Err(error) = lowered {
        tracing::warn!(%error, "a thread for calls that compute keeps its priority");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_computes_gives_way_and_others_do_not() {
        let threads = ComputeThreads::start(1).unwrap();
        let priority = || rustix::process::getpriority_process(None).unwrap();
        let before = priority();
        let theirs = threads.handle().spawn(async move { priority() }).await.unwrap();
        assert_eq!(theirs, (before + NICER).min(19));
        assert_eq!(priority(), before);
        assert!(!threads.is_here());
    }
}
