//! Load at a steady rate, whatever the answers are: requests begin when they are due, not when others have ended, so that
//! a stall shows as what it is to callers.

use crate::samples::{Sample, Samples};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A request that takes longer has failed.
const DEADLINE: Duration = Duration::from_secs(5);
/// How many requests may be under way. Beyond that they begin late, and the lateness counts.
const WORKERS: u32 = 64;

/// Load that goes on until it is stopped.
#[derive(Debug)]
#[must_use = "load ends when it is dropped"]
pub struct Load {
    shared: Arc<Shared>,
    workers: Vec<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    url: String,
    gap: Duration,
    start: Instant,
    next: AtomicU32,
    is_over: AtomicBool,
    samples: Mutex<Vec<Sample>>,
}

impl Load {
    /// Begins to GET a URL so many times a second, each time by a connection of its own.
    pub fn start(url: &str, rate: u32) -> Self {
        let shared = Arc::new(Shared {
            url: url.to_owned(),
            gap: Duration::from_secs(1) / rate.max(1),
            start: Instant::now(),
            next: AtomicU32::new(0),
            is_over: AtomicBool::new(false),
            samples: Mutex::new(Vec::new()),
        });
        let worker = |_| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || shared.work())
        };
        Self { workers: (0..WORKERS).map(worker).collect(), shared }
    }

    /// Seconds since it began.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.shared.start.elapsed().as_secs_f64()
    }

    /// Lets it go on for a while.
    pub fn go_on(&self, duration: Duration) {
        std::thread::sleep(duration);
    }

    /// Ends it, and gives all answers.
    #[must_use]
    pub fn stop(mut self) -> Samples {
        self.end();
        let samples = std::mem::take(&mut *self.shared.samples.lock().unwrap_or_else(PoisonError::into_inner));
        Samples::new(samples)
    }

    fn end(&mut self) {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for worker in self.workers.drain(..) {
            // A worker that has panicked has said so.
            let _ = worker.join();
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    fn work(&self) {
        // A new connection each time: one that is kept open would always lead to the same pod.
        let config = ureq::Agent::config_builder().timeout_global(Some(DEADLINE)).http_status_as_error(false);
        let agent: ureq::Agent = config.max_idle_connections(0).build().into();
        while !self.is_over.load(Ordering::SeqCst) {
            let due = self.start + self.gap * self.next.fetch_add(1, Ordering::SeqCst);
            if !self.wait_until(due) {
                return;
            }
            let status = agent.get(&self.url).call().map_or(0, |answer| answer.status().as_u16());
            let sample = Sample { at: (due - self.start).as_secs_f64(), seconds: due.elapsed().as_secs_f64(), status };
            self.samples.lock().unwrap_or_else(PoisonError::into_inner).push(sample);
        }
    }

    /// Whether the time has come before the end.
    fn wait_until(&self, due: Instant) -> bool {
        loop {
            let left = due.saturating_duration_since(Instant::now());
            if self.is_over.load(Ordering::SeqCst) {
                return false;
            }
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(Duration::from_millis(50)));
        }
    }
}
