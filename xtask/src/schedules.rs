//! `schedules`: sweeps the outbox and wakes the consumers, for events whose publication failed and for wake-ups that got
//! lost. A running `up` does it every second, Kubernetes by CronJobs.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::app_variables::from_dev_env;
use crate::folder::Folder;

/// Sweep the outbox; wake the consumers.
const PATHS: [&str; 2] = ["/users-ms/internal/outbox/sweep", "/notification-ms/internal/consumers/wake"];
/// Between two runs.
const INTERVAL: Duration = Duration::from_secs(1);
/// For one request: a queue may be long.
const REQUEST_SECONDS: u64 = 60;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where the app is [default: CONCIERGE_URL, else that of the last `up`].
    #[arg(long)]
    url: Option<String>,
}

/// Runs both once.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let state = Folder::find()?.state()?;
    let setting = |name: &str| {
        std::env::var(name).ok().or_else(|| from_dev_env(&state, name)).with_context(|| {
            format!("{name} is not set, and .concierge/dev.env does not have it: run `cargo xtask up` first, or set it")
        })
    };
    let url = arguments.url.clone().map_or_else(|| setting("CONCIERGE_URL"), Ok)?;
    let token = setting("CONCIERGE_SCHEDULER_CREDENTIAL")?;
    for path in PATHS {
        if let Err(reason) = post(&url, path, &token) {
            bail!("POST {path}: {reason}");
        }
        println!("POST {path}: done");
    }
    Ok(())
}

/// Runs both every second until it is dropped.
pub(crate) struct Schedules {
    ended: Arc<AtomicBool>,
}

impl Schedules {
    /// One thread per path, so that a long queue does not delay the outbox.
    pub(crate) fn start(url: &str, token: &str) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        for path in PATHS {
            let (url, token, ended) = (url.to_owned(), token.to_owned(), Arc::clone(&ended));
            std::thread::spawn(move || {
                let mut failing = false;
                while !ended.load(Ordering::SeqCst) {
                    let result = post(&url, path, &token);
                    if ended.load(Ordering::SeqCst) {
                        return;
                    }
                    match &result {
                        Err(reason) if !failing => eprintln!("schedules: POST {path} fails: {reason}"),
                        Ok(()) if failing => eprintln!("schedules: POST {path} works again"),
                        _ => {}
                    }
                    failing = result.is_err();
                    std::thread::sleep(INTERVAL);
                }
            });
        }
        Self { ended }
    }
}

impl Drop for Schedules {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::SeqCst);
    }
}

fn post(url: &str, path: &str, token: &str) -> Result<(), String> {
    let request = minreq::post(format!("{url}{path}"))
        .with_header("authorization", format!("Bearer {token}"))
        .with_header("content-length", "0")
        .with_timeout(REQUEST_SECONDS);
    match request.send() {
        Ok(response) if (200..300).contains(&response.status_code) => Ok(()),
        Ok(response) => Err(format!("it answers {}", response.status_code)),
        Err(error) => Err(error.to_string()),
    }
}
