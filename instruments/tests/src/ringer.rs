//! The schedules that `cargo xtask up` and the CronJobs keep: the outbox is swept and the bell is rung, again and again.

use crate::http::Client;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

const ROUNDS: &[&str] = &["/users-ms/internal/outbox/sweep", "/notification-ms/internal/ring"];

/// An app that has schedules.
pub trait Scheduled {
    /// How to reach it, and the credential to show.
    fn door(&self) -> (Client, String);
}

/// A thread that keeps the schedules until it is dropped.
#[derive(Debug)]
pub struct Ringer {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ringer {
    /// Goes round all apps every `interval`. What does not answer, or is not in an app, is passed over.
    #[must_use]
    pub fn start<A: Scheduled>(apps: &[&A], interval: Duration) -> Self {
        let doors: Vec<_> = apps.iter().map(|app| app.door()).collect();
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
                for (client, token) in &doors {
                    for path in ROUNDS {
                        let _ = client.request("POST", path).bearer(token).send_unchecked();
                    }
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Ringer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It passes over whatever fails, so it does not panic.
            let _ = thread.join();
        }
    }
}
