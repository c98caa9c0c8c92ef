//! GET /users-ms/statistics: sign-ins, hashing permits and the outbox in numbers.

use super::Call;
use crate::settings;
use crate::store::{Store, statistics};
use api::users::operation::ShowStatistics;
use service_kit::HandlerResult;

/// Shows the statistics to administrators.
pub(super) fn show_statistics(call: &Call<'_, ShowStatistics>) -> HandlerResult {
    call.caller.authorize_administration(call.request)?;
    let store = Store::open()?;
    call.caller.require_live_session(&store)?;
    Ok(call.ok(&statistics::read(&store, settings::hash_permits()?)?))
}
