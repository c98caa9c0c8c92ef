//! GET /users-ms/internal/metrics: numbers for those who watch the service.

use super::Call;
use crate::settings;
use crate::store::{Store, metrics};
use api::users::operation::ShowMetrics;
use service_kit::{HandlerResult, exposition};

/// Shows the metrics to what collects them.
pub(super) fn show_metrics(_: &Call<'_, ShowMetrics>) -> HandlerResult {
    let permits = settings::hash_permits()?;
    Ok(exposition(metrics::read(&Store::open()?)?.exposed(env!("CARGO_PKG_VERSION"), permits)))
}
