//! GET /users-ms/readiness: whether requests should be sent here.

use crate::settings::ALL;
use crate::store::Store;
use api::users::{Checks, Readiness};
use service_kit::health::run_check;
use service_kit::{Response, settings};
use std::time::Duration;

/// The database has to answer within this time.
const DEADLINE: Duration = Duration::from_secs(2);

/// Ready if every setting is valid and the database answers.
pub(super) fn readiness() -> Response {
    let database = run_check(DEADLINE, || Store::open().and_then(|store| store.ping()).is_ok());
    let readiness = Readiness::new(Checks { configuration: settings::check(ALL), database });
    service_kit::health::readiness(readiness.status, &readiness)
}
