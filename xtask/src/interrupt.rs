//! Ctrl-C and SIGTERM: the first shuts down in order, the second at once.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// What a shell expects of a program that Ctrl-C has ended.
const ENDED_BY_SIGNAL: i32 = 130;

/// Whether the user wants it to end. Once asked, it stays asked, whoever looks.
pub(crate) struct Interrupt(Arc<(Mutex<bool>, Condvar)>);

impl Interrupt {
    /// Begins to listen. Whatever this process has started dies with it, so a second request may end it at once.
    pub(crate) fn listen() -> Result<Self> {
        let requested = Arc::new((Mutex::new(false), Condvar::new()));
        let request = Arc::clone(&requested);
        ctrlc::set_handler(move || {
            let (requested, changed) = &*request;
            let mut requested = requested.lock().unwrap_or_else(PoisonError::into_inner);
            if *requested {
                std::process::exit(ENDED_BY_SIGNAL);
            }
            *requested = true;
            changed.notify_all();
        })
        .context("cannot handle Ctrl-C")?;
        Ok(Self(requested))
    }

    /// Waits for a request, for at most `limit`; whether there was one.
    pub(crate) fn within(&self, limit: Duration) -> bool {
        let (requested, changed) = &*self.0;
        let requested = requested.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = changed.wait_timeout_while(requested, limit, |requested| !*requested);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }

    /// Whether there was a request.
    pub(crate) fn is_requested(&self) -> bool {
        self.within(Duration::ZERO)
    }
}
