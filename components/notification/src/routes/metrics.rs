//! GET /notification-ms/internal/metrics: numbers for those who watch the service.

use super::{Call, statistics};
use api::notification::operation::ShowMetrics;
use events::redis::{self, Totals};
use notification_domain::measured;
use service_kit::broker::{BrokerError, Redis};
use service_kit::{HandlerResult, exposition, log};

/// Shows the metrics to what collects them.
pub(super) async fn show_metrics(_: &Call<'_, ShowMetrics>) -> HandlerResult {
    let statistics = statistics::read().await?;
    let totals = totals().unwrap_or_else(|error| {
        log::warn("the consumers' totals are unavailable", &[("cause", &error.to_string())]);
        None
    });
    Ok(exposition(measured(env!("CARGO_PKG_VERSION"), &statistics, totals.as_ref())))
}

fn totals() -> Result<Option<Totals>, BrokerError> {
    let Some(store) = Redis::find()? else { return Ok(None) };
    Ok(Some(Totals::from_replies(&store.run(&redis::read_totals())?)?))
}
