//! Liveness and readiness.

use crate::{Response, json};
use api::{Check, Health, HealthStatus};
use http::StatusCode;
use serde::Serialize;
use std::time::{Duration, Instant};

/// Runs a check. Over `deadline` it counts as failed even if it succeeds in the end.
pub fn run_check(deadline: Duration, check: impl FnOnce() -> bool) -> Check {
    let start = Instant::now();
    let passed = check();
    finished_check(passed && start.elapsed() <= deadline, start.elapsed())
}

/// A check that took `latency`.
#[must_use]
pub fn finished_check(passed: bool, latency: Duration) -> Check {
    let status = if passed { HealthStatus::Ok } else { HealthStatus::Unavailable };
    Check { status, latency_ms: u64::try_from(latency.as_millis()).unwrap_or(u64::MAX) }
}

/// Liveness: the process answers. Nothing else is checked, since a restart would not repair anything else.
#[must_use]
pub fn alive() -> Health {
    Health { status: HealthStatus::Ok }
}

/// Readiness: 200 if all checks passed, else 503, so that no requests are sent here.
#[must_use]
pub fn readiness(status: HealthStatus, body: &impl Serialize) -> Response {
    let code = if status == HealthStatus::Ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    json(code, body)
}
