//! Probes.

use crate::settings::ALL;
use api::HealthStatus;
use browser_kit::client::{To, is_alive};
use serde_json::json;
use service_kit::health::{finished_check, readiness as answer};
use service_kit::{Response, settings};
use std::time::Instant;

/// Ready if every setting is valid and the services are alive that let anybody in. Without notification the pages about messages
/// alone are of no use.
pub(super) async fn readiness() -> Response {
    let configuration = settings::check(ALL);
    let start = Instant::now();
    let auth = finished_check(is_alive(To::Auth).await, start.elapsed());
    let start = Instant::now();
    let users = finished_check(is_alive(To::Users).await, start.elapsed());
    let is_ready = [&configuration, &auth, &users].iter().all(|check| check.status == HealthStatus::Ok);
    let status = if is_ready { HealthStatus::Ok } else { HealthStatus::Unavailable };
    answer(status, &json!({"status": status, "checks": {"configuration": configuration, "auth": auth, "users": users}}))
}
