//! The schedules of `cargo xtask up` and of the CronJobs: the outbox is swept and the consumers are woken, again and again.

use crate::http::Client;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

const PATHS: &[&str] = &["/users-ms/internal/outbox/sweep", "/notification-ms/internal/consumers/wake"];

/// An app that has schedules.
pub trait Scheduled {
    /// A client of the app, and the schedules' credential.
    fn target(&self) -> (Client, String);
}

/// A thread that runs the schedules until it is dropped.
#[derive(Debug)]
pub struct Schedules {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Schedules {
    /// Runs the schedules of all apps every `interval`. What does not answer, or is not in an app, is skipped.
    #[must_use]
    pub fn start<A: Scheduled>(apps: &[&A], interval: Duration) -> Self {
        let targets: Vec<_> = apps.iter().map(|app| app.target()).collect();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                for (client, token) in &targets {
                    for path in PATHS {
                        let _ = client.request("POST", path).bearer(token).send_unchecked();
                    }
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Schedules {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It skips whatever fails, so it does not panic.
            let _ = thread.join();
        }
    }
}
