//! Ctrl-C and SIGTERM: the first shuts down in order, the second at once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// What a shell expects of a program that Ctrl-C has ended.
const ENDED_BY_SIGNAL: i32 = 130;

/// Waits for the first request to end.
pub(crate) struct Interrupt(Receiver<()>);

impl Interrupt {
    /// Begins to listen. Whatever this process has started dies with it, so a second request may end it at once.
    pub(crate) fn listen() -> Result<Self> {
        static REQUESTS: AtomicUsize = AtomicUsize::new(0);
        let (sender, receiver) = mpsc::channel();
        ctrlc::set_handler(move || {
            if REQUESTS.fetch_add(1, Ordering::SeqCst) > 0 {
                std::process::exit(ENDED_BY_SIGNAL);
            }
            // Nobody is left to hear it only if we are about to end anyway.
            let _ = sender.send(());
        })
        .context("cannot handle Ctrl-C")?;
        Ok(Self(receiver))
    }

    /// Waits for a request, for at most `limit`; whether there was one.
    pub(crate) fn within(&self, limit: Duration) -> bool {
        !matches!(self.0.recv_timeout(limit), Err(RecvTimeoutError::Timeout))
    }
}
