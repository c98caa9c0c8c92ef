//! Liveness and readiness.

use crate::{Response, json};
use http::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What one dependency said.
#[derive(Debug, Serialize)]
pub struct Check {
    status: &'static str,
    latency_ms: u64,
}

impl Check {
    /// Runs a check. Over `deadline` it counts as failed even if it succeeds in the end.
    pub fn run(deadline: Duration, check: impl FnOnce() -> bool) -> Self {
        let start = Instant::now();
        let passed = check();
        Self::new(passed && start.elapsed() <= deadline, start.elapsed())
    }

    /// A check that took `latency`.
    #[must_use]
    pub fn new(passed: bool, latency: Duration) -> Self {
        Self {
            status: if passed { "ok" } else { "unavailable" },
            latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// Liveness: the process answers. It asks nothing else, since a restart heals nothing else.
#[must_use]
pub fn alive() -> Response {
    json(StatusCode::OK, &serde_json::json!({"status": "ok"}))
}

/// Readiness: 200 if all checks passed, else 503, so that no requests are sent here.
#[must_use]
pub fn readiness(checks: BTreeMap<&'static str, Check>) -> Response {
    let ready = checks.values().all(|check| check.status == "ok");
    let (status, word) = if ready { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
    json(status, &Readiness { status: word, checks })
}

/// The body of a readiness probe.
#[derive(Serialize)]
struct Readiness {
    status: &'static str,
    checks: BTreeMap<&'static str, Check>,
}
