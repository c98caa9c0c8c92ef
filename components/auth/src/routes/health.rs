//! GET /auth-ms/readiness: whether requests should be sent here.

use crate::users::Users;
use shell::health::{Check, readiness as report};
use shell::{Outcome, Request};
use std::time::Instant;

/// Ready if the users service is alive: nobody can be let in without it. Its database is its own affair; when that
/// is gone, users says so itself, and a login answers 503.
pub(super) async fn readiness(request: &Request) -> Outcome {
    let users = Users::from_config(request)?;
    let start = Instant::now();
    let is_alive = users.is_alive().await;
    Ok(report([("users", Check::new(is_alive, start.elapsed()))].into()))
}
