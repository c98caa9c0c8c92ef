//! GET /users-ms/readiness: whether requests should be sent here.

use crate::settings::ALL;
use crate::store::Store;
use service_kit::health::{Check, readiness as report};
use service_kit::{Response, settings};
use std::time::Duration;

/// The database has to answer within this time.
const DEADLINE: Duration = Duration::from_secs(2);

/// Ready if every setting can be used and the database answers.
pub(super) fn readiness() -> Response {
    let database = Check::run(DEADLINE, || Store::open().and_then(|store| store.ping()).is_ok());
    report([("configuration", settings::check(ALL)), ("database", database)].into())
}
