//! GET /auth-ms/readiness: whether requests should be sent here.

use super::Call;
use crate::settings::ALL;
use crate::users::Users;
use api::auth::operation::CheckReadiness;
use api::auth::{Checks, Readiness};
use service_kit::health::finished_check;
use service_kit::{HandlerResult, settings};
use std::time::Instant;

/// Ready if every setting is valid and the users service is alive: nobody can sign in without it. Its database is not checked here;
/// if that is unavailable, users reports it itself, and a login answers 503.
pub(super) async fn readiness(call: &Call<'_, CheckReadiness>) -> HandlerResult {
    let configuration = settings::check(ALL);
    let start = Instant::now();
    let is_alive = match Users::from_config(call.request) {
        Ok(users) => users.is_alive().await,
        // It cannot be asked; the check of the settings says why.
        Err(_) => false,
    };
    let readiness = Readiness::new(Checks { configuration, users: finished_check(is_alive, start.elapsed()) });
    Ok(service_kit::health::readiness(readiness.status, &readiness))
}
