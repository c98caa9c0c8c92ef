//! The settings of a service, judged as a whole. What a request would stumble over later is said by readiness at once: a
//! component has no start at which it could refuse to run.

use crate::health::finished_check;
use crate::{client_address, config, cors, log};
use api::Check;
use problem::Problem;
use std::time::Instant;

/// Reads a setting, or several that belong together, by the code that requests read it by.
pub type Setting = fn() -> Result<(), Problem>;

/// The check `configuration` of a readiness probe: passed if every setting can be read. Each that cannot is in the log, by its
/// name and without its value.
#[must_use]
pub fn check(settings: &[Setting]) -> Check {
    let start = Instant::now();
    let faults: Vec<_> = settings.iter().filter_map(|read| read().err()).collect();
    for fault in &faults {
        log::error("a setting cannot be used", &[("cause", fault.cause().unwrap_or("unknown"))]);
    }
    finished_check(faults.is_empty(), start.elapsed())
}

/// The component variable `trusted_proxies`.
///
/// # Errors
/// If it cannot be used.
pub fn trusted_proxies() -> Result<(), Problem> {
    client_address::trusted_proxies().map(drop)
}

/// The component variable `allowed_origins`.
///
/// # Errors
/// If it cannot be used.
pub fn allowed_origins() -> Result<(), Problem> {
    cors::check()
}

/// The component variables `password_pepper` and `password_peppers`.
///
/// # Errors
/// If one of them cannot be used.
pub fn peppers() -> Result<(), Problem> {
    config::peppers().map(drop)
}

/// The component variable `bcrypt_cost`.
///
/// # Errors
/// If it cannot be used.
pub fn cost() -> Result<(), Problem> {
    config::cost().map(drop)
}
