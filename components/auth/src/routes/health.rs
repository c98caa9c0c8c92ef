//! GET /auth-ms/readiness: whether requests should be sent here.

use crate::settings::ALL;
use crate::users::Users;
use service_kit::health::{Check, readiness as report};
use service_kit::{Outcome, Request, settings};
use std::time::Instant;

/// Ready if every setting can be used and the users service is alive: nobody can be let in without it. Its database is its own
/// affair; when that is gone, users says so itself, and a login answers 503.
pub(super) async fn readiness(request: &Request) -> Outcome {
    let configuration = settings::check(ALL);
    let start = Instant::now();
    let is_alive = match Users::from_config(request) {
        Ok(users) => users.is_alive().await,
        // It cannot be asked; the check of the settings says why.
        Err(_) => false,
    };
    Ok(report([("configuration", configuration), ("users", Check::new(is_alive, start.elapsed()))].into()))
}
