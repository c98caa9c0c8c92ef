//! GET /notification-ms/readiness: whether requests should be sent here.

use shell::Response;
use shell::broker::Broker;
use shell::health::{Check, readiness as report};
use std::time::Duration;

/// The broker has to answer within this time.
const DEADLINE: Duration = Duration::from_secs(2);

/// Ready if the broker answers.
pub(super) fn readiness() -> Response {
    report([("broker", Check::run(DEADLINE, Broker::is_alive))].into())
}
